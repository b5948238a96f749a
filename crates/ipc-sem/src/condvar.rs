//! The condition variable: sleep until told, and let the mutex go meanwhile.
//!
//! The word is the number of notifications times two, plus one if somebody sleeps or is about to. A
//! sleeper reads it while it holds the mutex, so nothing that happens after it let go is missed. Every
//! death wakes all: the one who was notified may have died.

use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ipc_core::Wait;
use ipc_core::life::sleep::{wake_all, wake_one};
use ipc_core::safe::ShmSafe;

use crate::canceller::Canceller;
use crate::error::{Error, Result};
use crate::lock::LockError;
use crate::mutex::MutexGuard;
use crate::shared::layout::CondvarBody;
use crate::shared::{Form, ObjectOptions, Shared, unlink};

/// Choices for a [`Condvar`].
pub type CondvarOptions = ObjectOptions<Condvar>;

/// Somebody sleeps.
const ASLEEP: u32 = 1;
/// One notification.
const ONCE: u32 = 2;

/// A condition variable in shared memory, used with any [`Mutex`](crate::Mutex) of this crate.
///
/// Waits may end without a notification, above all when a process dies: ask for the condition again, or
/// use [`wait_while`](Self::wait_while). When a wait ends by its deadline or its canceller, the mutex is
/// *not* locked again: the guard is gone, and locking is the caller's choice.
///
/// # Linux
/// By name, it is a file in `/dev/shm`; sleeping is `futex_waitv(2)` (5.16), or `futex(2)`.
///
/// # Examples
/// ```
/// use ipc_sem::{Condvar, Mutex};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (jobs, _fd) = Mutex::<u32>::anonymous()?;
/// let (more, _fd) = Condvar::anonymous()?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         *jobs.lock().unwrap() += 1;
///         more.notify_one().unwrap();
///     });
///     let mut guard = more.wait_while(jobs.lock().unwrap(), |jobs| *jobs == 0).unwrap();
///     *guard -= 1;
/// });
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "pthread_cond_t")]
pub struct Condvar {
    pub(crate) shared: Shared<CondvarBody>,
}

/// How a wait ends: locked again, or not.
type Relocked<'a, T> = Result<MutexGuard<'a, T>, LockError<MutexGuard<'a, T>>>;

impl Condvar {
    /// Creates one on which nobody waits, for this user only. Does not block.
    ///
    /// # Errors
    /// `AlreadyExists`, `InvalidName`, `NoSpace`, `Limit`. `NotOwner`: this is a fork's child.
    pub fn create(name: &str) -> Result<Self> {
        CondvarOptions::new().create(name)
    }

    /// Opens one that exists. Does not block. It states that only cooperating processes write to it.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, `Limit`. `WrongOwner`: it belongs neither to this user nor to root.
    /// `Corrupt`, `Truncated`, `Mismatch`: it is something else. `TooManyPeers`: 60 processes use it.
    /// `Contended`: others come and go all the time. `NotOwner`: this is a fork's child.
    pub fn open(name: &str) -> Result<Self> {
        CondvarOptions::new().open(name)
    }

    /// Opens it, or creates it. Does not block.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`open`](Self::open).
    pub fn open_or_create(name: &str) -> Result<Self> {
        CondvarOptions::new().open_or_create(name)
    }

    /// Removes the name. Who has it open goes on using it. Does not block.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, or what `unlink(2)` reports.
    pub fn unlink(name: &str) -> Result<()> {
        unlink::<CondvarBody>(name)
    }

    /// Creates one without a name, and the descriptor by which a relative opens it. Does not block.
    ///
    /// # Errors
    /// `NoSpace`, `Limit`, `NotOwner`.
    pub fn anonymous() -> Result<(Self, OwnedFd)> {
        let (shared, fd) = Shared::anonymous(|_| {})?;
        Ok((Self { shared }, fd))
    }

