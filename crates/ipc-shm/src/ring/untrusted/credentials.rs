//! Who is at the other end.

/// Who the peer is, as the kernel knows it; never taken from what the peer says.
///
/// It is who it was when the socket was connected: on the side that accepted, the process that called
/// `connect`; on the client's side, whoever called `listen`; of a socket pair, the process that made the
/// pair. It stays so when the socket is passed on to another process.
///
/// # Linux
/// `SO_PEERCRED` of [`unix(7)`](https://man7.org/linux/man-pages/man7/unix.7.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "SO_PEERCRED")]
pub struct Credentials {
    /// The process. `None` if it has no number in our PID namespace. The number may belong to a stranger
    /// once the process is gone.
    pub pid: Option<u32>,
    /// The effective user.
    pub uid: u32,
    /// The effective group.
    pub gid: u32,
}

impl From<libc::ucred> for Credentials {
    fn from(raw: libc::ucred) -> Self {
        // Outside our PID namespace a process is number 0.
        let pid = u32::try_from(raw.pid).ok().filter(|pid| *pid != 0);
        Self { pid, uid: raw.uid, gid: raw.gid }
    }
}
