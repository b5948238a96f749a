//! POSIX named semaphores, the very objects that `sem_open` of glibc gives to C and Python.
//!
//! A named semaphore is a `sem_t` in a file `/dev/shm/sem.NAME`. glibc's `sem_open` maps that file
//! after checking its size alone. We map it ourselves, for two reasons: the owner can be checked on
//! the very descriptor that is mapped (a look before or after `sem_open` can be deceived by a
//! rename), and the mode can be exact before the name exists. Every operation on the mapped `sem_t`
//! is glibc's, but for one: the wait that a canceller can end.
//!
//! No sleep is longer than 250 ms: a process can be killed after a post woke it and before it took
//! the unit, and glibc would then leave the other sleepers asleep beside a free unit.

mod options;

use std::time::{Duration, Instant};

use ipc_core::{Deadline, Wait};
use rustix::io::Errno;

use crate::canceller::{Cancel, Canceller, SLICE, over};
use crate::error::{Error, Result};
use crate::object::Place;
use crate::sys::posix::Sem;

pub use options::NamedSemaphoreOptions;

/// How often a waiter lets others run before it sleeps: some microseconds. Where both sides share a
/// processor the unit is there after the first or second one, and nobody slept or had to be woken.
const YIELDS: u32 = 4;

/// A counting semaphore with a name, shared with every program that calls `sem_open`.
///
/// It has no owner: whoever dies between `acquire` and `release` takes the unit along. Where that
/// must not be, use a [`SysvSet`](crate::SysvSet) with [`undo`](crate::Ops::undo) or a
/// [`RobustMutex`](crate::RobustMutex).
///
/// The object stays until [`unlink`](Self::unlink), and the memory until the last handle is gone.
/// Dropping a handle changes nothing for others. A fork's child may use the handle.
///
/// # Linux
/// [`sem_overview(7)`](https://man7.org/linux/man-pages/man7/sem_overview.7.html); glibc 2.30.
///
/// # Examples
/// ```
/// use ipc_sem::NamedSemaphore;
///
/// # fn main() -> Result<(), ipc_sem::Error> {
/// # let name = format!("/ipc-t-{}-doc-named", std::process::id());
/// let slots = NamedSemaphore::create(&name, 2)?; // sem_open(name, O_CREAT | O_EXCL, 0600, 2)
/// slots.acquire()?;
/// assert!(slots.try_acquire().is_ok());
/// assert!(matches!(slots.try_acquire(), Err(ipc_sem::Error::WouldBlock)));
/// slots.release()?;
/// assert_eq!(slots.value(), 1);
/// NamedSemaphore::unlink(&name)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "sem_t")]
pub struct NamedSemaphore {
    sem: Sem,
    cancel: Cancel,
    place: Place,
}

impl NamedSemaphore {
    /// The largest value, `SEM_VALUE_MAX`.
    pub const MAX: u32 = crate::sys::posix::VALUE_MAX;

    /// Creates a semaphore of this value that nobody but this user may open. Does not block.
    ///
    /// # Errors
    /// `AlreadyExists`, `InvalidName`, `NoSpace`, `Limit`. `InvalidArgument`: above [`MAX`](Self::MAX).
    #[doc(alias = "sem_open")]
    pub fn create(name: &str, value: u32) -> Result<Self> {
        NamedSemaphoreOptions::new().create(name, value)
    }

    /// Opens one that exists. Does not block.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, `Limit`. `WrongOwner`: it belongs neither to this user nor to root.
    /// `Corrupt`, `Truncated`: it is no semaphore.
    #[doc(alias = "sem_open")]
    pub fn open(name: &str) -> Result<Self> {
        NamedSemaphoreOptions::new().open(name)
    }

    /// Opens it, or creates it with this value if there is none. Does not block.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`open`](Self::open). `Contended`: others create and remove
    /// it all the time.
    #[doc(alias = "sem_open")]
    pub fn open_or_create(name: &str, value: u32) -> Result<Self> {
        NamedSemaphoreOptions::new().open_or_create(name, value)
    }

