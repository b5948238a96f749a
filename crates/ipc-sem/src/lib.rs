//! [`sem_overview(7)`]: https://man7.org/linux/man-pages/man7/sem_overview.7.html
#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

#[cfg(not(all(target_os = "linux", target_pointer_width = "64", target_endian = "little")))]
compile_error!("ipc-sem is for 64-bit little-endian Linux");
#[cfg(not(target_env = "gnu"))]
compile_error!("ipc-sem shares POSIX semaphores and mutexes with C programs through glibc");

mod named;
mod sysv;

mod file_lock;
mod robust;

mod canceller;
mod error;
mod features;
mod lock;
mod log;
mod object;
mod sys;

pub use canceller::Canceller;
pub use error::{Error, Result};
pub use features::{Features, features};
pub use file_lock::{FileGuard, FileLock, FileLockOptions};
pub use lock::LockError;
pub use named::{NamedSemaphore, NamedSemaphoreOptions};
pub use robust::{RobustGuard, RobustMutex, RobustMutexOptions};
pub use sysv::{Key, Ops, Stat, SysvOptions, SysvSet};
