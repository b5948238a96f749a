//! The calls that rustix has not, or not as we need them: messages with all they carry, and the
//! socket options about identities.
//!
//! Why not rustix's `recvmsg`: it does not hand out `SCM_PIDFD`, so such a descriptor would leak, and
//! its `UCred` cannot hold the pid 0 that a peer in another PID namespace has.
#![expect(
    unsafe_code,
    reason = "the one place of this crate, with its two parts, that talks to libc"
)]

mod batch;
mod umask;
mod vsock;

use std::io::IoSliceMut;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::io::Errno;

pub(crate) use batch::{recv_many, send_many};
pub(crate) use umask::private_umask_of_zero;
pub(crate) use vsock::{VsockName, vsock_accept, vsock_bind, vsock_connect, vsock_name};

/// `SCM_PIDFD` of Linux 6.5, which the bindings lack.
const SCM_PIDFD: libc::c_int = 4;
/// `SO_PEERPIDFD` of Linux 6.5.
const SO_PEERPIDFD: libc::c_int = 77;

/// Options that are a number, which rustix lacks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Flag {
    /// Linux 6.5: a pidfd beside each message.
    PassPidfd = 76,
    /// Linux 6.16: whether descriptors may come at all.
    PassRights = 83,
}

/// Room for the most that one message may carry: 253 descriptors, an identity, a pidfd.
pub(crate) const CONTROL_MAX: usize = space(253 * size_of::<RawFd>()) + CONTROL_IDENTITY;
/// Room for an identity and a pidfd.
pub(crate) const CONTROL_IDENTITY: usize =
    space(size_of::<libc::ucred>()) + space(size_of::<RawFd>());

/// Control messages are aligned as `cmsghdr` is.
#[repr(C, align(8))]
pub(crate) struct Control([MaybeUninit<u8>; CONTROL_MAX]);

impl Control {
    pub(crate) const fn new() -> Self {
        Self([MaybeUninit::uninit(); CONTROL_MAX])
    }
}

/// Room for `max` descriptors: at least that many, at most one more (the padding, hazard K3).
pub(crate) const fn control_for(max: usize) -> usize {
    space(max * size_of::<RawFd>())
}

const fn space(bytes: usize) -> usize {
    let word = size_of::<usize>();
    size_of::<libc::cmsghdr>() + bytes.div_ceil(word) * word
}

/// One received message, as the kernel gave it.
#[derive(Debug)]
pub(crate) struct Message {
    /// Bytes in the buffer; with `MSG_TRUNC` on a packet socket, the length it really has.
    pub(crate) bytes: usize,
    /// `MSG_TRUNC`, `MSG_CTRUNC`.
    pub(crate) flags: libc::c_int,
    /// Every descriptor that came, owned before anything is checked.
    pub(crate) fds: Vec<OwnedFd>,
    /// Who sent it, if `SO_PASSCRED` asks.
    pub(crate) sender: Option<libc::ucred>,
    /// Its pidfd, if `SO_PASSPIDFD` asks.
    pub(crate) pidfd: Option<OwnedFd>,
    /// The length of the sender's `sockaddr` that was written to the name given.
    pub(crate) name_len: u32,
}

/// Receives one message with all it carries. `room` bytes of the control buffer are offered.
pub(crate) fn recv_message(
    fd: BorrowedFd<'_>,
    bufs: &mut [IoSliceMut<'_>],
    control: &mut Control,
    room: usize,
    name: Option<&mut libc::sockaddr_un>,
    flags: libc::c_int,
) -> Result<Message, Errno> {
    // SAFETY: `msghdr` is a plain C struct of pointers and lengths, for which zeroes are valid.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    // `IoSliceMut` is `iovec` in memory; std promises it.
    header.msg_iov = bufs.as_mut_ptr().cast();
    header.msg_iovlen = bufs.len();
    if let Some(name) = name {
        header.msg_name = std::ptr::from_mut(name).cast();
        header.msg_namelen = as_len(size_of::<libc::sockaddr_un>());
    }
    if room > 0 {
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = room.min(CONTROL_MAX);
    }
    let flags = flags | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: `recvmsg` writes to what the header points at: `bufs`, `name` and `control` are
    // exclusively borrowed and as long as the header says (`room` is capped to the array above).
    let done = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut header, flags) };
    let bytes = usize::try_from(done).map_err(|_| last_error())?;
    let mut message = Message {
        bytes,
        flags: header.msg_flags,
        fds: Vec::new(),
        sender: None,
        pidfd: None,
        name_len: header.msg_namelen,
    };
    // An empty control part is the common case of plain messages.
    if header.msg_controllen > 0 {
        take_all(&header, &mut message);
    }
    Ok(message)
}

