//! [`fifo(7)`]: https://man7.org/linux/man-pages/man7/fifo.7.html
#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

#[cfg(not(all(target_os = "linux", target_pointer_width = "64", target_endian = "little")))]
compile_error!("ipc-fifo is for 64-bit little-endian Linux");

mod fifo;
mod options;

mod open;
mod pauses;
mod reader;
mod writer;

mod canceller;
mod frames;

mod node;
mod place;
mod user;

mod capacity;
mod error;
mod features;
mod log;
mod peer;

pub use canceller::Canceller;
pub use error::{Error, Result};
pub use features::{Features, features};
pub use fifo::Fifo;
pub use frames::{Frames, Messages};
pub use options::FifoOptions;
pub use reader::Reader;
pub use writer::{PIPE_BUF, Writer};
