//! System V shared memory: plain bytes found by a key, as C programs have it.
//!
//! It has no descriptor, so nothing serialises who moves in: it carries no header and no life table. The
//! kernel makes it whole in one call, zeroed, with its mode; it cannot be cut off; and it counts who has
//! it attached.

mod bytes;
mod calls;
mod key;
mod open;

use std::fmt;

use ipc_core::segment::forked;
use rustix::io::Errno;

use super::place::Range;
use crate::error::{Error, Result};
use calls::{Attached, Info};

pub use key::Key;

/// A System V segment: plain bytes, compatible with every other program that knows the key.
///
/// It has no header, so nothing is checked but owner and size; no life table, so rings and locks with owners
/// do not live in it; and no descriptor. The kernel keeps it until it is [removed](Self::remove).
///
/// ```
/// # fn main() -> Result<(), ipc_shm::Error> {
/// let ours = ipc_shm::SegmentOptions::new().size(4096).private_sysv()?;
/// let theirs = ipc_shm::SegmentOptions::new().sysv_by_id(ours.id())?; // usually elsewhere
/// ours.remove()?; // now: who is attached keeps it, and nothing is left behind
/// ours.write_at(0, b"hello")?;
/// let mut text = [0; 5];
/// theirs.read_at(0, &mut text)?;
/// assert_eq!(&text, b"hello");
/// # Ok(())
/// # }
/// ```
///
/// # Linux
/// [`shmget(2)`](https://man7.org/linux/man-pages/man2/shmget.2.html),
/// [`shmop(2)`](https://man7.org/linux/man-pages/man2/shmop.2.html)
pub struct SysvSegment {
    range: Range,
    attached: Attached,
    id: i32,
    name: String,
    read_only: bool,
}

/// What the kernel knows about a [`SysvSegment`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SysvStat {
    /// Bytes it was made with.
    pub size: usize,
    /// How often it is attached, by anybody. It may change at once, so it does not tell who lives.
    pub attached: u64,
    /// Its permissions.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// The process that made it.
    pub made_by: i32,
    /// The process that attached or detached it last.
    pub last_by: i32,
    /// Whether it was removed: nobody finds it by its key any more.
    pub removed: bool,
}

impl SysvSegment {
    /// The id, for [`sysv_by_id`](crate::SegmentOptions::sysv_by_id) elsewhere in this IPC namespace.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.id
    }

    /// What the kernel knows about it.
    ///
    /// # Errors
    /// `NotOwner`, `Os` (EACCES: without the right to read).
    #[doc(alias = "shmctl")]
    pub fn stat(&self) -> Result<SysvStat> {
        self.check()?;
        let info = calls::info(self.id).map_err(|errno| self.os("look at shared memory", errno))?;
        let Info { size, attached, mode, uid, made_by, last_by, removed, .. } = info;
        Ok(SysvStat { size, attached, mode, uid, made_by, last_by, removed })
    }

    /// Changes its permissions.
    ///
    /// # Errors
    /// `NotOwner`, `Os` (EPERM: for owner, creator and root only).
    pub fn set_mode(&self, mode: u32) -> Result<()> {
        self.check()?;
        calls::set_mode(self.id, mode & 0o666)
            .map_err(|errno| self.os("change the mode of shared memory", errno))
    }

    /// Removes it: nobody finds it by its key any more. Who has it attached goes on; the memory goes with the
    /// last. While this handle lives its id stands for no other segment.
    ///
    /// # Errors
    /// `NotOwner`, `Os` (EPERM: for owner, creator and root only).
    #[doc(alias = "IPC_RMID")]
    pub fn remove(&self) -> Result<()> {
        self.check()?;
        calls::remove(self.id).map_err(|errno| self.os("remove shared memory", errno))
    }

    fn check(&self) -> Result<()> {
        if forked() { Err(Error::NotOwner { name: self.name.clone() }) } else { Ok(()) }
    }

    fn os(&self, op: &'static str, errno: Errno) -> Error {
        Error::os(op, &self.name, errno)
    }
}

impl fmt::Debug for SysvSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().debug(f, "SysvSegment")
    }
}
