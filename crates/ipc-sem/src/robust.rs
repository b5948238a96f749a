//! glibc's robust mutex between processes: the explicit choice where C programs take part.
//!
//! The kernel finds a dead owner through a list that starts in the owner's thread and runs through
//! the mutexes themselves. So who may write to the mutex can aim that list: this is for processes of
//! one trust domain. And an owner is a thread number, so all processes must be in one PID namespace:
//! a mutex by name notes it, and is refused elsewhere.
//!
//! No sleep is longer than 250 ms: before Linux 7.2 a sleeper that is killed just after it was woken
//! takes along what says that others sleep, and nobody would wake them.
#![expect(unsafe_code, reason = "`at` and `init_at` take an address")]

mod options;

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ipc_core::{Deadline, Wait};
use rustix::io::Errno;

use crate::canceller::{Cancel, Canceller, over};
use crate::error::{Error, Result};
use crate::lock::LockError;
use crate::sys::Map;
use crate::sys::pthread::{Got, Raw};

pub use options::RobustMutexOptions;

/// A mutex of glibc that survives its owner's death, by name or in memory of the caller's.
///
/// By name it is a file `/dev/shm/NAME` of 64 bytes. C maps the same bytes:
///
/// ```c
/// struct ipc_robust_mutex {
///     uint64_t magic;            /* "ipcRMtx" and a NUL */
///     uint32_t version;          /* 1 */
///     uint32_t flags;            /* 1: priority inheritance */
///     uint64_t pid_namespace;    /* st_ino of /proc/self/ns/pid */
///     pthread_mutex_t mutex;     /* at 24: lock this */
/// };
/// ```
///
/// The data it protects is elsewhere, in memory that all share. Dropping the handle unlocks nothing;
/// dropping the guard does. A fork's child does not hold what its parent holds. exec by the main thread counts
/// as death; the kernel misses it when another thread calls exec with the lock held.
///
/// # Linux
/// [`pthread_mutexattr_setrobust(3)`](https://man7.org/linux/man-pages/man3/pthread_mutexattr_setrobust.3.html),
/// glibc 2.30.
///
/// # Examples
/// ```
/// use ipc_sem::{LockError, RobustMutex};
///
/// # fn main() -> Result<(), ipc_sem::Error> {
/// # let name = format!("/ipc-t-{}-doc-robust", std::process::id());
/// let mutex = RobustMutex::create(&name)?;
/// match mutex.lock() {
///     Ok(guard) => drop(guard), // the data is whole
///     Err(LockError::OwnerDied(mut guard)) => {
///         // Repair the data, then:
///         guard.mark_consistent();
///     }
///     Err(LockError::Failed(error)) => return Err(error),
///     Err(LockError::Poisoned(_)) => unreachable!("this mutex does not know panics"),
/// }
/// RobustMutex::unlink(&name)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "pthread_mutex_t")]
pub struct RobustMutex {
    raw: Raw,
    /// `None`: memory of the caller's.
    map: Option<Map>,
    /// Guards of this handle, leaked ones included. While it is not 0 the mapping stays: the
    /// owner's list runs through it. Changed only by who holds the mutex, read by the drop; Relaxed,
    /// because the mutex and the borrow order them.
    held: AtomicU32,
    cancel: Cancel,
    shown: String,
}

/// A held [`RobustMutex`]; dropping it unlocks. It stays in the thread that locked.
#[must_use = "dropping the guard unlocks"]
pub struct RobustGuard<'a> {
    mutex: &'a RobustMutex,
    thread: PhantomData<*mut ()>,
}

/// How a lock attempt ends.
type Locked<'a> = Result<RobustGuard<'a>, LockError<RobustGuard<'a>>>;

impl RobustMutex {
    /// Bytes of a mutex in memory.
    pub const SIZE: usize = crate::sys::pthread::SIZE;
    /// What its address must be a multiple of.
    pub const ALIGN: usize = crate::sys::pthread::ALIGN;

    /// Creates a mutex that nobody but this user may open. Does not block.
    ///
    /// # Errors
    /// `AlreadyExists`, `InvalidName`, `NoSpace`, `Limit`.
    pub fn create(name: &str) -> Result<Self> {
        RobustMutexOptions::new().create(name)
    }

    /// Opens one that exists. Does not block. Opening it states that only cooperating processes can
    /// write to it.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, `Limit`. `WrongOwner`: it belongs neither to this user nor to root.
    /// `Corrupt`, `Truncated`: it is no such mutex. `Unsupported`: it was made in another PID
    /// namespace.
    pub fn open(name: &str) -> Result<Self> {
        RobustMutexOptions::new().open(name)
    }

    /// Opens it, or creates it. Does not block.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`open`](Self::open). `Contended`: others create and remove
    /// it all the time.
    pub fn open_or_create(name: &str) -> Result<Self> {
        RobustMutexOptions::new().open_or_create(name)
    }

    /// Removes the name. Who has the mutex open goes on using it. Does not block.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`; `Os` with `EACCES` or `EPERM`: it belongs to another user.
    pub fn unlink(name: &str) -> Result<()> {
        options::place(name)?.unlink()
    }

