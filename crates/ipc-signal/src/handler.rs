//! Handlers: what a signal does beside its other actions, on the registry of signal-hook.
//!
//! The registry installs one handler a signal, keeps errno, calls what stood there before, then every
//! action. Once installed its handler stays: with the last action gone the signal does nothing.
#![expect(unsafe_code, reason = "a closure in a signal handler is the caller's promise")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use signal_hook_registry::{SigId, register, register_sigaction, unregister};

use crate::canceller::Canceller;
use crate::error::{Error, Result};
use crate::info::SignalInfo;
use crate::signal::Signal;
use crate::sys::{INFO, Info};
use crate::wake::Wake;

/// What a handler may do without any promise of the caller: all of these are async-signal-safe.
#[derive(Debug)]
#[non_exhaustive]
pub enum Action {
    /// Sets a flag (with `Release`).
    Flag(Arc<AtomicBool>),
    /// Adds one to a counter (with `Release`).
    Count(Arc<AtomicU64>),
    /// Makes a descriptor readable.
    Wake(Wake),
    /// Ends a wait.
    Cancel(Canceller),
}

impl From<Arc<AtomicBool>> for Action {
    fn from(flag: Arc<AtomicBool>) -> Self {
        Self::Flag(flag)
    }
}

impl From<Arc<AtomicU64>> for Action {
    fn from(counter: Arc<AtomicU64>) -> Self {
        Self::Count(counter)
    }
}

impl From<Wake> for Action {
    fn from(wake: Wake) -> Self {
        Self::Wake(wake)
    }
}

impl From<Canceller> for Action {
    fn from(canceller: Canceller) -> Self {
        Self::Cancel(canceller)
    }
}

/// An action of a signal. Dropping it removes this action and restores nothing: the signal keeps a
/// handler, and other actions of it, ours or tokio's, go on.
#[derive(Debug)]
#[must_use = "the action is removed when this is dropped"]
pub struct Registration(SigId);

impl Registration {
    /// Leaves the action there for good.
    pub fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        unregister(self.0);
    }
}

/// Does `action` whenever `signal` is delivered, besides what others registered for it.
///
/// # Errors
/// `Uncatchable`: SIGKILL or SIGSTOP. `Unsupported`: SIGSEGV, SIGFPE or SIGILL, after which a handler
/// cannot return; see [`fault`](crate::fault). `Os`: the kernel refuses.
///
/// # Linux
/// [`sigaction(2)`](https://man7.org/linux/man-pages/man2/sigaction.2.html) with `SA_RESTART`. After
/// `exec` the signal has its default action again.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), ipc_signal::Error> {
/// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
/// use ipc_signal::{Signal, handle, raise};
///
/// let seen = Arc::new(AtomicU64::new(0));
/// let registration = handle(Signal::USR2, seen.clone())?;
/// raise(Signal::USR2)?;
/// raise(Signal::USR2)?;
/// assert_eq!(seen.load(Ordering::Acquire), 2);
/// drop(registration);
/// raise(Signal::USR2)?; // handled by nobody, and does not end the process
/// assert_eq!(seen.load(Ordering::Acquire), 2);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "sigaction")]
pub fn handle(signal: Signal, action: impl Into<Action>) -> Result<Registration> {
    refuse(signal)?;
    let number = signal.as_raw();
    let action = action.into();
    let done = match action {
        Action::Flag(flag) => {
            // SAFETY: the action is async-signal-safe: one atomic store.
            unsafe { register(number, move || flag.store(true, Ordering::Release)) }
        }
        Action::Count(counter) => {
            let count = move || {
                counter.fetch_add(1, Ordering::Release);
            };
            // SAFETY: the action is async-signal-safe: one atomic addition.
            unsafe { register(number, count) }
        }
        Action::Wake(wake) => {
            // SAFETY: the action is async-signal-safe: see `Wake::wake`, system calls only.
            unsafe { register(number, move || wake.wake()) }
        }
        Action::Cancel(canceller) => {
            // SAFETY: the action is async-signal-safe: one atomic store, one `write(2)`.
            unsafe { register(number, move || canceller.cancel()) }
        }
    };
    registered(done)
}

/// Calls `f` whenever `signal` is delivered, besides what others registered for it.
///
/// # Safety
/// `f` runs inside a signal handler, between any two instructions of any thread. It must
/// - make only async-signal-safe calls
///   ([signal-safety(7)](https://man7.org/linux/man-pages/man7/signal-safety.7.html)): no allocation, no
///   freeing, no lock, no `println!`;
/// - not panic;
/// - not touch data that the interrupted code may be changing, except atomics.
///
/// # Errors
/// As [`handle`].
///
/// # Examples
/// ```
/// # fn main() -> Result<(), ipc_signal::Error> {
/// use std::sync::atomic::{AtomicI32, Ordering};
/// use ipc_signal::{Signal, handle_with, raise};
/// static SENDER: AtomicI32 = AtomicI32::new(0);
///
/// // SAFETY: one atomic store, no allocation, no panic.
/// let registration = unsafe {
///     handle_with(Signal::USR1, |info| {
///         SENDER.store(info.pid.unwrap_or(0) as i32, Ordering::Relaxed);
///     })?
/// };
/// raise(Signal::USR1)?;
/// assert_eq!(SENDER.load(Ordering::Relaxed), std::process::id() as i32);
/// # Ok(())
/// # }
/// ```
pub unsafe fn handle_with(
    signal: Signal,
    f: impl Fn(&SignalInfo) + Send + Sync + 'static,
) -> Result<Registration> {
    refuse(signal)?;
    let action = move |info: &libc::siginfo_t| {
        const { assert!(size_of::<libc::siginfo_t>() == INFO && align_of::<libc::siginfo_t>() == 8) };
        // SAFETY: a `siginfo_t` is `INFO` bytes aligned to 8, checked above, and the kernel wrote all
        // of them; `info` is borrowed for the call.
        let words = unsafe { std::ptr::from_ref(info).cast::<Info>().read() };
        f(&SignalInfo::from_info(&words));
    };
    // SAFETY: `from_info` only copies; the caller promises that `f` is async-signal-safe.
    registered(unsafe { register_sigaction(signal.as_raw(), action) })
}

fn refuse(signal: Signal) -> Result<()> {
    match signal {
        Signal::KILL | Signal::STOP => Err(Error::Uncatchable),
        Signal::SEGV | Signal::FPE | Signal::ILL => Err(Error::Unsupported {
            what: "handle SIGSEGV, SIGFPE or SIGILL and go on (see ipc_signal::fault)",
        }),
        _ => Ok(()),
    }
}

fn registered(done: std::io::Result<SigId>) -> Result<Registration> {
    done.map(Registration).map_err(|source| Error::Os { op: "register signal handler", source })
}
