//! Waiting for the first of several semaphores, events and mutexes.
//!
//! What was waited for is taken, not only reported: a wake-up that goes to a sleeper which then takes
//! nothing would be lost to others. One that we had and did not use is passed on.

use std::fmt;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use ipc_core::Wait;
use ipc_core::life::sleep::{CancelWord, Watched, sleep_any, wake_one};
use ipc_core::lock::{LockFault, Locked, NOT_RECOVERABLE, WAITERS};
use ipc_core::safe::ShmSafe;

use crate::error::{Error, Result};
use crate::lock::LockError;
use crate::semaphore;
use crate::{Event, Mutex, MutexGuard, Semaphore};

/// The most things that one call waits for.
const MOST: usize = 40;

/// What [`wait_any`] can wait for: a [`Semaphore`], an [`Event`], a [`Mutex`].
pub trait Waitable: sealed::Thing + Sync {}

impl Waitable for Semaphore {}
impl Waitable for Event {}
impl<T: ShmSafe> Waitable for Mutex<T> {}

mod sealed {
    use super::{AtomicU32, CancelWord, Result, Taking, Watched};

    /// The steps of a wait for one thing.
    pub trait Thing {
        /// Before the first look.
        fn begin(&self) -> Taking;
        /// Takes it if that can be done: whether its owner died. `slept`: others may sleep too.
        fn take(&self, taking: Taking, slept: bool) -> Result<Option<bool>>;
        /// Marks that somebody is about to sleep. None: look again.
        fn mark(&self, taking: Taking, deaths: u32) -> Option<Watched<'_>>;
        /// What sleepers wait on.
        fn word(&self) -> &AtomicU32;
        fn deaths(&self) -> u32;
        fn cancel(&self) -> Option<&CancelWord>;
        /// Gives a mutex back that nobody claimed.
        fn give_back(&self, died: bool);
        fn address(&self) -> *const ();
    }
}

/// What a wait notes of a thing when it begins: for an event, how often it was set.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Taking(u32);

/// What [`wait_any`] took.
///
/// A permit of a semaphore stays taken until it is released as usual; an event that resets itself is
/// reset. A mutex is locked: [`Mutex::claim`] makes a guard of this; dropped instead, it is unlocked (and
/// `NotRecoverable` if its owner had died).
#[must_use = "a mutex is unlocked when this is dropped"]
pub struct Taken<'a> {
    index: usize,
    thing: &'a dyn Waitable,
    died: bool,
    claimed: bool,
}

impl Taken<'_> {
    /// Which of the things it is.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !self.claimed {
            self.thing.give_back(self.died);
        }
    }
}

impl fmt::Debug for Taken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taken").field("index", &self.index).field("died", &self.died).finish()
    }
}

/// Waits for the first of at most 40 things, and takes it. If several can be had, it is the first in the
/// slice.
///
/// # Errors
/// `NotRecoverable`: one of the mutexes is. `Cancelled`: by a canceller of any of them. `InvalidArgument`:
/// there are none, or more than 40. `NotOwner`: this is a fork's child.
///
/// # Linux
/// `futex_waitv(2)` (5.16); where it is refused, it looks every 100 ms.
///
/// # Examples
/// ```
/// use ipc_sem::{Event, Mutex, Reset, Semaphore, wait_any};
///
/// # fn main() -> Result<(), ipc_sem::Error> {
/// let (jobs, _fd) = Semaphore::anonymous(0)?;
/// let (stop, _fd) = Event::anonymous(Reset::Manual)?;
/// let (log, _fd) = Mutex::<u64>::anonymous()?;
/// let taken = wait_any(&[&jobs, &stop, &log])?;
/// assert_eq!(taken.index(), 2);
/// *log.claim(taken).expect("nobody died") += 1;
/// stop.set()?;
/// assert_eq!(wait_any(&[&jobs, &stop])?.index(), 1);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "futex_waitv")]
#[doc(alias = "WaitForMultipleObjects")]
pub fn wait_any<'a>(things: &[&'a dyn Waitable]) -> Result<Taken<'a>> {
    wait_within(things, Wait::FOREVER)
}

