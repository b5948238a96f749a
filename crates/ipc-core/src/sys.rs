//! The calls that rustix has not: all unsafe code of this crate.
#![expect(unsafe_code, reason = "the one file of this crate that talks to libc")]

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use rustix::io::Errno;

/// Whether this process ignores SIGPIPE at this moment.
#[inline]
pub(crate) fn sigpipe_ignored() -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: `sigaction` with a null new action only writes the old one, which is live and of its
    // type.
    let done = unsafe { libc::sigaction(libc::SIGPIPE, ptr::null(), action.as_mut_ptr()) };
    if done != 0 {
        return false;
    }
    // SAFETY: the call above succeeded, so it wrote the whole struct.
    unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

/// Runs `call` with SIGPIPE blocked in this thread, takes back one that it raised, and restores the
/// mask. A SIGPIPE that was pending before stays pending.
pub(crate) fn without_sigpipe<T>(call: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
    let sigpipe = sigset(&[libc::SIGPIPE]);
    let was_pending = pending(libc::SIGPIPE);
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `pthread_sigmask` reads the first set, which `sigset` initialised, and writes the
    // second, which is live and of its type.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const sigpipe, before.as_mut_ptr()) };
    let done = call();
    if matches!(done, Err(Errno::PIPE)) && !was_pending {
        let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `sigtimedwait` reads the set and the time, both live and initialised; a null
        // `info` is allowed.
        unsafe { libc::sigtimedwait(&raw const sigpipe, ptr::null_mut(), &raw const now) };
    }
    // SAFETY: `before` was written by the first `pthread_sigmask`, which cannot fail: its arguments
    // are a known `how` and live sets. A null old set is allowed.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    done
}

/// Runs `call` with all signals blocked in this thread, except those that the C library keeps for
/// itself, and SIGBUS: blocked, it would end the process where a handler could repair the memory that a
/// peer cut off. A thread that `call` starts runs no other handler of the program.
#[cfg(not(loom))]
pub(crate) fn with_signals_blocked<T>(call: impl FnOnce() -> T) -> T {
    let mut all = sigset(&[]);
    // SAFETY: `sigfillset` writes the set it is given; it is live.
    unsafe { libc::sigfillset(&raw mut all) };
    // SAFETY: `sigdelset` changes an initialised set; the line above initialised it.
    unsafe { libc::sigdelset(&raw mut all, libc::SIGBUS) };
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `pthread_sigmask` reads the first set and writes the second; both are live.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, before.as_mut_ptr()) };
    let done = call();
    // SAFETY: the first `pthread_sigmask` wrote `before`; it cannot fail. A null old set is allowed.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    done
}

fn sigset(signals: &[libc::c_int]) -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigemptyset` writes the whole set it is given; it is live.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for signal in signals {
        // SAFETY: `sigaddset` changes an initialised set; the line above initialised it.
        unsafe { libc::sigaddset(set.as_mut_ptr(), *signal) };
    }
    // SAFETY: `sigemptyset` initialised it.
    unsafe { set.assume_init() }
}

fn pending(signal: libc::c_int) -> bool {
    let mut set = sigset(&[]);
    // SAFETY: `sigpending` writes the set it is given; it is live.
    unsafe { libc::sigpending(&raw mut set) };
    // SAFETY: `sigismember` reads an initialised set; `sigset` initialised it.
    unsafe { libc::sigismember(&raw const set, signal) == 1 }
}

/// How a companion file is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    Shared,
    Exclusive,
    None,
}

/// Locks the whole file for this open file description, without waiting: false if another
/// description's lock stands in the way. A lock that this description had is converted at once.
pub(crate) fn lock_description(fd: BorrowedFd<'_>, how: Lock) -> Result<bool, Errno> {
    let kind = match how {
        Lock::Shared => libc::F_RDLCK,
        Lock::Exclusive => libc::F_WRLCK,
        Lock::None => libc::F_UNLCK,
    };
    // SAFETY: `flock` is a plain C struct of integers, for which zeroes are valid.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    // From 0 with length 0: to the end, however the file grows. `l_pid` must be 0 for OFD locks.
    lock.l_type = i16::try_from(kind).map_err(|_| Errno::INVAL)?;
    lock.l_whence = i16::try_from(libc::SEEK_SET).map_err(|_| Errno::INVAL)?;
    // SAFETY: `F_OFD_SETLK` reads a `flock`, which is live; the descriptor is borrowed, so open.
    let done = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
    if done == 0 {
        return Ok(true);
    }
    match std::io::Error::last_os_error().raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::AGAIN | Errno::ACCESS) => Ok(false),
        other => Err(other.unwrap_or(Errno::IO)),
    }
}
