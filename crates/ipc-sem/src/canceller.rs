//! Ending a wait from outside: one private word that waits on futexes look at beside their own.

use std::sync::atomic::AtomicU32;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ipc_core::deadline::{Deadline, timespec};
use ipc_core::life::sleep::CancelWord;
use rustix::thread::futex;

/// The longest single sleep. After it a sleeper looks again, whoever died meanwhile.
pub(crate) const SLICE: Duration = Duration::from_millis(250);
/// The longest single sleep of a wait that the kernel cannot end from outside, once its handle has
/// a canceller.
pub(crate) const SHORT_SLICE: Duration = Duration::from_millis(10);

/// Ends the current or the next wait of the handle it was made from: that call returns `Cancelled`.
///
/// Each [`cancel`](Self::cancel) ends one wait; several before a wait looks count as one. It may be
/// called from any thread and from a signal handler: it takes no lock and allocates nothing. Forms
/// that do not wait (`try_`) are not ended.
///
/// A wait for a `NamedSemaphore` or a `FileLock` with a deadline ends at once. Those for a `SysvSet`
/// and a `RobustMutex` sleep in the kernel on that object alone; once there is a canceller they look
/// up every 10 ms. A wait that began before the handle's first canceller was made sees it within
/// 250 ms.
///
/// ```
/// # fn main() -> Result<(), ipc_sem::Error> {
/// # let name = format!("/ipc-t-{}-doc-cancel", std::process::id());
/// let jobs = ipc_sem::NamedSemaphore::create(&name, 0)?;
/// # ipc_sem::NamedSemaphore::unlink(&name)?;
/// let canceller = jobs.canceller();
/// let stopper = std::thread::spawn(move || canceller.cancel());
/// assert!(matches!(jobs.acquire(), Err(ipc_sem::Error::Cancelled)));
/// # stopper.join().unwrap();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Canceller(Arc<Flag>);

/// The word that `cancel` sets and `take` clears; sleepers wait on it by its futex while it is 0.
#[derive(Debug, Default)]
pub(crate) struct Flag(CancelWord);

impl Canceller {
    /// Ends the current or the next wait.
    pub fn cancel(&self) {
        // Wakes all: which of several sleepers takes it is decided in `take`.
        self.0.0.cancel();
    }
}

impl Flag {
    /// Takes a cancellation that was asked for.
    pub(crate) fn take(&self) -> bool {
        self.0.take()
    }

    /// The word, for a wait on several.
    pub(crate) fn word(&self) -> &AtomicU32 {
        self.0.word()
    }
}

/// What a handle keeps: nothing until the first canceller is made.
#[derive(Debug, Default)]
pub(crate) struct Cancel(OnceLock<Arc<Flag>>);

impl Cancel {
    pub(crate) fn canceller(&self) -> Canceller {
        Canceller(Arc::clone(self.0.get_or_init(Arc::default)))
    }

    #[inline]
    pub(crate) fn flag(&self) -> Option<&Flag> {
        self.0.get().map(AsRef::as_ref)
    }

    /// The word, if there is a canceller.
    #[inline]
    pub(crate) fn word(&self) -> Option<&CancelWord> {
        self.flag().map(|flag| &flag.0)
    }

    /// Takes a cancellation that was asked for.
    pub(crate) fn take(&self) -> bool {
        self.flag().is_some_and(Flag::take)
    }

    /// How long a sleep may last that only time and the object itself can end.
    pub(crate) fn slice(&self) -> Duration {
        if self.flag().is_some() { SHORT_SLICE } else { SLICE }
    }

    /// Sleeps for `pause` or until a cancellation comes. May return early for any reason.
    pub(crate) fn pause(&self, pause: Duration) {
        static NEVER: AtomicU32 = AtomicU32::new(0);
        let word = self.flag().map_or(&NEVER, Flag::word);
        let _ = futex::wait(word, futex::Flags::PRIVATE, 0, Some(&timespec(pause)));
    }
}

/// Why a wait is over, when it is not because the object was taken.
pub(crate) fn over(cancel: &Cancel, deadline: Deadline) -> Option<crate::Error> {
    if cancel.take() {
        Some(crate::Error::Cancelled)
    } else if deadline.passed() {
        Some(crate::Error::TimedOut)
    } else {
        None
    }
}
