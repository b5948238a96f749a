//! A lock on a file that belongs to one open file description.
//!
//! The kernel lets nobody wait for such a lock with a time limit. A wait without one (and without a
//! canceller) sleeps in the kernel and is woken at once. Any other wait tries, pauses, and tries
//! again: first after 50 us, then after twice the pause before, never after more than 5 ms. So a
//! lock that comes free is taken at most 5 ms later; a canceller ends a pause at once.

mod options;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use ipc_core::{Deadline, Wait};
use rustix::io::Errno;

use crate::canceller::{Cancel, Canceller, over};
use crate::error::{Error, Result};
use crate::sys::ofd::{self, Kind};

pub use options::FileLockOptions;

const FIRST_PAUSE: Duration = Duration::from_micros(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(5);

/// A file as a lock: one process writes, or many read; whoever dies lets go.
///
/// The lock belongs to the open file description behind this handle, so it does not vanish when the
/// program closes another descriptor of the file, and two handles of one process exclude each other.
/// A child made by `fork` shares the description: the lock then lasts until both are done with it.
///
/// Nothing here removes the file: who waits for a lock on a removed file would hold a lock that
/// nobody else sees.
///
/// # Linux
/// `F_OFD_SETLK` of [`fcntl(2)`](https://man7.org/linux/man-pages/man2/fcntl.2.html), Linux 3.15.
/// It is advisory, and independent of `flock(2)`. The kernel does not look for deadlocks.
///
/// # Examples
/// ```
/// use ipc_sem::{Error, FileLock};
///
/// # fn main() -> Result<(), ipc_sem::Error> {
/// # let path = std::env::temp_dir().join(format!("ipc-t-{}-doc-file-lock", std::process::id()));
/// let mut mine = FileLock::open_or_create(&path)?;
/// let mut other = FileLock::open(&path)?;
/// let guard = mine.lock()?;
/// assert!(matches!(other.try_lock_shared(), Err(Error::WouldBlock)));
/// drop(guard);
/// other.lock_shared()?;
/// # let _ = std::fs::remove_file(&path);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "F_OFD_SETLKW")]
#[doc(alias = "flock")]
pub struct FileLock {
    fd: OwnedFd,
    cancel: Cancel,
    shown: String,
}

/// A held [`FileLock`]; dropping it unlocks.
#[derive(Debug)]
#[must_use = "dropping the guard unlocks"]
pub struct FileGuard<'a> {
    lock: &'a FileLock,
}

