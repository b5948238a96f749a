//! The robust mutex with data: one compare-and-swap to lock, one to unlock.
//!
//! The lock word says who holds it ([`RawLock`](ipc_core::lock::RawLock)); a word beside says whether an
//! owner panicked. Nothing says that an owner died: that is seen by comparing the id in the word with the
//! life table, and whoever takes the word over is the one who is told.

mod guard;

use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ipc_core::Wait;
use ipc_core::lock::{LockFault, Locked};
use ipc_core::safe::ShmSafe;

use crate::canceller::Canceller;
use crate::error::{Error, Result};
use crate::lock::LockError;
use crate::shared::layout::MutexBody;
use crate::shared::{Form, ObjectOptions, Shared, unlink};

pub use guard::MutexGuard;

/// Choices for a [`Mutex`].
pub type MutexOptions<T> = ObjectOptions<Mutex<T>>;

/// Data that one process (and one thread in it) uses at a time, and that survives its user's death.
///
/// When an owner dies, exactly one locker is told: it gets the lock as
/// [`OwnerDied`](LockError::OwnerDied), repairs the data and calls
/// [`mark_consistent`](MutexGuard::mark_consistent). If it dies too, the next one is told. If it unlocks
/// without marking, the mutex is `NotRecoverable` for all. An owner that panics poisons it, as in std.
///
/// Locking again in the thread that holds it waits for ever, as in std. The lock is the process's: a
/// thread that ends without dropping its guard leaves it locked until the process ends.
///
/// # Linux
/// By name, it is a file in `/dev/shm`; sleeping is `futex_waitv(2)` (5.16), or `futex(2)`.
///
/// # Examples
/// ```
/// use ipc_sem::{LockError, Mutex};
///
/// # fn main() -> Result<(), ipc_sem::Error> {
/// # let name = format!("/ipc-t-{}-doc-mutex", std::process::id());
/// let counter = Mutex::<u64>::open_or_create(&name)?; // a new one holds zeroes
/// let mut guard = match counter.lock() {
///     Ok(guard) => guard,
///     Err(LockError::OwnerDied(mut guard)) => {
///         *guard = 0; // repair what a killed owner left half-written
///         guard.mark_consistent();
///         guard
///     }
///     Err(LockError::Poisoned(guard)) => guard,
///     Err(LockError::Failed(error)) => return Err(error),
/// };
/// *guard += 1;
/// drop(guard);
/// Mutex::<u64>::unlink(&name)?;
/// # Ok(())
/// # }
/// ```
#[doc(alias = "pthread_mutex_t")]
pub struct Mutex<T: ShmSafe> {
    pub(crate) shared: Shared<MutexBody<T>>,
}

/// How a lock attempt ends.
type Attempt<'a, T> = Result<MutexGuard<'a, T>, LockError<MutexGuard<'a, T>>>;

impl<T: ShmSafe> Mutex<T> {
    /// Creates a mutex whose data is all zeroes, for this user only. Does not block.
    ///
    /// # Errors
    /// `AlreadyExists`, `InvalidName`, `NoSpace`, `Limit`. `NotOwner`: this is a fork's child.
    pub fn create(name: &str) -> Result<Self> {
        MutexOptions::new().create(name)
    }

    /// Opens one that exists. Does not block. It states that only cooperating processes write to it.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, `Limit`. `WrongOwner`: it belongs neither to this user nor to root.
    /// `Corrupt`, `Truncated`, `Mismatch`: it is no mutex of this `T`. `TooManyPeers`: 60 processes use
    /// it. `Contended`: others come and go all the time. `NotOwner`: this is a fork's child.
    pub fn open(name: &str) -> Result<Self> {
        MutexOptions::new().open(name)
    }

    /// Opens it, or creates it with all zeroes. Does not block.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`open`](Self::open).
    pub fn open_or_create(name: &str) -> Result<Self> {
        MutexOptions::new().open_or_create(name)
    }

    /// Removes the name. Who has it open goes on using it. Does not block.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, or what `unlink(2)` reports.
    pub fn unlink(name: &str) -> Result<()> {
        unlink::<MutexBody<T>>(name)
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

    /// Locks, waiting until that can be done.
    ///
    /// # Errors
    /// `OwnerDied`, `Poisoned`: locked all the same. `Failed` with `NotRecoverable`, `Cancelled`;
    /// `NotOwner`: this is a fork's child.
    #[inline]
    #[doc(alias = "pthread_mutex_lock")]
    pub fn lock(&self) -> Attempt<'_, T> {
        self.take(Wait::FOREVER)
    }

