//! The end that receives: every word of the peer is loaded once, checked, and then used.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipc_core::Wait;

use super::layout::{Place, Said, TAIL, bytes, longest, read};
use super::link::{End, Link};
use super::seat::Seat;
use super::{Credentials, PEER, memfd};
use crate::canceller::Canceller;
use crate::error::{Error, Result};

/// The receiving end of a channel to a process that is not trusted.
///
/// Dropping it closes this direction: the peer's next send is `Closed`.
#[derive(Debug)]
pub struct Receiver {
    link: Arc<Link>,
    seat: Seat,
    /// The peer's, as it was when its memory was checked.
    capacity: u64,
    /// Where the ring begins in the peer's memory.
    ring: u64,
    /// Bytes received, counted over all laps. Ours alone: the peer reads a copy.
    tail: u64,
    /// Messages since the ring was last found empty.
    batch: u32,
    /// How often it was found empty.
    empties: u32,
    /// Why nothing can be received any more.
    broken: Option<&'static str>,
}

/// A message that was found, by what was checked of it.
#[derive(Clone, Copy, Debug)]
struct Found {
    len: usize,
    place: Place,
    at: u64,
}

impl Receiver {
    pub(super) fn new(link: Arc<Link>, capacity: u64) -> Self {
        let ring = memfd::control() as u64;
        let seat = Seat::new(End::Receiver);
        Self { link, seat, capacity, ring, tail: 0, batch: 0, empties: 0, broken: None }
    }

    /// Receives a message into `buf`; its length.
    ///
    /// What is behind the message in `buf` stays as it was.
    ///
    /// # Blocking
    /// Until there is one.
    ///
    /// # Errors
    /// `BufferTooShort`: the message is longer than `buf` and was not received. `Closed`: the peer closed its
    /// sender, or died, and what it had sent was received. `Corrupt`: the peer wrote what cannot be;
    /// the channel is of no more use. `Cancelled`. `NotOwner`: this is a fork's child.
    ///
    /// # Linux
    /// It makes no system call if there is a message and the peer does not sleep.
    ///
    /// # Examples
    /// ```
    /// # use std::os::{fd::OwnedFd, unix::net::UnixStream};
    /// # use ipc_shm::ring::untrusted;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (here, there) = UnixStream::pair()?;
    /// # let other = std::thread::spawn(move || untrusted::accept(OwnedFd::from(there)));
    /// # let (mut sender, _near) = untrusted::offer(OwnedFd::from(here))?;
    /// # let (_far, mut receiver) = other.join().unwrap()?;
    /// sender.send(b"hello")?;
    /// let mut buf = [0; 64];
    /// let len = receiver.recv_into(&mut buf)?;
    /// assert_eq!(&buf[..len], b"hello");
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn recv_into(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.recv_wait(buf, Wait::FOREVER)
    }

    /// Receives a message into `buf` if there is one now; its length.
    ///
    /// # Errors
    /// `WouldBlock`: there is none. Those of [`recv_into`](Self::recv_into).
    #[inline]
    pub fn try_recv_into(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.recv_wait(buf, Wait::No)
    }

    /// Receives a message into `buf`, waiting for `timeout` at most; its length.
    ///
    /// # Errors
    /// `TimedOut`: none came. Those of [`recv_into`](Self::recv_into).
    pub fn recv_into_timeout(&mut self, buf: &mut [u8], timeout: Duration) -> Result<usize> {
        self.recv_wait(buf, Wait::timeout(timeout))
    }

    /// Receives a message into `buf`, waiting until `deadline` at most; its length.
    ///
    /// # Errors
    /// `TimedOut`: none came. Those of [`recv_into`](Self::recv_into).
    pub fn recv_into_deadline(&mut self, buf: &mut [u8], deadline: Instant) -> Result<usize> {
        self.recv_wait(buf, Wait::deadline(deadline))
    }

