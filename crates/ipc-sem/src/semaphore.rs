//! The plain semaphore in shared memory: one word, no owner.
//!
//! | bits of the word | meaning |
//! |---|---|
//! | 0 to 30 | how many permits are free |
//! | 31 | somebody sleeps, or is about to |
//!
//! A release takes the mark away and wakes one sleeper. Whoever has slept and takes a permit sets it
//! again, for others may sleep too; if permits are left, it wakes the next. A sleeper that is killed
//! between its wake-up and its permit breaks that chain: its death, or the 250 ms of one sleep, mends it.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ipc_core::Wait;
use ipc_core::life::sleep::{Stop, wake_one};

use crate::canceller::Canceller;
use crate::error::{Error, Result};
use crate::shared::layout::SemaphoreBody;
use crate::shared::{Form, ObjectOptions, Shared, unlink};

/// Choices for a [`Semaphore`].
pub type SemaphoreOptions = ObjectOptions<Semaphore>;

/// The mark of sleepers.
const ASLEEP: u32 = 1 << 31;

/// The first value of a semaphore, and the largest it may have. A number is one without a limit (but
/// 2^31 - 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    value: u32,
    max: u32,
}

impl Value {
    /// The largest that any semaphore can have.
    pub const MAX: u32 = ASLEEP - 1;

    /// A counting semaphore of `value` permits, never more than `max`.
    #[must_use]
    pub const fn up_to(value: u32, max: u32) -> Self {
        Self { value, max }
    }

    /// A binary semaphore whose permit is free.
    pub const FREE: Self = Self::up_to(1, 1);
    /// A binary semaphore whose permit is taken.
    pub const TAKEN: Self = Self::up_to(0, 1);

    fn check(self) -> Result<Self> {
        if self.max == 0 || self.max > Self::MAX || self.value > self.max {
            let what = "create semaphore: its value is above its largest, or that above 2147483647";
            return Err(Error::InvalidArgument { what });
        }
        Ok(self)
    }

    fn store(self, body: &SemaphoreBody) {
        body.max.store(self.max, Ordering::Relaxed);
        body.value.store(self.value, Ordering::Release);
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::up_to(value, Self::MAX)
    }
}

/// A semaphore in shared memory, counting or binary, with P and V as fast as glibc's.
///
/// It has no owner: a process that dies between `acquire` and `release` takes its permit along. Where
/// that must not be, use an [`OwnedSemaphore`](crate::OwnedSemaphore) or a [`Mutex`](crate::Mutex).
///
/// # Linux
/// By name, it is a file in `/dev/shm`; sleeping is `futex_waitv(2)` (5.16), or `futex(2)`.
///
/// # Examples
/// ```
/// use ipc_sem::{Semaphore, Value};
///
/// # fn main() -> Result<(), ipc_sem::Error> {
/// # let name = format!("/ipc-t-{}-doc-sem", std::process::id());
/// let jobs = Semaphore::create(&name, 2)?;
/// jobs.acquire()?;
/// jobs.acquire()?;
/// assert!(matches!(jobs.try_acquire(), Err(ipc_sem::Error::WouldBlock)));
/// jobs.release()?;
/// Semaphore::unlink(&name)?;
///
/// let (binary, _fd) = Semaphore::anonymous(Value::FREE)?;
/// assert!(matches!(binary.release(), Err(ipc_sem::Error::Overflow { .. })));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "sem_t")]
pub struct Semaphore {
    pub(crate) shared: Shared<SemaphoreBody>,
}

impl Semaphore {
    /// Creates a semaphore for this user only. Does not block.
    ///
    /// # Errors
    /// `AlreadyExists`, `InvalidName`, `InvalidArgument`, `NoSpace`, `Limit`. `NotOwner`: this is a
    /// fork's child.
    pub fn create(name: &str, value: impl Into<Value>) -> Result<Self> {
        SemaphoreOptions::new().create(name, value)
    }

    /// Opens one that exists. Does not block. It states that only cooperating processes write to it.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, `Limit`. `WrongOwner`: it belongs neither to this user nor to root.
    /// `Corrupt`, `Truncated`, `Mismatch`: it is no such semaphore. `TooManyPeers`: 60 processes use it.
    /// `Contended`: others come and go all the time. `NotOwner`: this is a fork's child.
    pub fn open(name: &str) -> Result<Self> {
        SemaphoreOptions::new().open(name)
    }

    /// Opens it, or creates it with this value. Does not block.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`open`](Self::open).
    pub fn open_or_create(name: &str, value: impl Into<Value>) -> Result<Self> {
        SemaphoreOptions::new().open_or_create(name, value)
    }

    /// Removes the name. Who has it open goes on using it. Does not block.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, or what `unlink(2)` reports.
    pub fn unlink(name: &str) -> Result<()> {
        unlink::<SemaphoreBody>(name)
    }

    /// Creates one without a name, and the descriptor by which a relative opens it. Does not block.
    ///
    /// # Errors
    /// `InvalidArgument`, `NoSpace`, `Limit`, `NotOwner`.
    pub fn anonymous(value: impl Into<Value>) -> Result<(Self, OwnedFd)> {
        let value = value.into().check()?;
        let (shared, fd) = Shared::anonymous(|body| value.store(body))?;
        Ok((Self { shared }, fd))
    }

