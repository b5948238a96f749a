//! What a set tells about itself, and what may be done to it from outside.

use std::time::{Duration, SystemTime};

use rustix::io::Errno;

use super::{Guard, Key, SysvSet};
use crate::error::{Error, Result};
use crate::sys::sysv;

/// What the kernel tells about a whole set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stat {
    /// Whom it belongs to.
    pub uid: u32,
    /// Who may use it, as `chmod(2)` writes it.
    pub mode: u32,
    /// The last group of operations; `None` before the first.
    pub last_operation: Option<SystemTime>,
    /// The last change of a value, the owner or the mode from outside.
    pub last_change: Option<SystemTime>,
}

impl SysvSet {
    /// How many semaphores it has; their indices are below that.
    #[must_use]
    pub const fn count(&self) -> u16 {
        self.count
    }

    /// The number of the set, which [`from_id`](Self::from_id) takes in another process.
    #[must_use]
    pub const fn id(&self) -> i32 {
        self.id
    }

    /// The value of one semaphore now. Does not block.
    ///
    /// # Errors
    /// `Removed`, `InvalidArgument` (no such semaphore), `Os`.
    #[doc(alias = "GETVAL")]
    pub fn value(&self, index: u16) -> Result<u16> {
        self.number(index, libc::GETVAL).map(|value| u16::try_from(value).unwrap_or(0))
    }

    /// All values at one instant. Does not block.
    ///
    /// # Errors
    /// `Removed`, `Os`.
    #[doc(alias = "GETALL")]
    pub fn values(&self) -> Result<Vec<u16>> {
        self.same()?;
        sysv::values(self.id, usize::from(self.count)).map_err(|errno| self.refused(errno))
    }

    /// How many wait for units of this semaphore. Does not block.
    ///
    /// # Errors
    /// As [`value`](Self::value).
    #[doc(alias = "GETNCNT")]
    pub fn waiters(&self, index: u16) -> Result<u32> {
        self.number(index, libc::GETNCNT).map(|count| u32::try_from(count).unwrap_or(0))
    }

    /// How many wait for this semaphore to be 0. Does not block.
    ///
    /// # Errors
    /// As [`value`](Self::value).
    #[doc(alias = "GETZCNT")]
    pub fn zero_waiters(&self, index: u16) -> Result<u32> {
        self.number(index, libc::GETZCNT).map(|count| u32::try_from(count).unwrap_or(0))
    }

    /// The process that changed this semaphore last. `None`: nobody yet, or one outside this PID
    /// namespace. Does not block.
    ///
    /// # Errors
    /// As [`value`](Self::value).
    #[doc(alias = "GETPID")]
    pub fn last_pid(&self, index: u16) -> Result<Option<u32>> {
        let pid = self.number(index, libc::GETPID)?;
        Ok(u32::try_from(pid).ok().filter(|pid| *pid != 0))
    }

    /// Sets one value, whatever it was; wakes those who can go on. What processes had to undo for
    /// this semaphore is forgotten. Does not block.
    ///
    /// # Errors
    /// `InvalidArgument`: above [`MAX`](Self::MAX), or no such semaphore. `Removed`, `Os`.
    #[doc(alias = "SETVAL")]
    pub fn set_value(&self, index: u16, value: u16) -> Result<()> {
        if value > Self::MAX {
            return Err(Error::InvalidArgument { what: "set value: it is above 32767" });
        }
        self.check(index)?;
        self.same()?;
        sysv::set_value(self.id, index, value).map_err(|errno| self.refused(errno))
    }

    /// Owner, mode and times. Does not block.
    ///
    /// # Errors
    /// `Removed`, `Os`.
    #[doc(alias = "IPC_STAT")]
    pub fn stat(&self) -> Result<Stat> {
        self.same()?;
        let info = sysv::info(self.id).map_err(|errno| self.refused(errno))?;
        let time = |seconds: i64| {
            let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds != 0)?;
            SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
        };
        Ok(Stat {
            uid: info.uid,
            mode: info.mode & 0o777,
            last_operation: time(info.otime),
            last_change: time(info.ctime),
        })
    }

    /// Removes the set. Everybody who waits on it, and every later call, gets `Removed`.
    ///
    /// # Errors
    /// `Removed`: it was gone before. `Os` with `EPERM`: it belongs to another user.
    #[doc(alias = "IPC_RMID")]
    pub fn remove(&self) -> Result<()> {
        self.same()?;
        sysv::remove(self.id).map_err(|errno| self.refused(errno))?;
        let _ = self.gone();
        Ok(())
    }

    /// Removes the set of this key, whoever made it.
    ///
    /// # Errors
    /// `NotFound`. `Os` with `EPERM` or `EACCES`: it belongs to another user.
    pub fn unlink(key: Key) -> Result<()> {
        let fail = |errno| match errno {
            Errno::IDRM | Errno::INVAL => Error::NotFound { name: key.shown() },
            _ => Error::os("remove", &key.shown(), errno),
        };
        let id = sysv::get(key.raw(), 0, 0).map_err(fail)?;
        sysv::remove(id).map_err(fail)
    }

    fn number(&self, index: u16, command: i32) -> Result<i32> {
        self.check(index)?;
        self.same()?;
        sysv::number(self.id, index, command).map_err(|errno| self.refused(errno))
    }

    fn check(&self, index: u16) -> Result<()> {
        if index < self.count {
            return Ok(());
        }
        Err(Error::InvalidArgument { what: "use semaphore set: no such semaphore" })
    }

    /// Whether the number still means the set that this handle was made for.
    pub(super) fn same(&self) -> Result<()> {
        self.alive()?;
        let same = match self.guard {
            Some(guard) => Guard::read(self.id, usize::from(self.count) + 2) == Some(guard),
            None => match sysv::info(self.id) {
                Ok(info) => info.key == self.key && info.count == usize::from(self.count),
                Err(errno) => return Err(self.refused(errno)),
            },
        };
        if same { Ok(()) } else { Err(self.gone()) }
    }
}

impl Guard {
    /// The last two values of a set of `count` semaphores, if they can be a guard.
    pub(super) fn read(id: i32, count: usize) -> Option<Self> {
        let at = u16::try_from(count.checked_sub(3)?).ok()? + 1;
        let value = |index| {
            let value = sysv::number(id, index, libc::GETVAL).ok()?;
            u16::try_from(value).ok().filter(|value| *value >= super::key::MARK)
        };
        Some(Self { tag: value(at)?, nonce: value(at + 1)? })
    }
}
