//! The mask of a thread: which signals wait instead of being delivered.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::process::Command;
use std::thread::{Builder, JoinHandle};

use libc::{SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK};

use crate::error::{Error, Result};
use crate::set::SignalSet;
use crate::signal::Signal;
use crate::sys;
use crate::threads;

/// Signals that nothing can block.
pub(crate) const UNCATCHABLE: SignalSet = SignalSet::empty().with(Signal::KILL).with(Signal::STOP);

/// Changes the calling thread's mask until it is dropped; then the former mask is back.
///
/// Guards are dropped in the reverse order of their making, as locals are. A guard stays on its
/// thread: it is not `Send`.
///
/// ```
/// # fn main() -> Result<(), ipc_signal::Error> {
/// use ipc_signal::{Mask, Signal, pending, raise};
///
/// let mask = Mask::block(Signal::USR1)?;
/// raise(Signal::USR1)?;
/// assert!(pending()?.contains(Signal::USR1)); // it waits
/// ipc_signal::try_wait_for(Signal::USR1)?; // taken: nothing is delivered below
/// drop(mask);
/// # Ok(())
/// # }
/// ```
#[must_use = "the former mask is back when this is dropped"]
#[doc(alias = "pthread_sigmask")]
#[doc(alias = "sigprocmask")]
pub struct Mask {
    before: u64,
    /// The mask belongs to the thread.
    stays: PhantomData<*const ()>,
}

impl Mask {
    /// Blocks the signals of `set` too, in the calling thread. They wait until they are unblocked
    /// or taken.
    ///
    /// # Errors
    /// `Uncatchable`: SIGKILL or SIGSTOP is in the set.
    ///
    /// # Linux
    /// [`pthread_sigmask(3)`](https://man7.org/linux/man-pages/man3/pthread_sigmask.3.html)
    pub fn block(set: impl Into<SignalSet>) -> Result<Self> {
        let set = set.into();
        refuse_uncatchable(set)?;
        Self::change(SIG_BLOCK, set)
    }

    /// Unblocks the signals of `set` in the calling thread. One that is pending is delivered before
    /// this returns.
    ///
    /// # Errors
    /// `Os`: the kernel refuses; none is known to.
    pub fn unblock(set: impl Into<SignalSet>) -> Result<Self> {
        Self::change(SIG_UNBLOCK, set.into())
    }

    /// Blocks exactly the signals of `set` in the calling thread.
    ///
    /// # Errors
    /// `Uncatchable`: SIGKILL or SIGSTOP is in the set.
    pub fn set(set: impl Into<SignalSet>) -> Result<Self> {
        let set = set.into();
        refuse_uncatchable(set)?;
        Self::change(SIG_SETMASK, set)
    }

    /// What the calling thread blocks.
    ///
    /// # Errors
    /// `Os`: the kernel refuses; none is known to.
    pub fn current() -> Result<SignalSet> {
        let bits = sys::mask().map_err(|errno| Error::os("read signal mask", errno))?;
        Ok(SignalSet::from_bits(bits))
    }

    /// Leaves the mask as it is for good.
    pub fn keep(self) {
        std::mem::forget(self);
    }

    fn change(how: libc::c_int, set: SignalSet) -> Result<Self> {
        let before = sys::change_mask(how, set.bits())
            .map_err(|errno| Error::os("change signal mask", errno))?;
        Ok(Self { before, stays: PhantomData })
    }
}

impl Drop for Mask {
    fn drop(&mut self) {
        // Only an unknown operation can fail.
        let _ = sys::change_mask(SIG_SETMASK, self.before);
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mask").field("before", &SignalSet::from_bits(self.before)).finish()
    }
}

/// Blocks `set` in the calling thread for good. Call it first in `main`: threads that start later
/// inherit it, and [`Signals::new`](crate::Signals::new) finds the whole process blocked.
///
/// # Errors
/// `UnblockedIn`: another thread runs already and has one of the set unblocked; the mask is then as
/// before. `Uncatchable`: SIGKILL or SIGSTOP is in the set.
///
/// # Examples
/// ```no_run
/// # fn main() -> Result<(), ipc_signal::Error> {
/// use ipc_signal::{Signal, Signals, block_early};
///
/// let set = Signal::TERM | Signal::rt(0);
/// block_early(set)?; // before any thread
/// std::thread::spawn(|| { /* inherits the mask */ });
/// let mut signals = Signals::new(set)?;
/// # signals.recv()?;
/// # Ok(())
/// # }
/// ```
pub fn block_early(set: impl Into<SignalSet>) -> Result<()> {
    let set = set.into();
    let mask = Mask::block(set)?;
    threads::all_block(set)?;
    mask.keep();
    Ok(())
}

/// Starts a thread that has `set` blocked from its first instruction; the calling thread's mask is as
/// before when this returns.
///
/// # Errors
/// What starting a thread reports, and `EINVAL` for SIGKILL or SIGSTOP in the set.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_signal::{Mask, Signal, spawn_masked};
/// use std::thread::Builder;
///
/// let worker = spawn_masked(Signal::TERM, Builder::new(), || Mask::current())?;
/// assert!(worker.join().unwrap()?.contains(Signal::TERM));
/// # Ok(())
/// # }
/// ```
pub fn spawn_masked<T: Send + 'static>(
    set: impl Into<SignalSet>,
    builder: Builder,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    let mask = Mask::block(set)?;
    let started = builder.spawn(work);
    drop(mask);
    started
}

/// Lets the child of `command` start with nothing blocked. Without it a program inherits the mask of
/// the thread that starts it, and one that never heard of masks cannot be ended by a blocked SIGTERM.
/// Handlers are gone in the new program anyway; what is ignored stays ignored.
///
/// # Linux
/// [`execve(2)`](https://man7.org/linux/man-pages/man2/execve.2.html), "the signal mask is preserved".
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_signal::{Mask, Process, Signal, unblock_in_child};
/// use std::process::Command;
///
/// let _mask = Mask::block(Signal::TERM)?;
/// let mut child = unblock_in_child(Command::new("sleep").arg("1000")).spawn()?;
/// Process::from_child(&child)?.send(Signal::TERM)?;
/// assert!(!child.wait()?.success());
/// # Ok(())
/// # }
/// ```
pub fn unblock_in_child(command: &mut Command) -> &mut Command {
    sys::unblock_in_child(command);
    command
}

/// The signals that are blocked and wait, for the calling thread or for its process.
///
/// # Errors
/// `Os`: the kernel refuses; none is known to.
///
/// # Linux
/// [`sigpending(2)`](https://man7.org/linux/man-pages/man2/sigpending.2.html)
///
/// # Examples
/// ```
/// # fn main() -> Result<(), ipc_signal::Error> {
/// assert!(!ipc_signal::pending()?.contains(ipc_signal::Signal::USR2));
/// # Ok(())
/// # }
/// ```
#[doc(alias = "sigpending")]
pub fn pending() -> Result<SignalSet> {
    let bits = sys::pending().map_err(|errno| Error::os("read pending signals", errno))?;
    Ok(SignalSet::from_bits(bits))
}

/// Nothing can block, catch or ignore SIGKILL and SIGSTOP.
pub(crate) fn refuse_uncatchable(set: SignalSet) -> Result<()> {
    // All of them means all that can be: `SignalSet::full()` is what C programs block.
    if set != SignalSet::full() && (set - UNCATCHABLE) != set {
        return Err(Error::Uncatchable);
    }
    Ok(())
}