    /// Opens the one behind a descriptor that [`anonymous`](Self::anonymous) gave. Does not block.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        Ok(Self { shared: Shared::from_fd(fd)? })
    }

    /// Takes a permit, waiting until there is one.
    ///
    /// # Errors
    /// `Cancelled`; `NotOwner`: this is a fork's child.
    #[inline]
    #[doc(alias = "sem_wait")]
    pub fn acquire(&self) -> Result<()> {
        self.take(Wait::FOREVER)
    }

    /// Takes a permit if there is one. Does not block.
    ///
    /// # Errors
    /// `WouldBlock`; `NotOwner`.
    #[inline]
    #[doc(alias = "sem_trywait")]
    pub fn try_acquire(&self) -> Result<()> {
        self.take(Wait::No)
    }

    /// Takes a permit, waiting at most for `timeout`.
    ///
    /// # Errors
    /// `TimedOut`: nothing was taken. Otherwise as [`acquire`](Self::acquire).
    #[doc(alias = "sem_timedwait")]
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<()> {
        self.take(Wait::timeout(timeout))
    }

    /// Takes a permit, waiting at most until `deadline`.
    ///
    /// # Errors
    /// `TimedOut`: nothing was taken. Otherwise as [`acquire`](Self::acquire).
    #[doc(alias = "sem_clockwait")]
    pub fn acquire_deadline(&self, deadline: Instant) -> Result<()> {
        self.take(Wait::deadline(deadline))
    }

    /// Gives a permit, and wakes one that waits. Does not block. Async-signal-safe, unless it fails.
    ///
    /// # Errors
    /// `Overflow`: the value is the largest it may be, and stays. `NotOwner`: this is a fork's child.
    #[inline]
    #[doc(alias = "sem_post")]
    pub fn release(&self) -> Result<()> {
        self.shared.me()?;
        let body = self.shared.body();
        let mut seen = body.value.load(Ordering::Relaxed);
        loop {
            let free = seen & !ASLEEP;
            if free >= self.max() {
                return Err(self.overflow());
            }
            let order = (Ordering::Release, Ordering::Relaxed);
            match body.value.compare_exchange_weak(seen, free + 1, order.0, order.1) {
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
        if seen & ASLEEP != 0 {
            wake_one(&body.value);
        }
        Ok(())
    }

    /// How many permits are free at this moment.
    #[must_use]
    #[doc(alias = "sem_getvalue")]
    pub fn value(&self) -> u32 {
        self.shared.body().value.load(Ordering::Relaxed) & !ASLEEP
    }

    /// The largest value it may have.
    #[must_use]
    #[inline]
    pub fn max(&self) -> u32 {
        match self.shared.body().max.load(Ordering::Relaxed) {
            max @ 1..=Value::MAX => max,
            _ => Value::MAX,
        }
    }

    /// A handle that ends the current or the next wait of this one.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.shared.canceller()
    }

    #[inline]
    fn take(&self, wait: Wait) -> Result<()> {
        self.shared.me()?;
        let word = &self.shared.body().value;
        if take_one(word, false) { Ok(()) } else { self.contend(wait) }
    }

    #[cold]
    fn contend(&self, wait: Wait) -> Result<()> {
        let word = &self.shared.body().value;
        self.shared.spin(wait, || word.load(Ordering::Relaxed) & !ASLEEP != 0);
        let mut sleeper = self.shared.sleeper(wait);
        let mut slept = false;
        loop {
            sleeper.look();
            if take_one(word, slept) {
                return Ok(());
            }
            if wait == Wait::No {
                return Err(self.shared.stopped(Stop::WouldBlock));
            }
            if let Some(marked) = mark(word) {
                sleeper.sleep(word, marked).map_err(|stop| self.shared.stopped(stop))?;
                slept = true;
            }
        }
    }

    #[cold]
    fn overflow(&self) -> Error {
        Error::Overflow { name: self.shared.shown().to_owned() }
    }
}

/// Takes a permit if there is one. Who has slept marks that others may sleep, and wakes the next one if
/// permits are left.
#[inline]
pub(crate) fn take_one(word: &AtomicU32, slept: bool) -> bool {
    let mut seen = word.load(Ordering::Relaxed);
    while seen & !ASLEEP != 0 {
        let left = seen - 1;
        let next = if slept { left | ASLEEP } else { left };
        let order = (Ordering::Acquire, Ordering::Relaxed);
        match word.compare_exchange_weak(seen, next, order.0, order.1) {
            Ok(_) => {
                if slept && left & !ASLEEP != 0 {
                    wake_one(word);
                }
                return true;
            }
            Err(now) => seen = now,
        }
    }
    false
}

/// Marks that somebody is about to sleep; the word to sleep on. None: look again.
pub(crate) fn mark(word: &AtomicU32) -> Option<u32> {
    match word.compare_exchange(0, ASLEEP, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) | Err(ASLEEP) => Some(ASLEEP),
        Err(_) => None,
    }
}

impl SemaphoreOptions {
    /// As [`Semaphore::create`].
    ///
    /// # Errors
    /// As there.
    pub fn create(&self, name: &str, value: impl Into<Value>) -> Result<Semaphore> {
        let value = value.into().check()?;
        Ok(Semaphore { shared: self.make(Form::Create, name, |body| value.store(body))? })
    }

    /// As [`Semaphore::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(&self, name: &str) -> Result<Semaphore> {
        Ok(Semaphore { shared: self.make(Form::Open, name, |_| {})? })
    }

    /// As [`Semaphore::open_or_create`].
    ///
    /// # Errors
    /// As there.
    pub fn open_or_create(&self, name: &str, value: impl Into<Value>) -> Result<Semaphore> {
        let value = value.into().check()?;
        Ok(Semaphore { shared: self.make(Form::OpenOrCreate, name, |body| value.store(body))? })
    }
}
