//! The number under which strangers find the same set.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use ipc_core::name::{PATH_MAX, check_path};
use rustix::io::Errno;

use crate::error::{Error, Result};

/// Tags and random numbers have this bit, so that a set's own values are seldom taken for them.
pub(super) const MARK: u16 = 0x4000;

/// The key of a [`SysvSet`](crate::SysvSet).
///
/// ```
/// # fn main() -> Result<(), ipc_sem::Error> {
/// let chosen = ipc_sem::Key::new(0x1234_5678)?;
/// let made = ipc_sem::Key::ftok("/usr", b'a')?;
/// assert_ne!(chosen, made);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "key_t")]
pub struct Key {
    value: i32,
    tag: u16,
}

impl Key {
    /// A key that the programs agreed on.
    ///
    /// # Errors
    /// `InvalidArgument`: 0 means "no key" (`IPC_PRIVATE`; see [`SysvSet::private`](crate::SysvSet::private)).
    pub fn new(value: i32) -> Result<Self> {
        if value == 0 {
            return Err(Error::InvalidArgument { what: "make key: 0 is no key, but IPC_PRIVATE" });
        }
        Ok(Self { value, tag: MARK })
    }

    /// The key that `ftok(3)` makes of a file that exists and a number.
    ///
    /// It holds 16 bits of the inode, 8 of the device and 8 of the number, so two files may have the
    /// same. Sets made by this crate remember the rest of both, as far as it goes into 14 bits: who
    /// opens the set of the other file gets `KeyCollision` (all but once in 16384 times).
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, `Os`: the file cannot be looked at. `InvalidArgument`: as
    /// [`new`](Self::new), or the number is 0.
    pub fn ftok(path: impl AsRef<Path>, project: u8) -> Result<Self> {
        let path = path.as_ref();
        let shown = path.to_string_lossy();
        check_path(path, PATH_MAX - 1).map_err(|fault| Error::name(&shown, fault))?;
        if project == 0 {
            return Err(Error::InvalidArgument { what: "make key: the project number is 0" });
        }
        let file = std::fs::metadata(path).map_err(|error| {
            Error::os("make key from", &shown, Errno::from_io_error(&error).unwrap_or(Errno::IO))
        })?;
        let (inode, device) = (file.ino(), file.dev());
        let low = (inode & 0xffff) | (device & 0xff) << 16 | u64::from(project) << 24;
        let value = i32::from_ne_bytes(low_half(low).to_ne_bytes());
        Self::new(value).map(|key| Self { tag: MARK | mix(inode, device), ..key })
    }

    /// The number itself, as C has it.
    #[must_use]
    pub const fn raw(self) -> i32 {
        self.value
    }

    pub(super) const fn tag(self) -> u16 {
        self.tag
    }

    /// What errors call it.
    pub(super) fn shown(self) -> String {
        format!("semaphore set {self}")
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:08x}", self.value)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
const fn low_half(number: u64) -> u32 {
    number as u32
}

/// 14 bits of all of both, never 0: that is the tag of chosen keys.
const fn mix(inode: u64, device: u64) -> u16 {
    let mixed = (inode ^ device.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    1 + ((mixed >> 50) as u16) % 0x3ffe
}
