//! Choices that are made when a network socket is created.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use ipc_core::Wait;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::{TcpListener, TcpStream, UdpSocket};
use crate::error::{Error, Result};
use crate::options::{BACKLOG, Buffer, set_buffer};
use crate::socket::{Asked, Socket};

/// When a silent TCP connection is asked whether it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// Silence before the first question; whole seconds.
    pub idle: Duration,
    /// Between questions; whole seconds.
    pub interval: Duration,
    /// Questions without an answer before the connection counts as broken.
    pub count: u32,
}

/// Choices for a new TCP or UDP socket, and the calls that make one.
///
/// ```
/// # fn main() -> Result<(), ipc_sock::Error> {
/// use ipc_sock::net::NetOptions;
/// let options = NetOptions::new().nodelay();
/// let listener = options.listen("127.0.0.1:0".parse().unwrap())?;
/// let client = options.connect(listener.local_addr()?)?;
/// let server = listener.accept()?;
/// assert!(client.nodelay()? && server.nodelay()?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct NetOptions {
    nodelay: bool,
    keep_alive: Option<KeepAlive>,
    send_buffer: Option<usize>,
    recv_buffer: Option<usize>,
    backlog: u32,
    v6_only: bool,
    reuse_port: bool,
}

impl Default for NetOptions {
    fn default() -> Self {
        Self {
            nodelay: false,
            keep_alive: None,
            send_buffer: None,
            recv_buffer: None,
            backlog: BACKLOG,
            v6_only: false,
            reuse_port: false,
        }
    }
}

impl NetOptions {
    /// Sockets as the system makes them. TCP sizes its buffers by itself.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends small pieces at once instead of gathering them. Accepted connections get it too.
    #[doc(alias = "TCP_NODELAY")]
    pub fn nodelay(mut self) -> Self {
        self.nodelay = true;
        self
    }

    /// Asks silent connections whether they live: a peer whose host vanished is noticed only so, and
    /// waits end with `Os` (ETIMEDOUT) then. Accepted connections get it too.
    #[doc(alias = "SO_KEEPALIVE")]
    pub fn keep_alive(mut self, keep_alive: KeepAlive) -> Self {
        self.keep_alive = Some(keep_alive);
        self
    }

