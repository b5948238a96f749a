//! System calls that rustix lacks.
#![expect(unsafe_code, reason = "system calls without a safe form")]

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

/// The most messages of one batch here.
pub(crate) const BATCH: usize = 32;

/// Linux 6.16; older ones do not know it.
const SO_PASSRIGHTS: libc::c_int = 83;

/// What ours is as it is made: the same send buffer, no descriptors taken.
pub(crate) fn prepare(socket: &OwnedFd) -> io::Result<()> {
    sockopt::set_socket_send_buffer_size(socket, 4 << 20)?;
    let off: libc::c_int = 0;
    // SAFETY: `setsockopt` reads four bytes of a live integer.
    let _ = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_PASSRIGHTS,
            (&raw const off).cast(),
            4,
        )
    };
    Ok(())
}

pub(crate) fn socket(flags: SocketFlags) -> io::Result<OwnedFd> {
    let flags = flags | SocketFlags::CLOEXEC;
    let made = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    prepare(&made)?;
    Ok(made)
}

/// `sendmmsg` of at most [`BATCH`].
pub(crate) fn send_many(socket: &OwnedFd, messages: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut headers = [blank(); BATCH];
    for (header, message) in headers.iter_mut().zip(messages) {
        header.msg_hdr.msg_iov = std::ptr::from_ref(message).cast_mut().cast();
        header.msg_hdr.msg_iovlen = 1;
    }
    let count = u32::try_from(messages.len().min(BATCH)).unwrap_or(0);
    // SAFETY: `sendmmsg` reads `count` headers, each of which points at one live `iovec`.
    let sent = unsafe {
        libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, libc::MSG_NOSIGNAL)
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// `recvmmsg` of at most [`BATCH`]; refuses a message that does not fit.
pub(crate) fn recv_many(socket: &OwnedFd, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let mut headers = [blank(); BATCH];
    for (header, buf) in headers.iter_mut().zip(bufs.iter_mut()) {
        header.msg_hdr.msg_iov = std::ptr::from_mut(buf).cast();
        header.msg_hdr.msg_iovlen = 1;
    }
    let count = u32::try_from(bufs.len().min(BATCH)).unwrap_or(0);
    let flags = libc::MSG_TRUNC | libc::MSG_WAITFORONE | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: `recvmmsg` writes `count` headers and through the one `iovec` of each, which are
    // exclusively borrowed here; a null timeout is allowed.
    let got = unsafe {
        libc::recvmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, flags, std::ptr::null_mut())
    };
    let got = usize::try_from(got).map_err(|_| io::Error::last_os_error())?;
    for (header, buf) in headers.iter().zip(bufs.iter()).take(got) {
        if header.msg_len as usize > buf.len() {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    Ok(got)
}

fn blank() -> libc::mmsghdr {
    // SAFETY: `mmsghdr` is a plain C struct of pointers and lengths, for which zeroes are valid.
    unsafe { std::mem::zeroed() }
}
