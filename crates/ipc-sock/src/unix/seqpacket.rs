//! A connection that carries whole messages.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use ipc_core::Wait;
use rustix::net::{Shutdown, SocketType};

use super::{Address, Options, carries, handle, sealed, watches};
use crate::ancillary::{Boundary, Received};
use crate::credentials::Credentials;
use crate::error::{Error, Result};
use crate::socket::Socket;

/// One end of a connection that carries whole messages both ways, in order, none lost.
///
/// A message arrives as it was sent or not at all. One that does not fit into the receiver's buffer is
/// `MessageTooLong`, never a silent prefix; [`next_len`](Self::next_len) tells its length before. A
/// message may be as long as the send buffer: 1 MiB and more where the system allows 4 MiB, about 200
/// KiB where nothing was raised (`/proc/sys/net/core/wmem_max`).
///
/// ```
/// # fn main() -> Result<(), ipc_sock::Error> {
/// use ipc_sock::{Error, unix::SeqPacket};
/// let (ours, theirs) = SeqPacket::pair()?;
/// ours.send(b"first")?;
/// ours.send(b"second")?;
/// let mut buf = [0; 5];
/// assert_eq!(theirs.recv(&mut buf)?, 5);
/// assert!(matches!(theirs.recv(&mut buf), Err(Error::MessageTooLong { real: 6, .. })));
/// drop(ours);
/// assert!(matches!(theirs.recv(&mut buf), Err(Error::Closed { .. })));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "SOCK_SEQPACKET")]
pub struct SeqPacket(pub(crate) Socket);

impl sealed::Wrap for SeqPacket {
    const TYPE: sealed::Kind = sealed::Kind(SocketType::SEQPACKET);

    #[expect(private_interfaces, reason = "the trait cannot be named outside")]
    fn wrap(socket: Socket) -> Self {
        Self(socket)
    }
}

handle!(SeqPacket);
watches!(SeqPacket);
carries!(SeqPacket, "Options::new().pass_fds(1).pair::<SeqPacket>()", Boundary::Kept, (), drop);

impl SeqPacket {
    pub(crate) fn wrap(socket: Socket) -> Self {
        Self(socket)
    }

    /// Connects with the default [`Options`]; they have the forms with a deadline.
    ///
    /// # Errors
    /// As [`Options::connect`].
    pub fn connect(address: &Address) -> Result<Self> {
        Options::new().connect(address)
    }

    /// Two connected ends with the default [`Options`].
    ///
    /// # Errors
    /// As [`Options::pair`].
    #[doc(alias = "socketpair")]
    pub fn pair() -> Result<(Self, Self)> {
        Options::new().pair()
    }

    /// Sends one message, whole. Waits for room.
    ///
    /// # Errors
    /// `EmptyMessage`: the other side could take it for the end. `MessageTooLong`: longer than the
    /// send buffer; nothing was sent. `Closed`: the other side does not receive any more, or the
    /// watched process died. `PeerReset`: it is gone, with messages of ours unread. `Cancelled`, `Os`.
    #[inline]
    pub fn send(&self, message: &[u8]) -> Result<()> {
        self.send_until(message, Wait::FOREVER)
    }

    /// As [`send`](Self::send), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: there is no room for all of it. Otherwise as [`send`](Self::send).
    #[inline]
    pub fn try_send(&self, message: &[u8]) -> Result<()> {
        self.send_until(message, Wait::No)
    }

    /// As [`send`](Self::send), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`: nothing was sent. Otherwise as [`send`](Self::send).
    pub fn send_timeout(&self, message: &[u8], timeout: Duration) -> Result<()> {
        self.send_until(message, Wait::timeout(timeout))
    }

    /// As [`send`](Self::send), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`: nothing was sent. Otherwise as [`send`](Self::send).
    pub fn send_deadline(&self, message: &[u8], deadline: Instant) -> Result<()> {
        self.send_until(message, Wait::deadline(deadline))
    }

