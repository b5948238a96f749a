//! What the process does with a signal: reading it, and overriding it for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::signal::Signal;
use crate::sys::{self, Installed};

/// What happens to a signal that is delivered to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Disposition {
    /// What [`Signal::default_action`] says.
    Default,
    /// Nothing: it is dropped.
    Ignore,
    /// A function is called.
    Handler,
}

/// Reads what happens to `signal`, without changing it.
///
/// # Errors
/// `Os`: the kernel refuses; none is known to.
///
/// # Linux
/// [`sigaction(2)`](https://man7.org/linux/man-pages/man2/sigaction.2.html) without a new action.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), ipc_signal::Error> {
/// use ipc_signal::{Disposition, Signal, disposition};
/// assert_eq!(disposition(Signal::PIPE)?, Disposition::Ignore); // Rust programs start so
/// assert_eq!(disposition(Signal::KILL)?, Disposition::Default);
/// # Ok(())
/// # }
/// ```
pub fn disposition(signal: Signal) -> Result<Disposition> {
    let now = sys::installed(signal.as_raw()).map_err(refused)?;
    Ok(match now.action() {
        libc::SIG_DFL => Disposition::Default,
        libc::SIG_IGN => Disposition::Ignore,
        _ => Disposition::Handler,
    })
}

/// Ignores `signal` in the whole process until the guard is dropped.
///
/// # Errors
/// `Uncatchable`: SIGKILL or SIGSTOP.
///
/// # Linux
/// [`sigaction(2)`](https://man7.org/linux/man-pages/man2/sigaction.2.html). An ignored signal stays
/// ignored over `exec`, so children inherit it. Children that end while SIGCHLD is ignored leave no
/// exit status.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), ipc_signal::Error> {
/// use ipc_signal::{Signal, ignore, raise};
/// let guard = ignore(Signal::TERM)?;
/// raise(Signal::TERM)?; // would end the process
/// drop(guard);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "SIG_IGN")]
pub fn ignore(signal: Signal) -> Result<Override> {
    Override::new(signal, libc::SIG_IGN)
}

/// Gives `signal` its default action in the whole process until the guard is dropped.
///
/// # Errors
/// `Uncatchable`: SIGKILL or SIGSTOP.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), ipc_signal::Error> {
/// use ipc_signal::{Disposition, Signal, default, disposition};
/// let guard = default(Signal::PIPE)?;
/// assert_eq!(disposition(Signal::PIPE)?, Disposition::Default);
/// drop(guard);
/// assert_eq!(disposition(Signal::PIPE)?, Disposition::Ignore);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "SIG_DFL")]
pub fn default(signal: Signal) -> Result<Override> {
    Override::new(signal, libc::SIG_DFL)
}

/// A disposition that [`ignore`] or [`default`] set. Dropping it restores the former one, but only if
/// the disposition is still the one it set: what somebody else set since stays.
///
/// Several on one signal may be dropped in any order: the youngest that lives counts. While one
/// lives, handlers of the signal do not run, and [`handle`](crate::handle) on a signal that had a
/// handler before does not end that.
#[derive(Debug)]
#[must_use = "the former disposition is back when this is dropped"]
pub struct Override {
    signal: Signal,
    id: u64,
}

/// One living guard.
struct Entry {
    id: u64,
    signal: Signal,
    set: libc::sighandler_t,
    /// What stood there before: restored when this is the youngest of its signal and is dropped, and
    /// handed to the next younger one when it is not.
    before: Installed,
}

/// The living guards, oldest first, and the next id.
static GUARDS: Mutex<(Vec<Entry>, u64)> = Mutex::new((Vec::new(), 0));

fn guards() -> MutexGuard<'static, (Vec<Entry>, u64)> {
    // Nothing panics while it is held; if something did, the list is still whole.
    GUARDS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Override {
    fn new(signal: Signal, set: libc::sighandler_t) -> Result<Self> {
        if signal.is_uncatchable() {
            return Err(Error::Uncatchable);
        }
        let mut guards = guards();
        let before = sys::install(signal.as_raw(), &Installed::plain(set)).map_err(refused)?;
        let id = guards.1;
        guards.1 += 1;
        guards.0.push(Entry { id, signal, set, before });
        Ok(Self { signal, id })
    }

    /// Leaves the disposition as it is for good.
    pub fn keep(self) {
        // Its entry stays: an older guard that is dropped must not restore over it.
        std::mem::forget(self);
    }
}

impl Drop for Override {
    fn drop(&mut self) {
        let mut guards = guards();
        let Some(at) = guards.0.iter().position(|entry| entry.id == self.id) else { return };
        let ours = guards.0.remove(at);
        let younger = guards.0[at..].iter_mut().find(|entry| entry.signal == self.signal);
        if let Some(younger) = younger {
            younger.before = ours.before;
            return;
        }
        // The kernel has no compare-and-swap here: who sets it between these two calls loses.
        let now = sys::installed(self.signal.as_raw());
        if now.is_ok_and(|now| now.action() == ours.set) {
            let _ = sys::install(self.signal.as_raw(), &ours.before);
        }
    }
}

#[cold]
fn refused(errno: Errno) -> Error {
    Error::os("change or read disposition", errno)
}
