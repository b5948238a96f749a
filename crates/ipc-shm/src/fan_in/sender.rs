//! A sending end.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use ipc_core::Wait as Until;
use ipc_core::life::OwnerId;

use super::Options;
use super::layout::{ARRIVED, RECEIVER, SenderId, USED};
use super::options::sealed::{Opened, Sealed};
use crate::Canceller;
use crate::area::Area;
use crate::atomic::Ordering;
use crate::error::{Error, Result};
use crate::handle::Handle;
use crate::memory::Memory as _;
use crate::ring::flow::Tx;
use crate::ring::memory::Memory;
use crate::ring::record::Place;
use crate::ring::role::Other;

/// One of the senders of a fan-in. Dropping it frees its lane, once that is empty.
#[derive(Debug)]
pub struct Sender {
    area: Area,
    memory: Memory,
    tx: Tx,
    handle: Handle,
    me: OwnerId,
    /// The count of deaths when the receiver was last seen alive, or awaited.
    known: u32,
}

impl Sealed for Sender {
    fn join(opened: Opened) -> Result<Self> {
        let Opened { area, segment, shape, wait, name, .. } = opened;
        let handle = Handle::new(&name, wait);
        let me = area.me().ok_or_else(|| handle.not_owner())?;
        let known = area.members().deaths();
        for index in 0..shape.lanes {
            let memory = shape.memory(&segment, index);
            let memory = memory.ok_or_else(|| handle.corrupt("the sizes of a lane"))?;
            if let Some(tx) = claim(&area, &memory, me) {
                area.word(USED).fetch_max(index as u64 + 1, Ordering::Relaxed);
                // A receiver that waits for the first sender looks again.
                area.members().rouse();
                return Ok(Self { area, memory, tx, handle, me, known });
            }
        }
        Err(handle.too_many(shape.lanes))
    }
}

/// Takes a lane that nobody has and that is empty: what is in it is still somebody else's.
fn claim(area: &Area, memory: &Memory, me: OwnerId) -> Option<Tx> {
    let role = &memory.head().sender;
    let empty = || Tx::find(memory).ok().filter(|tx| tx.pending(memory) == 0);
    if role.other(area.members()) == Other::Lives || empty().is_none() {
        return None;
    }
    let before = role.holder();
    if !role.take(area.members(), me) {
        return None;
    }
    // Another one may have had it in between, and died with something in it, which stays its own.
    let tx = empty();
    if tx.is_none() {
        role.put_back(me, before);
    }
    tx
}

impl Sender {
    /// Makes a new fan-in for 16 senders and becomes one of them: see [`Options`].
    ///
    /// # Errors
    /// As [`Options::create`].
    pub fn create(name: &str) -> Result<Self> {
        Options::new().create(name)
    }

    /// Becomes a sender of a fan-in that exists.
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open(name: &str) -> Result<Self> {
        Options::new().open(name)
    }

    /// Becomes a sender of the fan-in, or makes it if there is none.
    ///
    /// # Errors
    /// As [`Options::open`] and [`Options::create`].
    pub fn open_or_create(name: &str) -> Result<Self> {
        Options::new().open_or_create(name)
    }

