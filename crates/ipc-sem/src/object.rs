//! Objects in `/dev/shm`: made whole before they have a name, checked before they are used.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use ipc_core::name::Name;
use rustix::fs::{self, AtFlags, CWD, FallocateFlags, FileType, Mode, OFlags, Stat};
use rustix::io::{Errno, retry_on_intr};

use crate::error::{Error, Result};

/// Where POSIX keeps named semaphores and shared memory on Linux.
const DIRECTORY: &str = "/dev/shm";

/// An object's name, and the file it is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// What errors call it: `semaphore "/jobs"`.
    pub(crate) shown: String,
    path: String,
}

impl Place {
    /// `prefix` is what the system puts before the bare name; `kind` is what errors call it.
    pub(crate) fn new(kind: &str, name: &str, prefix: &str) -> Result<Self> {
        let checked = Name::new(name, ipc_core::name::NAME_MAX - prefix.len())
            .map_err(|fault| Error::name(name, fault))?;
        let path = format!("{DIRECTORY}/{prefix}{}", checked.bare());
        Ok(Self { shown: format!("{kind} \"{}\"", checked.slashed()), path })
    }

    /// A file of `len` zero bytes without a name, with its memory reserved and exactly this mode.
    pub(crate) fn nameless(&self, len: u64, mode: u32) -> Result<OwnedFd> {
        let op = "create";
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let fail = |errno| Error::os(op, &self.shown, errno);
        let fd = fs::open(DIRECTORY, flags, Mode::empty()).map_err(fail)?;
        retry_on_intr(|| fs::fallocate(&fd, FallocateFlags::empty(), 0, len)).map_err(fail)?;
        fs::fchmod(&fd, Mode::from_raw_mode(mode & 0o777)).map_err(fail)?;
        Ok(fd)
    }

    /// Gives the file its name; the file is whole by then.
    pub(crate) fn publish(&self, fd: &OwnedFd) -> Result<()> {
        // Without a right that most have not, only the way through /proc is open.
        let through = format!("/proc/self/fd/{}", fd.as_raw_fd());
        fs::linkat(CWD, &through, CWD, &self.path, AtFlags::SYMLINK_FOLLOW)
            .or_else(|errno| match errno {
                Errno::NOENT => fs::linkat(fd, "", CWD, &self.path, AtFlags::EMPTY_PATH),
                _ => Err(errno),
            })
            .map_err(|errno| Error::os("create", &self.shown, errno))
    }

    /// Opens the object and checks, on the descriptor: type, owner, size.
    pub(crate) fn open(&self, allowed: &[u32], len: u64) -> Result<OwnedFd> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let fd = fs::open(&self.path, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::LOOP => self.corrupt("it is a symbolic link"),
            Errno::ISDIR => self.corrupt("it is a directory"),
            Errno::NXIO => self.corrupt("it is not a regular file"),
            _ => Error::os("open", &self.shown, errno),
        })?;
        let stat = check_owner(&self.shown, &fd, allowed)?;
        let got = u64::try_from(stat.st_size).unwrap_or(0);
        if got < len {
            return Err(Error::Truncated { name: self.shown.clone(), got, want: len });
        }
        Ok(fd)
    }

    pub(crate) fn unlink(&self) -> Result<()> {
        fs::unlink(&self.path).map_err(|errno| Error::os("unlink", &self.shown, errno))
    }

    pub(crate) fn corrupt(&self, reason: &'static str) -> Error {
        Error::Corrupt { name: self.shown.clone(), reason }
    }
}

/// Checks that `fd` is a regular file of ours, of root, or of a user that was allowed.
pub(crate) fn check_owner(shown: &str, fd: impl AsFd, allowed: &[u32]) -> Result<Stat> {
    let stat = fs::fstat(&fd).map_err(|errno| Error::os("open", shown, errno))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Error::Corrupt { name: shown.to_owned(), reason: "it is not a regular file" });
    }
    check_user(shown, stat.st_uid, allowed)?;
    Ok(stat)
}

/// Checks that an object of `uid` may be used.
pub(crate) fn check_user(shown: &str, uid: u32, allowed: &[u32]) -> Result<()> {
    let ours = rustix::process::geteuid().as_raw();
    if uid == 0 || uid == ours || allowed.contains(&uid) {
        return Ok(());
    }
    Err(Error::WrongOwner { name: shown.to_owned(), uid })
}

/// Opens the object or creates it, whichever works first.
pub(crate) fn open_or_create<T>(
    shown: &str,
    open: impl Fn() -> Result<T>,
    create: impl Fn() -> Result<T>,
) -> Result<T> {
    for _ in 0..100 {
        match open() {
            Err(Error::NotFound { .. }) => {}
            done => return done,
        }
        match create() {
            Err(Error::AlreadyExists { .. }) => {}
            done => return done,
        }
    }
    Err(Error::Contended { name: shown.to_owned() })
}
