//! The receiving end.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use ipc_core::Wait as Until;
use ipc_core::life::OwnerId;

use super::Options;
use super::layout::{ARRIVED, RECEIVER, SenderId, USED};
use super::options::sealed::{Opened, Sealed};
use super::turns::Turns;
use crate::Canceller;
use crate::area::Area;
use crate::atomic::Ordering;
use crate::error::{Error, Result};
use crate::handle::Handle;
use crate::memory::Memory as _;
use crate::ring::flow::{Corrupt, Rx};
use crate::ring::memory::Memory;
use crate::ring::record::Place;
use crate::ring::role::Other;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// Who sent it.
    pub from: SenderId,
    /// What was sent.
    pub bytes: Vec<u8>,
}

/// A message that was copied into a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// Who sent it.
    pub from: SenderId,
    /// Its length.
    pub len: usize,
}

/// The one receiver of a fan-in. Dropping it closes the fan-in until the next receiver comes.
#[derive(Debug)]
pub struct Receiver {
    area: Area,
    lanes: Vec<Lane>,
    turns: Turns,
    handle: Handle,
    me: OwnerId,
    persistent: bool,
}

#[derive(Debug)]
struct Lane {
    memory: Memory,
    rx: Rx,
}

impl Sealed for Receiver {
    fn join(opened: Opened) -> Result<Self> {
        let Opened { area, segment, shape, persistent, wait, name } = opened;
        let handle = Handle::new(&name, wait);
        let me = area.me().ok_or_else(|| handle.not_owner())?;
        if !area.role(RECEIVER).take(area.members(), me) {
            return Err(handle.exists());
        }
        let lane = |index| {
            let memory = shape.memory(&segment, index)?;
            let rx = Rx::find(&memory).ok()?;
            Some(Lane { memory, rx })
        };
        let Some(lanes) = (0..shape.lanes).map(lane).collect::<Option<Vec<_>>>() else {
            area.role(RECEIVER).close(me);
            return Err(handle.corrupt("a lane"));
        };
        // Senders that wait for room look again who receives.
        area.members().rouse();
        let turns = Turns::new(lanes.len());
        Ok(Self { area, lanes, turns, handle, me, persistent })
    }
}

impl Receiver {
    /// Makes a new fan-in for 16 senders and becomes its receiver: see [`Options`].
    ///
    /// # Errors
    /// As [`Options::create`].
    pub fn create(name: &str) -> Result<Self> {
        Options::new().create(name)
    }

    /// Becomes the receiver of a fan-in that exists.
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open(name: &str) -> Result<Self> {
        Options::new().open(name)
    }

    /// Becomes the receiver of the fan-in, or makes it if there is none.
    ///
    /// # Errors
    /// As [`Options::open`] and [`Options::create`].
    pub fn open_or_create(name: &str) -> Result<Self> {
        Options::new().open_or_create(name)
    }

    /// Becomes the receiver of the fan-in behind a descriptor: see [`Options::from_fd`].
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

    /// Receives a message of any sender.
    ///
    /// # Blocking
    /// Until there is one, also while there was no sender yet.
    ///
    /// # Errors
    /// `Closed`: everything was received, and all senders left or died (`peer_died`: some of them died);
    /// not if [persistent](Options::persistent). `Cancelled`: see [`canceller`](Self::canceller).
    /// `NotOwner`: this is a forked child. `Corrupt`: the memory is damaged.
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

    /// Receives a message of any sender into `into`.
    ///
    /// # Errors
    /// `BufferTooShort`: the message stays. As [`recv`](Self::recv).
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_shm::Error> {
    /// let (mut sender, mut receiver) = ipc_shm::fan_in::Options::new().pair()?;
    /// sender.send(b"hello")?;
    /// let mut buf = [0; 64];
    /// let copied = receiver.recv_into(&mut buf)?;
    /// assert_eq!((copied.from, &buf[..copied.len]), (sender.id(), &b"hello"[..]));
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

    /// The senders that live now.
    #[must_use]
    pub fn senders(&self) -> Vec<SenderId> {
        let lanes = self.lanes.iter().map(|lane| &lane.memory.head().sender);
        let live = lanes.filter(|role| role.other(self.area.members()) == Other::Lives);
        live.map(|role| SenderId(role.owner())).collect()
    }

    /// How many messages wait to be received.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lanes.iter().map(|lane| lane.rx.count(&lane.memory, usize::MAX)).sum()
    }

