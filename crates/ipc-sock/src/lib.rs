//! [`unix`]: crate::unix
#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

#[cfg(not(all(target_os = "linux", target_pointer_width = "64", target_endian = "little")))]
compile_error!("ipc-sock is for 64-bit little-endian Linux");

pub mod net;
pub mod unix;

#[cfg(feature = "local")]
pub mod local;

mod address;
mod ancillary;
mod batch;
mod canceller;
mod connect;
mod credentials;
mod frames;
mod options;
mod socket;

mod error;
mod features;
mod log;
mod sys;

pub use canceller::Canceller;
pub use credentials::Credentials;
pub use error::{Error, Result};
pub use features::{Features, features};
pub use frames::{ByteStream, Frames};
pub use unix::{Address, Received};
