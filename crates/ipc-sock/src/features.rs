//! Which kernel facilities are in use, and which fallback is active.

use std::os::fd::AsFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::sys::{self, Flag};

/// What this kernel offers to Unix sockets. Everything works without, as far as its line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Features {
    /// `SO_PASSRIGHTS` (Linux 6.16): unwanted descriptors are refused at the sender. Otherwise they
    /// come, are closed and counted.
    pub refuses_descriptors: bool,
    /// `SO_PEERPIDFD` (Linux 6.5): [`Credentials`](crate::Credentials) name a process, not only its
    /// number.
    pub peer_pidfd: bool,
    /// `SO_PASSPIDFD` (Linux 6.5): so do those of a message.
    pub message_pidfd: bool,
}

/// Asks the kernel which facilities this crate uses here.
///
/// ```
/// println!("{:?}", ipc_sock::features());
/// ```
#[must_use]
pub fn features() -> Features {
    let none = Features { refuses_descriptors: false, peer_pidfd: false, message_pidfd: false };
    let kind = SocketType::STREAM;
    let made = rustix::net::socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None);
    let Ok((one, _other)) = made else { return none };
    Features {
        refuses_descriptors: sys::set_flag(one.as_fd(), Flag::PassRights, false).is_ok(),
        peer_pidfd: sys::peer_pidfd(one.as_fd()).is_ok(),
        message_pidfd: sys::set_flag(one.as_fd(), Flag::PassPidfd, true).is_ok(),
    }
}
