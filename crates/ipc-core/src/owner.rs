//! "Is anybody of ours using it?": the companion file of an object that the kernel does not tie to
//! a process (a socket path, a FIFO, a POSIX queue).
//!
//! Every user holds a *shared* lock on the companion; the kernel drops it when the last descriptor
//! of that user's description is closed, so also when the user dies. Who wants to take over a stale
//! object needs the lock *exclusively*: it gets it only if no user lives, and of two takers one does.
//! The locks are OFD locks: closing some other descriptor of the file does not drop them, as it would
//! with the older `fcntl` locks.
//!
//! A child that was forked without exec keeps its parent's lock alive: it holds the descriptor, so it
//! may use the object. Programs that are not ours take no lock and cannot be seen.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fchmod, fstat, open, statat, unlinkat};
use rustix::io::Errno;

use crate::deadline::Deadline;
use crate::sys::{Lock, lock_description};

/// A user's place at the companion file: somebody of ours is alive as long as it exists.
#[derive(Debug)]
pub struct Companion {
    file: OwnedFd,
    path: PathBuf,
}

/// The right to replace a stale object: no user lives, and nobody else can become one meanwhile.
#[derive(Debug)]
pub struct Takeover(Companion);

/// Why the companion was not had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no companion: whether the object is in use cannot be known.
    NoCompanion,
    /// Somebody of ours uses the object, or is just taking it over.
    InUse,
    /// What stands at the companion's path is not a regular file.
    NotAFile,
    /// It belongs to somebody else than our effective user or root.
    WrongOwner {
        /// The owner it has.
        uid: u32,
    },
    /// Anything else the kernel reports.
    Os(Errno),
}

impl From<Errno> for Refused {
    fn from(errno: Errno) -> Self {
        Self::Os(errno)
    }
}

impl Companion {
    /// Becomes a user. The companion is made with `mode` if there is none, and a take-over in
    /// progress is waited for until `deadline`.
    ///
    /// # Errors
    /// `InUse`: the take-over went on past the deadline. See [`Refused`] for the rest.
    pub fn join(path: &Path, mode: Mode, deadline: Deadline) -> Result<Self, Refused> {
        loop {
            let file = match open_existing(path) {
                Err(Refused::NoCompanion) => match create(path, mode) {
                    Err(Refused::Os(Errno::EXIST)) => continue,
                    created => created?,
                },
                opened => opened?,
            };
            if !lock_description(file.as_fd(), Lock::Shared)? {
                if deadline.passed() {
                    return Err(Refused::InUse);
                }
                // A taker holds the lock for a few system calls; nothing announces its end.
                pause(deadline);
            } else if still_there(&file, path)? {
                return Ok(Self { file, path: path.to_owned() });
            }
        }
    }

    /// Asks for the right to replace the object, without waiting.
    ///
    /// # Errors
    /// `NoCompanion`, `InUse`, or what [`Refused`] says.
    pub fn take_over(path: &Path) -> Result<Takeover, Refused> {
        loop {
            let file = open_existing(path)?;
            if !lock_description(file.as_fd(), Lock::Exclusive)? {
                return Err(Refused::InUse);
            }
            if still_there(&file, path)? {
                return Ok(Takeover(Self { file, path: path.to_owned() }));
            }
        }
    }

    /// Leaves; the last user removes the companion too, and `last` first removes the object it
    /// belongs to. True if this was the last one.
    ///
    /// # Errors
    /// What `unlink(2)` or the lock reports.
    pub fn leave(self, last: impl FnOnce()) -> Result<bool, Errno> {
        if !lock_description(self.file.as_fd(), Lock::Exclusive)? {
            return Ok(false);
        }
        if still_there(&self.file, &self.path)? {
            last();
            unlinkat(CWD, &self.path, AtFlags::empty())?;
        }
        Ok(true)
    }
}

impl Takeover {
    /// Ends the take-over: from now on this process is a user and others may join. The lock is
    /// converted, never dropped, so nobody gets in between.
    ///
    /// # Errors
    /// What the lock reports.
    pub fn finish(self) -> Result<Companion, Errno> {
        lock_description(self.0.file.as_fd(), Lock::Shared)?;
        Ok(self.0)
    }

    /// Gives up: the companion stays, unlocked.
    ///
    /// # Errors
    /// What the lock reports.
    pub fn abandon(self) -> Result<(), Errno> {
        lock_description(self.0.file.as_fd(), Lock::None).map(drop)
    }
}

const OPEN: OFlags =
    OFlags::RDWR.union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK);

/// Opens and checks: type and owner, on the descriptor.
fn open_existing(path: &Path) -> Result<OwnedFd, Refused> {
    let file = match open(path, OPEN, Mode::empty()) {
        Err(Errno::NOENT) => return Err(Refused::NoCompanion),
        // A symbolic link, a socket, a directory.
        Err(Errno::LOOP | Errno::NXIO | Errno::ISDIR) => return Err(Refused::NotAFile),
        opened => opened?,
    };
    let stat = fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Refused::NotAFile);
    }
    if stat.st_uid != 0 && stat.st_uid != rustix::process::geteuid().as_raw() {
        return Err(Refused::WrongOwner { uid: stat.st_uid });
    }
    Ok(file)
}

/// Makes the companion with exactly `mode`: born narrower (the umask can only take away), then
/// widened on the descriptor.
fn create(path: &Path, mode: Mode) -> Result<OwnedFd, Refused> {
    let file = open(path, OPEN | OFlags::CREATE | OFlags::EXCL, mode & Mode::RWXU)?;
    fchmod(&file, mode)?;
    Ok(file)
}

/// Whether `path` still names this file: the last user may have removed it before we had the lock.
fn still_there(file: &OwnedFd, path: &Path) -> Result<bool, Errno> {
    let ours = fstat(file)?;
    match statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(there) => Ok((there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// A millisecond, or less if the deadline comes first: for what nothing announces.
pub(crate) fn pause(deadline: Deadline) {
    let millisecond = deadline.slice(std::time::Duration::from_millis(1));
    let _ = rustix::event::poll(&mut [], Some(&crate::deadline::timespec(millisecond)));
}
