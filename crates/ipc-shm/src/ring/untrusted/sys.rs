//! The socket calls: rustix has them in its feature `net`, which this crate does not build.
#![expect(unsafe_code, reason = "talks to libc")]

use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::io::Errno;

/// `SO_PASSRIGHTS` of Linux 6.16: whether descriptors may come.
const SO_PASSRIGHTS: libc::c_int = 83;

const fn space(bytes: usize) -> usize {
    let word = size_of::<usize>();
    size_of::<libc::cmsghdr>() + bytes.div_ceil(word) * word
}

/// Room for the most descriptors that one message can carry, and an identity with its pidfd.
const CONTROL: usize =
    space(253 * size_of::<RawFd>()) + space(size_of::<libc::ucred>()) + space(size_of::<RawFd>());

/// Control messages are aligned as `cmsghdr` is.
#[repr(C, align(8))]
struct Control<const N: usize>([MaybeUninit<u8>; N]);

/// What one call received.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) bytes: usize,
    /// Every descriptor that came, owned before anything is checked.
    pub(super) fds: Vec<OwnedFd>,
    /// Something that came beside the bytes was cut off.
    pub(super) cut: bool,
}

/// Receives bytes and what came with them, without waiting.
pub(super) fn receive(socket: BorrowedFd<'_>, buf: &mut [u8]) -> Result<Received, Errno> {
    let mut control = Control([MaybeUninit::uninit(); CONTROL]);
    let mut iov = libc::iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() };
    let mut header = blank();
    header.msg_iov = &raw mut iov;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = CONTROL;
    let flags = libc::MSG_CMSG_CLOEXEC | libc::MSG_DONTWAIT;
    // SAFETY: `recvmsg` writes to what the header points at: `buf` and `control`, both exclusively borrowed
    // and as long as the header says.
    let done = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) };
    let bytes = count(done)?;
    let cut = header.msg_flags & libc::MSG_CTRUNC != 0;
    let fds = if header.msg_controllen > 0 { take_all(&header) } else { Vec::new() };
    Ok(Received { bytes, fds, cut })
}

/// Walks all control messages and owns every descriptor.
fn take_all(header: &libc::msghdr) -> Vec<OwnedFd> {
    /// A pidfd beside the message, of Linux 6.5: only if the socket's former owner asked for it.
    const SCM_PIDFD: libc::c_int = 4;
    let mut fds = Vec::new();
    // SAFETY: the header was filled by `recvmsg`, so its control part is well formed.
    let mut at = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !at.is_null() {
        // SAFETY: `CMSG_FIRSTHDR` and `CMSG_NXTHDR` return a whole header inside the control part.
        let head = unsafe { at.read() };
        // SAFETY: as above: the data follows its header.
        let data: *const u8 = unsafe { libc::CMSG_DATA(at) };
        let kind = (head.cmsg_level, head.cmsg_type);
        if matches!(kind, (libc::SOL_SOCKET, libc::SCM_RIGHTS | SCM_PIDFD)) {
            let len = head.cmsg_len.saturating_sub(space(0));
            fds.extend((0..len / size_of::<RawFd>()).filter_map(|index| own(data, index)));
        }
        // SAFETY: `at` lies in this header's control part, as the loop shows.
        at = unsafe { libc::CMSG_NXTHDR(header, at) };
    }
    fds
}

