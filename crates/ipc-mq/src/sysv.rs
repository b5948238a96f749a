//! System V message queues.

mod filter;

pub use filter::Filter;
