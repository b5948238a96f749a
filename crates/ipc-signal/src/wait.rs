//! Waiting for a signal without a queue object.

use std::time::{Duration, Instant};

use ipc_core::{Deadline, Wait};
use rustix::io::Errno;
use rustix::time::Timespec;

use crate::error::{Error, Result};
use crate::info::SignalInfo;
use crate::mask::UNCATCHABLE;
use crate::set::SignalSet;
use crate::sys;

const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Takes a pending signal of `set`, waiting until there is one. Of several threads that wait, one
/// gets it.
///
/// The calling thread must have `set` blocked, and so must the others of the process: otherwise a
/// signal may be delivered instead of being taken. [`Signals`](crate::Signals) checks that; this does not.
/// Handlers of signals that are not in the set may run meanwhile: the wait goes on. It has no
/// canceller: send it a signal of the set.
///
/// # Errors
/// `Uncatchable`: nothing but SIGKILL or SIGSTOP is in the set. `Os`: the kernel refuses.
///
/// # Linux
/// [`sigwaitinfo(2)`](https://man7.org/linux/man-pages/man2/sigwaitinfo.2.html)
///
/// # Examples
/// ```
/// # fn main() -> Result<(), ipc_signal::Error> {
/// use ipc_signal::{Mask, Process, Signal, wait_for};
///
/// let _mask = Mask::block(Signal::rt(1))?;
/// ipc_signal::send_thread(ipc_signal::thread_id(), Signal::rt(1))?;
/// assert_eq!(wait_for(Signal::rt(1))?.signal, Signal::rt(1));
/// # Ok(())
/// # }
/// ```
#[doc(alias = "sigwait")]
#[doc(alias = "sigwaitinfo")]
#[inline]
pub fn wait_for(set: impl Into<SignalSet>) -> Result<SignalInfo> {
    take(set.into(), Wait::FOREVER)
}

/// As [`wait_for`], but does not wait.
///
/// # Errors
/// `WouldBlock`: none is pending. Otherwise as [`wait_for`].
#[inline]
pub fn try_wait_for(set: impl Into<SignalSet>) -> Result<SignalInfo> {
    take(set.into(), Wait::No)
}

/// As [`wait_for`], but waits no longer than `timeout`.
///
/// # Errors
/// `TimedOut`: none came. Otherwise as [`wait_for`].
#[doc(alias = "sigtimedwait")]
pub fn wait_for_timeout(set: impl Into<SignalSet>, timeout: Duration) -> Result<SignalInfo> {
    take(set.into(), Wait::timeout(timeout))
}

/// As [`wait_for`], but waits no longer than to `deadline`.
///
/// # Errors
/// `TimedOut`: none came. Otherwise as [`wait_for`].
pub fn wait_for_deadline(set: impl Into<SignalSet>, deadline: Instant) -> Result<SignalInfo> {
    take(set.into(), Wait::deadline(deadline))
}

/// Takes one signal of `set` by `sigtimedwait(2)`.
#[inline]
pub(crate) fn take(set: SignalSet, wait: Wait) -> Result<SignalInfo> {
    if (set - UNCATCHABLE).is_empty() && !set.is_empty() {
        return Err(Error::Uncatchable);
    }
    loop {
        let (timeout, deadline) = match wait {
            Wait::No => (Some(NOW), None),
            Wait::Until(deadline) => (deadline.timespec(), Some(deadline)),
        };
        match sys::take_pending(set.bits(), timeout.as_ref()) {
            Ok(info) => return Ok(SignalInfo::from_info(&info)),
            Err(Errno::AGAIN) if deadline.is_none() => return Err(Error::WouldBlock),
            Err(errno) => not_taken(deadline, errno)?,
        }
    }
}

/// `Ok` if the wait goes on.
#[cold]
fn not_taken(deadline: Option<Deadline>, errno: Errno) -> Result<()> {
    match (errno, deadline) {
        (Errno::AGAIN, None) => Err(Error::WouldBlock),
        (Errno::AGAIN, Some(deadline)) if deadline.passed() => Err(Error::TimedOut),
        (Errno::AGAIN | Errno::INTR, _) => Ok(()),
        (errno, _) => Err(Error::os("wait for signal", errno)),
    }
}