fn own(data: *const u8, index: usize) -> Option<OwnedFd> {
    // SAFETY: the caller stays below the number of integers that `cmsg_len` says are there.
    let place = unsafe { data.cast::<RawFd>().add(index) };
    // SAFETY: as above; control data need not be aligned for it.
    let fd = unsafe { place.read_unaligned() };
    // A pidfd of a process that is gone is a negative number.
    // SAFETY: the kernel has just installed this descriptor for us, and each is taken once.
    (fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Reads bytes without waiting, and nothing of what comes beside them.
pub(super) fn read(socket: BorrowedFd<'_>, buf: &mut [u8]) -> Result<usize, Errno> {
    let start = buf.as_mut_ptr().cast();
    // SAFETY: `recv` writes at most as many bytes as `buf` has, which is exclusively borrowed.
    count(unsafe { libc::recv(socket.as_raw_fd(), start, buf.len(), libc::MSG_DONTWAIT) })
}

/// Sends bytes, and a copy of a descriptor with the first of them, without waiting. Raises no signal.
pub(super) fn send(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    fd: Option<BorrowedFd<'_>>,
) -> Result<usize, Errno> {
    const ROOM: usize = space(size_of::<RawFd>());
    let mut control = Control([MaybeUninit::zeroed(); ROOM]);
    let mut iov = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut header = blank();
    header.msg_iov = &raw mut iov;
    header.msg_iovlen = 1;
    if let Some(fd) = fd {
        let head = libc::cmsghdr {
            cmsg_len: space(0) + size_of::<RawFd>(),
            cmsg_level: libc::SOL_SOCKET,
            cmsg_type: libc::SCM_RIGHTS,
        };
        let start: *mut u8 = control.0.as_mut_ptr().cast();
        // SAFETY: `control` has room for a header and a descriptor, and is aligned for the header.
        unsafe { start.cast::<libc::cmsghdr>().write(head) };
        // SAFETY: the data of a control message begins behind its header, within the same array.
        let data = unsafe { start.add(space(0)) };
        // SAFETY: as above: there is room for one integer, and a header's length is a multiple of 8.
        unsafe { data.cast::<RawFd>().write(fd.as_raw_fd()) };
        header.msg_control = start.cast();
        header.msg_controllen = ROOM;
    }
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: `sendmsg` reads what the header points at: `bytes` and `control`, both live.
    count(unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header, flags) })
}

/// Pid (0 if it has none here), uid and gid of the peer at connect.
pub(super) fn peer_cred(socket: BorrowedFd<'_>) -> Result<libc::ucred, Errno> {
    get(socket, libc::SO_PEERCRED, libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX })
}

/// Whether it is a Unix stream socket that does not listen.
pub(super) fn is_unix_stream(socket: BorrowedFd<'_>) -> Result<bool, Errno> {
    Ok(get(socket, libc::SO_DOMAIN, -1)? == libc::AF_UNIX
        && get(socket, libc::SO_TYPE, -1)? == libc::SOCK_STREAM
        && get(socket, libc::SO_ACCEPTCONN, -1)? == 0)
}

/// From now on no descriptor can come, where the kernel can refuse them (Linux 6.16). Older ones are
/// thrown away by the kernel when the bytes beside them are read without asking for them.
pub(super) fn refuse_fds(socket: BorrowedFd<'_>) {
    let off: libc::c_int = 0;
    let len = as_len(size_of::<libc::c_int>());
    // SAFETY: `setsockopt` reads one integer, which is live, of the length given.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_PASSRIGHTS,
            (&raw const off).cast(),
            len,
        )
    };
}

/// Reads an option: a plain C value of integers.
fn get<T: Copy>(socket: BorrowedFd<'_>, option: libc::c_int, before: T) -> Result<T, Errno> {
    let mut value = before;
    let mut len = as_len(size_of::<T>());
    // SAFETY: `getsockopt` writes at most `len` bytes to `value`, which has that many; the callers give it
    // integers and a struct of integers, for which all bytes are valid.
    let done = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            (&raw mut value).cast(),
            &raw mut len,
        )
    };
    if done == 0 { Ok(value) } else { Err(last_error()) }
}

fn blank() -> libc::msghdr {
    // SAFETY: `msghdr` is a plain C struct of pointers and lengths, for which zeroes are valid.
    unsafe { std::mem::zeroed() }
}

fn as_len(bytes: usize) -> libc::socklen_t {
    libc::socklen_t::try_from(bytes).unwrap_or(libc::socklen_t::MAX)
}

fn count(done: isize) -> Result<usize, Errno> {
    usize::try_from(done).map_err(|_| last_error())
}

fn last_error() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
