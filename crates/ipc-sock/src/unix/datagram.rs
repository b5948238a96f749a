//! Messages without a connection.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use ipc_core::Wait;
use rustix::event::PollFlags;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::place::Place;
use super::{Address, Options, carries, handle, watches};
use crate::ancillary::{Boundary, Received};
use crate::error::{Error, Result};
use crate::socket::{Socket, recv_flags, send_flags};

/// A socket that sends and receives whole messages, in order, none lost, with no connection: many may
/// send to one.
///
/// It never hears that the other side is gone while it receives; a sender does (`Refused`). A receiver
/// queues few messages (`/proc/sys/net/unix/max_dgram_qlen`, 10 by default), then senders wait.
///
/// Dropping a bound one removes its path.
///
/// ```
/// # fn main() -> Result<(), ipc_sock::Error> {
/// use ipc_sock::unix::Datagram;
/// let (ours, theirs) = Datagram::pair()?;
/// ours.send(b"hello")?;
/// let mut buf = [0; 8];
/// assert_eq!(theirs.recv(&mut buf)?, 5);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "SOCK_DGRAM")]
pub struct Datagram(pub(crate) Socket, Option<Place>);

handle!(Datagram);
watches!(Datagram);
carries!(Datagram, "Options::new().pass_fds(1).datagram_pair()", Boundary::Kept, (), drop);

impl Datagram {
    pub(crate) fn wrap(socket: Socket) -> Self {
        Self(socket, None)
    }

    pub(crate) fn create(options: &Options, address: &Address) -> Result<Self> {
        let socket = options.socket(SocketType::DGRAM, SocketFlags::empty())?;
        let place = match address.as_path() {
            Some(path) => Some(Place::take_in_place(options, path, &socket)?),
            None if address.is_unnamed() => None,
            None => {
                let bound = rustix::net::bind(&socket.fd, &address.0);
                bound.map_err(|errno| Error::named("bind", address, errno))?;
                None
            }
        };
        Ok(Self(socket, place))
    }

    /// A socket with the default [`Options`] that receives at `address`.
    ///
    /// # Errors
    /// As [`Options::bind`].
    pub fn bind(address: &Address) -> Result<Self> {
        Options::new().bind(address)
    }

    /// A socket without an address: it sends, and is not to be answered.
    ///
    /// # Errors
    /// `Limit`.
    pub fn unbound() -> Result<Self> {
        Options::new().bind(&Address::unnamed())
    }

    /// Two connected sockets with the default [`Options`].
    ///
    /// # Errors
    /// As [`Options::pair`].
    #[doc(alias = "socketpair")]
    pub fn pair() -> Result<(Self, Self)> {
        Options::new().datagram_pair()
    }

    /// From now on sends to `address`, and receives from there only. A path must belong to our
    /// effective user or root; what is checked is what is connected to.
    ///
    /// # Errors
    /// `NotFound`, `Refused`: nobody receives there. `WrongOwner`. `Os`.
    pub fn connect(&self, address: &Address) -> Result<()> {
        self.connect_with(address, &Options::new())
    }

