//! The sending end of a ring.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use ipc_core::Wait as Until;

use super::end::End;
use super::flow::{Rx, Tx};
use super::memory::Memory;
use super::options::Options;
use super::record::{LINE, PACKED, Place};
use super::slot::Slot;
use crate::Canceller;
use crate::error::{Error, Result};

/// The sending end of a ring.
///
/// A ring has one: while its process lives, a second one is [`Error::AlreadyExists`]. Dropping it closes
/// it. What was sent before stays for the receiver.
#[derive(Debug)]
pub struct Sender {
    pub(super) end: End,
    pub(super) tx: Tx,
    /// Much was under way when the receiver's position was last looked at.
    streaming: bool,
}

/// For shorter messages lines are fetched ahead in a stream only: where each message is waited for, that would
/// take the line away from a receiver that looks at it.
const NEAR: usize = 128;
/// So many bytes under way make a stream.
const UNDER_WAY: u64 = 1024;

impl Sender {
    /// Makes a new ring for 64 KiB and takes its sending end: see [`Options`].
    ///
    /// # Errors
    /// As [`Options::create`].
    pub fn create(name: &str) -> Result<Self> {
        Options::new().create(name)
    }

    /// Takes the sending end of a ring that exists.
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open(name: &str) -> Result<Self> {
        Options::new().open(name)
    }

    /// Takes the sending end of the ring, or makes it if there is none.
    ///
    /// # Errors
    /// As [`Options::open`] and [`Options::create`].
    pub fn open_or_create(name: &str) -> Result<Self> {
        Options::new().open_or_create(name)
    }

