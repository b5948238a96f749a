//! Where a segment has its name, and how it gets and loses it.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::fs::{fchmod, fstat, linkat, open, statat, unlinkat};
use rustix::io::Errno;

use super::{Access, Fault};
use crate::name::Name;

const DIR: &str = "/dev/shm";

/// The place of a segment in the file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At(PathBuf);

impl From<&Name> for At {
    fn from(name: &Name) -> Self {
        Self(Path::new(DIR).join(name.bare()))
    }
}

impl From<&Path> for At {
    fn from(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

impl From<&At> for At {
    fn from(at: &Self) -> Self {
        at.clone()
    }
}

impl At {
    fn directory(&self) -> &Path {
        match self.0.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }

    /// Opens what is there; type, owner and mode are checked on the descriptor.
    pub(super) fn open(&self, access: &Access, how: OFlags) -> Result<OwnedFd, Fault> {
        let flags = how | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = open(&self.0, flags, Mode::empty()).map_err(Fault::of("open"))?;
        check(&file, access).map(|()| file)
    }

    /// Removes the name.
    pub(super) fn unlink(&self) -> Result<(), Fault> {
        unlinkat(CWD, &self.0, AtFlags::empty()).map_err(Fault::of("remove the name"))
    }

    /// Removes the name if it still means this file. The caller holds the file's attach lock.
    pub(super) fn unlink_this(&self, file: &OwnedFd) -> Result<(), Fault> {
        let ours = fstat(file).map_err(Fault::of("look at it"))?;
        match statat(CWD, &self.0, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(there) if (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino) => {
                self.unlink()
            }
            Ok(_) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(Fault::of("look at the name")(errno)),
        }
    }
}

/// Type, owner, mode, in this order.
fn check(file: &OwnedFd, access: &Access) -> Result<(), Fault> {
    let stat = fstat(file).map_err(Fault::of("look at it"))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Fault::NotAFile);
    }
    let me = rustix::process::geteuid().as_raw();
    if ![0, me].contains(&stat.st_uid) && !access.owners.contains(&stat.st_uid) {
        return Err(Fault::WrongOwner { uid: stat.st_uid });
    }
    // We never give a right to execute, or set-id bits.
    match stat.st_mode & 0o7777 {
        mode if mode & !0o666 != 0 => Err(Fault::WrongMode { mode }),
        _ => Ok(()),
    }
}

/// A file with the mode it shall have, which nobody finds before [`publish`](Self::publish).
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) file: OwnedFd,
    /// Where the file system has no files without a name.
    temporary: Option<Temporary>,
}

impl Draft {
    pub(super) fn new(at: &At, mode: u32) -> Result<Self, Fault> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        let draft = match open(at.directory(), flags | OFlags::TMPFILE, Mode::empty()) {
            Ok(file) => Self { file, temporary: None },
            Err(Errno::OPNOTSUPP | Errno::ISDIR) => Self::named(at, flags)?,
            Err(errno) => return Err(Fault::of("create")(errno)),
        };
        // The umask has no say: nobody but us can open the file until it is as asked.
        fchmod(&draft.file, Mode::from_raw_mode(mode)).map_err(Fault::of("set the mode"))?;
        Ok(draft)
    }

    fn named(at: &At, flags: OFlags) -> Result<Self, Fault> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let turn = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!(".ipc-new-{}-{turn}", std::process::id());
        let path = at.directory().join(name);
        let flags = flags | OFlags::CREATE | OFlags::EXCL;
        let file = open(&path, flags, Mode::empty()).map_err(Fault::of("create"))?;
        Ok(Self { file, temporary: Some(Temporary(path)) })
    }

    /// Gives it its name, which nothing must have.
    pub(super) fn publish(&self, at: &At) -> Result<(), Fault> {
        let (from, flags) = match &self.temporary {
            Some(Temporary(path)) => (path.clone(), AtFlags::empty()),
            None => (own_path(&self.file).into(), AtFlags::SYMLINK_FOLLOW),
        };
        linkat(CWD, from, CWD, &at.0, flags).map_err(Fault::of("publish the name"))
    }
}

/// A name that goes when this does.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = unlinkat(CWD, &self.0, AtFlags::empty());
    }
}

/// A path that leads to the open file itself.
pub(super) fn own_path(file: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}