/// The same without waiting.
///
/// # Errors
/// `WouldBlock`; otherwise as [`wait_any`].
pub fn try_wait_any<'a>(things: &[&'a dyn Waitable]) -> Result<Taken<'a>> {
    wait_within(things, Wait::No)
}

/// The same, waiting at most for `timeout`.
///
/// # Errors
/// `TimedOut`; otherwise as [`wait_any`].
pub fn wait_any_timeout<'a>(things: &[&'a dyn Waitable], timeout: Duration) -> Result<Taken<'a>> {
    wait_within(things, Wait::timeout(timeout))
}

/// The same, waiting at most until `deadline`.
///
/// # Errors
/// `TimedOut`; otherwise as [`wait_any`].
pub fn wait_any_deadline<'a>(things: &[&'a dyn Waitable], deadline: Instant) -> Result<Taken<'a>> {
    wait_within(things, Wait::deadline(deadline))
}

fn wait_within<'a>(things: &[&'a dyn Waitable], wait: Wait) -> Result<Taken<'a>> {
    if things.is_empty() || things.len() > MOST {
        return Err(Error::InvalidArgument { what: "wait for any of 1 to 40 things" });
    }
    let takings: Vec<_> = things.iter().map(|thing| thing.begin()).collect();
    let mut woken = None;
    let mut slept = false;
    let ended = loop {
        let deaths: Vec<_> = things.iter().map(|thing| thing.deaths()).collect();
        if let Some(taken) = take_first(things, &takings, slept).transpose() {
            break taken;
        }
        let Wait::Until(deadline) = wait else { break Err(Error::WouldBlock) };
        if things.iter().any(|thing| thing.cancel().is_some_and(CancelWord::take)) {
            break Err(Error::Cancelled);
        }
        if deadline.passed() {
            break Err(Error::TimedOut);
        }
        let marked = (0..things.len()).map(|one| things[one].mark(takings[one], deaths[one]));
        if let Some(watched) = marked.collect::<Option<Vec<_>>>() {
            // A wake-up that came before and led to nothing goes to somebody else.
            pass_on(things, woken.take());
            woken = sleep_any(&watched, deadline);
            slept = true;
        }
    };
    let used = ended.as_ref().ok().map(|taken| taken.index);
    pass_on(things, woken.filter(|index| Some(*index) != used));
    ended
}

fn take_first<'a>(
    things: &[&'a dyn Waitable],
    takings: &[Taking],
    slept: bool,
) -> Result<Option<Taken<'a>>> {
    for (index, thing) in things.iter().enumerate() {
        if let Some(died) = thing.take(takings[index], slept)? {
            return Ok(Some(Taken { index, thing: *thing, died, claimed: false }));
        }
    }
    Ok(None)
}

fn pass_on(things: &[&dyn Waitable], woken: Option<usize>) {
    if let Some(index) = woken {
        wake_one(things[index].word());
    }
}

impl sealed::Thing for Semaphore {
    fn begin(&self) -> Taking {
        Taking(0)
    }

    fn take(&self, _: Taking, slept: bool) -> Result<Option<bool>> {
        self.shared.me()?;
        Ok(semaphore::take_one(&self.shared.body().value, slept).then_some(false))
    }

    fn mark(&self, _: Taking, deaths: u32) -> Option<Watched<'_>> {
        let word = &self.shared.body().value;
        semaphore::mark(word).map(|expected| Watched {
            word,
            expected,
            deaths,
            members: self.shared.members(),
            cancel: self.cancel(),
        })
    }

    fn word(&self) -> &AtomicU32 {
        &self.shared.body().value
    }

    fn deaths(&self) -> u32 {
        self.shared.members().deaths()
    }

    fn cancel(&self) -> Option<&CancelWord> {
        self.shared.cancel().word()
    }

    fn give_back(&self, _: bool) {}

    fn address(&self) -> *const () {
        std::ptr::from_ref(self).cast()
    }
}

