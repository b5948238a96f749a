//! [bench]: crate::bench
//! [fault]: crate::fault
//! [scratch]: crate::scratch
//! [limit]: crate::watchdog::limit
#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

#[cfg(not(target_os = "linux"))]
compile_error!("ipc-devkit is for Linux only");

pub mod bench;
mod channel;
pub mod fault;
mod leaks;
mod peer;
pub mod scratch;
mod skip;
pub mod step;
mod sys;
pub mod watchdog;

pub use peer::{Child, Parent, alone, processes, two_process};
pub use skip::skip;