    /// As [`connect`](Self::connect), with the owners that `options` allows.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_with(&self, address: &Address, options: &Options) -> Result<()> {
        use std::os::fd::AsRawFd;
        let failed = |errno| Error::named("connect to", address, errno);
        let Some(path) = address.as_path() else {
            return rustix::net::connect(&self.0.fd, &address.0).map_err(failed);
        };
        // The file itself, whatever is put in its place meanwhile.
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::open(path, flags, Mode::empty()).map_err(failed)?;
        options.check_owner(rustix::fs::fstat(&file).map_err(failed)?.st_uid)?;
        let itself = format!("/proc/self/fd/{}", file.as_raw_fd());
        let itself = SocketAddrUnix::new(itself).map_err(failed)?;
        rustix::net::connect(&self.0.fd, &itself).map_err(failed)
    }

    /// Sends one message to where this socket is connected. Waits while the receiver's queue is full.
    ///
    /// # Errors
    /// `Refused`: the receiver is gone. `MessageTooLong`: longer than the send buffer. `Closed {
    /// peer_died: true }` (see [`watch_peer`](Self::watch_peer)), `Cancelled`, `Os`.
    #[inline]
    pub fn send(&self, message: &[u8]) -> Result<()> {
        self.0.send_whole(message, Wait::FOREVER)
    }

    /// As [`send`](Self::send), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: the receiver's queue is full. Otherwise as [`send`](Self::send).
    #[inline]
    pub fn try_send(&self, message: &[u8]) -> Result<()> {
        self.0.send_whole(message, Wait::No)
    }

    /// As [`send`](Self::send), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`: nothing was sent. Otherwise as [`send`](Self::send).
    pub fn send_timeout(&self, message: &[u8], timeout: Duration) -> Result<()> {
        self.0.send_whole(message, Wait::timeout(timeout))
    }

    /// As [`send`](Self::send), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`: nothing was sent. Otherwise as [`send`](Self::send).
    pub fn send_deadline(&self, message: &[u8], deadline: Instant) -> Result<()> {
        self.0.send_whole(message, Wait::deadline(deadline))
    }

    /// Sends one message to `address`, whoever owns it. Waits while the receiver's queue is full.
    ///
    /// # Errors
    /// `NotFound`, `Refused`: nobody receives there. Otherwise as [`send`](Self::send).
    pub fn send_to(&self, message: &[u8], address: &Address) -> Result<()> {
        self.send_to_until(message, address, Wait::FOREVER)
    }

    /// As [`send_to`](Self::send_to), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: the receiver's queue is full. Otherwise as [`send_to`](Self::send_to).
    pub fn try_send_to(&self, message: &[u8], address: &Address) -> Result<()> {
        self.send_to_until(message, address, Wait::No)
    }

    /// As [`send_to`](Self::send_to), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`: nothing was sent. Otherwise as [`send_to`](Self::send_to).
    pub fn send_to_timeout(
        &self,
        message: &[u8],
        address: &Address,
        timeout: Duration,
    ) -> Result<()> {
        self.send_to_until(message, address, Wait::timeout(timeout))
    }

    /// As [`send_to`](Self::send_to), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`: nothing was sent. Otherwise as [`send_to`](Self::send_to).
    pub fn send_to_deadline(
        &self,
        message: &[u8],
        address: &Address,
        deadline: Instant,
    ) -> Result<()> {
        self.send_to_until(message, address, Wait::deadline(deadline))
    }

    fn send_to_until(&self, message: &[u8], address: &Address, wait: Wait) -> Result<()> {
        let to = |flags| rustix::net::sendto(&self.0.fd, message, flags, &address.0);
        if wait == Wait::FOREVER && self.0.watch.is_empty() {
            match to(send_flags(true)) {
                Err(Errno::INTR | Errno::AGAIN) => {}
                done => return self.sent_to(done, message, address),
            }
        } else if wait != Wait::No && self.0.watch.cancelled() {
            return Err(Error::Cancelled);
        }
        loop {
            match to(send_flags(false)) {
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) if wait == Wait::No => return Err(Error::WouldBlock),
                Err(Errno::AGAIN) => self.wait_for_receiver(address, wait)?,
                done => return self.sent_to(done, message, address),
            }
        }
    }

    /// An unconnected socket always polls as writable: it does not know whose queue is meant. One that
    /// is connected there does.
    #[cold]
    fn wait_for_receiver(&self, address: &Address, wait: Wait) -> Result<()> {
        let failed = |errno| Error::named("send to", address, errno);
        let kind = SocketType::DGRAM;
        let scout = rustix::net::socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None);
        let scout = scout.map_err(failed)?;
        rustix::net::connect(&scout, &address.0).map_err(failed)?;
        self.0.wait(scout.as_fd(), PollFlags::OUT, wait)
    }

    fn sent_to(&self, done: Result<usize, Errno>, message: &[u8], to: &Address) -> Result<()> {
        done.map(drop).map_err(|errno| {
            self.0.explain_length(Error::named("send to", to, errno), message.len())
        })
    }

    /// Receives one message, whole; its length is returned. Waits for one.
    ///
    /// # Errors
    /// `MessageTooLong`: `buf` is too short; the message is lost. `AncillaryTruncated`: descriptors
    /// came beside it; use [`recv_fds`](Self::recv_fds). `Closed { peer_died: true }` (see
    /// [`watch_peer`](Self::watch_peer)), `Cancelled`, `Os`.
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
        let real = self.0.recv_whole(buf, wait)?;
        if real > buf.len() {
            Err(Error::MessageTooLong { real, limit: buf.len() })
        } else {
            Ok(real)
        }
    }

    /// As [`recv`](Self::recv), and tells where the message came from: an address to answer to, or
    /// unnamed.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    #[doc(alias = "recvfrom")]
    pub fn recv_from(&self, buf: &mut [u8]) -> Result<(usize, Address)> {
        self.recv_from_until(buf, Wait::FOREVER)
    }

    /// As [`recv_from`](Self::recv_from), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: no message is there. Otherwise as [`recv`](Self::recv).
    pub fn try_recv_from(&self, buf: &mut [u8]) -> Result<(usize, Address)> {
        self.recv_from_until(buf, Wait::No)
    }

    /// As [`recv_from`](Self::recv_from), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`recv`](Self::recv).
    pub fn recv_from_timeout(&self, buf: &mut [u8], timeout: Duration) -> Result<(usize, Address)> {
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
    ) -> Result<(usize, Address)> {
        self.recv_from_until(buf, Wait::deadline(deadline))
    }

    fn recv_from_until(&self, buf: &mut [u8], wait: Wait) -> Result<(usize, Address)> {
        use rustix::net::RecvFlags;
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
        Ok((real, Address::from_any(from)))
    }

    /// The length of the next message, which stays where it is. Waits for one.
    ///
    /// # Errors
    /// `Cancelled`, `Os`.
    pub fn next_len(&self) -> Result<usize> {
        self.0.next_len(Wait::FOREVER)
    }

    /// Where this socket receives.
    ///
    /// # Errors
    /// `Os`.
    #[doc(alias = "getsockname")]
    pub fn local_addr(&self) -> Result<Address> {
        let name = rustix::net::getsockname(&self.0.fd);
        name.map(|any| Address::from_any(Some(any)))
            .map_err(|errno| Error::os("ask for address of socket", errno))
    }

    /// An empty datagram is one like any other.
    fn ended(&self, received: Result<Received>) -> Result<Received> {
        received
    }

    /// Gives up the path without removing it: for a successor that has the descriptor.
    pub fn keep_path(&mut self) {
        if let Some(place) = self.1.take() {
            place.keep();
        }
    }
}
