//! Who is at the other end.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::sys;

/// Who the peer is, as the kernel knows it; never taken from what the peer says.
///
/// Of a connection: who it was **at connect**. On the accepted side that is the process that called
/// `connect`; on the client's side it is whoever called `listen` (a server that handed its listener to
/// a successor is still the one named here); of a `pair`, the process that made it. It stays so when
/// the descriptor is passed on. Of a message: who sent it.
#[derive(Debug)]
#[non_exhaustive]
#[doc(alias = "SO_PEERCRED")]
#[doc(alias = "ucred")]
pub struct Credentials {
    /// The process. `None` if it has no number in our PID namespace. The number may belong to a
    /// stranger once the process is gone: use `pidfd` to act on it.
    pub pid: Option<u32>,
    /// The effective user.
    pub uid: u32,
    /// The effective group.
    pub gid: u32,
    /// The supplementary groups; empty for those of a message, which does not carry them.
    pub groups: Vec<u32>,
    /// The process itself, free of races: readable once it has exited. `None` if the kernel is older
    /// than Linux 6.5, or the process was reaped already.
    pub pidfd: Option<OwnedFd>,
}

impl Credentials {
    /// Of the peer of a connection.
    pub(crate) fn of_peer(fd: BorrowedFd<'_>) -> Result<Self> {
        let failed = |errno| Error::os("ask who is at the other end of a socket", errno);
        let who = sys::peer_ucred(fd).map_err(failed)?;
        if who.uid == u32::MAX {
            return Err(Error::Unsupported {
                what: "ask who is at the other end of a socket without one",
            });
        }
        let groups = match sys::peer_groups(fd) {
            // Linux before 4.13.
            Err(Errno::NOPROTOOPT | Errno::NODATA) => Vec::new(),
            groups => groups.map_err(failed)?,
        };
        let pidfd = match sys::peer_pidfd(fd) {
            Ok(pidfd) => Some(pidfd),
            // Before Linux 6.5; reaped (EINVAL before 6.16, ESRCH since); none was ever kept.
            Err(Errno::NOPROTOOPT | Errno::INVAL | Errno::SRCH | Errno::NODATA) => None,
            Err(errno) => return Err(failed(errno)),
        };
        Ok(Self { pid: number(who.pid), uid: who.uid, gid: who.gid, groups, pidfd })
    }

    /// Of the sender of a message.
    pub(crate) fn of_message(who: libc::ucred, pidfd: Option<OwnedFd>) -> Self {
        Self { pid: number(who.pid), uid: who.uid, gid: who.gid, groups: Vec::new(), pidfd }
    }

    /// Whether the process still runs: `None` without a `pidfd`.
    #[must_use]
    pub fn is_alive(&self) -> Option<bool> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let pidfd = self.pidfd.as_ref()?;
        let mut entry = [PollFd::new(pidfd, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let ready = rustix::io::retry_on_intr(|| poll(&mut entry, Some(&now))).ok()?;
        Some(ready == 0)
    }
}

/// Outside our PID namespace a process is number 0.
fn number(pid: libc::pid_t) -> Option<u32> {
    u32::try_from(pid).ok().filter(|pid| *pid != 0)
}
