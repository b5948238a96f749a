//! [`mq_overview(7)`]: https://man7.org/linux/man-pages/man7/mq_overview.7.html
#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

#[cfg(not(all(target_os = "linux", target_pointer_width = "64", target_endian = "little")))]
compile_error!("ipc-mq is for 64-bit little-endian Linux");

pub mod shared;
pub mod sysv;

mod canceller;
mod error;
mod log;

pub use canceller::Canceller;
pub use error::{Error, Result};
