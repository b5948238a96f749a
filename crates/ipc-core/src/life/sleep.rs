//! Sleeping until something in a segment changes, or somebody in it dies.
//!
//! Every type uses it the same way:
//!
//! ```text
//! loop {
//!     sleeper.look();                      // reads `deaths`
//!     let seen = thing.load(Acquire);      // the last look at the thing and at its owner
//!     if it can be taken, or its owner is dead { compare-and-swap; return }
//!     sleeper.sleep(&thing, seen)?;        // on { thing, deaths, cancel word }, 250 ms at most
//! }
//! ```

mod any;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::futex::{ClockId, Wait as Entry};
use rustix::thread::futex::{Flags, WaitFlags, WaitvFlags, wait, waitv, wake};
use rustix::time::clock_gettime;

use super::keeper::entry;
use super::{Membership, table};
use crate::deadline::{Deadline, Wait, timespec};
use crate::wait::{SHORT_SLICE, SLICE};

pub use any::{Watched, sleep_any};

/// Ends the current or the next futex wait of one handle. Each cancellation ends one wait.
#[derive(Clone, Debug, Default)]
pub struct CancelWord(Arc<AtomicU32>);

impl CancelWord {
    /// A cancel word that nobody has used yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the current or the next wait. Async-signal-safe: one store, one `futex(2)`.
    pub fn cancel(&self) {
        self.0.store(1, Ordering::Release);
        let _ = wake(&self.0, Flags::PRIVATE, u32::MAX >> 1);
    }

    /// Takes a cancellation that was asked for.
    #[must_use]
    pub fn take(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0 && self.0.swap(0, Ordering::Acquire) != 0
    }
}

/// Why a wait ends without what it waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It was not to wait at all.
    WouldBlock,
    /// The deadline passed.
    TimedOut,
    /// Somebody asked the wait to end.
    Cancelled,
    /// This process is a forked child of the one that attached.
    Forked,
}

/// One wait, from its first look to its end.
#[derive(Debug)]
pub struct Sleeper<'a> {
    members: Option<&'a Membership>,
    cancel: Option<&'a CancelWord>,
    /// None: do not wait.
    deadline: Option<Deadline>,
    /// `deaths` at the last [`look`](Self::look).
    deaths: u32,
    /// The last sleep was ended by a wake-up on the thing: if we leave, it belongs to the next sleeper.
    woken: bool,
}

impl<'a> Sleeper<'a> {
    /// Begins a wait. Without `members` nobody's death is noticed.
    #[must_use]
    pub fn new(
        members: Option<&'a Membership>,
        wait: Wait,
        cancel: Option<&'a CancelWord>,
    ) -> Self {
        let deadline = match wait {
            Wait::No => None,
            Wait::Until(deadline) => Some(deadline),
        };
        Self { members, cancel, deadline, deaths: 0, woken: false }
    }

    /// Call it before the last look at the thing: a death that is reported later ends the sleep.
    #[inline]
    pub fn look(&mut self) {
        if let Some(members) = self.members {
            self.deaths = members.deaths();
        }
    }

    /// Sleeps while `word` is `expected`, nobody dies and nobody cancels; at most 250 ms. Then the
    /// caller looks again at everything: nothing is said about why it woke.
    ///
    /// # Errors
    /// The wait is over. A wake-up on `word` that this sleeper took was passed on to another.
    pub fn sleep(&mut self, word: &AtomicU32, expected: u32) -> Result<(), Stop> {
        self.sleep_at_most(word, expected, SLICE)
    }

    /// As [`sleep`](Self::sleep), but no longer than `slice`.
    ///
    /// # Errors
    /// As [`sleep`](Self::sleep).
    pub fn sleep_at_most(
        &mut self,
        word: &AtomicU32,
        expected: u32,
        slice: Duration,
    ) -> Result<(), Stop> {
        match self.check() {
            Ok(deadline) => {
                self.woken = self.sleep_once(word, expected, deadline, slice);
                Ok(())
            }
            Err(stop) => {
                self.pass_on(word);
                Err(stop)
            }
        }
    }