    /// Opens the one behind a descriptor that [`anonymous`](Self::anonymous) gave. Does not block.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        Ok(Self { shared: Shared::from_fd(fd)? })
    }

    /// Lets the mutex go, waits for a notification, locks again.
    ///
    /// # Errors
    /// `OwnerDied`, `Poisoned`: locked again, as by [`Mutex::lock`](crate::Mutex::lock). `Failed`: not
    /// locked; with `Cancelled`, `NotRecoverable`, or `NotOwner`: this is a fork's child.
    #[doc(alias = "pthread_cond_wait")]
    pub fn wait<'a, T: ShmSafe>(&self, guard: MutexGuard<'a, T>) -> Relocked<'a, T> {
        self.wait_within(guard, Wait::FOREVER)
    }

    /// The same, waiting at most for `timeout`, for the notification and the lock together.
    ///
    /// # Errors
    /// `Failed` with `TimedOut`: not locked. Otherwise as [`wait`](Self::wait).
    #[doc(alias = "pthread_cond_timedwait")]
    pub fn wait_timeout<'a, T: ShmSafe>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> Relocked<'a, T> {
        self.wait_within(guard, Wait::timeout(timeout))
    }

    /// The same, waiting at most until `deadline`, for the notification and the lock together.
    ///
    /// # Errors
    /// `Failed` with `TimedOut`: not locked. Otherwise as [`wait`](Self::wait).
    #[doc(alias = "pthread_cond_clockwait")]
    pub fn wait_deadline<'a, T: ShmSafe>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Instant,
    ) -> Relocked<'a, T> {
        self.wait_within(guard, Wait::deadline(deadline))
    }

    /// Waits as long as `condition` holds.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_while<'a, T: ShmSafe>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> Relocked<'a, T> {
        while condition(&mut guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// Wakes one that waits, if any. Does not block. Async-signal-safe, unless it fails.
    ///
    /// # Errors
    /// `NotOwner`: this is a fork's child.
    #[doc(alias = "pthread_cond_signal")]
    pub fn notify_one(&self) -> Result<()> {
        self.shared.me()?;
        let word = &self.shared.body().word;
        // The mark stays: others may sleep.
        if word.load(Ordering::Relaxed) & ASLEEP != 0 {
            word.fetch_add(ONCE, Ordering::Relaxed);
            wake_one(word);
        }
        Ok(())
    }

    /// Wakes all that wait. Does not block. Async-signal-safe, unless it fails.
    ///
    /// # Errors
    /// `NotOwner`: this is a fork's child.
    #[doc(alias = "pthread_cond_broadcast")]
    pub fn notify_all(&self) -> Result<()> {
        self.shared.me()?;
        let word = &self.shared.body().word;
        let seen = word.load(Ordering::Relaxed);
        if seen & ASLEEP != 0 {
            // Takes the mark away and counts. If another was faster, its wake-up is for the same sleepers
            // or the mark is still there.
            let next = seen.wrapping_add(1);
            if word.compare_exchange(seen, next, Ordering::Relaxed, Ordering::Relaxed).is_err() {
                word.fetch_add(ONCE, Ordering::Relaxed);
            }
            wake_all(word);
        }
        Ok(())
    }

    /// A handle that ends the current or the next wait of this one.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.shared.canceller()
    }

    fn wait_within<'a, T: ShmSafe>(&self, guard: MutexGuard<'a, T>, wait: Wait) -> Relocked<'a, T> {
        if let Err(error) = self.shared.me() {
            return Err(LockError::Failed(error));
        }
        let mutex = guard.mutex();
        let word = &self.shared.body().word;
        let mut sleeper = self.shared.sleeper(wait);
        // Both before the mutex is let go: what comes after that is seen.
        sleeper.look();
        let deaths = self.shared.members().deaths();
        let seen = word.fetch_or(ASLEEP, Ordering::Relaxed) | ASLEEP;
        drop(guard);
        loop {
            if let Err(stop) = sleeper.sleep(word, seen) {
                return Err(LockError::Failed(self.shared.stopped(stop)));
            }
            let told = word.load(Ordering::Relaxed) != seen;
            if told || self.shared.members().deaths() != deaths {
                break;
            }
        }
        let locked = mutex.take(wait);
        if let Err(LockError::Failed(Error::TimedOut | Error::Cancelled)) = locked {
            // The notification was perhaps meant for us: another may use it.
            wake_one(word);
        }
        locked
    }
}

impl ObjectOptions<Condvar> {
    /// As [`Condvar::create`].
    ///
    /// # Errors
    /// As there.
    pub fn create(&self, name: &str) -> Result<Condvar> {
        Ok(Condvar { shared: self.make(Form::Create, name, |_| {})? })
    }

    /// As [`Condvar::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(&self, name: &str) -> Result<Condvar> {
        Ok(Condvar { shared: self.make(Form::Open, name, |_| {})? })
    }

    /// As [`Condvar::open_or_create`].
    ///
    /// # Errors
    /// As there.
    pub fn open_or_create(&self, name: &str) -> Result<Condvar> {
        Ok(Condvar { shared: self.make(Form::OpenOrCreate, name, |_| {})? })
    }
}
