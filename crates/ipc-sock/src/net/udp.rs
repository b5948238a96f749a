//! Messages to other hosts, without a connection and without a promise.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use ipc_core::Wait;
use rustix::event::PollFlags;
use rustix::net::RecvFlags;

use super::NetOptions;
use super::tcp::local_addr;
use crate::error::{Error, Result};
use crate::socket::{Socket, recv_flags, send_flags};
use crate::unix::handle;

/// A UDP socket: whole messages, which may get lost, doubled or overtaken on the way.
///
/// A message that does not fit into the receiver's buffer is `MessageTooLong`, never a silent prefix.
///
/// ```
/// # fn main() -> Result<(), ipc_sock::Error> {
/// use ipc_sock::net::UdpSocket;
/// let server = UdpSocket::bind("127.0.0.1:0".parse().unwrap())?;
/// let client = UdpSocket::bind("127.0.0.1:0".parse().unwrap())?;
/// client.send_to(b"ping", server.local_addr()?)?;
/// let (length, from) = server.recv_from(&mut [0; 16])?;
/// assert_eq!((length, from), (4, client.local_addr()?));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct UdpSocket(pub(crate) Socket);

handle!(UdpSocket);

/// The most that one message can hold over IPv4.
const LONGEST: usize = 65_507;

impl UdpSocket {
    pub(crate) fn wrap(socket: Socket) -> Self {
        Self(socket)
    }

    /// Receives at `address`, with the default [`NetOptions`].
    ///
    /// # Errors
    /// As [`NetOptions::bind_udp`].
    pub fn bind(address: SocketAddr) -> Result<Self> {
        NetOptions::new().bind_udp(address)
    }

    /// From now on sends to `address`, and receives from there only.
    ///
    /// # Errors
    /// `Os`.
    pub fn connect(&self, address: SocketAddr) -> Result<()> {
        rustix::net::connect(&self.0.fd, &address)
            .map_err(|errno| Error::named("connect to", &address, errno))
    }

    /// Sends one message to where this socket is connected. Waits for room in the send buffer.
    ///
    /// # Errors
    /// `MessageTooLong`: more than 65507 bytes. `Refused`: an earlier message found nobody there.
    /// `Cancelled`, `Os`.
    #[inline]
    pub fn send(&self, message: &[u8]) -> Result<()> {
        self.send_until(message, Wait::FOREVER)
    }

    /// As [`send`](Self::send), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`. Otherwise as [`send`](Self::send).
    pub fn try_send(&self, message: &[u8]) -> Result<()> {
        self.send_until(message, Wait::No)
    }

    /// As [`send`](Self::send), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`send`](Self::send).
    pub fn send_timeout(&self, message: &[u8], timeout: Duration) -> Result<()> {
        self.send_until(message, Wait::timeout(timeout))
    }

    /// As [`send`](Self::send), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`send`](Self::send).
    pub fn send_deadline(&self, message: &[u8], deadline: Instant) -> Result<()> {
        self.send_until(message, Wait::deadline(deadline))
    }

    #[inline]
    fn send_until(&self, message: &[u8], wait: Wait) -> Result<()> {
        self.0.send(message, wait).map(drop).map_err(|error| too_long(error, message.len()))
    }

    /// Sends one message to `address`. Waits for room in the send buffer.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    #[doc(alias = "sendto")]
    pub fn send_to(&self, message: &[u8], address: SocketAddr) -> Result<()> {
        self.send_to_until(message, address, Wait::FOREVER)
    }

    /// As [`send_to`](Self::send_to), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`. Otherwise as [`send`](Self::send).
    pub fn try_send_to(&self, message: &[u8], address: SocketAddr) -> Result<()> {
        self.send_to_until(message, address, Wait::No)
    }

    /// As [`send_to`](Self::send_to), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`send`](Self::send).
    pub fn send_to_timeout(
        &self,
        message: &[u8],
        address: SocketAddr,
        timeout: Duration,
    ) -> Result<()> {
        self.send_to_until(message, address, Wait::timeout(timeout))
    }

    /// As [`send_to`](Self::send_to), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`send`](Self::send).
    pub fn send_to_deadline(
        &self,
        message: &[u8],
        address: SocketAddr,
        deadline: Instant,
    ) -> Result<()> {
        self.send_to_until(message, address, Wait::deadline(deadline))
    }

