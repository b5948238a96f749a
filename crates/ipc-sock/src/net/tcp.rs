//! Connections to other hosts.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use ipc_core::Wait;
use rustix::net::sockopt;

use super::NetOptions;
use crate::error::{Error, Result};
use crate::socket::{Asked, Socket};
use crate::unix::{Acceptor, handle, streams};

/// One end of a TCP connection: bytes, both ways, in order.
///
/// All calls take `&self`: one thread may receive while another sends. That the other *host* is gone is
/// noticed only when something is sent, or by [`KeepAlive`](super::KeepAlive). Nothing here says who
/// the peer is, and nothing is encrypted.
///
/// ```
/// # fn main() -> Result<(), ipc_sock::Error> {
/// use ipc_sock::net::{TcpListener, TcpStream};
/// let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
/// let client = TcpStream::connect(listener.local_addr()?)?;
/// let server = listener.accept()?;
/// client.send(b"hello")?;
/// assert_eq!(server.recv(&mut [0; 8])?, 5);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TcpStream(pub(crate) Socket);

handle!(TcpStream);
streams!(TcpStream);
crate::frames::byte_stream!(TcpStream);

impl TcpStream {
    pub(crate) fn wrap(socket: Socket) -> Self {
        Self(socket)
    }

    /// Connects with the default [`NetOptions`]; they have the forms with a deadline.
    ///
    /// # Errors
    /// As [`NetOptions::connect`].
    pub fn connect(address: SocketAddr) -> Result<Self> {
        NetOptions::new().connect(address)
    }

    /// Our address.
    ///
    /// # Errors
    /// `Os`.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        local_addr(&self.0)
    }

    /// The other side's address.
    ///
    /// # Errors
    /// `Os`: it is not connected any more.
    pub fn peer_addr(&self) -> Result<SocketAddr> {
        let failed = |errno| Error::os("ask for address of peer", errno);
        let any = rustix::net::getpeername(&self.0.fd).map_err(failed)?;
        any.and_then(|any| SocketAddr::try_from(any).ok())
            .ok_or(Error::Unsupported { what: "ask for address of a peer without one" })
    }

    /// Whether small pieces go out at once.
    ///
    /// # Errors
    /// `Os`.
    #[doc(alias = "TCP_NODELAY")]
    pub fn nodelay(&self) -> Result<bool> {
        sockopt::tcp_nodelay(&self.0.fd).map_err(|errno| Error::os("ask for TCP_NODELAY", errno))
    }
}

pub(super) fn local_addr(socket: &Socket) -> Result<SocketAddr> {
    let failed = |errno| Error::os("ask for address of socket", errno);
    let any = rustix::net::getsockname(&socket.fd).map_err(failed)?;
    SocketAddr::try_from(any)
        .map_err(|_| Error::Unsupported { what: "ask for IP address of a socket without one" })
}

impl From<TcpStream> for OwnedFd {
    fn from(stream: TcpStream) -> Self {
        stream.0.fd
    }
}

impl From<std::net::TcpStream> for TcpStream {
    fn from(stream: std::net::TcpStream) -> Self {
        OwnedFd::from(stream).into()
    }
}

impl From<TcpStream> for std::net::TcpStream {
    fn from(stream: TcpStream) -> Self {
        OwnedFd::from(stream).into()
    }
}

/// Waits for TCP connections.
///
/// It survives a lack of descriptors: the connection that would need one is taken and closed, and
/// `accept` returns `Limit`. Its description is non-blocking from birth.
///
/// Handing it to a successor over a Unix socket (`send_fds`) loses no connection: both accept from the
/// same queue until the first one stops.
#[derive(Debug)]
pub struct TcpListener(Acceptor);

impl TcpListener {
    pub(super) fn of(socket: Socket) -> Self {
        Self(Acceptor::new(socket))
    }

    /// Listens with the default [`NetOptions`].
    ///
    /// # Errors
    /// As [`NetOptions::listen`].
    pub fn bind(address: SocketAddr) -> Result<Self> {
        NetOptions::new().listen(address)
    }

    /// Takes one connection; waits if none is there.
    ///
    /// # Errors
    /// `Limit`: no descriptor was left; the connection was closed. `Cancelled`, `Os`.
    #[doc(alias = "accept4")]
    pub fn accept(&self) -> Result<TcpStream> {
        self.accept_until(Wait::FOREVER)
    }

    /// As [`accept`](Self::accept), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: nobody is there. Otherwise as [`accept`](Self::accept).
    pub fn try_accept(&self) -> Result<TcpStream> {
        self.accept_until(Wait::No)
    }

    /// As [`accept`](Self::accept), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`accept`](Self::accept).
    pub fn accept_timeout(&self, timeout: Duration) -> Result<TcpStream> {
        self.accept_until(Wait::timeout(timeout))
    }

    /// As [`accept`](Self::accept), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`accept`](Self::accept).
    pub fn accept_deadline(&self, deadline: Instant) -> Result<TcpStream> {
        self.accept_until(Wait::deadline(deadline))
    }

    fn accept_until(&self, wait: Wait) -> Result<TcpStream> {
        self.0.accept(wait).map(|fd| TcpStream(Socket::new(fd, Asked::default())))
    }

    /// Where it listens: the port too, if it was asked for as 0.
    ///
    /// # Errors
    /// `Os`.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        local_addr(&self.0.socket)
    }

    /// A handle that ends this listener's current or next wait with `Cancelled`.
    ///
    /// # Errors
    /// `Limit`: no descriptor could be had for it.
    pub fn canceller(&mut self) -> Result<crate::Canceller> {
        self.0.socket.canceller()
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.socket.fd.as_fd()
    }
}

/// Takes any listening descriptor as it is. One that blocks may hold up an `accept` past its deadline
/// when another process takes the connection first.
impl From<OwnedFd> for TcpListener {
    fn from(fd: OwnedFd) -> Self {
        Self::of(Socket::new(fd, Asked::default()))
    }
}

impl From<TcpListener> for OwnedFd {
    fn from(listener: TcpListener) -> Self {
        listener.0.socket.fd
    }
}

impl From<std::net::TcpListener> for TcpListener {
    fn from(listener: std::net::TcpListener) -> Self {
        OwnedFd::from(listener).into()
    }
}
