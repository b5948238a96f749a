//! The event: set by one side, waited for by others.
//!
//! | bits of the word | meaning |
//! |---|---|
//! | 0 | set |
//! | 1 | somebody sleeps, or is about to |
//! | 2 to 31 | how often it was set |
//!
//! The count is for an event that is reset by hand: who was asleep when it was set gets through, even if
//! it was reset before the sleeper could look.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ipc_core::Wait;
use ipc_core::life::sleep::{Stop, wake_all, wake_one};

use crate::canceller::Canceller;
use crate::error::Result;
use crate::shared::layout::EventBody;
use crate::shared::{Form, ObjectOptions, Shared, unlink};

/// Choices for an [`Event`].
pub type EventOptions = ObjectOptions<Event>;

const SET: u32 = 1;
const ASLEEP: u32 = 2;
/// One in the count of sets.
const ONCE: u32 = 4;

/// What resets an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reset {
    /// The wait that it ends: one waiter gets through for each `set`, or none.
    Auto,
    /// Only [`Event::reset`]: until then all get through.
    Manual,
}

impl Reset {
    fn store(self, body: &EventBody) {
        body.manual.store(u32::from(self == Self::Manual), Ordering::Release);
    }
}

/// An event in shared memory. It has no owner: nobody's death changes it.
///
/// # Linux
/// By name, it is a file in `/dev/shm`; sleeping is `futex_waitv(2)` (5.16), or `futex(2)`.
///
/// # Examples
/// ```
/// use ipc_sem::{Event, Reset};
///
/// # fn main() -> Result<(), ipc_sem::Error> {
/// # let name = format!("/ipc-t-{}-doc-event", std::process::id());
/// let ready = Event::create(&name, Reset::Auto)?;
/// ready.set()?;
/// ready.wait()?; // and nobody else: it is reset again
/// assert!(matches!(ready.try_wait(), Err(ipc_sem::Error::WouldBlock)));
/// Event::unlink(&name)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "CreateEvent")]
pub struct Event {
    pub(crate) shared: Shared<EventBody>,
}

impl Event {
    /// Creates an event that is not set, for this user only. Does not block.
    ///
    /// # Errors
    /// `AlreadyExists`, `InvalidName`, `NoSpace`, `Limit`. `NotOwner`: this is a fork's child.
    pub fn create(name: &str, reset: Reset) -> Result<Self> {
        EventOptions::new().create(name, reset)
    }

    /// Opens one that exists. Does not block. It states that only cooperating processes write to it.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, `Limit`. `WrongOwner`: it belongs neither to this user nor to root.
    /// `Corrupt`, `Truncated`, `Mismatch`: it is something else. `TooManyPeers`: 60 processes use it.
    /// `Contended`: others come and go all the time. `NotOwner`: this is a fork's child.
    pub fn open(name: &str) -> Result<Self> {
        EventOptions::new().open(name)
    }

    /// Opens it, or creates it. Does not block.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`open`](Self::open).
    pub fn open_or_create(name: &str, reset: Reset) -> Result<Self> {
        EventOptions::new().open_or_create(name, reset)
    }

    /// Removes the name. Who has it open goes on using it. Does not block.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, or what `unlink(2)` reports.
    pub fn unlink(name: &str) -> Result<()> {
        unlink::<EventBody>(name)
    }

    /// Creates one without a name, and the descriptor by which a relative opens it. Does not block.
    ///
    /// # Errors
    /// `NoSpace`, `Limit`, `NotOwner`.
    pub fn anonymous(reset: Reset) -> Result<(Self, OwnedFd)> {
        let (shared, fd) = Shared::anonymous(|body| reset.store(body))?;
        Ok((Self { shared }, fd))
    }

