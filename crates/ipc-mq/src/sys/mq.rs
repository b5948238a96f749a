//! The calls of POSIX message queues.
#![expect(unsafe_code, reason = "rustix has no message queues")]

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

use libc::{c_char, c_int, c_long, timespec};
use rustix::io::Errno;

use super::last_error;

/// A deadline long past: the call does not wait, whatever the descriptor's flags.
static PAST: timespec = timespec { tv_sec: 0, tv_nsec: 0 };

/// Whether a call must be told not to wait, or the descriptor says so already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoWait {
    /// The description is ours and has `O_NONBLOCK`.
    ByFlag,
    /// The description is somebody's: a deadline in the past does it.
    ByDeadline,
}

impl NoWait {
    #[inline]
    fn deadline(self) -> *const timespec {
        match self {
            Self::ByFlag => ptr::null(),
            Self::ByDeadline => &raw const PAST,
        }
    }
}

/// Opens a queue, close-on-exec and non-blocking. `sizes`: capacity in messages, bytes a message.
pub(crate) fn open(
    name: &CStr,
    flags: c_int,
    mode: u32,
    sizes: Option<(c_long, c_long)>,
) -> Result<OwnedFd, Errno> {
    // SAFETY: `mq_attr` is a C struct of integers, for which zeroes are valid.
    let mut attr: libc::mq_attr = unsafe { std::mem::zeroed() };
    let pointer = match sizes {
        Some((capacity, size)) => {
            attr.mq_maxmsg = capacity;
            attr.mq_msgsize = size;
            &raw const attr
        }
        None => ptr::null(),
    };
    let flags = flags | libc::O_CLOEXEC | libc::O_NONBLOCK;
    // SAFETY: `mq_open` reads the string, which is live and ends with NUL, and with `O_CREAT` a mode
    // and a pointer to a live `mq_attr` or null; both are always given.
    let fd = unsafe { libc::mq_open(name.as_ptr(), flags, mode, pointer) };
    if fd < 0 {
        return Err(last_error());
    }
    // SAFETY: on Linux a message queue descriptor is a file descriptor (mq_overview(7)); it was just
    // opened and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Removes a name.
pub(crate) fn unlink(name: &CStr) -> Result<(), Errno> {
    // SAFETY: `mq_unlink` reads the string, which is live and ends with NUL.
    let done = unsafe { libc::mq_unlink(name.as_ptr()) };
    if done < 0 { Err(last_error()) } else { Ok(()) }
}

/// What `mq_getattr` tells: flags, capacity, bytes a message, messages now.
pub(crate) fn attributes(fd: BorrowedFd<'_>) -> Result<libc::mq_attr, Errno> {
    // SAFETY: `mq_attr` is a C struct of integers, for which zeroes are valid.
    let mut attr: libc::mq_attr = unsafe { std::mem::zeroed() };
    // SAFETY: `mq_getattr` writes one `mq_attr`, which is live; the descriptor is borrowed, so open.
    let done = unsafe { libc::mq_getattr(fd.as_raw_fd(), &raw mut attr) };
    if done < 0 { Err(last_error()) } else { Ok(attr) }
}

/// Sends one message, without waiting.
#[inline]
pub(crate) fn send(
    fd: BorrowedFd<'_>,
    priority: u32,
    bytes: &[u8],
    how: NoWait,
) -> Result<(), Errno> {
    let (text, len) = (bytes.as_ptr().cast::<c_char>(), bytes.len());
    // SAFETY: `mq_timedsend` reads `len` bytes at `text`, a live slice, and a deadline that is null or
    // a static; the descriptor is borrowed, so open.
    let done = unsafe { libc::mq_timedsend(fd.as_raw_fd(), text, len, priority, how.deadline()) };
    if done < 0 { Err(last_error()) } else { Ok(()) }
}

/// Receives one message, without waiting: its length and its priority.
#[inline]
pub(crate) fn receive(
    fd: BorrowedFd<'_>,
    buf: &mut [u8],
    how: NoWait,
) -> Result<(usize, u32), Errno> {
    let mut priority = 0;
    let text = buf.as_mut_ptr().cast::<c_char>();
    // SAFETY: `mq_timedreceive` writes at most `buf.len()` bytes at `text`, a live mutable slice, and
    // one priority; the deadline is null or a static; the descriptor is borrowed, so open.
    let got = unsafe {
        let fd = fd.as_raw_fd();
        libc::mq_timedreceive(fd, text, buf.len(), &raw mut priority, how.deadline())
    };
    match usize::try_from(got) {
        Ok(len) => Ok((len, priority)),
        Err(_) => Err(last_error()),
    }
}

/// As [`receive`], into the unused room of an empty vector.
pub(crate) fn receive_vec(
    fd: BorrowedFd<'_>,
    bytes: &mut Vec<u8>,
    how: NoWait,
) -> Result<u32, Errno> {
    bytes.clear();
    let mut priority = 0;
    let room = bytes.spare_capacity_mut();
    let (text, len) = (room.as_mut_ptr().cast::<c_char>(), room.len());
    // SAFETY: `mq_timedreceive` writes at most `len` bytes at `text`, the vector's own room, and one
    // priority; the deadline is null or a static; the descriptor is borrowed, so open.
    let got = unsafe {
        libc::mq_timedreceive(fd.as_raw_fd(), text, len, &raw mut priority, how.deadline())
    };
    let got = usize::try_from(got).map_err(|_| last_error())?;
    // SAFETY: the kernel wrote the first `got` bytes of the room, and `got <= len` by its contract.
    unsafe { bytes.set_len(got) };
    Ok(priority)
}

/// Asks for `signal` with `value` when the queue stops being empty; `None` takes that back.
pub(crate) fn notify(fd: BorrowedFd<'_>, signal: Option<(c_int, i32)>) -> Result<(), Errno> {
    // SAFETY: `sigevent` is a C struct of numbers and pointers: zero bytes are a value of it.
    let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
    let pointer = match signal {
        Some((signal, value)) => {
            event.sigev_notify = libc::SIGEV_SIGNAL;
            event.sigev_signo = signal;
            // `sigval` is a union of an int and a pointer; the int lies in the low half.
            let value = usize::try_from(u32::from_ne_bytes(value.to_ne_bytes())).unwrap_or(0);
            event.sigev_value.sival_ptr = ptr::without_provenance_mut(value);
            &raw const event
        }
        None => ptr::null(),
    };
    // SAFETY: `mq_notify` reads a live `sigevent` or gets null; the descriptor is borrowed, so open.
    let done = unsafe { libc::mq_notify(fd.as_raw_fd(), pointer) };
    if done < 0 { Err(last_error()) } else { Ok(()) }
}