    /// Removes the name. Who has the semaphore open goes on using it; a new one of this name is
    /// another object. Does not block.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`; `Os` with `EACCES` or `EPERM`: it belongs to another user.
    #[doc(alias = "sem_unlink")]
    pub fn unlink(name: &str) -> Result<()> {
        options::place(name)?.unlink()
    }

    /// Takes one unit, waiting until there is one (`P`).
    ///
    /// # Errors
    /// `Cancelled`.
    #[inline]
    #[doc(alias = "sem_wait")]
    pub fn acquire(&self) -> Result<()> {
        self.take(Wait::FOREVER)
    }

    /// Takes one unit if there is one. Does not block.
    ///
    /// # Errors
    /// `WouldBlock`: there is none.
    #[inline]
    #[doc(alias = "sem_trywait")]
    pub fn try_acquire(&self) -> Result<()> {
        self.take(Wait::No)
    }

    /// Takes one unit, waiting at most for `timeout`. A unit that is there is taken in any case.
    ///
    /// # Errors
    /// `TimedOut`, `Cancelled`.
    #[doc(alias = "sem_timedwait")]
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<()> {
        if self.sem.try_wait() { Ok(()) } else { self.take(Wait::timeout(timeout)) }
    }

    /// Takes one unit, waiting at most until `deadline`. A unit that is there is taken in any case.
    ///
    /// # Errors
    /// `TimedOut`, `Cancelled`.
    ///
    /// # Linux
    /// The clock is monotonic (`sem_clockwait`, glibc 2.30).
    #[doc(alias = "sem_clockwait")]
    pub fn acquire_deadline(&self, deadline: Instant) -> Result<()> {
        self.take(Wait::deadline(deadline))
    }

    /// Gives one unit back (`V`); anybody may, whoever took it. Does not block.
    ///
    /// May be called in a signal handler, unless it can fail: the error allocates.
    ///
    /// # Errors
    /// `Overflow`: the value is [`MAX`](Self::MAX) already; it stays so.
    #[inline]
    #[doc(alias = "sem_post")]
    pub fn release(&self) -> Result<()> {
        self.sem.post().map_err(|errno| self.refused(errno))
    }

    /// How many units there are now. Others may change that at any time. Does not block.
    #[must_use]
    #[doc(alias = "sem_getvalue")]
    pub fn value(&self) -> u32 {
        self.sem.value()
    }

    /// A handle that ends the current or the next wait of this one.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.cancel.canceller()
    }

    #[inline]
    fn take(&self, wait: Wait) -> Result<()> {
        // A cancellation that is due ends also a wait that would have been short.
        let due = self.cancel.flag().is_some() && wait != Wait::No && self.cancel.take();
        if due {
            return Err(Error::Cancelled);
        }
        if self.sem.try_wait() {
            return Ok(());
        }
        match wait {
            Wait::No => Err(Error::WouldBlock),
            Wait::Until(deadline) => self.sleep(deadline),
        }
    }

    #[cold]
    fn sleep(&self, deadline: Deadline) -> Result<()> {
        let mut yields = YIELDS;
        loop {
            if let Some(error) = over(&self.cancel, deadline) {
                return Err(error);
            }
            if yields > 0 {
                yields -= 1;
                rustix::thread::sched_yield();
                if self.sem.try_wait() {
                    return Ok(());
                }
                continue;
            }
            let taken = match self.cancel.flag() {
                None => self.sem.wait(deadline.slice(SLICE)),
                Some(flag) if crate::features().wait_on_many => {
                    self.sem.wait_or(flag.word(), deadline.slice(SLICE))
                }
                Some(_) => self.sem.wait(deadline.slice(self.cancel.slice())),
            };
            if taken {
                return Ok(());
            }
        }
    }

    #[cold]
    fn refused(&self, errno: Errno) -> Error {
        match errno {
            Errno::OVERFLOW => Error::Overflow { name: self.place.shown.clone() },
            _ => Error::os("release", &self.place.shown, errno),
        }
    }
}