    /// Passes the wake-up on that this sleeper took, if any: for who leaves without taking.
    pub fn pass_on(&mut self, word: &AtomicU32) {
        if std::mem::take(&mut self.woken) {
            wake_one(word);
        }
    }

    fn check(&self) -> Result<Deadline, Stop> {
        if self.members.is_some_and(|members| members.me().is_none()) {
            return Err(Stop::Forked);
        }
        let deadline = self.deadline.ok_or(Stop::WouldBlock)?;
        if self.cancel.is_some_and(CancelWord::take) {
            return Err(Stop::Cancelled);
        }
        if deadline.passed() { Err(Stop::TimedOut) } else { Ok(deadline) }
    }

    /// True if somebody woke us on `word`.
    fn sleep_once(
        &self,
        word: &AtomicU32,
        expected: u32,
        deadline: Deadline,
        slice: Duration,
    ) -> bool {
        let mut entries = [entry(word, expected, WaitFlags::empty()); 3];
        let mut used = 1;
        if let Some(members) = self.members {
            let deaths = &members.map().control().deaths;
            entries[used] = entry(deaths, self.deaths, WaitFlags::empty());
            used += 1;
        }
        if let Some(cancel) = self.cancel {
            entries[used] = entry(&*cancel.0, 0, WaitFlags::PRIVATE);
            used += 1;
        }
        let slept = nap(word, expected, &entries[..used], deadline, slice);
        if slept == Err(Errno::TIMEDOUT) {
            // The backstop: whoever should have reported was stopped or killed before it could.
            if let Some(members) = self.members {
                table::report_deaths(members.map());
            }
        }
        slept == Ok(0)
    }
}

/// Set once the kernel refused `futex_waitv`: it is older than 5.16, or a sandbox is.
static NO_WAITV: AtomicBool = AtomicBool::new(false);

/// Whether sleepers can wait for several words at once here; if not, they look every 100 ms.
pub fn has_waitv() -> bool {
    let refused = NO_WAITV.load(Ordering::Relaxed) || {
        // No entries: EINVAL where the call is known.
        let asked = waitv(&[], WaitvFlags::empty(), None, ClockId::Monotonic);
        matches!(asked, Err(Errno::NOSYS | Errno::PERM))
    };
    NO_WAITV.store(refused, Ordering::Relaxed);
    !refused
}

fn nap(
    word: &AtomicU32,
    value: u32,
    entries: &[Entry],
    deadline: Deadline,
    slice: Duration,
) -> Result<usize, Errno> {
    if entries.len() > 1 && !NO_WAITV.load(Ordering::Relaxed) {
        let until = timespec(deadline.slice(slice) + now());
        match waitv(entries, WaitvFlags::empty(), Some(&until), ClockId::Monotonic) {
            Err(Errno::NOSYS | Errno::PERM) => NO_WAITV.store(true, Ordering::Relaxed),
            slept => return slept,
        }
    }
    let slice = if entries.len() > 1 { SHORT_SLICE.min(slice) } else { slice };
    wait(word, Flags::empty(), value, Some(&timespec(deadline.slice(slice)))).map(|()| 0)
}

/// The monotonic clock as the kernel counts it.
pub(super) fn now() -> Duration {
    let now = clock_gettime(rustix::time::ClockId::Monotonic);
    let (seconds, nanos) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
}

/// Wakes one sleeper on a shared word. False: nobody slept.
pub fn wake_one(word: &AtomicU32) -> bool {
    // The only errors are for a word that is not mapped; this one is borrowed.
    wake(word, Flags::empty(), 1).is_ok_and(|woken| woken > 0)
}

/// Wakes all sleepers on a shared word.
pub fn wake_all(word: &AtomicU32) {
    let _ = wake(word, Flags::empty(), u32::MAX >> 1);
}
