//! The end that sends.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipc_core::Wait;

use super::layout::{HEADER, LINE, PAD, Place, TAIL, bytes, header, longest};
use super::link::{End, Link};
use super::seat::Seat;
use super::{Credentials, memfd};
use crate::canceller::Canceller;
use crate::error::{Error, Result};

/// The sending end of a channel to a process that is not trusted.
///
/// Dropping it closes this direction: the peer receives what was sent, then `Closed`.
#[derive(Debug)]
pub struct Sender {
    link: Arc<Link>,
    seat: Seat,
    capacity: u64,
    /// Where the ring begins in our memory.
    ring: u64,
    /// Bytes sent, counted over all laps. Ours alone: the peer finds the end by the headers.
    head: u64,
    /// How far the peer has received, as it last said and we checked.
    tail: u64,
    /// Why nothing can be sent any more.
    broken: Option<&'static str>,
}

impl Sender {
    pub(super) fn new(link: Arc<Link>, capacity: u64) -> Self {
        let ring = memfd::control() as u64;
        let seat = Seat::new(End::Sender);
        Self { link, seat, capacity, ring, head: 0, tail: 0, broken: None }
    }

    /// Sends a message.
    ///
    /// # Blocking
    /// While there is no room for it.
    ///
    /// # Errors
    /// `MessageTooLong`: it is longer than [`longest`](Self::longest). `Closed`: the peer closed its receiver,
    /// or died; what it had not received is lost. `Corrupt`: the peer wrote what cannot be; the
    /// channel is of no more use. `Cancelled`. `NotOwner`: this is a fork's child.
    ///
    /// # Linux
    /// It makes no system call unless the peer sleeps or there is no room.
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
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn send(&mut self, message: &[u8]) -> Result<()> {
        self.send_wait(message, Wait::FOREVER)
    }

    /// Sends a message if there is room for it now.
    ///
    /// # Errors
    /// `WouldBlock`: there is no room. Those of [`send`](Self::send).
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
    /// while sender.try_send(&[0; 1000]).is_ok() {}
    /// receiver.recv()?;
    /// sender.try_send(&[0; 900])?;
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn try_send(&mut self, message: &[u8]) -> Result<()> {
        self.send_wait(message, Wait::No)
    }

    /// Sends a message, waiting for room for `timeout` at most.
    ///
    /// # Errors
    /// `TimedOut`: there was none. Those of [`send`](Self::send).
    pub fn send_timeout(&mut self, message: &[u8], timeout: Duration) -> Result<()> {
        self.send_wait(message, Wait::timeout(timeout))
    }

    /// Sends a message, waiting for room until `deadline` at most.
    ///
    /// # Errors
    /// `TimedOut`: there was none. Those of [`send`](Self::send).
    pub fn send_deadline(&mut self, message: &[u8], deadline: Instant) -> Result<()> {
        self.send_wait(message, Wait::deadline(deadline))
    }

    #[inline]
    fn send_wait(&mut self, message: &[u8], wait: Wait) -> Result<()> {
        self.link.check_fork()?;
        let len = message.len() as u64;
        let at = self.head & (self.capacity - 1);
        let place = Place::new(at, len.min(self.capacity));
        let fits = len <= longest(self.capacity)
            && place.end <= self.capacity
            && self.fits(place.end - at)
            && !self.link.is_gone(End::Sender);
        if fits {
            self.put(message, at, place);
            self.finish()
        } else {
            self.send_slowly(message, wait)
        }
    }

    /// Whether a record of `size` bytes fits now, with room for one more header behind it.
    #[inline]
    fn fits(&self, size: u64) -> bool {
        self.head - self.tail + size + HEADER <= self.capacity
    }

    #[inline]
    fn put(&mut self, message: &[u8], at: u64, place: Place) {
        let own = &self.link.own;
        // Whoever sees the new header sees that nothing stands behind it yet.
        own.store(bytes(self.ring + (place.end & (self.capacity - 1))), 0);
        own.copy_in(bytes(self.ring + place.payload), message);
        own.publish(bytes(self.ring + at), header(message.len() as u64));
        self.head += place.end - at;
        // The header after the next one: its line was the peer's a lap ago.
        own.expect_write(bytes(self.ring + ((place.end + LINE) & (self.capacity - 1))));
    }