    /// The size of the send buffer. Without it TCP sizes it by itself.
    #[doc(alias = "SO_SNDBUF")]
    pub fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = Some(bytes);
        self
    }

    /// The size of the receive buffer. Without it TCP sizes it by itself; UDP loses what does not fit.
    #[doc(alias = "SO_RCVBUF")]
    pub fn recv_buffer(mut self, bytes: usize) -> Self {
        self.recv_buffer = Some(bytes);
        self
    }

    /// How many connections may wait to be accepted; `/proc/sys/net/core/somaxconn` caps it.
    pub fn backlog(mut self, connections: u32) -> Self {
        self.backlog = connections;
        self
    }

    /// A v6 socket takes no v4 traffic.
    #[doc(alias = "IPV6_V6ONLY")]
    pub fn v6_only(mut self) -> Self {
        self.v6_only = true;
        self
    }

    /// Several sockets of one user may share the address; the kernel spreads what comes.
    #[doc(alias = "SO_REUSEPORT")]
    pub fn reuse_port(mut self) -> Self {
        self.reuse_port = true;
        self
    }

    /// Connects over TCP.
    ///
    /// # Errors
    /// `Refused`: nobody listens there. `Limit`, `Os`.
    ///
    /// # Linux
    /// [`tcp(7)`](https://man7.org/linux/man-pages/man7/tcp.7.html)
    pub fn connect(&self, address: SocketAddr) -> Result<TcpStream> {
        self.connect_until(address, Wait::FOREVER)
    }

    /// As [`connect`](Self::connect), but does not wait: within one host that is enough.
    ///
    /// # Errors
    /// `WouldBlock`: the other side has not answered; the attempt is given up. Otherwise as
    /// [`connect`](Self::connect).
    pub fn try_connect(&self, address: SocketAddr) -> Result<TcpStream> {
        self.connect_until(address, Wait::No)
    }

    /// As [`connect`](Self::connect), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`connect`](Self::connect).
    pub fn connect_timeout(&self, address: SocketAddr, timeout: Duration) -> Result<TcpStream> {
        self.connect_until(address, Wait::timeout(timeout))
    }

    /// As [`connect`](Self::connect), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`connect`](Self::connect).
    pub fn connect_deadline(&self, address: SocketAddr, deadline: Instant) -> Result<TcpStream> {
        self.connect_until(address, Wait::deadline(deadline))
    }

    fn connect_until(&self, address: SocketAddr, wait: Wait) -> Result<TcpStream> {
        let socket = self.socket(address, SocketType::STREAM, SocketFlags::empty())?;
        crate::connect::connect(socket.fd.as_fd(), wait, &address, || {
            rustix::net::connect(&socket.fd, &address)
        })?;
        Ok(TcpStream::wrap(socket))
    }

    /// Binds and listens over TCP. The address may be used again at once after a former listener.
    ///
    /// # Errors
    /// `AlreadyExists`: the address is in use. `Limit`, `Os`.
    pub fn listen(&self, address: SocketAddr) -> Result<TcpListener> {
        let failed = |errno| Error::named("listen at", &address, errno);
        let socket = self.socket(address, SocketType::STREAM, SocketFlags::NONBLOCK)?;
        sockopt::set_socket_reuseaddr(&socket.fd, true).map_err(failed)?;
        rustix::net::bind(&socket.fd, &address).map_err(failed)?;
        let backlog = i32::try_from(self.backlog).unwrap_or(i32::MAX);
        rustix::net::listen(&socket.fd, backlog).map_err(failed)?;
        Ok(TcpListener::of(socket))
    }

    /// A UDP socket that receives at `address`.
    ///
    /// # Errors
    /// As [`listen`](Self::listen).
    pub fn bind_udp(&self, address: SocketAddr) -> Result<UdpSocket> {
        let socket = self.socket(address, SocketType::DGRAM, SocketFlags::empty())?;
        let bound = rustix::net::bind(&socket.fd, &address);
        bound.map_err(|errno| Error::named("bind", &address, errno))?;
        Ok(UdpSocket::wrap(socket))
    }

    fn socket(&self, address: SocketAddr, kind: SocketType, flags: SocketFlags) -> Result<Socket> {
        let failed = |errno| Error::named("create socket for", &address, errno);
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let made = rustix::net::socket_with(family, kind, flags | SocketFlags::CLOEXEC, None);
        let fd = made.map_err(failed)?;
        if let Some(bytes) = self.send_buffer {
            set_buffer(fd.as_fd(), bytes, Buffer::Send)?;
        }
        if let Some(bytes) = self.recv_buffer {
            set_buffer(fd.as_fd(), bytes, Buffer::Receive)?;
        }
        self.apply(fd.as_fd(), address, kind).map_err(failed)?;
        Ok(Socket::new(fd, Asked::default()))
    }

    fn apply(
        &self,
        fd: impl AsFd + Copy,
        address: SocketAddr,
        kind: SocketType,
    ) -> Result<(), Errno> {
        if address.is_ipv6() && self.v6_only {
            sockopt::set_ipv6_v6only(fd, true)?;
        }
        if self.reuse_port {
            sockopt::set_socket_reuseport(fd, true)?;
        }
        if kind != SocketType::STREAM {
            return Ok(());
        }
        if self.nodelay {
            sockopt::set_tcp_nodelay(fd, true)?;
        }
        if let Some(KeepAlive { idle, interval, count }) = self.keep_alive {
            sockopt::set_socket_keepalive(fd, true)?;
            sockopt::set_tcp_keepidle(fd, idle)?;
            sockopt::set_tcp_keepintvl(fd, interval)?;
            sockopt::set_tcp_keepcnt(fd, count)?;
        }
        Ok(())
    }
}
