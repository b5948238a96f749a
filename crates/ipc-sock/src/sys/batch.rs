//! Many datagrams in one call: `sendmmsg` and `recvmmsg`.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;

use super::last_error;

/// The most that one call takes; more go in several.
pub(crate) const BATCH_MAX: usize = 64;

/// Sends up to [`BATCH_MAX`] messages; returns how many went.
pub(crate) fn send_many(
    fd: BorrowedFd<'_>,
    messages: &[IoSlice<'_>],
    flags: libc::c_int,
) -> Result<usize, Errno> {
    let mut headers = [blank(); BATCH_MAX];
    let used = messages.len().min(BATCH_MAX);
    for (header, message) in headers.iter_mut().zip(messages) {
        // `IoSlice` is `iovec` in memory; std promises it. `sendmmsg` only reads through it.
        header.msg_hdr.msg_iov = std::ptr::from_ref(message).cast_mut().cast();
        header.msg_hdr.msg_iovlen = 1;
    }
    let count = libc::c_uint::try_from(used).unwrap_or(0);
    // SAFETY: `sendmmsg` reads `count` headers, each of which points at one live `iovec` above.
    let done = unsafe { libc::sendmmsg(fd.as_raw_fd(), headers.as_mut_ptr(), count, flags) };
    usize::try_from(done).map_err(|_| last_error())
}

/// Receives up to [`BATCH_MAX`] messages, one a buffer; tells the length of each, and whether something
/// beside it was cut off, to `each`.
pub(crate) fn recv_many(
    fd: BorrowedFd<'_>,
    bufs: &mut [IoSliceMut<'_>],
    flags: libc::c_int,
    mut each: impl FnMut(usize, bool),
) -> Result<usize, Errno> {
    let mut headers = [blank(); BATCH_MAX];
    let used = bufs.len().min(BATCH_MAX);
    for (header, buf) in headers.iter_mut().zip(bufs.iter_mut()) {
        header.msg_hdr.msg_iov = std::ptr::from_mut(buf).cast();
        header.msg_hdr.msg_iovlen = 1;
    }
    let count = libc::c_uint::try_from(used).unwrap_or(0);
    let flags = flags | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: `recvmmsg` writes `count` headers and through the one `iovec` each points at, all of
    // them exclusively borrowed here; a null timeout is allowed.
    let done = unsafe {
        libc::recvmmsg(fd.as_raw_fd(), headers.as_mut_ptr(), count, flags, std::ptr::null_mut())
    };
    let done = usize::try_from(done).map_err(|_| last_error())?;
    for header in headers.iter().take(done) {
        let cut = header.msg_hdr.msg_flags & libc::MSG_CTRUNC != 0;
        each(usize::try_from(header.msg_len).unwrap_or(usize::MAX), cut);
    }
    Ok(done)
}

fn blank() -> libc::mmsghdr {
    // SAFETY: `mmsghdr` is a plain C struct of pointers and lengths, for which zeroes are valid.
    unsafe { std::mem::zeroed() }
}
