//! Sending to this thread, to another thread of this process, and to a group.

use crate::error::{Error, Result};
use crate::signal::Signal;
use crate::sys::{identity, process as sys};

/// Sends `signal` to the calling thread. If it is not blocked, its handler has run when this
/// returns.
///
/// # Errors
/// `LimitReached`: a real-time signal, and the queue is full. `Os`: the kernel refuses.
///
/// # Linux
/// [`raise(3)`](https://man7.org/linux/man-pages/man3/raise.3.html)
///
/// # Examples
/// ```
/// # fn main() -> Result<(), ipc_signal::Error> {
/// use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
///
/// let flag = Arc::new(AtomicBool::new(false));
/// let registration = ipc_signal::handle(ipc_signal::Signal::USR1, flag.clone())?;
/// ipc_signal::raise(ipc_signal::Signal::USR1)?;
/// assert!(flag.load(Ordering::Relaxed));
/// # Ok(())
/// # }
/// ```
pub fn raise(signal: Signal) -> Result<()> {
    send_thread(thread_id(), signal)
}

/// Sends `signal` to the thread `tid` of this process, and to no other.
///
/// # Errors
/// `NotFound`: this process has no such thread (any more). `LimitReached`: a real-time signal, and
/// the queue is full.
///
/// # Linux
/// [`tgkill(2)`](https://man7.org/linux/man-pages/man2/tgkill.2.html)
///
/// # Examples
/// ```
/// # fn main() -> Result<(), ipc_signal::Error> {
/// use ipc_signal::{Mask, Signal, send_thread, thread_id};
///
/// let _mask = Mask::block(Signal::USR2)?;
/// send_thread(thread_id(), Signal::USR2)?;
/// assert_eq!(ipc_signal::try_wait_for(Signal::USR2)?.signal, Signal::USR2);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "tgkill")]
#[doc(alias = "pthread_kill")]
pub fn send_thread(tid: u32, signal: Signal) -> Result<()> {
    if tid == 0 || i32::try_from(tid).is_err() {
        return Err(Error::NotFound { pid: tid });
    }
    sys::send_thread(identity::pid(), tid, signal.as_raw())
        .map_err(|errno| Error::sending("send signal to thread", tid, errno))
}

/// Sends `signal` to every process of the group `group`.
///
/// # Errors
/// `NotFound`: there is no such group, or it is 0 or 1: by those numbers `kill` would reach this
/// process's own group, or every process of the system. `Os` with `EPERM`: none may be sent to.
///
/// # Linux
/// [`kill(2)`](https://man7.org/linux/man-pages/man2/kill.2.html) with a negative number. A group
/// has no descriptor: its number can be used again once its last process is reaped.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_signal::{Signal, send_group};
/// use std::os::unix::process::CommandExt;
///
/// let mut child = std::process::Command::new("sleep").arg("1000").process_group(0).spawn()?;
/// send_group(child.id(), Signal::KILL)?;
/// assert!(!child.wait()?.success());
/// # Ok(())
/// # }
/// ```
#[doc(alias = "killpg")]
pub fn send_group(group: u32, signal: Signal) -> Result<()> {
    let raw = i32::try_from(group).ok().filter(|group| *group > 1);
    let raw = raw.ok_or(Error::NotFound { pid: group })?;
    sys::send_group(raw, signal.as_raw())
        .map_err(|errno| Error::sending("send signal to group", group, errno))
}

/// The number of the calling thread, as [`send_thread`] takes it.
///
/// ```
/// assert_ne!(ipc_signal::thread_id(), 0);
/// ```
#[must_use]
#[doc(alias = "gettid")]
pub fn thread_id() -> u32 {
    crate::sys::unsigned(rustix::thread::gettid().as_raw_nonzero().get())
}
