//! Choices that are made when a Unix socket is created.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use ipc_core::Wait;
use rustix::fs::Mode;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::address::Address;
use crate::ancillary::FDS_MAX;
use crate::error::{Error, Result};
use crate::socket::{Asked, Socket};
use crate::unix::{Connection, Datagram, Listening};

/// What the send buffer is unless asked otherwise, where the system allows it: messages of 1 MiB fit,
/// and go at the full rate.
pub(crate) const SEND_BUFFER: usize = 4 << 20;
/// Connections that may wait to be accepted, unless asked otherwise or the system allows less.
pub(crate) const BACKLOG: u32 = 4096;

/// Choices for a new Unix socket, and the calls that make one.
///
/// Which kind it becomes follows from what it is given to:
///
/// ```
/// # fn main() -> Result<(), ipc_sock::Error> {
/// # let dir = std::env::temp_dir().join(format!("ipc-doc-options-{}", std::process::id()));
/// # std::fs::create_dir(&dir).unwrap();
/// use ipc_sock::unix::{Address, Listener, Options, Stream};
/// let address = Address::path(dir.join("service.sock"))?;
/// let options = Options::new().mode(0o660).pass_fds(4);
/// let listener: Listener = options.listen(&address)?;
/// let client: Stream = options.connect(&address)?;
/// let server: Stream = listener.accept()?;
/// # drop((listener, client, server));
/// # std::fs::remove_dir_all(&dir).unwrap();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    pass_fds: usize,
    identity: bool,
    pub(crate) send_buffer: Option<usize>,
    recv_buffer: Option<usize>,
    mode: u32,
    pub(crate) backlog: u32,
    pub(crate) reclaim_stale: bool,
    owners: Vec<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            pass_fds: 0,
            identity: false,
            send_buffer: None,
            recv_buffer: None,
            mode: 0o600,
            backlog: BACKLOG,
            reclaim_stale: false,
            owners: Vec::new(),
        }
    }
}

impl Options {
    /// Mode 0600, no descriptors, no identities, a send buffer of 4 MiB where the system allows it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Permits up to `max` descriptors (at most 253) beside each received message. Connections that a
    /// listener accepts inherit it. Without it, senders get `FdsRefused` (Linux 6.16; before, what
    /// they send is closed here and counted).
    ///
    /// # Linux
    /// `SCM_RIGHTS` of [`unix(7)`](https://man7.org/linux/man-pages/man7/unix.7.html), `SO_PASSRIGHTS`.
    #[doc(alias = "SO_PASSRIGHTS")]
    #[doc(alias = "SCM_RIGHTS")]
    pub fn pass_fds(mut self, max: usize) -> Self {
        self.pass_fds = max.min(FDS_MAX);
        self
    }

    /// Asks for the sender's identity beside each message. Connections that a listener accepts
    /// inherit it. A socket without an address gets an abstract one from the kernel by this.
    ///
    /// # Linux
    /// `SO_PASSCRED` of [`unix(7)`](https://man7.org/linux/man-pages/man7/unix.7.html); `SO_PASSPIDFD`
    /// (Linux 6.5).
    #[doc(alias = "SO_PASSCRED")]
    #[doc(alias = "SO_PASSPIDFD")]
    pub fn pass_credentials(mut self) -> Self {
        self.identity = true;
        self
    }