    /// Whether no message waits to be received.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !ready(&self.area, &self.lanes)
    }

    /// The longest message, in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.lanes.first().map_or(0, |lane| lane.memory.capacity())
    }

    /// A descriptor for `poll`, `epoll` and the like: readable when a message came
    /// or a sender is gone.
    ///
    /// It is an eventfd of this process, and tells of edges: make the `try_` form return `WouldBlock`
    /// before each wait for it, which also makes it unreadable again. It may be readable for no reason.
    /// Do not read or write it.
    ///
    /// # Errors
    /// `Unsupported`: no `futex_waitv(2)` (kernel 5.16). `Limit`: no descriptor is left. `NotOwner`.
    pub fn ready(&mut self) -> Result<BorrowedFd<'_>> {
        let (area, lanes) = (&self.area, &self.lanes);
        self.handle.event(area, area.bell(ARRIVED), || ready(area, lanes))
    }

    /// Ends the current or the next wait of this end.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        Canceller::word(self.handle.cancel.clone())
    }

    fn recv_until(&mut self, until: Until) -> Result<Received> {
        let (bytes, from) = self.take(until, |memory, place| {
            let mut bytes = vec![0; place.len];
            memory.read(place, &mut bytes);
            Ok(bytes)
        })?;
        Ok(Received { from, bytes })
    }

    #[inline]
    fn recv_into_until(&mut self, into: &mut [u8], until: Until) -> Result<Copied> {
        let have = into.len();
        let (len, from) = self.take(until, |memory, place| {
            let into = into.get_mut(..place.len);
            let into = into.ok_or(Error::BufferTooShort { len: have, needed: place.len })?;
            memory.read(place, into);
            Ok(place.len)
        })?;
        Ok(Copied { from, len })
    }

    #[inline]
    fn take<R>(
        &mut self,
        until: Until,
        mut copy: impl FnMut(&Memory, Place) -> Result<R>,
    ) -> Result<(R, SenderId)> {
        loop {
            let lane = self.turns.current().and_then(|index| self.lanes.get_mut(index));
            if let Some(Lane { memory, rx }) = lane.filter(|lane| lane.memory.me().is_some()) {
                if let Some(place) = rx.message(memory) {
                    let head = memory.head();
                    // A lane changes hands only when it is empty: who has it now sent this.
                    let from = SenderId(head.sender.owner());
                    let copied = copy(memory, place)?;
                    rx.take(memory, place);
                    head.freed.ring();
                    self.turns.took();
                    self.handle.took();
                    return Ok((copied, from));
                }
            }
            self.turn(until)?;
        }
    }

    /// Gives the next lane its turn, or waits until there may be one with a message.
    #[cold]
    fn turn(&mut self, until: Until) -> Result<()> {
        let Self { area, lanes, turns, handle, .. } = self;
        if area.me().is_none() {
            return Err(handle.not_owner());
        }
        let look = |index: usize| match lanes.get_mut(index) {
            Some(Lane { memory, rx }) => {
                let before = rx.offset();
                let found = rx.next(memory)?.is_some();
                if !found && !rx.has_told() {
                    rx.tell(memory);
                }
                // If padding was skipped, the sender may wait for its room.
                if rx.offset() != before {
                    memory.head().freed.ring();
                }
                Ok::<_, Corrupt>(found)
            }
            None => Ok(false),
        };
        let found = turns.turn(used(area), look).map_err(|_| handle.corrupt("a lane"))?;
        if found || handle.back_off(until) { Ok(()) } else { self.wait(until) }
    }

    fn wait(&mut self, until: Until) -> Result<()> {
        let Self { area, lanes, handle, persistent, .. } = self;
        let gone = || if *persistent { None } else { all_gone(area, lanes) };
        handle.wait(area, area.bell(ARRIVED), until, || ready(area, lanes), gone)
    }
}

/// How many lanes were ever taken. A hint: `Turns` and `ready` look at no more than there are.
#[inline]
fn used(area: &Area) -> usize {
    usize::try_from(area.word(USED).load(Ordering::Relaxed)).unwrap_or(usize::MAX)
}

fn ready(area: &Area, lanes: &[Lane]) -> bool {
    lanes.iter().take(used(area)).any(|lane| lane.rx.ready(&lane.memory))
}

/// An error if there were senders, and none is left.
fn all_gone(area: &Area, lanes: &[Lane]) -> Option<Error> {
    let (mut came, mut died) = (false, false);
    for lane in lanes.iter().take(used(area)) {
        match lane.memory.head().sender.other(area.members()) {
            Other::Lives => return None,
            Other::Awaited => {}
            Other::Closed => came = true,
            Other::Died => (came, died) = (true, true),
        }
    }
    came.then_some(Error::Closed { peer_died: died })
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if self.area.me().is_some() {
            self.handle.disarm(&self.area);
            self.area.role(RECEIVER).close(self.me);
            // Senders sleep on the bells of their lanes, and wait for a death or this.
            self.area.members().rouse();
        }
    }
}
