//! [`mq_overview(7)`]: https://man7.org/linux/man-pages/man7/mq_overview.7.html
//! [`sysvipc(7)`]: https://man7.org/linux/man-pages/man7/sysvipc.7.html
#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]
#![cfg(not(loom))] // the models in tests/loom.rs take its files one by one

#[cfg(not(all(target_os = "linux", target_pointer_width = "64", target_endian = "little")))]
compile_error!("ipc-mq is for 64-bit little-endian Linux");

pub mod posix;
pub mod shared;
pub mod sysv;

#[cfg(feature = "serde")]
mod typed;

mod canceller;
mod error;
mod features;
mod log;
mod sys;

pub use canceller::Canceller;
pub use error::{Error, Result};
pub use features::{Features, features};
#[cfg(feature = "serde")]
pub use typed::{Received, Typed, TypedDelivery};