    fn send_to_until(&self, message: &[u8], address: SocketAddr, wait: Wait) -> Result<()> {
        let sent = self.0.turns("send over socket", PollFlags::OUT, wait, |may_wait| {
            rustix::net::sendto(&self.0.fd, message, send_flags(may_wait), &address)
        });
        sent.map(drop).map_err(|error| too_long(error, message.len()))
    }

    /// Receives one message, whole; its length is returned (0 is an empty message). Waits for one.
    ///
    /// # Errors
    /// `MessageTooLong`: `buf` is too short; the message is lost. `Refused`: an earlier message of
    /// ours found nobody there. `Cancelled`, `Os`.
    #[inline]
    pub fn recv(&self, buf: &mut [u8]) -> Result<usize> {
        self.recv_until(buf, Wait::FOREVER)
    }

    /// As [`recv`](Self::recv), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: no message is there. Otherwise as [`recv`](Self::recv).
    pub fn try_recv(&self, buf: &mut [u8]) -> Result<usize> {
        self.recv_until(buf, Wait::No)
    }

    /// As [`recv`](Self::recv), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`recv`](Self::recv).
    pub fn recv_timeout(&self, buf: &mut [u8], timeout: Duration) -> Result<usize> {
        self.recv_until(buf, Wait::timeout(timeout))
    }

    /// As [`recv`](Self::recv), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`recv`](Self::recv).
    pub fn recv_deadline(&self, buf: &mut [u8], deadline: Instant) -> Result<usize> {
        self.recv_until(buf, Wait::deadline(deadline))
    }

    #[inline]
    fn recv_until(&self, buf: &mut [u8], wait: Wait) -> Result<usize> {
        let real = self.0.recv_whole(buf, wait)?;
        if real > buf.len() {
            return Err(Error::MessageTooLong { real, limit: buf.len() });
        }
        Ok(real)
    }

    /// As [`recv`](Self::recv), and tells where the message came from, as far as the sender does not
    /// lie.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    #[doc(alias = "recvfrom")]
    pub fn recv_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr)> {
        self.recv_from_until(buf, Wait::FOREVER)
    }

    /// As [`recv_from`](Self::recv_from), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: no message is there. Otherwise as [`recv`](Self::recv).
    pub fn try_recv_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr)> {
        self.recv_from_until(buf, Wait::No)
    }

    /// As [`recv_from`](Self::recv_from), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`recv`](Self::recv).
    pub fn recv_from_timeout(
        &self,
        buf: &mut [u8],
        timeout: Duration,
    ) -> Result<(usize, SocketAddr)> {
        self.recv_from_until(buf, Wait::timeout(timeout))
    }

    /// As [`recv_from`](Self::recv_from), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`recv`](Self::recv).
    pub fn recv_from_deadline(
        &self,
        buf: &mut [u8],
        deadline: Instant,
    ) -> Result<(usize, SocketAddr)> {
        self.recv_from_until(buf, Wait::deadline(deadline))
    }

    fn recv_from_until(&self, buf: &mut [u8], wait: Wait) -> Result<(usize, SocketAddr)> {
        let limit = buf.len();
        let (real, from) =
            self.0.turns("receive from socket", PollFlags::IN, wait, |may_wait| {
                let flags = recv_flags(may_wait) | RecvFlags::TRUNC;
                rustix::net::recvfrom(&self.0.fd, &mut *buf, flags)
                    .map(|(_, real, from)| (real, from))
            })?;
        if real > limit {
            return Err(Error::MessageTooLong { real, limit });
        }
        let from = from.and_then(|any| SocketAddr::try_from(any).ok());
        from.map(|from| (real, from))
            .ok_or(Error::Unsupported { what: "receive an IP message over another kind of socket" })
    }

    /// Where this socket receives: the port too, if it was asked for as 0.
    ///
    /// # Errors
    /// `Os`.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        local_addr(&self.0)
    }
}

fn too_long(error: Error, real: usize) -> Error {
    match error {
        Error::Os { source, .. } if source.raw_os_error() == Some(libc::EMSGSIZE) => {
            Error::MessageTooLong { real, limit: LONGEST }
        }
        error => error,
    }
}

impl From<UdpSocket> for OwnedFd {
    fn from(socket: UdpSocket) -> Self {
        socket.0.fd
    }
}

impl From<std::net::UdpSocket> for UdpSocket {
    fn from(socket: std::net::UdpSocket) -> Self {
        OwnedFd::from(socket).into()
    }
}
