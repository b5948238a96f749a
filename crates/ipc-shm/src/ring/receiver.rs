//! The receiving end of a ring.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use ipc_core::Wait as Until;

use super::end::End;
use super::flow::Rx;
use super::memory::Memory;
use super::options::Options;
use super::peek::Peek;
use super::record::Place;
use super::stream::Stream;
use crate::Canceller;
use crate::error::{Error, Result};

/// The receiving end of a ring.
///
/// A ring has one: while its process lives, a second one is [`Error::AlreadyExists`]. Dropping it closes
/// it. What was not received stays for the next receiver.
#[derive(Debug)]
pub struct Receiver {
    pub(super) end: End,
    pub(super) rx: Rx,
    stream: Stream,
}

impl Receiver {
    /// Makes a new ring for 64 KiB and takes its receiving end: see [`Options`].
    ///
    /// # Errors
    /// As [`Options::create`].
    pub fn create(name: &str) -> Result<Self> {
        Options::new().create(name)
    }

    /// Takes the receiving end of a ring that exists.
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open(name: &str) -> Result<Self> {
        Options::new().open(name)
    }

    /// Takes the receiving end of the ring, or makes it if there is none.
    ///
    /// # Errors
    /// As [`Options::open`] and [`Options::create`].
    pub fn open_or_create(name: &str) -> Result<Self> {
        Options::new().open_or_create(name)
    }