    /// How many bytes may be sent and not yet received. It bounds the length of one message, and what
    /// a peer that does not read can pin in the kernel.
    #[doc(alias = "SO_SNDBUF")]
    pub fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = Some(bytes);
        self
    }

    /// The size of the receive buffer. Unix sockets charge what is under way to the *sender*, so only
    /// other systems' habits ask for it.
    #[doc(alias = "SO_RCVBUF")]
    pub fn recv_buffer(mut self, bytes: usize) -> Self {
        self.recv_buffer = Some(bytes);
        self
    }

    /// The permissions of a path: who may connect needs the write bit. Exactly so, whatever the
    /// umask, from the first instant that the path exists.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode & 0o777;
        self
    }

    /// How many connections may wait to be accepted; `/proc/sys/net/core/somaxconn` caps it.
    pub fn backlog(mut self, connections: u32) -> Self {
        self.backlog = connections;
        self
    }

    /// Takes over a path whose owner is gone: only if no process of ours uses it (its companion file,
    /// the path with `.lock` added, says so) *and* nobody answers there. A live listener is never
    /// displaced; of two takers one wins. A path that another program made has no companion:
    /// `AlreadyExists`.
    pub fn reclaim_stale(mut self, reclaim: bool) -> Self {
        self.reclaim_stale = reclaim;
        self
    }

    /// Trusts a server of user `uid` too, not only of our effective user and root. May be called
    /// several times.
    pub fn allow_owner(mut self, uid: u32) -> Self {
        self.owners.push(uid);
        self
    }

    /// Connects, waiting while the server's backlog is full.
    ///
    /// # Errors
    /// `NotFound`, `Refused`: nobody listens. `WrongOwner`: the server runs as somebody else.
    /// `InvalidName`: an unnamed address. `Limit`, `Os`.
    ///
    /// # Linux
    /// [`connect(2)`](https://man7.org/linux/man-pages/man2/connect.2.html); the owner is the user that
    /// called `listen`, by `SO_PEERCRED`, so no swap of the path can deceive.
    pub fn connect<S: Connection>(&self, address: &Address) -> Result<S> {
        self.connect_until(address, Wait::FOREVER)
    }

    /// As [`connect`](Self::connect), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: the backlog is full. Otherwise as [`connect`](Self::connect).
    pub fn try_connect<S: Connection>(&self, address: &Address) -> Result<S> {
        self.connect_until(address, Wait::No)
    }

    /// As [`connect`](Self::connect), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`connect`](Self::connect).
    pub fn connect_timeout<S: Connection>(
        &self,
        address: &Address,
        timeout: Duration,
    ) -> Result<S> {
        self.connect_until(address, Wait::timeout(timeout))
    }

    /// As [`connect`](Self::connect), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`connect`](Self::connect).
    pub fn connect_deadline<S: Connection>(
        &self,
        address: &Address,
        deadline: Instant,
    ) -> Result<S> {
        self.connect_until(address, Wait::deadline(deadline))
    }

    /// Two connected ends, both close-on-exec.
    ///
    /// # Errors
    /// `Limit`: too many descriptors, or a buffer larger than the system allows.
    ///
    /// # Linux
    /// [`socketpair(2)`](https://man7.org/linux/man-pages/man2/socketpair.2.html)
    #[doc(alias = "socketpair")]
    pub fn pair<S: Connection>(&self) -> Result<(S, S)> {
        let (one, other) = self.pair_of(S::TYPE.0)?;
        Ok((S::wrap(one), S::wrap(other)))
    }

    pub(crate) fn pair_of(&self, kind: SocketType) -> Result<(Socket, Socket)> {
        let made = rustix::net::socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None);
        let (one, other) = made.map_err(|errno| Error::os("create socket pair", errno))?;
        Ok((self.prepare(one)?, self.prepare(other)?))
    }

    /// Binds and listens.
    ///
    /// # Errors
    /// `AlreadyExists`: the name is taken. `NotFound`: the directory is not there. `WrongOwner`: a
    /// stale path, or its companion, is somebody else's. `InvalidName`: an unnamed address. `Limit`,
    /// `Os`.
    ///
    /// # Linux
    /// [`bind(2)`](https://man7.org/linux/man-pages/man2/bind.2.html),
    /// [`listen(2)`](https://man7.org/linux/man-pages/man2/listen.2.html)
    pub fn listen<L: Listening>(&self, address: &Address) -> Result<L> {
        L::create(self, address)
    }

    /// A datagram socket that receives at `address`; unnamed: it only sends.
    ///
    /// # Errors
    /// As [`listen`](Self::listen).
    pub fn bind(&self, address: &Address) -> Result<Datagram> {
        Datagram::create(self, address)
    }

    /// Two connected datagram sockets.
    ///
    /// # Errors
    /// As [`pair`](Self::pair).
    pub fn datagram_pair(&self) -> Result<(Datagram, Datagram)> {
        let (one, other) = self.pair_of(SocketType::DGRAM)?;
        Ok((Datagram::wrap(one), Datagram::wrap(other)))
    }

    /// Takes a connected descriptor that came from somewhere else, and applies the choices to it.
    ///
    /// # Errors
    /// `Os`: it is no socket. `Limit`.
    pub fn adopt<S: Connection>(&self, fd: OwnedFd) -> Result<S> {
        let kind = sockopt::socket_type(&fd).map_err(|errno| Error::os("adopt socket", errno))?;
        if kind != S::TYPE.0 {
            return Err(Error::Unsupported { what: "adopt a socket of another kind" });
        }
        self.prepare(fd).map(S::wrap)
    }

    pub(crate) fn asked(&self) -> Asked {
        Asked { fds: self.pass_fds, identity: self.identity, unguarded: false }
    }

    /// A new, unconnected socket.
    pub(crate) fn socket(&self, kind: SocketType, flags: SocketFlags) -> Result<Socket> {
        let flags = flags | SocketFlags::CLOEXEC;
        let made = rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None);
        self.prepare(made.map_err(|errno| Error::os("create socket", errno))?)
    }

    fn prepare(&self, fd: OwnedFd) -> Result<Socket> {
        size_send_buffer(fd.as_fd(), self.send_buffer)?;
        if let Some(bytes) = self.recv_buffer {
            set_buffer(fd.as_fd(), bytes, Buffer::Receive)?;
        }
        let mut socket = Socket::new(fd, self.asked());
        socket.prepare()?;
        Ok(socket)
    }

    pub(crate) fn bits(&self) -> Mode {
        Mode::from_raw_mode(self.mode)
    }

    fn connect_until<S: Connection>(&self, address: &Address, wait: Wait) -> Result<S> {
        let socket = self.socket(S::TYPE.0, SocketFlags::empty())?;
        if address.is_unnamed() {
            let reason = "nobody can be reached without a name".to_owned();
            return Err(Error::InvalidName { name: address.to_string(), reason });
        }
        crate::connect::connect(socket.fd.as_fd(), wait, &address, || {
            rustix::net::connect(&socket.fd, &address.0)
        })?;
        let who = crate::sys::peer_ucred(socket.fd.as_fd());
        let who = who.map_err(|errno| Error::named("ask who listens at", address, errno))?;
        self.check_owner(who.uid)?;
        Ok(S::wrap(socket))
    }

    pub(crate) fn check_owner(&self, uid: u32) -> Result<()> {
        let ours = rustix::process::geteuid().as_raw();
        if uid == 0 || uid == ours || self.owners.contains(&uid) {
            return Ok(());
        }
        Err(Error::WrongOwner { uid })
    }
}

