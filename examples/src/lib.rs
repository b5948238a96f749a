//! The examples are the programs under `examples/`; this library is empty.
#![deny(unsafe_code)]