impl sealed::Thing for Event {
    fn begin(&self) -> Taking {
        Taking(self.count())
    }

    fn take(&self, taking: Taking, slept: bool) -> Result<Option<bool>> {
        self.shared.me()?;
        Ok(self.pass(taking.0, slept).then_some(false))
    }

    fn mark(&self, taking: Taking, deaths: u32) -> Option<Watched<'_>> {
        let word = &self.shared.body().state;
        self.mark(taking.0).map(|expected| Watched {
            word,
            expected,
            deaths,
            members: self.shared.members(),
            cancel: self.cancel(),
        })
    }

    fn word(&self) -> &AtomicU32 {
        &self.shared.body().state
    }

    fn deaths(&self) -> u32 {
        self.shared.members().deaths()
    }

    fn cancel(&self) -> Option<&CancelWord> {
        self.shared.cancel().word()
    }

    fn give_back(&self, _: bool) {}

    fn address(&self) -> *const () {
        std::ptr::from_ref(self).cast()
    }
}

impl<T: ShmSafe> sealed::Thing for Mutex<T> {
    fn begin(&self) -> Taking {
        Taking(0)
    }

    fn take(&self, _: Taking, slept: bool) -> Result<Option<bool>> {
        let (shared, body) = (&self.shared, self.shared.body());
        match body.lock.lock(shared.members(), Wait::No, None) {
            Ok(locked) => {
                if slept {
                    // Others may sleep too: unlocking must wake one.
                    body.lock.word().fetch_or(WAITERS, std::sync::atomic::Ordering::Relaxed);
                }
                Ok(Some(locked != Locked::Clean))
            }
            Err(LockFault::NotRecoverable) => {
                Err(Error::NotRecoverable { name: shared.shown().to_owned() })
            }
            Err(LockFault::Stop(ipc_core::life::sleep::Stop::WouldBlock)) => Ok(None),
            Err(LockFault::Stop(stop)) => Err(shared.stopped(stop)),
        }
    }

    fn mark(&self, _: Taking, deaths: u32) -> Option<Watched<'_>> {
        use std::sync::atomic::Ordering::Relaxed;
        let word = self.shared.body().lock.word();
        let seen = word.load(Relaxed);
        if seen & !WAITERS == 0 || seen & !WAITERS == NOT_RECOVERABLE {
            return None;
        }
        let expected = seen | WAITERS;
        let marked =
            seen == expected || word.compare_exchange(seen, expected, Relaxed, Relaxed).is_ok();
        marked.then(|| Watched {
            word,
            expected,
            deaths,
            members: self.shared.members(),
            cancel: self.cancel(),
        })
    }

    fn word(&self) -> &AtomicU32 {
        self.shared.body().lock.word()
    }

    fn deaths(&self) -> u32 {
        self.shared.members().deaths()
    }

    fn cancel(&self) -> Option<&CancelWord> {
        self.shared.cancel().word()
    }

    fn give_back(&self, died: bool) {
        let (lock, members) = (&self.shared.body().lock, self.shared.members());
        if died { lock.abandon(members) } else { lock.unlock(members) }
    }

    fn address(&self) -> *const () {
        std::ptr::from_ref(self).cast()
    }
}

impl<T: ShmSafe> Mutex<T> {
    /// The guard of this mutex, which [`wait_any`] locked.
    ///
    /// # Errors
    /// `OwnerDied`, `Poisoned`: as for [`lock`](Self::lock). `Failed` with `InvalidArgument`: something
    /// else was taken.
    pub fn claim<'a>(
        &'a self,
        mut taken: Taken<'a>,
    ) -> Result<MutexGuard<'a, T>, LockError<MutexGuard<'a, T>>> {
        if !std::ptr::eq(taken.thing.address(), sealed::Thing::address(self)) {
            let what = "claim a mutex: something else was taken";
            return Err(LockError::Failed(Error::InvalidArgument { what }));
        }
        taken.claimed = true;
        self.taken(taken.died)
    }
}