/// The send buffer as asked, or as much of ours as the system allows.
pub(crate) fn size_send_buffer(fd: BorrowedFd<'_>, asked: Option<usize>) -> Result<()> {
    match asked {
        Some(bytes) => set_buffer(fd, bytes, Buffer::Send),
        None => sockopt::set_socket_send_buffer_size(fd, SEND_BUFFER)
            .map_err(|errno| Error::os("size buffer of socket", errno)),
    }
}

/// Which of the two buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Buffer {
    Send,
    Receive,
}

/// Makes a buffer exactly as large as asked, or says what stands in the way.
pub(crate) fn set_buffer(fd: BorrowedFd<'_>, bytes: usize, which: Buffer) -> Result<()> {
    let failed = |errno| Error::os("size buffer of socket", errno);
    // The kernel takes an `int` and doubles it.
    let bytes = bytes.min(i32::MAX as usize / 2);
    let (got, forced) = match which {
        Buffer::Send => {
            sockopt::set_socket_send_buffer_size(fd, bytes).map_err(failed)?;
            let got = sockopt::socket_send_buffer_size(fd).map_err(failed)?;
            (got, (got < 2 * bytes).then(|| sockopt::set_socket_send_buffer_size_force(fd, bytes)))
        }
        Buffer::Receive => {
            sockopt::set_socket_recv_buffer_size(fd, bytes).map_err(failed)?;
            let got = sockopt::socket_recv_buffer_size(fd).map_err(failed)?;
            (got, (got < 2 * bytes).then(|| sockopt::set_socket_recv_buffer_size_force(fd, bytes)))
        }
    };
    match forced {
        Some(Err(_)) if got < 2 * bytes => Err(Error::Limit {
            which: if which == Buffer::Send {
                "/proc/sys/net/core/wmem_max (send buffer of one socket)"
            } else {
                "/proc/sys/net/core/rmem_max (receive buffer of one socket)"
            },
            raise: "ask for less, raise it with sysctl, or use CAP_NET_ADMIN",
        }),
        _ => Ok(()),
    }
}