    /// Wakes the peer. Only if it died in its sleep the message, which nobody will receive, is an error:
    /// one that closed meanwhile may have received it before.
    #[inline]
    fn finish(&mut self) -> Result<()> {
        self.seat.found();
        if self.seat.ring(&self.link) {
            return Ok(());
        }
        match self.link.gone(End::Sender) {
            Some(died @ Error::Closed { peer_died: true }) => Err(died),
            _ => Ok(()),
        }
    }

    #[cold]
    fn send_slowly(&mut self, message: &[u8], wait: Wait) -> Result<()> {
        let (real, limit) = (message.len(), self.longest());
        if real > limit {
            return Err(Error::MessageTooLong { real, limit });
        }
        if let Some(gone) = self.link.gone(End::Sender) {
            return Err(gone);
        }
        let len = real as u64;
        let mut at = self.head & (self.capacity - 1);
        let mut place = Place::new(at, len);
        if place.end > self.capacity {
            // The rest of the ring is too short: the peer goes on at its start.
            let rest = self.capacity - at;
            self.await_room(rest, wait)?;
            let own = &self.link.own;
            own.store(bytes(self.ring), 0);
            own.publish(bytes(self.ring + at), PAD);
            self.head += rest;
            self.seat.ring(&self.link);
            (at, place) = (0, Place::new(0, len));
        }
        self.await_room(place.end - at, wait)?;
        self.put(message, at, place);
        self.finish()
    }

    fn await_room(&mut self, size: u64, wait: Wait) -> Result<()> {
        while !self.fits(size) {
            if self.refresh()? {
                continue;
            }
            let (foreign, seen) = (&self.link.foreign, self.tail);
            self.seat.wait(&self.link, wait, || foreign.load(TAIL) != seen)?;
            self.back_off(size);
        }
        Ok(())
    }

    /// Lets a peer that is receiving short messages make room for several: each look costs both sides.
    fn back_off(&self, size: u64) {
        const PAUSES: u32 = 40;
        if size * 16 <= self.capacity {
            for _ in 0..PAUSES {
                std::hint::spin_loop();
            }
        }
    }

    /// Reads how far the peer has received, once, and checks it. True if it moved.
    fn refresh(&mut self) -> Result<bool> {
        let said = self.link.foreign.load(TAIL);
        let what = if self.broken.is_some() || said == self.tail {
            self.broken
        } else if said % HEADER != 0 {
            Some("it received a part of a record")
        } else if said < self.tail {
            Some("it received less than before")
        } else if said > self.head {
            Some("it received more than was sent")
        } else {
            self.tail = said;
            return Ok(true);
        };
        match what {
            None => Ok(false),
            Some(what) => Err(super::corrupt(&mut self.broken, what)),
        }
    }

    /// The longest message that can be sent, in bytes.
    #[must_use]
    pub fn longest(&self) -> usize {
        bytes(longest(self.capacity))
    }

    /// Bytes of the ring that this end fills.
    #[must_use]
    pub fn capacity(&self) -> usize {
        bytes(self.capacity)
    }

    /// Whether the peer is gone: its receiver is closed, or it died.
    ///
    /// # Linux
    /// One `poll(2)` that does not wait, unless it is known already.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.link.is_gone(End::Sender) || {
            self.link.look();
            self.link.is_gone(End::Sender)
        }
    }

    /// Who the peer is, by the socket.
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
    /// // Both ends of a socket pair are of the process that made it.
    /// assert_eq!(sender.peer().pid, Some(std::process::id()));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn peer(&self) -> Credentials {
        self.link.peer
    }

    /// Something that ends the current or the next wait of this end.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        Canceller::event(self.link.canceller(self.seat.end()).clone())
    }

    /// A descriptor for `poll` or an event loop: readable when it is worth to try again.
    ///
    /// From the first call on, a [`try_send`](Self::try_send) that reports `WouldBlock` makes it unreadable
    /// until there is room, or the peer is gone.
    ///
    /// # Errors
    /// `Limit`: no descriptor could be had.
    pub fn ready(&mut self) -> Result<BorrowedFd<'_>> {
        self.seat.ready(&self.link)
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.seat.leave(&self.link);
    }
}
