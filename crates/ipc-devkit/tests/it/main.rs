//! The devkit's own tests: what it promises to the tests of other crates.

mod control;
mod failures;
mod faults;
mod names;
mod smoke;
mod subjects;
