//! The sending end.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use ipc_core::Wait as Until;
use ipc_core::life::OwnerId;

use super::flow::{ARRIVED, FREED, SENDER, Shape, Tx};
use super::options::sealed::{Opened, Sealed};
use super::{Delivery, Follower, Options, ReceiverId, cursors};
use crate::Canceller;
use crate::area::Area;
use crate::error::{Error, Result};
use crate::handle::Handle;

/// The one sender of a broadcast. Dropping it closes the broadcast until the next sender comes.
#[derive(Debug)]
pub struct Sender {
    area: Area,
    shape: Shape,
    tx: Tx,
    handle: Handle,
    me: OwnerId,
}

impl Sealed for Sender {
    fn join(opened: Opened) -> Result<Self> {
        let Opened { area, shape, wait, name } = opened;
        let handle = Handle::new(&name, wait);
        let me = area.me().ok_or_else(|| handle.not_owner())?;
        if !area.role(SENDER).take(area.members(), me) {
            return Err(handle.exists());
        }
        match Tx::find(&area, shape) {
            Ok(tx) => Ok(Self { area, shape, tx, handle, me }),
            Err(_) => {
                area.role(SENDER).close(me);
                Err(handle.corrupt("its positions"))
            }
        }
    }
}

impl Sender {
    /// Makes a new, lossless broadcast for 64 KiB: see [`Options`].
    ///
    /// # Errors
    /// As [`Options::create`].
    pub fn create(name: &str) -> Result<Self> {
        Options::new().create(name)
    }

    /// Becomes the sender of a broadcast that exists.
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open(name: &str) -> Result<Self> {
        Options::new().open(name)
    }

    /// Becomes the sender of the broadcast, or makes it if there is none.
    ///
    /// # Errors
    /// As [`Options::open`] and [`Options::create`].
    pub fn open_or_create(name: &str) -> Result<Self> {
        Options::new().open_or_create(name)
    }

    /// Becomes the sender of the broadcast behind a descriptor: see [`Options::from_fd`].
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

    /// Sends a message to all receivers that there are now. With none, it is lost.
    ///
    /// When it returns, the message is there, whatever happens to this process. If this process is killed
    /// inside, all of the message is there or nothing.
    ///
    /// # Blocking
    /// Lossless: until the slowest live receiver has made room. Lossy: never.
    ///
    /// # Errors
    /// `MessageTooLong`: longer than the [capacity](Self::capacity). `Cancelled`: see
    /// [`canceller`](Self::canceller). `NotOwner`: this is a forked child. `Corrupt`: the memory is damaged.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_shm::Error> {
    /// let (mut sender, mut receiver) = ipc_shm::broadcast::pair()?;
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
    /// `TimedOut`: a receiver made no room; [`receivers`](Self::receivers) tells which, and
    /// [`evict`](Self::evict) goes on without it. As [`send`](Self::send).
    pub fn send_timeout(&mut self, bytes: &[u8], timeout: Duration) -> Result<()> {
        self.send_until(bytes, Until::timeout(timeout))
    }

    /// As [`send`](Self::send), waiting until then.
    ///
    /// # Errors
    /// As [`send_timeout`](Self::send_timeout).
    pub fn send_deadline(&mut self, bytes: &[u8], deadline: Instant) -> Result<()> {
        self.send_until(bytes, Until::deadline(deadline))
    }

    /// The receivers of a lossless broadcast, and how far behind each is; of a lossy one, none is known.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_shm::Error> {
    /// let (mut sender, mut receiver) = ipc_shm::broadcast::pair()?;
    /// sender.send(&[0; 60_000])?;
    /// assert!(matches!(sender.try_send(&[0; 60_000]), Err(ipc_shm::Error::WouldBlock)));
    /// let slowest = sender.receivers().into_iter().max_by_key(|one| one.behind).unwrap();
    /// sender.evict(slowest.id)?;
    /// sender.send(&[0; 60_000])?;
    /// assert!(matches!(receiver.recv(), Err(ipc_shm::Error::Evicted { .. })));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn receivers(&self) -> Vec<Follower> {
        if self.shape.lossy { Vec::new() } else { cursors::all(&self.area, self.shape, &self.tx) }
    }

    /// Goes on without a receiver, which may be stopped at any point. When it goes on itself, it gets
    /// `Evicted` and can do nothing but join again.
    ///
    /// # Errors
    /// `NotFound`: there is no such receiver any more. `NotOwner`: this is a forked child.
    pub fn evict(&mut self, id: ReceiverId) -> Result<()> {
        if self.area.me().is_none() {
            return Err(self.handle.not_owner());
        }
        if self.shape.lossy || !cursors::evict(&self.area, self.shape, id) {
            return Err(self.handle.not_found());
        }
        crate::log::warn(format_args!("broadcast: a receiver was evicted"));
        self.area.bell(ARRIVED).ring();
        Ok(())
    }

    /// The longest message, in bytes. So much fits at least, too.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shape.capacity
    }

    /// What happens to a receiver that is too slow.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        if self.shape.lossy { Delivery::Lossy } else { Delivery::Lossless }
    }

    /// How many messages were sent since the broadcast was made, by all its senders.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.tx.number()
    }

    /// A descriptor for `poll`, `epoll` and the like: readable when a receiver made room
    /// or is gone; of a lossy broadcast never.
    ///
    /// It is an eventfd of this process, and tells of edges: make the `try_` form return `WouldBlock`
    /// before each wait for it, which also makes it unreadable again. It may be readable for no reason.
    /// Do not read or write it.
    ///
    /// # Errors
    /// `Unsupported`: no `futex_waitv(2)` (kernel 5.16). `Limit`: no descriptor is left. `NotOwner`.
    pub fn ready(&mut self) -> Result<BorrowedFd<'_>> {
        self.handle.event(&self.area, self.area.bell(FREED), || false)
    }

    /// Ends the current or the next wait of this end.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        Canceller::word(self.handle.cancel.clone())
    }

    #[inline]
    fn send_until(&mut self, bytes: &[u8], until: Until) -> Result<()> {
        let len = bytes.len();
        if self.area.me().is_none() {
            return Err(self.handle.not_owner());
        }
        if len > self.shape.capacity {
            return Err(Error::MessageTooLong { real: len, limit: self.shape.capacity });
        }
        if self.shape.lossy {
            let made = self.tx.make_room(&self.area, len);
            made.map_err(|_| self.handle.corrupt("the oldest message"))?;
        } else if !self.tx.has_room(len) {
            self.wait_for_room(len, until)?;
        }
        self.tx.send(&self.area, bytes);
        self.area.bell(ARRIVED).ring();
        Ok(())
    }

    #[cold]
    fn wait_for_room(&mut self, len: usize, until: Until) -> Result<()> {
        let (area, tx, needed) = (&self.area, &self.tx, self.tx.needs(len));
        let lowest = || tx.lowest(area, |owner| cursors::alive(area, owner));
        let mut found = lowest();
        if found < needed {
            // A receiver that dies makes room, too: it changes `deaths`.
            self.handle.wait(area, area.bell(FREED), until, || lowest() >= needed, || None)?;
            found = lowest().max(needed);
        }
        self.tx.raise(found);
        Ok(())
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if self.area.me().is_some() {
            self.handle.disarm(&self.area);
            self.area.role(SENDER).close(self.me);
            self.area.bell(ARRIVED).ring();
        }
    }
}