/// Walks all control messages and owns every descriptor, whatever else is wrong with the message.
fn take_all(header: &libc::msghdr, message: &mut Message) {
    // SAFETY: the header was filled by `recvmsg`, so its control part is well formed.
    let mut at = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !at.is_null() {
        // SAFETY: `CMSG_FIRSTHDR` and `CMSG_NXTHDR` return a whole header inside the control part.
        let head = unsafe { at.read() };
        // SAFETY: as above: the data follows its header.
        let data: *const u8 = unsafe { libc::CMSG_DATA(at) };
        let len = head.cmsg_len.saturating_sub(space(0));
        match (head.cmsg_level, head.cmsg_type) {
            (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                let fds = (0..len / size_of::<RawFd>()).map(|i| own(data, i));
                message.fds.extend(fds);
            }
            (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) if len >= size_of::<libc::ucred>() => {
                // SAFETY: the kernel wrote a `ucred` of that length; it is three integers.
                message.sender = Some(unsafe { data.cast::<libc::ucred>().read_unaligned() });
            }
            // A process that is gone has no pidfd: the kernel writes a negative number then.
            (libc::SOL_SOCKET, SCM_PIDFD) if len >= size_of::<RawFd>() && number(data, 0) >= 0 => {
                message.pidfd = Some(own(data, 0));
            }
            _ => {}
        }
        // SAFETY: `at` lies in this header's control part, as the loop shows.
        at = unsafe { libc::CMSG_NXTHDR(header, at) };
    }
}

fn number(data: *const u8, index: usize) -> RawFd {
    // SAFETY: the callers stay below the number of integers that `cmsg_len` says are there.
    let place = unsafe { data.cast::<RawFd>().add(index) };
    // SAFETY: as above; control data need not be aligned for it.
    unsafe { place.read_unaligned() }
}

fn own(data: *const u8, index: usize) -> OwnedFd {
    let fd = number(data, index);
    // SAFETY: the kernel has just installed this descriptor for us, and each is taken once.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Turns an option on or off.
pub(crate) fn set_flag(fd: BorrowedFd<'_>, option: Flag, on: bool) -> Result<(), Errno> {
    let value = libc::c_int::from(on);
    let option = option as libc::c_int;
    // SAFETY: `setsockopt` reads one integer, which is live, of the length given.
    let done = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            (&raw const value).cast(),
            as_len(size_of::<libc::c_int>()),
        )
    };
    if done == 0 { Ok(()) } else { Err(last_error()) }
}

/// Reads an option into `values`; returns the bytes it has.
fn get<T>(fd: BorrowedFd<'_>, option: libc::c_int, values: &mut [T]) -> Result<usize, Errno> {
    let mut len = as_len(size_of_val(values));
    // SAFETY: `getsockopt` writes at most `len` bytes to `values`, which is exclusively borrowed and
    // has that many; the callers give it plain integers.
    let done = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            values.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    let len = usize::try_from(len).unwrap_or(0);
    if done == 0 { Ok(len) } else { Err(last_error()) }
}

/// Pid (0 if it has none here), uid and gid of the peer at connect.
pub(crate) fn peer_ucred(fd: BorrowedFd<'_>) -> Result<libc::ucred, Errno> {
    let mut cred = [libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX }];
    get(fd, libc::SO_PEERCRED, &mut cred)?;
    Ok(cred[0])
}

/// The supplementary groups of the peer at connect.
pub(crate) fn peer_groups(fd: BorrowedFd<'_>) -> Result<Vec<u32>, Errno> {
    /// `NGROUPS_MAX`.
    const MOST: usize = 65536;
    let mut groups = vec![0_u32; 64];
    loop {
        match get(fd, libc::SO_PEERGROUPS, &mut groups) {
            Ok(bytes) => {
                groups.truncate(bytes / size_of::<u32>());
                return Ok(groups);
            }
            Err(Errno::RANGE) if groups.len() < MOST => groups.resize(groups.len() * 4, 0),
            Err(errno) => return Err(errno),
        }
    }
}

/// A pidfd of the peer at connect.
pub(crate) fn peer_pidfd(fd: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let mut pidfd: [RawFd; 1] = [-1];
    get(fd, SO_PEERPIDFD, &mut pidfd)?;
    if pidfd[0] < 0 {
        return Err(Errno::SRCH);
    }
    // SAFETY: the kernel has just installed this descriptor for us; nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(pidfd[0]) })
}

/// Flags as libc has them: the same bits, none of them the sign.
pub(crate) fn flags(bits: u32) -> libc::c_int {
    libc::c_int::from_ne_bytes(bits.to_ne_bytes())
}

fn as_len(bytes: usize) -> libc::socklen_t {
    libc::socklen_t::try_from(bytes).unwrap_or(libc::socklen_t::MAX)
}

fn last_error() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
