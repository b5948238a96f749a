//! [`sem_overview(7)`]: https://man7.org/linux/man-pages/man7/sem_overview.7.html
#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

#[cfg(not(all(target_os = "linux", target_pointer_width = "64", target_endian = "little")))]
compile_error!("ipc-sem is for 64-bit little-endian Linux");
#[cfg(not(target_env = "gnu"))]
compile_error!("ipc-sem shares POSIX semaphores and mutexes with C programs through glibc");

mod named;
mod sysv;

mod barrier;
mod condvar;
mod event;
mod mutex;
mod once;
mod owned;
mod rwlock;
mod semaphore;
mod wait_any;

mod file_lock;
mod robust;

mod canceller;
mod error;
mod features;
mod lock;
mod log;
mod object;
mod shared;
mod sys;

pub use barrier::{Barrier, BarrierOptions, Opened};
pub use canceller::Canceller;
pub use condvar::{Condvar, CondvarOptions};
pub use error::{Error, Result};
pub use event::{Event, EventOptions, Reset};
pub use features::{Features, features};
pub use file_lock::{FileGuard, FileLock, FileLockOptions};
pub use ipc_core::safe::ShmSafe;
pub use ipc_core::shm_safe;
pub use lock::LockError;
pub use mutex::{Mutex, MutexGuard, MutexOptions};
pub use named::{NamedSemaphore, NamedSemaphoreOptions};
pub use once::{Once, OnceOptions};
pub use owned::{OwnedSemaphore, OwnedSemaphoreOptions, Permit};
pub use robust::{RobustGuard, RobustMutex, RobustMutexOptions};
pub use rwlock::{RwLock, RwLockOptions, RwLockReadGuard, RwLockWriteGuard};
pub use semaphore::{Semaphore, SemaphoreOptions, Value};
pub use shared::ObjectOptions;
pub use sysv::{Key, Ops, Stat, SysvOptions, SysvSet};
pub use wait_any::{Taken, Waitable, try_wait_any, wait_any, wait_any_deadline, wait_any_timeout};
