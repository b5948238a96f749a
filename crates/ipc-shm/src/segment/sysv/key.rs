//! The number under which strangers find the same System V segment.

use std::fmt;
use std::path::Path;

use ipc_core::name::{PATH_MAX, check_path};
use rustix::fs::stat;

use crate::error::{Error, Result};

/// The key of a [`SysvSegment`](crate::SysvSegment).
///
/// Keys are numbers that anybody may choose: two programs can choose the same one. Where the id can be handed
/// over, a [private](crate::SegmentOptions::private_sysv) segment has no such trouble.
///
/// ```
/// # fn main() -> Result<(), ipc_shm::Error> {
/// let chosen = ipc_shm::Key::new(0x1234_5678)?;
/// let made = ipc_shm::Key::ftok("/usr", b'a')?;
/// assert_ne!(chosen, made);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "key_t")]
pub struct Key(i32);

impl Key {
    /// A key that the programs agreed on.
    ///
    /// # Errors
    /// `InvalidInput`: 0 means a private segment.
    pub fn new(value: i32) -> Result<Self> {
        match value {
            0 => Err(Error::InvalidInput { what: "key 0 means a private segment" }),
            value => Ok(Self(value)),
        }
    }

    /// The key that `ftok(3)` makes of a file that exists and a number.
    ///
    /// It holds 16 bits of the inode, 8 of the device and 8 of the number, so two files may have the same.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, `Os`: the file cannot be looked at. `InvalidInput`: the number is 0, which
    /// POSIX leaves undefined, or the key is.
    pub fn ftok(path: impl AsRef<Path>, project: u8) -> Result<Self> {
        let path = path.as_ref();
        let shown = path.to_string_lossy();
        check_path(path, PATH_MAX - 1).map_err(|fault| Error::InvalidName {
            name: shown.clone().into_owned(),
            reason: fault.to_string(),
        })?;
        if project == 0 {
            return Err(Error::InvalidInput { what: "the project number of a key is 0" });
        }
        let file = stat(path).map_err(|errno| Error::os("make a key of", &shown, errno))?;
        let [low, high, ..] = file.st_ino.to_le_bytes();
        let [device, ..] = file.st_dev.to_le_bytes();
        Self::new(i32::from_le_bytes([low, high, device, project]))
    }

    /// The number itself, as C has it.
    #[must_use]
    pub const fn raw(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:08x}", self.0)
    }
}