    /// Opens the one behind a descriptor that [`anonymous`](Self::anonymous) gave. Does not block.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        Ok(Self { shared: Shared::from_fd(fd)? })
    }

    /// Waits until it is set, waiting until that can be done.
    ///
    /// # Errors
    /// `Cancelled`; `NotOwner`: this is a fork's child.
    #[inline]
    pub fn wait(&self) -> Result<()> {
        self.wait_within(Wait::FOREVER)
    }

    /// Waits until it is set if that can be done at once. Does not block.
    ///
    /// # Errors
    /// `WouldBlock`; otherwise as [`wait`](Self::wait).
    #[inline]
    pub fn try_wait(&self) -> Result<()> {
        self.wait_within(Wait::No)
    }

    /// Waits until it is set, waiting at most for `timeout`.
    ///
    /// # Errors
    /// `TimedOut`; otherwise as [`wait`](Self::wait).
    pub fn wait_timeout(&self, timeout: Duration) -> Result<()> {
        self.wait_within(Wait::timeout(timeout))
    }

    /// Waits until it is set, waiting at most until `deadline`.
    ///
    /// # Errors
    /// `TimedOut`; otherwise as [`wait`](Self::wait).
    pub fn wait_deadline(&self, deadline: Instant) -> Result<()> {
        self.wait_within(Wait::deadline(deadline))
    }

    /// Sets it. With [`Reset::Auto`], one waiter gets through; with [`Reset::Manual`], all do that wait now
    /// or until it is reset. Does not block. Async-signal-safe, unless it fails.
    ///
    /// # Errors
    /// `NotOwner`: this is a fork's child.
    #[doc(alias = "SetEvent")]
    pub fn set(&self) -> Result<()> {
        self.shared.me()?;
        let word = &self.shared.body().state;
        let mut seen = word.load(Ordering::Relaxed);
        loop {
            let next = ((seen & !ASLEEP) | SET).wrapping_add(ONCE);
            match word.compare_exchange_weak(seen, next, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
        match (seen & ASLEEP != 0, self.reset_by()) {
            (true, Reset::Manual) => wake_all(word),
            // Whether one still slept makes no difference.
            (true, Reset::Auto) => drop(wake_one(word)),
            (false, _) => {}
        }
        Ok(())
    }

    /// Resets it. Who was waiting when it was set gets through all the same. Does not block.
    ///
    /// # Errors
    /// `NotOwner`: this is a fork's child.
    #[doc(alias = "ResetEvent")]
    pub fn reset(&self) -> Result<()> {
        self.shared.me()?;
        self.shared.body().state.fetch_and(!SET, Ordering::Relaxed);
        Ok(())
    }

    /// Whether it is set at this moment.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.shared.body().state.load(Ordering::Relaxed) & SET != 0
    }

    /// What resets it.
    #[must_use]
    pub fn reset_by(&self) -> Reset {
        match self.shared.body().manual.load(Ordering::Relaxed) {
            0 => Reset::Auto,
            _ => Reset::Manual,
        }
    }

    /// A handle that ends the current or the next wait of this one.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.shared.canceller()
    }

    /// How often it was set by now: what [`pass`](Self::pass) compares with.
    pub(crate) fn count(&self) -> u32 {
        self.shared.body().state.load(Ordering::Relaxed) / ONCE
    }

    /// Gets through if it is set, or was set since `count` and does not reset itself. Who has slept
    /// marks that others may sleep.
    pub(crate) fn pass(&self, count: u32, slept: bool) -> bool {
        let word = &self.shared.body().state;
        let mut seen = word.load(Ordering::Acquire);
        if self.reset_by() == Reset::Manual {
            return seen & SET != 0 || seen / ONCE != count;
        }
        while seen & SET != 0 {
            let next = (seen & !SET) | if slept { ASLEEP } else { 0 };
            match word.compare_exchange_weak(seen, next, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    /// Marks that somebody is about to sleep; the word to sleep on. None: look again.
    pub(crate) fn mark(&self, count: u32) -> Option<u32> {
        let word: &AtomicU32 = &self.shared.body().state;
        let seen = word.load(Ordering::Relaxed);
        if seen & SET != 0 || (self.reset_by() == Reset::Manual && seen / ONCE != count) {
            return None;
        }
        let marked = seen | ASLEEP;
        let set = word.compare_exchange(seen, marked, Ordering::Relaxed, Ordering::Relaxed);
        set.is_ok().then_some(marked)
    }

    #[inline]
    fn wait_within(&self, wait: Wait) -> Result<()> {
        self.shared.me()?;
        let count = self.count();
        if self.pass(count, false) { Ok(()) } else { self.contend(wait, count) }
    }

    #[cold]
    fn contend(&self, wait: Wait, count: u32) -> Result<()> {
        let word = &self.shared.body().state;
        self.shared.spin(wait, || {
            let seen = word.load(Ordering::Relaxed);
            seen & SET != 0 || seen / ONCE != count
        });
        let mut sleeper = self.shared.sleeper(wait);
        let mut slept = false;
        loop {
            sleeper.look();
            if self.pass(count, slept) {
                return Ok(());
            }
            if wait == Wait::No {
                return Err(self.shared.stopped(Stop::WouldBlock));
            }
            if let Some(marked) = self.mark(count) {
                sleeper.sleep(word, marked).map_err(|stop| self.shared.stopped(stop))?;
                slept = true;
            }
        }
    }
}

impl ObjectOptions<Event> {
    /// As [`Event::create`].
    ///
    /// # Errors
    /// As there.
    pub fn create(&self, name: &str, reset: Reset) -> Result<Event> {
        Ok(Event { shared: self.make(Form::Create, name, |body| reset.store(body))? })
    }

    /// As [`Event::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(&self, name: &str) -> Result<Event> {
        Ok(Event { shared: self.make(Form::Open, name, |_| {})? })
    }

    /// As [`Event::open_or_create`].
    ///
    /// # Errors
    /// As there.
    pub fn open_or_create(&self, name: &str, reset: Reset) -> Result<Event> {
        Ok(Event { shared: self.make(Form::OpenOrCreate, name, |body| reset.store(body))? })
    }
}
