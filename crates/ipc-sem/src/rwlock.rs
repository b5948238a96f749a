//! The read-write lock with data, whose readers and writers may die.
//!
//! A writer takes a [`RawLock`](ipc_core::lock::RawLock), which stops new readers, then waits until no
//! live process is counted as a reader. A reader counts itself, then looks at the writer's word; if
//! somebody writes, it takes itself out again. Both are sequentially consistent, so at least one of the
//! two sees the other.
//!
//! Readers are counted by process, in the place of its slot: {count: low 32 bits, generation of the owner
//! id: high 32}. Whatever stands in the place of a dead process counts as 0.

mod guard;
mod options;

use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, Instant};

use ipc_core::Wait;
use ipc_core::life::OwnerId;
use ipc_core::life::sleep::Stop;
use ipc_core::lock::{LockFault, Locked, NOT_RECOVERABLE};
use ipc_core::safe::ShmSafe;

use crate::canceller::Canceller;
use crate::error::{Error, Result};
use crate::lock::LockError;
use crate::shared::layout::RwLockBody;
use crate::shared::{ObjectOptions, Shared, places, unlink};

pub use guard::{RwLockReadGuard, RwLockWriteGuard};

/// Choices for a [`RwLock`].
pub type RwLockOptions<T> = ObjectOptions<RwLock<T>>;

/// Data that many processes read at a time, or one writes, and that survives the death of any of them.
///
/// A reader that dies leaves nothing behind. When a writer dies, readers get the lock as
/// [`OwnerDied`](LockError::OwnerDied) (what they read may be half-written), and so does the next writer,
/// which repairs the data and calls [`mark_consistent`](RwLockWriteGuard::mark_consistent); if it does
/// not, the lock is `NotRecoverable`. A writer that panics poisons it. Writers go before readers that
/// come later.
///
/// # Linux
/// By name, it is a file in `/dev/shm`; sleeping is `futex_waitv(2)` (5.16), or `futex(2)`.
///
/// # Examples
/// ```
/// use ipc_sem::RwLock;
///
/// # fn main() -> Result<(), ipc_sem::Error> {
/// # let name = format!("/ipc-t-{}-doc-rwlock", std::process::id());
/// let rates = RwLock::<[u32; 4]>::open_or_create(&name)?;
/// rates.write().expect("no writer died")[0] = 7;
/// let (one, other) = (rates.read().unwrap(), rates.read().unwrap());
/// assert_eq!(one[0] + other[0], 14);
/// RwLock::<[u32; 4]>::unlink(&name)?;
/// # Ok(())
/// # }
/// ```
#[doc(alias = "pthread_rwlock_t")]
pub struct RwLock<T: ShmSafe + Sync> {
    pub(crate) shared: Shared<RwLockBody<T>>,
}

/// How an attempt to read ends.
type Reading<'a, T> = Result<RwLockReadGuard<'a, T>, LockError<RwLockReadGuard<'a, T>>>;
/// How an attempt to write ends.
type Writing<'a, T> = Result<RwLockWriteGuard<'a, T>, LockError<RwLockWriteGuard<'a, T>>>;

/// In the poison word, written under the writer's lock: a writer panicked.
const POISONED: u32 = 1;
/// A writer died, and nobody has said that the data is whole.
const SUSPECT: u32 = 2;

/// What the writer's word says to a reader.
enum Writer {
    None,
    Dead,
    Alive,
    Abandoned,
}

impl<T: ShmSafe + Sync> RwLock<T> {
    /// Creates one whose data is all zeroes, for this user only. Does not block.
    ///
    /// # Errors
    /// `AlreadyExists`, `InvalidName`, `NoSpace`, `Limit`. `NotOwner`: this is a fork's child.
    pub fn create(name: &str) -> Result<Self> {
        RwLockOptions::new().create(name)
    }

    /// Opens one that exists. Does not block. It states that only cooperating processes write to it.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, `Limit`. `WrongOwner`: it belongs neither to this user nor to root.
    /// `Corrupt`, `Truncated`, `Mismatch`: it is something else. `TooManyPeers`: 60 processes use it.
    /// `Contended`: others come and go all the time. `NotOwner`: this is a fork's child.
    pub fn open(name: &str) -> Result<Self> {
        RwLockOptions::new().open(name)
    }

    /// Opens it, or creates it. Does not block.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`open`](Self::open).
    pub fn open_or_create(name: &str) -> Result<Self> {
        RwLockOptions::new().open_or_create(name)
    }