    /// Takes the sending end of the ring behind a descriptor: see [`Options::from_fd`]. (Descriptors of ours are
    /// closed by an exec: clear that for one that a child is to inherit, or pass it over a socket.)
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        Options::new().from_fd(fd)
    }

    /// Removes the name. Who has the ring open goes on with it; its memory goes with the last of them.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, or what `unlink(2)` reports.
    pub fn unlink(name: &str) -> Result<()> {
        crate::named::unlink(name)
    }

    pub(super) fn join(end: End) -> Result<Self> {
        let tx = Tx::find(&end.memory).map_err(|corrupt| end.corrupt(corrupt))?;
        Ok(Self { end, tx, streaming: false })
    }

    /// Sends a message. It waits while the ring is full.
    ///
    /// When it returns, the message is there, whatever happens to this process. If this process is
    /// killed inside, all of the message is there or nothing.
    ///
    /// # Blocking
    /// As the ring's [`Wait`](crate::Wait) says; a message that finds room makes no system call unless
    /// the receiver sleeps.
    ///
    /// # Errors
    /// `MessageTooLong`: longer than the [capacity](Self::capacity). `Closed`: the receiver died or
    /// closed its end (until there is one, messages are kept for it). `Cancelled`: see
    /// [`canceller`](Self::canceller). `NotOwner`: this is a forked child of the process that opened it.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_shm::Error> {
    /// let (mut sender, mut receiver) = ipc_shm::ring::pair()?;
    /// sender.send(b"hello")?;
    /// assert_eq!(receiver.recv()?, b"hello");
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.send_until(bytes, Until::FOREVER)
    }

    /// As [`send`](Self::send), if there is room now.
    ///
    /// # Errors
    /// `WouldBlock`: there is none. As [`send`](Self::send).
    #[inline]
    pub fn try_send(&mut self, bytes: &[u8]) -> Result<()> {
        self.send_until(bytes, Until::No)
    }

    /// As [`send`](Self::send), waiting at most so long.
    ///
    /// # Errors
    /// `TimedOut`: the ring stayed full. As [`send`](Self::send).
    pub fn send_timeout(&mut self, bytes: &[u8], timeout: Duration) -> Result<()> {
        self.send_until(bytes, Until::timeout(timeout))
    }

    /// As [`send`](Self::send), waiting until then.
    ///
    /// # Errors
    /// `TimedOut`: the ring stayed full. As [`send`](Self::send).
    pub fn send_deadline(&mut self, bytes: &[u8], deadline: Instant) -> Result<()> {
        self.send_until(bytes, Until::deadline(deadline))
    }

    #[inline]
    fn send_until(&mut self, bytes: &[u8], until: Until) -> Result<()> {
        // All of the fast path in one branch: what a call returned would go through memory.
        if let Some(place) = self.place_now(bytes.len()) {
            self.put(place, bytes);
            return Ok(());
        }
        self.send_slowly(bytes, until)
    }

    #[cold]
    fn send_slowly(&mut self, bytes: &[u8], until: Until) -> Result<()> {
        let place = self.wait_for_place(bytes.len(), until)?;
        self.put(place, bytes);
        Ok(())
    }

    /// Reserves a place for a message of `len` bytes, to be written in place and then
    /// [committed](Slot::commit). It waits while the ring is full.
    ///
    /// Nothing is copied. The bytes are what the ring held before. Dropping the slot sends nothing.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_shm::Error> {
    /// let (mut sender, mut receiver) = ipc_shm::ring::pair()?;
    /// let mut slot = sender.reserve(3)?;
    /// slot.copy_from_slice(b"abc");
    /// slot.commit();
    /// assert_eq!(&*receiver.peek()?, b"abc");
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn reserve(&mut self, len: usize) -> Result<Slot<'_>> {
        self.reserve_until(len, Until::FOREVER)
    }

    /// As [`reserve`](Self::reserve), if there is room now.
    ///
    /// # Errors
    /// `WouldBlock`: there is none. As [`send`](Self::send).
    #[inline]
    pub fn try_reserve(&mut self, len: usize) -> Result<Slot<'_>> {
        self.reserve_until(len, Until::No)
    }

    /// As [`reserve`](Self::reserve), waiting at most so long.
    ///
    /// # Errors
    /// `TimedOut`: the ring stayed full. As [`send`](Self::send).
    pub fn reserve_timeout(&mut self, len: usize, timeout: Duration) -> Result<Slot<'_>> {
        self.reserve_until(len, Until::timeout(timeout))
    }

    /// As [`reserve`](Self::reserve), waiting until then.
    ///
    /// # Errors
    /// `TimedOut`: the ring stayed full. As [`send`](Self::send).
    pub fn reserve_deadline(&mut self, len: usize, deadline: Instant) -> Result<Slot<'_>> {
        self.reserve_until(len, Until::deadline(deadline))
    }

    #[inline]
    fn reserve_until(&mut self, len: usize, until: Until) -> Result<Slot<'_>> {
        let place = match self.place_now(len) {
            Some(place) => place,
            None => self.wait_for_place(len, until)?,
        };
        Ok(Slot::new(self, place))
    }

    /// A place for a message, if nothing happened that must be looked at first.
    #[inline]
    fn place_now(&self, len: usize) -> Option<Place> {
        if self.end.is_quiet() && len <= self.end.memory.capacity() {
            self.tx.place(len)
        } else {
            None
        }
    }

    #[cold]
    pub(super) fn wait_for_place(&mut self, len: usize, until: Until) -> Result<Place> {
        if len > self.capacity() {
            return Err(Error::MessageTooLong { real: len, limit: self.capacity() });
        }
        self.end.look()?;
        self.streaming = self.tx.pending(&self.end.memory) >= UNDER_WAY;
        // A streaming receiver tells in its own time. If few messages fill the ring, that is too late.
        let few = len >= self.end.memory.capacity() / 16;
        for _ in 0..if until == Until::No || few { 1 } else { self.end.polls() } {
            let place = self.tx.find_place(&self.end.memory, len);
            if let Some(place) = place.map_err(|corrupt| self.end.corrupt(corrupt))? {
                return Ok(place);
            }
            std::hint::spin_loop();
        }
        loop {
            let place = self.tx.find_place_exactly(&self.end.memory, len);
            if let Some(place) = place.map_err(|corrupt| self.end.corrupt(corrupt))? {
                return Ok(place);
            }
            // A pad that was just written is news to the receiver, too.
            self.end.ring_receiver();
            let needed = self.tx.needs(&self.end.memory, len);
            self.end.wait(until, |memory| Tx::has_room_now(memory, needed))?;
        }
    }

    /// Writes and publishes a message. The line of its header comes last, all at once: the receiver looks at
    /// it all the time, and takes it away between two stores.
    #[inline]
    fn put(&mut self, place: Place, bytes: &[u8]) {
        self.tx.prepare(&self.end.memory, place);
        self.end.memory.write(place, bytes);
        self.publish(place);
    }

    /// Publishes the message that was written in place.
    #[inline]
    pub(super) fn commit(&mut self, place: Place) {
        if self.end.memory.me().is_none() {
            // A forked child: the slot is its parent's.
            return;
        }
        self.tx.prepare(&self.end.memory, place);
        self.publish(place);
    }

    #[inline]
    fn publish(&mut self, place: Place) {
        Tx::publish(&self.end.memory, place);
        self.end.ring_receiver();
        // If the next message is like this one, these lines are written next; they were the receiver's a lap
        // ago.
        if place.len > NEAR {
            self.end.memory.expect_write(2 * place.end - place.at);
        } else if self.streaming {
            self.end.memory.expect_write(place.end + 4 * LINE);
        }
        if place.len > PACKED {
            self.end.memory.expect_write(place.end + LINE);
        }
    }

    pub(super) fn memory(&self) -> &Memory {
        &self.end.memory
    }

    /// The longest message, in bytes; see [`Options::capacity`] for how much fits.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.end.memory.capacity()
    }

    /// How many messages wait to be received.
    #[must_use]
    pub fn len(&self) -> usize {
        Rx::view(&self.end.memory).map_or(0, |rx| rx.count(&self.end.memory, usize::MAX))
    }

    /// Whether everything was received.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tx.pending(&self.end.memory) == 0
    }

    /// Whether the receiver died or closed its end. Before there is a receiver it is false.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.end.is_gone()
    }

    /// A descriptor for `poll`, `epoll` and the like: readable when there may be room
    /// or the other side is gone.
    ///
    /// It is an eventfd of this process, and tells of edges: make the `try_` form return `WouldBlock`
    /// before each wait for it, which also makes it unreadable again. It may be readable for no reason.
    /// Do not read or write it.
    ///
    /// # Errors
    /// `Unsupported`: no `futex_waitv(2)` (kernel 5.16). `Limit`: no descriptor is left. `NotOwner`.
    pub fn ready(&mut self) -> Result<BorrowedFd<'_>> {
        let needed = self.tx.needs(&self.end.memory, 0);
        self.end.event(|memory| Tx::has_room_now(memory, needed))
    }

    /// Something that ends the current or the next wait of this end.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        Canceller::word(self.end.cancel.clone())
    }
}
