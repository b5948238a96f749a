//! [`ipc-pipe`]: pipe
//! [`ipc-sock`]: sock
#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

#[cfg(feature = "pipe")]
#[doc(inline)]
pub use ipc_pipe as pipe;

#[cfg(feature = "sock")]
#[doc(inline)]
pub use ipc_sock as sock;