    /// Takes the receiving end of the ring behind a descriptor: see [`Options::from_fd`]. (Descriptors of ours are
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
        let rx = Rx::find(&end.memory).map_err(|corrupt| end.corrupt(corrupt))?;
        let stream = Stream::new(end.polls());
        Ok(Self { end, rx, stream })
    }

    /// Receives a message into `into` and tells its length. It waits while there is none.
    ///
    /// If this process is killed inside, the message is still there or is gone: it is received at most
    /// once.
    ///
    /// # Blocking
    /// As the ring's [`Wait`](crate::Wait) says.
    ///
    /// # Errors
    /// `BufferTooShort`: the message stays. `Closed`: everything was received, and the sender died or
    /// closed its end. (Before there is a sender, the call waits for one.) `Cancelled`: see
    /// [`canceller`](Self::canceller). `NotOwner`: this is a forked child of the process that opened it.
    /// `Corrupt`: the memory of the ring is damaged.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_shm::Error> {
    /// let (mut sender, mut receiver) = ipc_shm::ring::pair()?;
    /// sender.send(b"hello")?;
    /// drop(sender);
    /// let mut buf = [0; 64];
    /// assert_eq!(receiver.recv_into(&mut buf)?, 5);
    /// let end = receiver.recv_into(&mut buf);
    /// assert!(matches!(end, Err(ipc_shm::Error::Closed { peer_died: false })));
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn recv_into(&mut self, into: &mut [u8]) -> Result<usize> {
        self.recv_into_until(into, Until::FOREVER)
    }

    /// As [`recv_into`](Self::recv_into), if there is a message now.
    ///
    /// # Errors
    /// `WouldBlock`: there is none. As [`recv_into`](Self::recv_into).
    #[inline]
    pub fn try_recv_into(&mut self, into: &mut [u8]) -> Result<usize> {
        self.recv_into_until(into, Until::No)
    }

    /// As [`recv_into`](Self::recv_into), waiting at most so long.
    ///
    /// # Errors
    /// `TimedOut`: no message came. As [`recv_into`](Self::recv_into).
    pub fn recv_into_timeout(&mut self, into: &mut [u8], timeout: Duration) -> Result<usize> {
        self.recv_into_until(into, Until::timeout(timeout))
    }

    /// As [`recv_into`](Self::recv_into), waiting until then.
    ///
    /// # Errors
    /// `TimedOut`: no message came. As [`recv_into`](Self::recv_into).
    pub fn recv_into_deadline(&mut self, into: &mut [u8], deadline: Instant) -> Result<usize> {
        self.recv_into_until(into, Until::deadline(deadline))
    }

    /// As [`recv_into`](Self::recv_into), with a buffer made for the message.
    ///
    /// # Errors
    /// As [`recv_into`](Self::recv_into).
    #[inline]
    pub fn recv(&mut self) -> Result<Vec<u8>> {
        self.recv_until(Until::FOREVER)
    }

    /// As [`recv`](Self::recv), if there is a message now.
    ///
    /// # Errors
    /// `WouldBlock`: there is none. As [`recv_into`](Self::recv_into).
    #[inline]
    pub fn try_recv(&mut self) -> Result<Vec<u8>> {
        self.recv_until(Until::No)
    }

    /// As [`recv`](Self::recv), waiting at most so long.
    ///
    /// # Errors
    /// `TimedOut`: no message came. As [`recv_into`](Self::recv_into).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Vec<u8>> {
        self.recv_until(Until::timeout(timeout))
    }

    /// As [`recv`](Self::recv), waiting until then.
    ///
    /// # Errors
    /// `TimedOut`: no message came. As [`recv_into`](Self::recv_into).
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<Vec<u8>> {
        self.recv_until(Until::deadline(deadline))
    }

    /// The next message, in place: nothing is copied. It waits while there is none.
    ///
    /// The message stays until it is [released](Peek::release); dropping the guard leaves it there.
    ///
    /// # Errors
    /// As [`recv_into`](Self::recv_into).
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_shm::Error> {
    /// let (mut sender, mut receiver) = ipc_shm::ring::pair()?;
    /// sender.send(b"hello")?;
    /// assert_eq!(receiver.peek()?.len(), 5);
    /// let message = receiver.peek()?;
    /// assert_eq!(&*message, b"hello");
    /// message.release();
    /// assert!(matches!(receiver.try_peek(), Err(ipc_shm::Error::WouldBlock)));
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn peek(&mut self) -> Result<Peek<'_>> {
        self.peek_until(Until::FOREVER)
    }

    /// As [`peek`](Self::peek), if there is a message now.
    ///
    /// # Errors
    /// `WouldBlock`: there is none. As [`recv_into`](Self::recv_into).
    #[inline]
    pub fn try_peek(&mut self) -> Result<Peek<'_>> {
        self.peek_until(Until::No)
    }

    /// As [`peek`](Self::peek), waiting at most so long.
    ///
    /// # Errors
    /// `TimedOut`: no message came. As [`recv_into`](Self::recv_into).
    pub fn peek_timeout(&mut self, timeout: Duration) -> Result<Peek<'_>> {
        self.peek_until(Until::timeout(timeout))
    }

    /// As [`peek`](Self::peek), waiting until then.
    ///
    /// # Errors
    /// `TimedOut`: no message came. As [`recv_into`](Self::recv_into).
    pub fn peek_deadline(&mut self, deadline: Instant) -> Result<Peek<'_>> {
        self.peek_until(Until::deadline(deadline))
    }

    #[inline]
    fn recv_into_until(&mut self, into: &mut [u8], until: Until) -> Result<usize> {
        let place = self.next(until)?;
        let Some(bytes) = into.get_mut(..place.len) else {
            return Err(Error::BufferTooShort { len: into.len(), needed: place.len });
        };
        self.end.memory.read(place, bytes);
        self.take(place);
        Ok(place.len)
    }

    #[inline]
    fn recv_until(&mut self, until: Until) -> Result<Vec<u8>> {
        let place = self.next(until)?;
        let bytes = self.end.memory.bytes_of(place).to_vec();
        self.take(place);
        Ok(bytes)
    }

    #[inline]
    fn peek_until(&mut self, until: Until) -> Result<Peek<'_>> {
        let place = self.next(until)?;
        Ok(Peek::new(self, place))
    }

    /// The next message. What a short wait needs is all here: what a call returned would go through
    /// memory, which a message in a hurry notices.
    #[inline]
    fn next(&mut self, until: Until) -> Result<Place> {
        let mut polls = 0;
        loop {
            if self.end.memory.me().is_some() {
                if let Some(place) = self.rx.message(&self.end.memory) {
                    return Ok(place);
                }
            }
            if until != Until::No && self.stream.polls(&mut polls) {
                if !self.rx.has_told() {
                    self.rx.tell(&self.end.memory);
                }
                std::hint::spin_loop();
            } else {
                self.await_message(until)?;
            }
        }
    }

    /// Waits until there may be a message.
    #[cold]
    fn await_message(&mut self, until: Until) -> Result<()> {
        if self.end.memory.me().is_none() {
            return Err(self.end.not_owner());
        }
        self.rx.tell(&self.end.memory);
        if self.stream.back_off() && until != Until::No {
            return Ok(());
        }
        match self.rx.next(&self.end.memory) {
            Ok(Some(_)) => {
                // If padding was skipped, the sender may wait for its room.
                self.end.ring_sender();
                Ok(())
            }
            Ok(None) => {
                self.end.ring_sender();
                let rx = &self.rx;
                let waited = self.end.wait(until, |memory| rx.ready(memory));
                self.stream.set_polls(self.end.polls());
                waited
            }
            Err(corrupt) => Err(self.end.corrupt(corrupt)),
        }
    }

    /// Gives the room of a message back.
    #[inline]
    pub(super) fn take(&mut self, place: Place) {
        self.stream.took(place.len);
        self.rx.take(&self.end.memory, place);
        self.end.ring_sender();
    }

    pub(super) fn memory(&self) -> &Memory {
        &self.end.memory
    }

    /// The longest message, in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.end.memory.capacity()
    }

    /// How many messages wait to be received. It walks over them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rx.count(&self.end.memory, usize::MAX)
    }

    /// Whether no message waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rx.count(&self.end.memory, 1) == 0
    }

    /// Whether the sender died or closed its end; messages may wait still. Before there is a sender it is
    /// false.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.end.is_gone()
    }

    /// A descriptor for `poll`, `epoll` and the like: readable when a message came
    /// or the other side is gone.
    ///
    /// It is an eventfd of this process, and tells of edges: make the `try_` form return `WouldBlock`
    /// before each wait for it, which also makes it unreadable again. It may be readable for no reason.
    /// Do not read or write it.
    ///
    /// # Errors
    /// `Unsupported`: no `futex_waitv(2)` (kernel 5.16). `Limit`: no descriptor is left. `NotOwner`.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use rustix::event::{PollFd, PollFlags, poll};
    /// let (mut sender, mut receiver) = ipc_shm::ring::pair()?;
    /// let ready = receiver.ready()?.try_clone_to_owned()?;
    /// sender.send(b"hello")?;
    /// loop {
    ///     match receiver.try_recv() {
    ///         Ok(message) => break assert_eq!(message, b"hello"),
    ///         Err(ipc_shm::Error::WouldBlock) => {
    ///             poll(&mut [PollFd::new(&ready, PollFlags::IN)], None)?;
    ///         }
    ///         Err(error) => return Err(error.into()),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn ready(&mut self) -> Result<BorrowedFd<'_>> {
        let rx = &self.rx;
        self.end.event(|memory| rx.ready(memory))
    }

    /// Something that ends the current or the next wait of this end.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        Canceller::word(self.end.cancel.clone())
    }
}
