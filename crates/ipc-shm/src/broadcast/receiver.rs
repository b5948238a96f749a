//! A receiving end.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use ipc_core::Wait as Until;
use ipc_core::life::OwnerId;

use super::flow::{ARRIVED, FREED, Found, Rx, SENDER, Shape};
use super::options::sealed::{Opened, Sealed};
use super::{Options, cursors};
use crate::Canceller;
use crate::area::Area;
use crate::error::{Error, Result};
use crate::handle::Handle;
use crate::ring::role::Other;

/// How often a receive begins again because the message was overwritten under it.
const TRIES: usize = 64;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// What was sent.
    pub bytes: Vec<u8>,
    /// How many messages were lost right before it. Always 0 if lossless.
    pub missed: u64,
}

/// A message that was copied into a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// Its length.
    pub len: usize,
    /// How many messages were lost right before it. Always 0 if lossless.
    pub missed: u64,
}

/// A receiver of a broadcast. It gets what is sent after it joined. Dropping it frees its place.
#[derive(Debug)]
pub struct Receiver {
    area: Area,
    shape: Shape,
    rx: Rx,
    handle: Handle,
    me: OwnerId,
    /// Our cursor, if it is lossless.
    cursor: Option<usize>,
}

impl Sealed for Receiver {
    fn join(opened: Opened) -> Result<Self> {
        let Opened { area, shape, wait, name } = opened;
        let handle = Handle::new(&name, wait);
        let me = area.me().ok_or_else(|| handle.not_owner())?;
        let cursor = if shape.lossy {
            None
        } else {
            let claimed = cursors::claim(&area, shape, me);
            Some(claimed.ok_or_else(|| handle.too_many(shape.cursors))?)
        };
        for _ in 0..TRIES {
            match Rx::join(&area, shape, cursor) {
                Ok(Some(rx)) => {
                    // A sender that took our predecessor's position for ours looks again.
                    area.bell(FREED).ring();
                    return Ok(Self { area, shape, rx, handle, me, cursor });
                }
                Ok(None) => {}
                Err(_) => {
                    cursor.inspect(|index| cursors::leave(&area, *index, me));
                    area.bell(FREED).ring();
                    return Err(handle.corrupt("its positions"));
                }
            }
        }
        Err(handle.contended())
    }
}

impl Receiver {
    /// Makes a new, lossless broadcast for 64 KiB and joins it: see [`Options`].
    ///
    /// # Errors
    /// As [`Options::create`].
    pub fn create(name: &str) -> Result<Self> {
        Options::new().create(name)
    }

    /// Joins a broadcast that exists.
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open(name: &str) -> Result<Self> {
        Options::new().open(name)
    }

    /// Joins the broadcast, or makes it if there is none.
    ///
    /// # Errors
    /// As [`Options::open`] and [`Options::create`].
    pub fn open_or_create(name: &str) -> Result<Self> {
        Options::new().open_or_create(name)
    }

