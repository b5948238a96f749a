//! [`pipe(7)`]: https://man7.org/linux/man-pages/man7/pipe.7.html
#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

#[cfg(not(all(target_os = "linux", target_pointer_width = "64", target_endian = "little")))]
compile_error!("ipc-pipe is for 64-bit little-endian Linux");

mod options;
mod packet;
mod pair;

mod pages;
mod splice;

mod copy;
mod pipeline;

mod canceller;
mod duplex;
mod frames;
mod handover;

mod error;
mod features;
mod log;
mod sys;

pub use canceller::Canceller;
pub use copy::{
    Copied, CopyOptions, Method, copy, copy_deadline, copy_exact, copy_timeout, try_copy,
};
pub use duplex::{Duplex, duplex};
pub use error::{Error, Result};
pub use features::{Features, features};
pub use frames::{Frames, Messages};
pub use handover::PassFd;
pub use options::PipeOptions;
pub use pages::{FrozenPages, Pages};
pub use pair::{PIPE_BUF, Reader, Writer, pipe};
pub use pipeline::{Finished, Lines, Pipeline, Stage, StageCommand};