    /// Locks if nobody has it. Does not block.
    ///
    /// # Errors
    /// `Failed` with `WouldBlock`; otherwise as [`lock`](Self::lock).
    #[inline]
    #[doc(alias = "pthread_mutex_trylock")]
    pub fn try_lock(&self) -> Attempt<'_, T> {
        self.take(Wait::No)
    }

    /// Locks, waiting at most for `timeout`.
    ///
    /// # Errors
    /// `Failed` with `TimedOut`; otherwise as [`lock`](Self::lock).
    #[doc(alias = "pthread_mutex_timedlock")]
    pub fn lock_timeout(&self, timeout: Duration) -> Attempt<'_, T> {
        self.take(Wait::timeout(timeout))
    }

    /// Locks, waiting at most until `deadline`.
    ///
    /// # Errors
    /// `Failed` with `TimedOut`; otherwise as [`lock`](Self::lock).
    #[doc(alias = "pthread_mutex_clocklock")]
    pub fn lock_deadline(&self, deadline: Instant) -> Attempt<'_, T> {
        self.take(Wait::deadline(deadline))
    }

    /// A handle that ends the current or the next wait of this one.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.shared.canceller()
    }

    /// Whether an owner panicked while it held the lock, and nobody has cleared that since.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.shared.body().poison.load(Ordering::Relaxed) != 0
    }

    /// Forgets that an owner panicked. Nothing changes about owners that died.
    pub fn clear_poison(&self) {
        if self.shared.me().is_ok() {
            self.shared.body().poison.store(0, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(crate) fn take(&self, wait: Wait) -> Attempt<'_, T> {
        let body = self.shared.body();
        // What `RawLock::lock` begins with, without what only the slow path needs.
        let (me, word) = (self.shared.me_bits(), body.lock.word());
        let free =
            me != 0 && word.compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed).is_ok();
        // Relaxed: written under the lock.
        if free && body.poison.load(Ordering::Relaxed) == 0 {
            return Ok(MutexGuard::new(self, false));
        }
        self.take_slowly(free, wait)
    }

    #[cold]
    fn take_slowly(&self, locked: bool, wait: Wait) -> Attempt<'_, T> {
        let (shared, body) = (&self.shared, self.shared.body());
        if locked {
            return self.unusual(Ok(Locked::Clean));
        }
        match body.lock.lock(shared.members(), wait, shared.cancel().word()) {
            Ok(Locked::Clean) if body.poison.load(Ordering::Relaxed) == 0 => {
                Ok(MutexGuard::new(self, false))
            }
            locked => self.unusual(locked),
        }
    }

    fn unusual(&self, locked: Result<Locked, LockFault>) -> Attempt<'_, T> {
        match locked {
            Ok(Locked::Clean) => Err(LockError::Poisoned(MutexGuard::new(self, false))),
            Ok(Locked::OwnerDied(_)) => {
                crate::log::warn(format_args!("{}: its owner died", self.shared.shown()));
                Err(LockError::OwnerDied(MutexGuard::new(self, true)))
            }
            Err(LockFault::NotRecoverable) => {
                let name = self.shared.shown().to_owned();
                Err(LockError::Failed(Error::NotRecoverable { name }))
            }
            Err(LockFault::Stop(stop)) => Err(LockError::Failed(self.shared.stopped(stop))),
        }
    }

    /// The guard of a lock that this process took by `wait_any`.
    pub(crate) fn taken(&self, recovering: bool) -> Attempt<'_, T> {
        if recovering {
            Err(LockError::OwnerDied(MutexGuard::new(self, true)))
        } else if self.is_poisoned() {
            Err(LockError::Poisoned(MutexGuard::new(self, false)))
        } else {
            Ok(MutexGuard::new(self, false))
        }
    }
}

impl<T: ShmSafe> MutexOptions<T> {
    /// As [`Mutex::create`].
    ///
    /// # Errors
    /// As there.
    pub fn create(&self, name: &str) -> Result<Mutex<T>> {
        Ok(Mutex { shared: self.make(Form::Create, name, |_| {})? })
    }

    /// As [`Mutex::create`], with data that is as `init` leaves it before anybody can open it.
    ///
    /// # Errors
    /// As there.
    pub fn create_with(&self, name: &str, init: impl Fn(&mut T)) -> Result<Mutex<T>> {
        let init = |body: &MutexBody<T>| guard::initialise(body, &init);
        Ok(Mutex { shared: self.make(Form::Create, name, init)? })
    }

    /// As [`Mutex::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(&self, name: &str) -> Result<Mutex<T>> {
        Ok(Mutex { shared: self.make(Form::Open, name, |_| {})? })
    }

    /// As [`Mutex::open_or_create`].
    ///
    /// # Errors
    /// As there.
    pub fn open_or_create(&self, name: &str) -> Result<Mutex<T>> {
        Ok(Mutex { shared: self.make(Form::OpenOrCreate, name, |_| {})? })
    }

    /// As [`Mutex::open_or_create`]; new data is as `init` leaves it before anybody can open it.
    ///
    /// # Errors
    /// As there.
    pub fn open_or_create_with(&self, name: &str, init: impl Fn(&mut T)) -> Result<Mutex<T>> {
        let init = |body: &MutexBody<T>| guard::initialise(body, &init);
        Ok(Mutex { shared: self.make(Form::OpenOrCreate, name, init)? })
    }
}

impl<T: ShmSafe> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.shared.body().lock.holder().is_some();
        f.debug_struct("Mutex").field("name", &self.shared.shown()).field("held", &held).finish()
    }
}