    /// Joins the broadcast behind a descriptor: see [`Options::from_fd`].
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        Options::new().from_fd(fd)
    }

    /// Receives the next message.
    ///
    /// # Blocking
    /// Until a message is sent, also by a sender that is yet to come.
    ///
    /// # Errors
    /// `Closed`: everything was received, and the sender died or left. `Evicted`: see
    /// [`Sender::evict`](super::Sender::evict). `Contended`: the sender overwrote each message while it was
    /// copied. `Cancelled`: see [`canceller`](Self::canceller). `NotOwner`: this is a forked child.
    /// `Corrupt`: the memory is damaged.
    pub fn recv(&mut self) -> Result<Received> {
        self.recv_until(Until::FOREVER)
    }

    /// As [`recv`](Self::recv), if there is a message now.
    ///
    /// # Errors
    /// `WouldBlock`: there is none. As [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Result<Received> {
        self.recv_until(Until::No)
    }

    /// As [`recv`](Self::recv), waiting at most so long.
    ///
    /// # Errors
    /// `TimedOut`: no message came. As [`recv`](Self::recv).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Received> {
        self.recv_until(Until::timeout(timeout))
    }

    /// As [`recv`](Self::recv), waiting until then.
    ///
    /// # Errors
    /// `TimedOut`: no message came. As [`recv`](Self::recv).
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<Received> {
        self.recv_until(Until::deadline(deadline))
    }

    /// Receives the next message into `into`.
    ///
    /// # Errors
    /// `BufferTooShort`: the message stays. As [`recv`](Self::recv); then `into` may hold anything.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_shm::Error> {
    /// let (mut sender, mut receiver) = ipc_shm::broadcast::pair()?;
    /// sender.send(b"hello")?;
    /// let mut buf = [0; 64];
    /// let copied = receiver.recv_into(&mut buf)?;
    /// assert_eq!((&buf[..copied.len], copied.missed), (&b"hello"[..], 0));
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn recv_into(&mut self, into: &mut [u8]) -> Result<Copied> {
        self.recv_into_until(into, Until::FOREVER)
    }

    /// As [`recv_into`](Self::recv_into), if there is a message now.
    ///
    /// # Errors
    /// `WouldBlock`: there is none. As [`recv_into`](Self::recv_into).
    #[inline]
    pub fn try_recv_into(&mut self, into: &mut [u8]) -> Result<Copied> {
        self.recv_into_until(into, Until::No)
    }

    /// As [`recv_into`](Self::recv_into), waiting at most so long.
    ///
    /// # Errors
    /// `TimedOut`: no message came. As [`recv_into`](Self::recv_into).
    pub fn recv_into_timeout(&mut self, into: &mut [u8], timeout: Duration) -> Result<Copied> {
        self.recv_into_until(into, Until::timeout(timeout))
    }

    /// As [`recv_into`](Self::recv_into), waiting until then.
    ///
    /// # Errors
    /// `TimedOut`: no message came. As [`recv_into`](Self::recv_into).
    pub fn recv_into_deadline(&mut self, into: &mut [u8], deadline: Instant) -> Result<Copied> {
        self.recv_into_until(into, Until::deadline(deadline))
    }

    /// How many messages were sent that this receiver has not received; those that it lost are among them
    /// until it learns of them.
    #[must_use]
    pub fn lag(&self) -> u64 {
        (0..TRIES).find_map(|_| self.rx.lag(&self.area)).unwrap_or(u64::MAX)
    }

    /// A descriptor for `poll`, `epoll` and the like: readable when a message came
    /// or the sender is gone.
    ///
    /// It is an eventfd of this process, and tells of edges: make the `try_` form return `WouldBlock`
    /// before each wait for it, which also makes it unreadable again. It may be readable for no reason.
    /// Do not read or write it.
    ///
    /// # Errors
    /// `Unsupported`: no `futex_waitv(2)` (kernel 5.16). `Limit`: no descriptor is left. `NotOwner`.
    pub fn ready(&mut self) -> Result<BorrowedFd<'_>> {
        let (area, rx) = (&self.area, &self.rx);
        self.handle.event(area, area.bell(ARRIVED), || rx.ready(area))
    }

    /// Ends the current or the next wait of this end.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        Canceller::word(self.handle.cancel.clone())
    }

    fn recv_until(&mut self, until: Until) -> Result<Received> {
        let shape = self.shape;
        let (bytes, missed) = self.take(until, |area, found| {
            let mut bytes = vec![0; found.len()];
            shape.copy_out(area, found, &mut bytes);
            Ok(bytes)
        })?;
        Ok(Received { bytes, missed })
    }

    #[inline]
    fn recv_into_until(&mut self, into: &mut [u8], until: Until) -> Result<Copied> {
        let shape = self.shape;
        let (len, missed) = self.take(until, |area, found| {
            if found.len() > into.len() {
                return Err(Error::BufferTooShort { len: into.len(), needed: found.len() });
            }
            shape.copy_out(area, found, into);
            Ok(found.len())
        })?;
        Ok(Copied { len, missed })
    }

    /// Takes the next message; `copy` copies it, perhaps several times.
    #[inline]
    fn take<R>(
        &mut self,
        until: Until,
        mut copy: impl FnMut(&Area, Found) -> Result<R>,
    ) -> Result<(R, u64)> {
        if self.area.me().is_none() {
            return Err(self.handle.not_owner());
        }
        let mut tries = 0;
        while tries < TRIES {
            let found = match self.rx.next(&self.area) {
                Ok(Some(found)) => found,
                Ok(None) => {
                    if !self.handle.back_off(until) {
                        self.wait(until)?;
                    }
                    continue;
                }
                Err(_) => {
                    self.recover("a message")?;
                    tries += 1;
                    continue;
                }
            };
            // Nothing is believed, its length neither, until we know that it was not overwritten.
            if self.is_whole() {
                let copied = copy(&self.area, found)?;
                if self.is_whole() {
                    let missed = self.rx.pass(found);
                    self.handle.took();
                    if let Some(index) = self.cursor {
                        self.rx.tell(&self.area, index);
                        self.area.bell(FREED).ring();
                    }
                    return Ok((copied, missed));
                }
            }
            self.recover("the oldest message")?;
            tries += 1;
        }
        Err(self.handle.contended())
    }

    /// Whether what was read by now is what was sent.
    #[inline]
    fn is_whole(&self) -> bool {
        self.rx.is_whole(&self.area)
            && self.cursor.is_none_or(|index| cursors::is_ours(&self.area, index, self.me))
    }

    /// Something could not be, or was overwritten: goes on behind it, if we may.
    #[cold]
    fn recover(&mut self, what: &'static str) -> Result<()> {
        if self.is_whole() {
            return Err(self.handle.corrupt(what));
        }
        if self.cursor.is_some() {
            return Err(self.handle.evicted());
        }
        self.rx.resume(&self.area).map_err(|_| self.handle.corrupt(what))
    }

    #[cold]
    fn wait(&mut self, until: Until) -> Result<()> {
        let (area, rx, cursor, me) = (&self.area, &self.rx, self.cursor, self.me);
        let evicted = || cursor.is_some_and(|index| !cursors::is_ours(area, index, me));
        let name = self.handle.name().to_owned();
        let gone = || match area.role(SENDER).other(area.members()) {
            _ if evicted() => Some(Error::Evicted { name: name.clone() }),
            Other::Died => Some(Error::Closed { peer_died: true }),
            Other::Closed => Some(Error::Closed { peer_died: false }),
            Other::Lives | Other::Awaited => None,
        };
        let ready = || rx.ready(area);
        self.handle.wait(area, area.bell(ARRIVED), until, ready, gone)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let Some(me) = self.area.me() else { return };
        self.handle.disarm(&self.area);
        if let Some(index) = self.cursor {
            cursors::leave(&self.area, index, me);
            self.area.bell(FREED).ring();
        }
    }
}
