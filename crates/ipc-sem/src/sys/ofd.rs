//! Locks of open file descriptions.
#![expect(unsafe_code, reason = "rustix has only the locks that belong to a process")]

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;

use super::last_errno;

/// How a file is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Shared,
    Exclusive,
    None,
}

/// Locks the whole file for this open file description. With `wait` it sleeps until that can be
/// done or a signal handler ran (`EINTR`); without, `EAGAIN` says that another's lock is in the way.
pub(crate) fn lock(fd: BorrowedFd<'_>, kind: Kind, wait: bool) -> Result<(), Errno> {
    let kind = match kind {
        Kind::Shared => libc::F_RDLCK,
        Kind::Exclusive => libc::F_WRLCK,
        Kind::None => libc::F_UNLCK,
    };
    // SAFETY: `flock` is a plain C struct of integers, for which zeroes are valid.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    // From 0 with length 0: to the end, however the file grows. `l_pid` must be 0 for OFD locks.
    lock.l_type = i16::try_from(kind).map_err(|_| Errno::INVAL)?;
    lock.l_whence = i16::try_from(libc::SEEK_SET).map_err(|_| Errno::INVAL)?;
    let command = if wait { libc::F_OFD_SETLKW } else { libc::F_OFD_SETLK };
    // SAFETY: both commands read a `flock`, which is live; the descriptor is borrowed, so open.
    match unsafe { libc::fcntl(fd.as_raw_fd(), command, &raw const lock) } {
        0 => Ok(()),
        _ => match last_errno() {
            Errno::ACCESS => Err(Errno::AGAIN),
            errno => Err(errno),
        },
    }
}
