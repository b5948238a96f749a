//! The private directory beside a path in which its socket is born: mode 0700, so nobody sees the
//! socket before its mode is right and it listens; same file system, so it can be renamed into place.
//!
//! A flock on the directory says that its maker lives. One left behind by a killed maker is used by
//! the next.

use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipc_core::Deadline;
use ipc_core::deadline::timespec;
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::address::PATH_LIMIT;

/// The socket's name in there.
pub(super) const CHILD: &str = "s";

#[derive(Debug)]
pub(super) struct Nursery {
    dir: OwnedFd,
    path: PathBuf,
}

impl Nursery {
    /// Makes the directory for the socket that is to be at `path`.
    pub(super) fn beside(path: &Path) -> Result<Self, Errno> {
        let mut name = OsString::from(".");
        name.push(path.file_name().ok_or(Errno::INVAL)?);
        name.push(".ipc");
        let path = path.with_file_name(name);
        // Another maker needs it for a few system calls only; one that is stopped meanwhile is not
        // waited for longer.
        let deadline = Deadline::after(Duration::from_secs(2));
        loop {
            match rustix::fs::mkdir(&path, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
            let dir = match open_private(&path) {
                Err(Errno::NOENT) => continue,
                opened => opened?,
            };
            match rustix::fs::flock(&dir, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if still_there(&dir, &path) => {
                    let made = Self { dir, path };
                    made.empty();
                    return Ok(made);
                }
                Ok(()) => {}
                Err(Errno::AGAIN) if deadline.passed() => return Err(Errno::BUSY),
                Err(Errno::AGAIN | Errno::INTR) => {
                    let millisecond = timespec(Duration::from_millis(1));
                    let _ = rustix::event::poll(&mut [], Some(&millisecond));
                }
                Err(errno) => return Err(errno),
            }
        }
    }

    /// A path of the child that fits into an address.
    pub(super) fn child(&self) -> PathBuf {
        let child = self.path.join(CHILD);
        if child.as_os_str().len() <= PATH_LIMIT {
            return child;
        }
        PathBuf::from(format!("/proc/self/fd/{}/{CHILD}", self.dir.as_raw_fd()))
    }

    fn empty(&self) {
        // It is there only if a maker was killed.
        let _ = rustix::fs::unlinkat(&self.dir, CHILD, AtFlags::empty());
    }
}

impl Drop for Nursery {
    fn drop(&mut self) {
        self.empty();
        let _ = rustix::fs::unlinkat(CWD, &self.path, AtFlags::REMOVEDIR);
    }
}

impl AsFd for Nursery {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }
}

/// Opens the directory if it is ours, with mode 0700 whatever the umask was.
fn open_private(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::DIRECTORY;
    let handle = rustix::fs::open(path, flags | OFlags::PATH, Mode::empty())?;
    let stat = rustix::fs::fstat(&handle)?;
    if stat.st_uid != rustix::process::geteuid().as_raw() {
        return Err(Errno::PERM);
    }
    if stat.st_mode & 0o777 != 0o700 {
        let itself = format!("/proc/self/fd/{}", handle.as_raw_fd());
        rustix::fs::chmod(itself, Mode::RWXU)?;
    }
    rustix::fs::openat(&handle, ".", flags | OFlags::RDONLY, Mode::empty())
}

fn still_there(dir: &OwnedFd, path: &Path) -> bool {
    let ours = rustix::fs::fstat(dir).map(|stat| (stat.st_dev, stat.st_ino));
    let there = rustix::fs::lstat(path).map(|stat| (stat.st_dev, stat.st_ino));
    ours.is_ok() && ours == there
}