    /// Receives a message.
    ///
    /// It allocates what the message has, which is less than the peer's
    /// [`capacity`](Self::capacity), whatever the peer says.
    ///
    /// # Blocking
    /// Until there is one.
    ///
    /// # Errors
    /// `NoSpace`: there is no memory for the message, which was not received. Those of
    /// [`recv_into`](Self::recv_into).
    ///
    /// # Examples
    /// ```
    /// # use std::os::{fd::OwnedFd, unix::net::UnixStream};
    /// # use ipc_shm::ring::untrusted;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (here, there) = UnixStream::pair()?;
    /// # let other = std::thread::spawn(move || untrusted::accept(OwnedFd::from(there)));
    /// # let (mut sender, _near) = untrusted::offer(OwnedFd::from(here))?;
    /// # let (_far, mut receiver) = other.join().unwrap()?;
    /// sender.send(b"hello")?;
    /// assert_eq!(receiver.recv()?, b"hello");
    /// drop((sender, _near));
    /// assert!(matches!(receiver.recv(), Err(ipc_shm::Error::Closed { peer_died: false })));
    /// # Ok(())
    /// # }
    /// ```
    pub fn recv(&mut self) -> Result<Vec<u8>> {
        self.recv_new(Wait::FOREVER)
    }

    /// Receives a message if there is one now.
    ///
    /// # Errors
    /// `WouldBlock`: there is none. Those of [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Result<Vec<u8>> {
        self.recv_new(Wait::No)
    }

    /// Receives a message, waiting for `timeout` at most.
    ///
    /// # Errors
    /// `TimedOut`: none came. Those of [`recv`](Self::recv).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Vec<u8>> {
        self.recv_new(Wait::timeout(timeout))
    }

    /// Receives a message, waiting until `deadline` at most.
    ///
    /// # Errors
    /// `TimedOut`: none came. Those of [`recv`](Self::recv).
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<Vec<u8>> {
        self.recv_new(Wait::deadline(deadline))
    }

    #[inline]
    fn recv_wait(&mut self, buf: &mut [u8], wait: Wait) -> Result<usize> {
        let found = self.find(wait)?;
        let (len, needed) = (buf.len(), found.len);
        let Some(place) = buf.get_mut(..needed) else {
            return Err(Error::BufferTooShort { len, needed });
        };
        self.take(found, place);
        Ok(needed)
    }

    fn recv_new(&mut self, wait: Wait) -> Result<Vec<u8>> {
        let found = self.find(wait)?;
        let mut message = Vec::new();
        if message.try_reserve_exact(found.len).is_err() {
            return Err(Error::NoSpace { name: PEER.to_owned() });
        }
        message.resize(found.len, 0);
        self.take(found, &mut message);
        Ok(message)
    }

    /// Waits for the next message.
    #[inline]
    fn find(&mut self, wait: Wait) -> Result<Found> {
        self.link.check_fork()?;
        loop {
            let at = self.tail & (self.capacity - 1);
            // The one load of this word: what it says from here on is a value of ours.
            let said = read(self.link.foreign.load(bytes(self.ring + at)));
            if let Said::Message(len) = said {
                if len <= longest(self.capacity) && self.broken.is_none() {
                    let place = Place::new(at, len);
                    if place.end <= self.capacity {
                        self.seat.found();
                        return Ok(Found { len: bytes(len), place, at });
                    }
                }
            }
            self.not_found(said, at, wait)?;
        }
    }

    #[cold]
    fn not_found(&mut self, said: Said, at: u64, wait: Wait) -> Result<()> {
        let what = match (self.broken, said) {
            (Some(what), _) => what,
            (None, Said::Nothing) => {
                self.back_off(wait);
                let (foreign, next) = (&self.link.foreign, bytes(self.ring + at));
                return self.seat.wait(&self.link, wait, || foreign.load(next) != 0);
            }
            // At the start it would lead nowhere: so at most one pad comes before a message.
            (None, Said::Pad) if at != 0 => {
                self.advance(self.capacity - at);
                return Ok(());
            }
            (None, Said::Pad | Said::Nonsense) => "its header is none that we write",
            (None, Said::Message(_)) => "its message is longer than the ring",
        };
        Err(super::corrupt(&mut self.broken, what))
    }

    #[inline]
    fn take(&mut self, found: Found, to: &mut [u8]) {
        self.link.foreign.copy_out(bytes(self.ring + found.place.payload), to);
        self.batch = self.batch.saturating_add(1);
        self.advance(found.place.end - found.at);
    }

    /// Gives the room back to the peer.
    #[inline]
    fn advance(&mut self, size: u64) {
        self.tail += size;
        self.link.own.publish(TAIL, self.tail);
        self.seat.ring(&self.link);
    }

    /// Lets a peer that is streaming get some messages ahead: each line that moves twice costs both sides.
    fn back_off(&mut self, wait: Wait) {
        const PAUSES: u32 = 40;
        self.empties = self.empties.wrapping_add(1);
        let streaming = self.batch >= 4 || self.empties % 256 == 0;
        self.batch = 0;
        if streaming && wait != Wait::No {
            for _ in 0..PAUSES {
                std::hint::spin_loop();
            }
        }
    }

    /// Bytes of the ring that the peer fills.
    #[must_use]
    pub fn capacity(&self) -> usize {
        bytes(self.capacity)
    }

    /// Whether the peer is gone: its sender is closed, or it died. Messages may still be there.
    ///
    /// # Linux
    /// One `poll(2)` that does not wait, unless it is known already.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.link.is_gone(End::Receiver) || {
            self.link.look();
            self.link.is_gone(End::Receiver)
        }
    }

    /// Who the peer is, by the socket.
    #[must_use]
    pub fn peer(&self) -> Credentials {
        self.link.peer
    }

    /// Something that ends the current or the next wait of this end.
    ///
    /// # Examples
    /// ```
    /// # use std::os::{fd::OwnedFd, unix::net::UnixStream};
    /// # use ipc_shm::ring::untrusted;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (here, there) = UnixStream::pair()?;
    /// # let other = std::thread::spawn(move || untrusted::accept(OwnedFd::from(there)));
    /// # let (mut sender, _near) = untrusted::offer(OwnedFd::from(here))?;
    /// # let (_far, mut receiver) = other.join().unwrap()?;
    /// let canceller = receiver.canceller();
    /// let stopper = std::thread::spawn(move || canceller.cancel());
    /// assert!(matches!(receiver.recv(), Err(ipc_shm::Error::Cancelled)));
    /// # stopper.join().unwrap();
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        Canceller::event(self.link.canceller(self.seat.end()).clone())
    }

    /// A descriptor for `poll` or an event loop: readable when it is worth to try again.
    ///
    /// From the first call on, a `try_` form that reports `WouldBlock` makes it unreadable until there is a
    /// message, or the peer is gone.
    ///
    /// # Errors
    /// `Limit`: no descriptor could be had.
    ///
    /// # Examples
    /// ```
    /// # use std::os::{fd::OwnedFd, unix::net::UnixStream};
    /// # use ipc_shm::ring::untrusted;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (here, there) = UnixStream::pair()?;
    /// # let other = std::thread::spawn(move || untrusted::accept(OwnedFd::from(there)));
    /// # let (mut sender, _near) = untrusted::offer(OwnedFd::from(here))?;
    /// # let (_far, mut receiver) = other.join().unwrap()?;
    /// use rustix::event::{PollFd, PollFlags, poll};
    /// receiver.ready()?; // from now on it is kept up to date
    /// assert!(receiver.try_recv().is_err());
    /// sender.send(b"hello")?;
    /// let readable = poll(&mut [PollFd::new(&receiver.ready()?, PollFlags::IN)], None)?;
    /// assert_eq!((readable, receiver.try_recv()?), (1, b"hello".to_vec()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn ready(&mut self) -> Result<BorrowedFd<'_>> {
        self.seat.ready(&self.link)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.seat.leave(&self.link);
    }
}
