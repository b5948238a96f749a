//! Where a FIFO stands: its directory, held open, and its name in there. All later looks go through
//! the descriptor, so neither `chdir` nor a renamed parent leads them elsewhere.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use ipc_core::name::{Fault, NAME_MAX, PATH_MAX, check_path};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, Stat, openat, statat};
use rustix::io::Errno;

use crate::error::{Error, Result};

/// Which file a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id(u64, u64);

impl Id {
    pub(crate) const fn of(stat: &Stat) -> Self {
        Self(stat.st_dev, stat.st_ino)
    }
}

#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) dir: OwnedFd,
    pub(crate) name: OsString,
    /// As the caller wrote it: what errors name.
    pub(crate) path: PathBuf,
}

impl Place {
    /// Checks the path and opens its directory.
    pub(crate) fn new(op: &'static str, path: &Path) -> Result<Self> {
        let bytes = path.as_os_str().as_bytes();
        let checked = check_path(path, PATH_MAX - 1);
        let (parent, name) = match bytes.iter().rposition(|byte| *byte == b'/') {
            None => (".".as_ref(), bytes),
            Some(0) => ("/".as_ref(), &bytes[1..]),
            Some(slash) => (OsStr::from_bytes(&bytes[..slash]), &bytes[slash + 1..]),
        };
        checked
            .and(match name {
                b"" | b"." | b".." => Err(Fault::Dots),
                _ if name.len() > NAME_MAX => {
                    Err(Fault::TooLong { len: name.len(), max: NAME_MAX })
                }
                _ => Ok(()),
            })
            .map_err(|fault| Error::invalid_name(path, fault))?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = openat(CWD, parent, flags, Mode::empty());
        Ok(Self {
            dir: dir.map_err(|errno| Error::os(op, path, errno))?,
            name: OsStr::from_bytes(name).to_owned(),
            path: path.to_owned(),
        })
    }

    /// What the name stands for now; a symbolic link is not followed.
    pub(crate) fn stat(&self) -> Result<Option<Stat>, Errno> {
        match statat(&self.dir, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Whether the name still stands for this file.
    pub(crate) fn names(&self, id: Id) -> Result<bool, Errno> {
        Ok(self.stat()?.is_some_and(|stat| Id::of(&stat) == id))
    }

    /// A path to another name in the same directory, valid while `self` lives.
    pub(crate) fn beside(&self, name: &OsStr) -> PathBuf {
        Path::new("/proc/self/fd").join(self.dir.as_raw_fd().to_string()).join(name)
    }

    /// The name of the companion file: `.NAME.ipc`. A name that leaves no room for that is cut, and
    /// a hash of the whole tells it from others.
    pub(crate) fn companion(&self) -> OsString {
        const ROOM: usize = NAME_MAX - ".".len() - ".ipc".len();
        let name = self.name.as_bytes();
        let mut companion = b".".to_vec();
        if name.len() <= ROOM {
            companion.extend_from_slice(name);
        } else {
            companion.extend_from_slice(&name[..ROOM - 17]);
            companion.extend_from_slice(format!("~{:016x}", hash(name)).as_bytes());
        }
        companion.extend_from_slice(b".ipc");
        OsString::from_vec(companion)
    }
}

/// FNV-1a: the same in every version of this crate, which all users of one FIFO must agree on.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
