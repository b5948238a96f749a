//! Ending a wait from outside: one flag, and one eventfd that every descriptor wait also polls.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

/// Ends the current or the next wait of one handle.
///
/// Each [`cancel`](Self::cancel) ends one wait; several before the wait looks count as one.
#[derive(Clone, Debug)]
pub struct Canceller(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// true: a cancellation nobody has taken yet. Set by `cancel` (Release) before the eventfd is
    /// written, cleared by `take` (Acquire). The eventfd only wakes; this flag decides.
    asked: AtomicBool,
    bell: OwnedFd,
}

impl Canceller {
    /// A canceller that nobody has used yet.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`, `ENOMEM`: no descriptor could be had.
    pub fn new() -> Result<Self, Errno> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self(Arc::new(Shared { asked: AtomicBool::new(false), bell })))
    }

    /// Ends the current or the next wait. Async-signal-safe: one store, one `write(2)`.
    pub fn cancel(&self) {
        self.0.asked.store(true, Ordering::Release);
        // A full counter (EAGAIN) is readable, which is all a sleeper needs.
        let _ = rustix::io::write(&self.0.bell, &1u64.to_ne_bytes());
    }

    /// Takes a cancellation that was asked for: true exactly once a `cancel`.
    #[must_use]
    pub fn take(&self) -> bool {
        if !self.0.asked.load(Ordering::Relaxed) {
            return false;
        }
        self.silence();
        self.0.asked.swap(false, Ordering::Acquire)
    }

    /// Makes the eventfd unreadable again. A ring without a request is left over from one taken
    /// between its store and its write.
    pub fn silence(&self) {
        let _ = rustix::io::read(&self.0.bell, &mut [0; 8]);
    }
}

impl AsFd for Canceller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.bell.as_fd()
    }
}