impl FileLock {
    /// As [`FileLockOptions::create`], with mode 0600.
    ///
    /// # Errors
    /// As there.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        FileLockOptions::new().create(path)
    }

    /// As [`FileLockOptions::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        FileLockOptions::new().open(path)
    }

    /// As [`FileLockOptions::open_or_create`], with mode 0600.
    ///
    /// # Errors
    /// As there.
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self> {
        FileLockOptions::new().open_or_create(path)
    }

    /// Locks for writing: nobody else holds the lock. Waits until that is so.
    ///
    /// # Errors
    /// `Cancelled`, `Limit`. `Unsupported`: the descriptor is not open for writing.
    pub fn lock(&mut self) -> Result<FileGuard<'_>> {
        self.take(Kind::Exclusive, Wait::FOREVER)
    }

    /// Locks for writing if nobody holds the lock. Does not block.
    ///
    /// # Errors
    /// `WouldBlock`: somebody does. Otherwise as [`lock`](Self::lock).
    pub fn try_lock(&mut self) -> Result<FileGuard<'_>> {
        self.take(Kind::Exclusive, Wait::No)
    }

    /// Locks for writing, waiting at most for `timeout`.
    ///
    /// # Errors
    /// `TimedOut`, and as [`lock`](Self::lock).
    pub fn lock_timeout(&mut self, timeout: Duration) -> Result<FileGuard<'_>> {
        self.take(Kind::Exclusive, Wait::timeout(timeout))
    }

    /// Locks for writing, waiting at most until `deadline`.
    ///
    /// # Errors
    /// `TimedOut`, and as [`lock`](Self::lock).
    pub fn lock_deadline(&mut self, deadline: Instant) -> Result<FileGuard<'_>> {
        self.take(Kind::Exclusive, Wait::deadline(deadline))
    }

    /// Locks for reading: others may read too, nobody writes. Waits until that is so.
    ///
    /// # Errors
    /// `Cancelled`, `Limit`. `Unsupported`: the descriptor is not open for reading.
    pub fn lock_shared(&mut self) -> Result<FileGuard<'_>> {
        self.take(Kind::Shared, Wait::FOREVER)
    }

    /// Locks for reading if nobody writes. Does not block.
    ///
    /// # Errors
    /// `WouldBlock`: somebody does. Otherwise as [`lock_shared`](Self::lock_shared).
    pub fn try_lock_shared(&mut self) -> Result<FileGuard<'_>> {
        self.take(Kind::Shared, Wait::No)
    }

    /// Locks for reading, waiting at most for `timeout`.
    ///
    /// # Errors
    /// `TimedOut`, and as [`lock_shared`](Self::lock_shared).
    pub fn lock_shared_timeout(&mut self, timeout: Duration) -> Result<FileGuard<'_>> {
        self.take(Kind::Shared, Wait::timeout(timeout))
    }

    /// Locks for reading, waiting at most until `deadline`.
    ///
    /// # Errors
    /// `TimedOut`, and as [`lock_shared`](Self::lock_shared).
    pub fn lock_shared_deadline(&mut self, deadline: Instant) -> Result<FileGuard<'_>> {
        self.take(Kind::Shared, Wait::deadline(deadline))
    }

    /// A handle that ends the current or the next wait of this one.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.cancel.canceller()
    }

    fn take(&mut self, kind: Kind, wait: Wait) -> Result<FileGuard<'_>> {
        if wait != Wait::No && self.cancel.take() {
            return Err(Error::Cancelled);
        }
        let mut errno = match ofd::lock(self.fd.as_fd(), kind, false) {
            Ok(()) => return Ok(FileGuard { lock: self }),
            Err(errno) => errno,
        };
        let Wait::Until(deadline) = wait else { return Err(self.refused(errno)) };
        let mut pause = FIRST_PAUSE;
        while matches!(errno, Errno::AGAIN | Errno::INTR) {
            // Only a wait that nothing else may end sleeps in the kernel. `&mut self` rules out that
            // a first canceller is made meanwhile.
            let in_kernel = deadline.is_never() && self.cancel.flag().is_none();
            if !in_kernel {
                self.cancel.pause(deadline.slice(pause));
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            errno = match ofd::lock(self.fd.as_fd(), kind, in_kernel) {
                Ok(()) => return Ok(FileGuard { lock: self }),
                Err(errno) => errno,
            };
            self.over(deadline)?;
        }
        Err(self.refused(errno))
    }

    fn over(&self, deadline: Deadline) -> Result<()> {
        over(&self.cancel, deadline).map_or(Ok(()), Err)
    }

    #[cold]
    fn refused(&self, errno: Errno) -> Error {
        match errno {
            Errno::AGAIN => Error::WouldBlock,
            Errno::BADF => Error::Unsupported {
                what: "lock a file that is not open for reading (shared) or writing (exclusive)",
            },
            errno => Error::os("lock", &self.shown, errno),
        }
    }
}

impl Drop for FileGuard<'_> {
    fn drop(&mut self) {
        // Unlocking what is locked cannot fail on a local file; on another, closing does it.
        let _ = ofd::lock(self.lock.fd.as_fd(), Kind::None, false);
    }
}

impl AsFd for FileLock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Any file that is open may be locked; the lock is its description's.
impl From<OwnedFd> for FileLock {
    fn from(fd: OwnedFd) -> Self {
        Self { fd, cancel: Cancel::default(), shown: "lock file".to_owned() }
    }
}

impl From<FileLock> for OwnedFd {
    fn from(lock: FileLock) -> Self {
        lock.fd
    }
}
