//! The numbers by which strangers find the same queue.

use std::fmt;
use std::path::Path;

use ipc_core::name::{PATH_MAX, check_path};
use rustix::fs::stat;

use crate::error::{Error, Result};

/// The key of a System V queue.
///
/// Keys are numbers that anybody may choose: two programs can choose the same one. `ftok` does not help much:
/// it keeps 16 bits of the file's inode number and 8 of its device, so different files may give one key.
/// Where the id can be handed over (to a child, by a file), a private queue has no such trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(i32);

impl Key {
    /// A key chosen by the caller.
    ///
    /// # Errors
    /// `InvalidInput`: 0, which means a private queue (see [`Queue::private`](super::Queue::private)).
    pub fn new(key: i32) -> Result<Self> {
        match key {
            0 => Err(Error::InvalidInput { what: "key 0 means a private queue" }),
            key => Ok(Self(key)),
        }
    }

    /// The key that `ftok` makes of a file and a project number: as in C.
    ///
    /// # Errors
    /// `InvalidName`, `InvalidInput` (project 0, which POSIX leaves undefined; or a key of 0), `NotFound`,
    /// `Os`.
    ///
    /// # Linux
    /// [`ftok(3)`](https://man7.org/linux/man-pages/man3/ftok.3.html)
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_mq::Error> {
    /// let key = ipc_mq::sysv::Key::ftok("/usr", b'q')?;
    /// assert_eq!(key.get() as u32 >> 24, u32::from(b'q'));
    /// # Ok(())
    /// # }
    /// ```
    pub fn ftok(path: impl AsRef<Path>, project: u8) -> Result<Self> {
        let path = path.as_ref();
        let name = path.display().to_string();
        if let Err(fault) = check_path(path, PATH_MAX - 1) {
            return Err(Error::InvalidName { name, reason: fault.to_string() });
        }
        if project == 0 {
            return Err(Error::InvalidInput { what: "the project number of ftok must not be 0" });
        }
        let stat = stat(path).map_err(|errno| Error::os("make a key of", &name, errno))?;
        let [inode_0, inode_1, ..] = stat.st_ino.to_le_bytes();
        // glibc takes the low byte of the number as `makedev` packs it: of the minor number.
        let [device, ..] = stat.st_dev.to_le_bytes();
        Self::new(i32::from_le_bytes([inode_0, inode_1, device, project]))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}