    /// Removes the name. Who has it open goes on using it. Does not block.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, or what `unlink(2)` reports.
    pub fn unlink(name: &str) -> Result<()> {
        unlink::<RwLockBody<T>>(name)
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

    /// Locks to read, waiting until that can be done.
    ///
    /// # Errors
    /// `OwnerDied` (a writer died), `Poisoned`: locked all the same. `Failed` with `NotRecoverable`,
    /// `Cancelled`; `NotOwner`: this is a fork's child.
    #[inline]
    pub fn read(&self) -> Reading<'_, T> {
        self.read_within(Wait::FOREVER)
    }

    /// Locks to read if that can be done at once. Does not block.
    ///
    /// # Errors
    /// `WouldBlock`; otherwise as [`read`](Self::read).
    #[inline]
    pub fn try_read(&self) -> Reading<'_, T> {
        self.read_within(Wait::No)
    }

    /// Locks to read, waiting at most for `timeout`.
    ///
    /// # Errors
    /// `TimedOut`; otherwise as [`read`](Self::read).
    pub fn read_timeout(&self, timeout: Duration) -> Reading<'_, T> {
        self.read_within(Wait::timeout(timeout))
    }

    /// Locks to read, waiting at most until `deadline`.
    ///
    /// # Errors
    /// `TimedOut`; otherwise as [`read`](Self::read).
    pub fn read_deadline(&self, deadline: Instant) -> Reading<'_, T> {
        self.read_within(Wait::deadline(deadline))
    }

    /// Locks to write, waiting until that can be done.
    ///
    /// # Errors
    /// `OwnerDied` (a writer died), `Poisoned`: locked all the same. `Failed` with `NotRecoverable`,
    /// `Cancelled`; `NotOwner`: this is a fork's child.
    #[inline]
    pub fn write(&self) -> Writing<'_, T> {
        self.write_within(Wait::FOREVER)
    }

    /// Locks to write if that can be done at once. Does not block.
    ///
    /// # Errors
    /// `WouldBlock`; otherwise as [`write`](Self::write).
    #[inline]
    pub fn try_write(&self) -> Writing<'_, T> {
        self.write_within(Wait::No)
    }

    /// Locks to write, waiting at most for `timeout`.
    ///
    /// # Errors
    /// `TimedOut`; otherwise as [`write`](Self::write).
    pub fn write_timeout(&self, timeout: Duration) -> Writing<'_, T> {
        self.write_within(Wait::timeout(timeout))
    }

    /// Locks to write, waiting at most until `deadline`.
    ///
    /// # Errors
    /// `TimedOut`; otherwise as [`write`](Self::write).
    pub fn write_deadline(&self, deadline: Instant) -> Writing<'_, T> {
        self.write_within(Wait::deadline(deadline))
    }

    /// Whether a writer panicked while it held the lock, and nobody has cleared that since.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.shared.body().poison.load(Ordering::Relaxed) & POISONED != 0
    }

    /// Forgets that a writer panicked. Nothing changes about writers that died.
    pub fn clear_poison(&self) {
        if self.shared.me().is_ok() {
            self.shared.body().poison.fetch_and(!POISONED, Ordering::Relaxed);
        }
    }

    /// A handle that ends the current or the next wait of this one.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.shared.canceller()
    }

    #[inline]
    fn read_within(&self, wait: Wait) -> Reading<'_, T> {
        let me = self.shared.me().map_err(LockError::Failed)?;
        self.enter(me)?;
        match self.writer() {
            Writer::None if self.shared.body().poison.load(Ordering::Relaxed) == 0 => {
                Ok(RwLockReadGuard::new(self))
            }
            writer => self.read_slowly(me, writer, wait),
        }
    }

    #[cold]
    fn read_slowly(&self, me: OwnerId, mut writer: Writer, wait: Wait) -> Reading<'_, T> {
        let body = self.shared.body();
        let mut sleeper = self.shared.sleeper(wait);
        loop {
            // Here this process is counted as a reader.
            match writer {
                Writer::None => {
                    let guard = RwLockReadGuard::new(self);
                    return match body.poison.load(Ordering::Relaxed) {
                        0 => Ok(guard),
                        seen if seen & SUSPECT != 0 => Err(LockError::OwnerDied(guard)),
                        _ => Err(LockError::Poisoned(guard)),
                    };
                }
                Writer::Dead => return Err(LockError::OwnerDied(RwLockReadGuard::new(self))),
                Writer::Abandoned => {
                    self.leave();
                    return Err(LockError::Failed(self.not_recoverable()));
                }
                Writer::Alive => self.leave(),
            }
            if wait == Wait::No {
                return Err(LockError::Failed(self.shared.stopped(Stop::WouldBlock)));
            }
            loop {
                sleeper.look();
                let heard = body.readers_bell.announce();
                if !matches!(self.writer(), Writer::Alive) {
                    break;
                }
                if let Err(stop) = sleeper.sleep(body.readers_bell.word(), heard) {
                    return Err(LockError::Failed(self.shared.stopped(stop)));
                }
            }
            self.enter(me)?;
            writer = self.writer();
        }
    }

    fn write_within(&self, wait: Wait) -> Writing<'_, T> {
        let (shared, body) = (&self.shared, self.shared.body());
        match body.writer.lock(shared.members(), wait, shared.cancel().word()) {
            Ok(Locked::Clean) => {}
            Ok(Locked::OwnerDied(_)) => {
                crate::log::warn(format_args!("{}: its writer died", shared.shown()));
                body.poison.fetch_or(SUSPECT, Ordering::Relaxed);
            }
            Err(LockFault::NotRecoverable) => {
                return Err(LockError::Failed(self.not_recoverable()));
            }
            Err(LockFault::Stop(stop)) => return Err(LockError::Failed(shared.stopped(stop))),
        }
        // Orders our word before our look at the readers, as theirs before their look at it.
        fence(Ordering::SeqCst);
        if self.somebody_reads() {
            self.wait_for_readers(wait)?;
        }
        match body.poison.load(Ordering::Relaxed) {
            0 => Ok(RwLockWriteGuard::new(self, false)),
            seen if seen & SUSPECT != 0 => {
                Err(LockError::OwnerDied(RwLockWriteGuard::new(self, true)))
            }
            _ => Err(LockError::Poisoned(RwLockWriteGuard::new(self, false))),
        }
    }

    #[cold]
    fn wait_for_readers<G>(&self, wait: Wait) -> Result<(), LockError<G>> {
        let bell = &self.shared.body().writers_bell;
        let mut sleeper = self.shared.sleeper(wait);
        loop {
            sleeper.look();
            let heard = bell.announce();
            if !self.somebody_reads() {
                return Ok(());
            }
            if let Err(stop) = sleeper.sleep(bell.word(), heard) {
                self.unlock_writer();
                return Err(LockError::Failed(self.shared.stopped(stop)));
            }
        }
    }

    fn unlock_writer(&self) {
        let body = self.shared.body();
        body.writer.unlock(self.shared.members());
        fence(Ordering::SeqCst);
        body.readers_bell.ring();
    }

    /// Counts this process as a reader.
    #[inline]
    fn enter<G>(&self, me: OwnerId) -> Result<(), LockError<G>> {
        match self.shared.body().readers.get(me.slot()) {
            Some(place) => {
                places::enter(place, me);
                Ok(())
            }
            None => {
                let (name, slots) =
                    (self.shared.shown().to_owned(), self.shared.body().readers.len());
                Err(LockError::Failed(Error::TooManyPeers { name, slots }))
            }
        }
    }

    /// Takes this process out of the readers.
    #[inline]
    fn leave(&self) {
        let body = self.shared.body();
        if let Some(place) = self.shared.me().ok().and_then(|me| body.readers.get(me.slot())) {
            places::leave(place);
            body.writers_bell.ring();
        }
    }

    #[inline]
    fn writer(&self) -> Writer {
        let seen = self.shared.body().writer.word().load(Ordering::SeqCst);
        match OwnerId::from_bits(seen) {
            None => Writer::None,
            Some(owner) if owner.bits() == NOT_RECOVERABLE => Writer::Abandoned,
            Some(owner) if self.shared.members().is_alive(owner) => Writer::Alive,
            Some(_) => Writer::Dead,
        }
    }

    fn somebody_reads(&self) -> bool {
        self.shared.body().readers.iter().enumerate().any(|(slot, place)| {
            let seen = place.load(Ordering::SeqCst);
            places::count(seen) > 0 && places::lives(self.shared.members(), slot, seen)
        })
    }

    fn not_recoverable(&self) -> Error {
        Error::NotRecoverable { name: self.shared.shown().to_owned() }
    }
}

impl<T: ShmSafe + Sync> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = self.shared.body().writer.holder().is_some();
        let mut shown = f.debug_struct("RwLock");
        shown.field("name", &self.shared.shown()).field("written", &written).finish()
    }
}
