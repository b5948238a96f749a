//! [`ipc-fifo`]: fifo
//! [`ipc-mq`]: mq
//! [`ipc-pipe`]: pipe
//! [`ipc-sem`]: sem
//! [`ipc-shm`]: shm
//! [`ipc-signal`]: signal
//! [`ipc-sock`]: sock
#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

#[cfg(feature = "fifo")]
#[doc(inline)]
pub use ipc_fifo as fifo;

#[cfg(feature = "mq")]
#[doc(inline)]
pub use ipc_mq as mq;

#[cfg(feature = "pipe")]
#[doc(inline)]
pub use ipc_pipe as pipe;

#[cfg(feature = "sem")]
#[doc(inline)]
pub use ipc_sem as sem;

#[cfg(feature = "shm")]
#[doc(inline)]
pub use ipc_shm as shm;

#[cfg(feature = "signal")]
#[doc(inline)]
pub use ipc_signal as signal;

#[cfg(feature = "sock")]
#[doc(inline)]
pub use ipc_sock as sock;