    /// Uses the mutex at `place`, which C or [`RobustMutexOptions::init_at`] initialised.
    ///
    /// # Safety
    /// - `place` is valid for [`SIZE`](Self::SIZE) bytes, a multiple of [`ALIGN`](Self::ALIGN), and
    ///   stays mapped there until this handle and all its guards are dropped;
    /// - the bytes are a `pthread_mutex_t` that was initialised as robust and process-shared;
    /// - all processes that write to it cooperate and are in one PID namespace;
    /// - no guard of it is leaked (`mem::forget`) in a thread that goes on after the memory is gone.
    #[must_use]
    pub unsafe fn at(place: NonNull<u8>) -> Self {
        // SAFETY: the duties of `Raw::at` are the first, second and fourth of this function.
        let raw = unsafe { Raw::at(place) };
        Self::new(raw, None, "mutex in memory".to_owned())
    }

    /// Locks, waiting until that can be done.
    ///
    /// # Errors
    /// `OwnerDied`: locked, but the last owner died; see [`RobustGuard::mark_consistent`].
    /// `Failed` with `NotRecoverable`, `Deadlock` (this thread holds it), `Cancelled`.
    #[inline]
    #[doc(alias = "pthread_mutex_lock")]
    pub fn lock(&self) -> Locked<'_> {
        self.take(Wait::FOREVER)
    }

    /// Locks if nobody else has. Does not block.
    ///
    /// # Errors
    /// `Failed` with `WouldBlock`; otherwise as [`lock`](Self::lock).
    #[inline]
    #[doc(alias = "pthread_mutex_trylock")]
    pub fn try_lock(&self) -> Locked<'_> {
        self.take(Wait::No)
    }

    /// Locks, waiting at most for `timeout`.
    ///
    /// # Errors
    /// `Failed` with `TimedOut`; otherwise as [`lock`](Self::lock).
    #[doc(alias = "pthread_mutex_timedlock")]
    pub fn lock_timeout(&self, timeout: Duration) -> Locked<'_> {
        self.take(Wait::timeout(timeout))
    }

    /// Locks, waiting at most until `deadline`.
    ///
    /// # Errors
    /// `Failed` with `TimedOut`; otherwise as [`lock`](Self::lock).
    #[doc(alias = "pthread_mutex_clocklock")]
    pub fn lock_deadline(&self, deadline: Instant) -> Locked<'_> {
        self.take(Wait::deadline(deadline))
    }

    /// A handle that ends the current or the next wait of this one.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.cancel.canceller()
    }

    fn new(raw: Raw, map: Option<Map>, shown: String) -> Self {
        Self { raw, map, held: AtomicU32::new(0), cancel: Cancel::default(), shown }
    }

    #[inline]
    fn take(&self, wait: Wait) -> Locked<'_> {
        if wait != Wait::No && self.cancel.take() {
            return Err(LockError::Failed(Error::Cancelled));
        }
        let got = match (self.raw.try_lock(), wait) {
            (Err(Errno::TIMEDOUT), Wait::Until(deadline)) => self.sleep(deadline)?,
            (Ok(got), _) => got,
            (Err(errno), _) => return Err(LockError::Failed(self.refused(errno))),
        };
        self.count(1);
        let guard = RobustGuard { mutex: self, thread: PhantomData };
        match got {
            Got::Clean => Ok(guard),
            Got::OwnerDied => {
                crate::log::warn(format_args!("{}: its owner died", self.shown));
                Err(LockError::OwnerDied(guard))
            }
        }
    }

    /// Counts guards. Only the thread that holds the mutex does, so a load and a store will do.
    #[inline]
    fn count(&self, by: i32) {
        let held = self.held.load(Ordering::Relaxed);
        self.held.store(held.wrapping_add_signed(by), Ordering::Relaxed);
    }

    #[cold]
    fn sleep<G>(&self, deadline: Deadline) -> Result<Got, LockError<G>> {
        loop {
            match self.raw.lock(deadline.slice(self.cancel.slice())) {
                Ok(got) => return Ok(got),
                Err(Errno::TIMEDOUT | Errno::INTR) => {}
                Err(errno) => return Err(LockError::Failed(self.refused(errno))),
            }
            if let Some(error) = over(&self.cancel, deadline) {
                return Err(LockError::Failed(error));
            }
        }
    }

    #[cold]
    fn refused(&self, errno: Errno) -> Error {
        let name = self.shown.clone();
        match errno {
            Errno::TIMEDOUT => Error::WouldBlock,
            Errno::DEADLK => Error::Deadlock { name },
            Errno::NOTRECOVERABLE => Error::NotRecoverable { name },
            _ => Error::os("lock", &name, errno),
        }
    }
}

impl Drop for RobustMutex {
    fn drop(&mut self) {
        if *self.held.get_mut() != 0 {
            // A leaked guard: some thread's list of held mutexes still runs through these bytes.
            std::mem::forget(self.map.take());
        }
    }
}

impl RobustGuard<'_> {
    /// After `OwnerDied`, when the data is repaired: the mutex is as good as new from now on. If the
    /// guard is dropped without this, nobody can ever lock it again (`NotRecoverable`).
    ///
    /// Has no effect on a mutex whose last owner did not die.
    #[doc(alias = "pthread_mutex_consistent")]
    pub fn mark_consistent(&mut self) {
        // EINVAL: there is nothing to repair.
        let _ = self.mutex.raw.mark_consistent();
    }
}

impl Drop for RobustGuard<'_> {
    fn drop(&mut self) {
        self.mutex.count(-1);
        // EPERM: this is a fork's child, which does not hold what its parent locked.
        let _ = self.mutex.raw.unlock();
    }
}

impl std::fmt::Debug for RobustGuard<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RobustGuard").field(&self.mutex.shown).finish()
    }
}