    #[inline(always)]
    fn send_until(&self, message: &[u8], wait: Wait) -> Result<()> {
        if message.is_empty() {
            return Err(Error::EmptyMessage);
        }
        self.0.send_whole(message, wait)
    }

    /// Receives one message, whole; its length is returned. Waits for one. 0 is an empty message,
    /// which only programs that do not use this crate send.
    ///
    /// # Errors
    /// `Closed`: the other side is closed and everything was received, or the watched process died.
    /// `PeerReset`: it is gone, with messages of ours unread. `MessageTooLong`: `buf` is too short; the
    /// message is lost. `AncillaryTruncated`: descriptors came beside it; use
    /// [`recv_fds`](Self::recv_fds). `Cancelled`, `Os`.
    #[inline]
    pub fn recv(&self, buf: &mut [u8]) -> Result<usize> {
        self.recv_until(buf, Wait::FOREVER)
    }

    /// As [`recv`](Self::recv), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: no message is there. Otherwise as [`recv`](Self::recv).
    #[inline]
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

    #[inline(always)]
    fn recv_until(&self, buf: &mut [u8], wait: Wait) -> Result<usize> {
        match self.0.recv_whole(buf, wait) {
            Ok(0) => self.nothing(),
            Ok(real) if real > buf.len() => Err(Error::MessageTooLong { real, limit: buf.len() }),
            done => done,
        }
    }

    /// The length of the next message, which stays where it is. Waits for one.
    ///
    /// # Errors
    /// `Closed`, `Cancelled`, `Os`.
    pub fn next_len(&self) -> Result<usize> {
        match self.0.next_len(Wait::FOREVER)? {
            0 => self.nothing(),
            len => Ok(len),
        }
    }

    /// The kernel returned 0: the end, or an empty message? It is the end only if the other side is
    /// closed (then nothing more can come) and nothing is left. An empty message that was the very
    /// last one before a close then counts as the close it was followed by.
    #[cold]
    fn nothing(&self) -> Result<usize> {
        if !self.0.peer_closed() {
            return Ok(0);
        }
        match self.0.next_len(Wait::No) {
            Ok(0) | Err(Error::WouldBlock) => Err(Error::closed()),
            Ok(_) => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Who the other side was at connect: see [`Credentials`].
    ///
    /// # Errors
    /// `Unsupported`: there is no other side. `Limit`: no descriptor for the pidfd. `Os`.
    ///
    /// # Linux
    /// `SO_PEERCRED`, `SO_PEERGROUPS` (Linux 4.13), `SO_PEERPIDFD` (6.5) of
    /// [`unix(7)`](https://man7.org/linux/man-pages/man7/unix.7.html)
    #[doc(alias = "SO_PEERCRED")]
    #[doc(alias = "SO_PEERPIDFD")]
    pub fn peer_credentials(&self) -> Result<Credentials> {
        Credentials::of_peer(self.0.fd.as_fd())
    }

    /// Closes one direction, or both, for every holder of this end. Nothing that was sent is lost.
    ///
    /// # Errors
    /// `Os`.
    ///
    /// # Linux
    /// [`shutdown(2)`](https://man7.org/linux/man-pages/man2/shutdown.2.html)
    pub fn shutdown(&self, how: std::net::Shutdown) -> Result<()> {
        self.0.shutdown(match how {
            std::net::Shutdown::Read => Shutdown::Read,
            std::net::Shutdown::Write => Shutdown::Write,
            std::net::Shutdown::Both => Shutdown::Both,
        })
    }

    /// Nothing, with nothing beside it, may be the end.
    fn ended(&self, received: Result<Received>) -> Result<Received> {
        let received = received?;
        if received.bytes == 0 && received.fds.is_empty() && received.credentials.is_none() {
            self.nothing()?;
        }
        Ok(received)
    }
}
