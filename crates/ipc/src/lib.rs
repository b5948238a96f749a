//! [`ipc-mq`]: mq
//! [`ipc-pipe`]: pipe
#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

#[cfg(feature = "mq")]
#[doc(inline)]
pub use ipc_mq as mq;

#[cfg(feature = "pipe")]
#[doc(inline)]
pub use ipc_pipe as pipe;
