//! `sockaddr_vm`, which rustix lacks.

use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

use super::{as_len, last_error};

/// A context and a port, as the kernel wants them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VsockName {
    pub(crate) cid: u32,
    pub(crate) port: u32,
}

impl VsockName {
    fn raw(self) -> libc::sockaddr_vm {
        // SAFETY: `sockaddr_vm` is a plain C struct of integers, for which zeroes are valid.
        let mut raw: libc::sockaddr_vm = unsafe { std::mem::zeroed() };
        raw.svm_family = libc::sa_family_t::try_from(libc::AF_VSOCK).unwrap_or(0);
        raw.svm_cid = self.cid;
        raw.svm_port = self.port;
        raw
    }

    fn of(raw: &libc::sockaddr_vm) -> Self {
        Self { cid: raw.svm_cid, port: raw.svm_port }
    }
}

const LEN: usize = size_of::<libc::sockaddr_vm>();

pub(crate) fn vsock_bind(fd: BorrowedFd<'_>, name: VsockName) -> Result<(), Errno> {
    let raw = name.raw();
    // SAFETY: `bind` reads a `sockaddr_vm`, which is live, of the length given.
    check(unsafe { libc::bind(fd.as_raw_fd(), (&raw const raw).cast(), as_len(LEN)) })
}

pub(crate) fn vsock_connect(fd: BorrowedFd<'_>, name: VsockName) -> Result<(), Errno> {
    let raw = name.raw();
    // SAFETY: `connect` reads a `sockaddr_vm`, which is live, of the length given.
    check(unsafe { libc::connect(fd.as_raw_fd(), (&raw const raw).cast(), as_len(LEN)) })
}

/// The name of this end.
pub(crate) fn vsock_name(fd: BorrowedFd<'_>) -> Result<VsockName, Errno> {
    let mut raw = VsockName { cid: 0, port: 0 }.raw();
    let mut len = as_len(LEN);
    // SAFETY: `getsockname` writes at most `len` bytes to a `sockaddr_vm` that is live.
    check(unsafe { libc::getsockname(fd.as_raw_fd(), (&raw mut raw).cast(), &raw mut len) })?;
    Ok(VsockName::of(&raw))
}

/// Accepts a connection: close-on-exec, and who it is from.
pub(crate) fn vsock_accept(fd: BorrowedFd<'_>) -> Result<(OwnedFd, VsockName), Errno> {
    let mut raw = VsockName { cid: 0, port: 0 }.raw();
    let mut len = as_len(LEN);
    // SAFETY: `accept4` writes at most `len` bytes to a `sockaddr_vm` that is live.
    let made = unsafe {
        libc::accept4(fd.as_raw_fd(), (&raw mut raw).cast(), &raw mut len, libc::SOCK_CLOEXEC)
    };
    check(made)?;
    // SAFETY: the kernel has just made this descriptor for us; nobody else knows it.
    Ok((unsafe { OwnedFd::from_raw_fd(made) }, VsockName::of(&raw)))
}

fn check(done: libc::c_int) -> Result<(), Errno> {
    if done < 0 { Err(last_error()) } else { Ok(()) }
}
