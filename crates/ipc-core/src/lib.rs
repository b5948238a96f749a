//! [`membarrier(2)`]: https://man7.org/linux/man-pages/man2/membarrier.2.html
#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

#[cfg(not(all(target_os = "linux", target_pointer_width = "64", target_endian = "little")))]
compile_error!("the ipc crates are for 64-bit little-endian Linux");

pub mod cancel;
pub mod deadline;
pub mod errno;
pub mod fence;
pub mod frames;
#[cfg(not(loom))]
pub mod life;
#[cfg(not(loom))]
pub mod lock;
pub mod name;
pub mod owner;
pub mod pipe_end;
#[cfg(not(loom))]
pub mod safe;
#[cfg(not(loom))]
pub mod segment;
pub mod wait;
pub mod watch;

mod atomic;
mod sys;

pub use deadline::{Deadline, Wait};
