//! [`ipc-pipe`]: pipe
//! [`ipc-sem`]: sem
#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

#[cfg(feature = "pipe")]
#[doc(inline)]
pub use ipc_pipe as pipe;

#[cfg(feature = "sem")]
#[doc(inline)]
pub use ipc_sem as sem;