    /// Becomes a sender of the fan-in behind a descriptor: see [`Options::from_fd`].
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        Options::new().from_fd(fd)
    }

    /// Removes the name. Who has it open goes on.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, or what `unlink(2)` reports.
    pub fn unlink(name: &str) -> Result<()> {
        crate::named::unlink(name)
    }

    /// Sends a message. It waits while this sender's lane is full.
    ///
    /// When it returns, the message is there, whatever happens to this process. If this process is killed
    /// inside, all of the message is there or nothing.
    ///
    /// # Errors
    /// `MessageTooLong`: longer than the [capacity](Self::capacity). `Closed`: the receiver died or left
    /// (before there was a receiver, messages are kept for it). `Cancelled`: see
    /// [`canceller`](Self::canceller). `NotOwner`: this is a forked child. `Corrupt`: the memory is damaged.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_shm::Error> {
    /// let (mut sender, mut receiver) = ipc_shm::fan_in::Options::new().pair()?;
    /// sender.send(b"hello")?;
    /// assert_eq!(receiver.recv()?.bytes, b"hello");
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
    /// `TimedOut`: the lane stayed full. As [`send`](Self::send).
    pub fn send_timeout(&mut self, bytes: &[u8], timeout: Duration) -> Result<()> {
        self.send_until(bytes, Until::timeout(timeout))
    }

    /// As [`send`](Self::send), waiting until then.
    ///
    /// # Errors
    /// `TimedOut`: the lane stayed full. As [`send`](Self::send).
    pub fn send_deadline(&mut self, bytes: &[u8], deadline: Instant) -> Result<()> {
        self.send_until(bytes, Until::deadline(deadline))
    }

    /// The longest message, in bytes. So much fits this sender's lane at least, too.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.memory.capacity()
    }

    /// What the receiver calls this sender.
    #[must_use]
    pub fn id(&self) -> SenderId {
        SenderId(self.me.bits())
    }

    /// A descriptor for `poll`, `epoll` and the like: readable when the receiver made room
    /// or is gone.
    ///
    /// It is an eventfd of this process, and tells of edges: make the `try_` form return `WouldBlock`
    /// before each wait for it, which also makes it unreadable again. It may be readable for no reason.
    /// Do not read or write it.
    ///
    /// # Errors
    /// `Unsupported`: no `futex_waitv(2)` (kernel 5.16). `Limit`: no descriptor is left. `NotOwner`.
    pub fn ready(&mut self) -> Result<BorrowedFd<'_>> {
        self.handle.event(&self.area, &self.memory.head().freed, || false)
    }

    /// Ends the current or the next wait of this end.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        Canceller::word(self.handle.cancel.clone())
    }

    #[inline]
    fn send_until(&mut self, bytes: &[u8], until: Until) -> Result<()> {
        let place = self.place(bytes.len(), until)?;
        // The line of the header last: the receiver looks at it all the time.
        self.tx.prepare(&self.memory, place);
        self.memory.write(place, bytes);
        Tx::publish(&self.memory, place);
        self.area.bell(ARRIVED).ring();
        Ok(())
    }

    #[inline]
    fn place(&mut self, len: usize, until: Until) -> Result<Place> {
        let quiet = self.memory.deaths() == self.known && self.memory.me().is_some();
        if quiet && len <= self.memory.capacity() {
            if let Some(place) = self.tx.place(len) {
                return Ok(place);
            }
        }
        self.wait_for_place(len, until)
    }

    #[cold]
    fn wait_for_place(&mut self, len: usize, until: Until) -> Result<Place> {
        let Self { area, memory, tx, handle, known, .. } = self;
        if memory.me().is_none() {
            return Err(handle.not_owner());
        }
        if len > memory.capacity() {
            return Err(Error::MessageTooLong { real: len, limit: memory.capacity() });
        }
        let deaths = area.members().deaths();
        let gone = || match area.role(RECEIVER).other(area.members()) {
            Other::Died => Some(Error::Closed { peer_died: true }),
            Other::Closed => Some(Error::Closed { peer_died: false }),
            Other::Lives | Other::Awaited => None,
        };
        gone().map_or(Ok(()), Err)?;
        *known = deaths;
        let corrupt = |_| handle.corrupt("the end of a lane");
        // A streaming receiver tells in its own time. If few messages fill the lane, that is too late.
        let few = until == Until::No || len >= memory.capacity() / 16;
        for _ in 0..if few { 1 } else { handle.polls() } {
            if let Some(place) = tx.find_place(memory, len).map_err(corrupt)? {
                return Ok(place);
            }
            std::hint::spin_loop();
        }
        loop {
            let place = tx.find_place_exactly(memory, len);
            if let Some(place) = place.map_err(|_| handle.corrupt("the end of a lane"))? {
                return Ok(place);
            }
            // A pad that was just written is news to the receiver, too.
            area.bell(ARRIVED).ring();
            let needed = tx.needs(memory, len);
            let ready = || Tx::has_room_now(memory, needed);
            handle.wait(area, &memory.head().freed, until, ready, gone)?;
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if self.area.me().is_some() {
            self.handle.disarm(&self.area);
            self.memory.head().sender.close(self.me);
            self.area.bell(ARRIVED).ring();
        }
    }
}
