//! Sending and receiving.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ipc_core::Wait;
use ipc_core::life::sleep::CancelWord;
use ipc_core::segment::Segment;

use super::follow::{Follow, Pace};
use super::held::Taken;
use super::lane::Outlet;
use super::layout::{Memory, Sizes};
use super::options::{ANONYMOUS, check, error};
use super::select::Select;
use super::shape::Corrupt;
use super::store::Store;
use super::wait::{Role, until};
use super::{Delivery, Envelope, Filter, Message, QueueOptions};
use crate::Canceller;
use crate::canceller::Kind;
use crate::error::{Error, Result};

/// Longer messages are never copied under the lock, which may then be taken twice.
const SHORT: usize = 4096;

/// A message queue in shared memory, for any number of senders and receivers.
///
/// Dropping it closes it; the queue stays until [`unlink`](Self::unlink). Clones share one attachment and
/// have a [`canceller`](Self::canceller) each. All calls may be made from several threads. None may be
/// made from a signal handler, except [`Canceller::cancel`].
#[derive(Debug)]
pub struct Queue {
    store: Arc<Store>,
    cancel: CancelWord,
}

impl Clone for Queue {
    fn clone(&self) -> Self {
        Self { store: Arc::clone(&self.store), cancel: CancelWord::new() }
    }
}

impl Queue {
    /// Makes a new queue for 1024 messages of up to 1024 bytes: see [`QueueOptions`].
    ///
    /// # Errors
    /// As [`QueueOptions::create`].
    pub fn create(name: &str) -> Result<Self> {
        QueueOptions::new().create(name)
    }

    /// Opens a queue that exists.
    ///
    /// # Errors
    /// As [`QueueOptions::open`].
    pub fn open(name: &str) -> Result<Self> {
        QueueOptions::new().open(name)
    }

    /// Opens the queue, or makes it if there is none.
    ///
    /// # Errors
    /// As [`QueueOptions::open`] and [`QueueOptions::create`].
    pub fn open_or_create(name: &str) -> Result<Self> {
        QueueOptions::new().open_or_create(name)
    }

    /// Removes the name. Who has the queue open goes on with it; its memory goes with the last of them.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, or what `unlink(2)` reports.
    pub fn unlink(name: &str) -> Result<()> {
        Segment::unlink(&check(name)?).map_err(|fault| error("remove message queue", name, fault))
    }

    /// Makes a queue without a name: see [`QueueOptions::anonymous`].
    ///
    /// # Errors
    /// As [`QueueOptions::create`].
    pub fn anonymous() -> Result<(Self, OwnedFd)> {
        QueueOptions::new().anonymous()
    }

    /// Opens the queue behind a descriptor of [`anonymous`](Self::anonymous), which is closed then.
    /// Whoever gave it vouches for its owner.
    ///
    /// # Errors
    /// As [`QueueOptions::open`].
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        let opened = Segment::from_fd(fd, &Sizes::any());
        Self::join(
            opened.map_err(|fault| error("open message queue", ANONYMOUS, fault))?,
            ANONYMOUS,
        )
    }

    pub(super) fn join(segment: Segment, name: &str) -> Result<Self> {
        let name = name.to_owned();
        let Some(memory) = Memory::new(segment) else {
            return Err(Error::Corrupt { name, what: "its sizes" });
        };
        let (outlet, follow, pace) = (Outlet::new(), Follow::default(), Pace::default());
        let store = Store { memory, name, outlet, follow, pace };
        // Others interrupt our threads when we are killed: see `recover`.
        ipc_core::fence::support();
        // Everybody may have died since the last look: what they held comes back first.
        store.locked(Wait::FOREVER, None, |held| {
            held.sweep()?;
            let peer = held.memory.peer(held.me.slot())?;
            peer.holds.store(0, Ordering::Relaxed);
            peer.receiving.store(0, Ordering::Relaxed);
            peer.sending.store(0, Ordering::Relaxed);
            peer.pid.store(std::process::id(), Ordering::Relaxed);
            peer.owner.store(held.me.bits(), Ordering::Release);
            Ok(())
        })?;
        Ok(Self { store: Arc::new(store), cancel: CancelWord::new() })
    }

    /// Sends a message, with a priority or a whole [`Envelope`]. It waits while the queue is full.
    ///
    /// When it returns, the message is there, whatever happens to this process. If this process is killed
    /// inside, all of the message is there or nothing.
    ///
    /// # Errors
    /// `MessageTooLong`: longer than the queue's message size. `Cancelled`: see
    /// [`canceller`](Self::canceller). `InvalidInput`: its type is below 1. `NotOwner`: this is a forked
    /// child of the process that opened the queue. `Corrupt`: the memory of the queue is damaged.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_mq::Error> {
    /// use ipc_mq::shared::{Envelope, Queue};
    /// let (queue, _fd) = Queue::anonymous()?;
    /// queue.send(1, b"first come")?;
    /// queue.send(Envelope::new().priority(2).kind(5), b"first served")?;
    /// assert_eq!(queue.recv_now()?.bytes, b"first served");
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn send(&self, envelope: impl Into<Envelope>, bytes: &[u8]) -> Result<()> {
        self.put(envelope.into(), bytes, Wait::FOREVER)
    }

    /// As [`send`](Self::send), if there is room now.
    ///
    /// # Errors
    /// `WouldBlock`: there is none. As [`send`](Self::send).
    #[inline]
    pub fn try_send(&self, envelope: impl Into<Envelope>, bytes: &[u8]) -> Result<()> {
        self.put(envelope.into(), bytes, Wait::No)
    }

    /// As [`send`](Self::send), waiting at most so long.
    ///
    /// # Errors
    /// `TimedOut`: the queue stayed full. As [`send`](Self::send).
    pub fn send_timeout(
        &self,
        envelope: impl Into<Envelope>,
        bytes: &[u8],
        timeout: Duration,
    ) -> Result<()> {
        self.put(envelope.into(), bytes, Wait::timeout(timeout))
    }

    /// As [`send`](Self::send), waiting until then.
    ///
    /// # Errors
    /// `TimedOut`: the queue stayed full. As [`send`](Self::send).
    pub fn send_deadline(
        &self,
        envelope: impl Into<Envelope>,
        bytes: &[u8],
        deadline: Instant,
    ) -> Result<()> {
        self.put(envelope.into(), bytes, Wait::deadline(deadline))
    }

    /// Receives the message with the highest priority, the oldest of that. It waits while there is none.
    ///
    /// The message is ours until it is acknowledged: see [`Delivery`].
    ///
    /// # Errors
    /// `Cancelled`: see [`canceller`](Self::canceller). `NotOwner`: this is a forked child of the process
    /// that opened the queue. `Corrupt`: the memory of the queue is damaged.
    #[inline]
    pub fn recv(&self) -> Result<Delivery> {
        self.hold(Filter::Any, Wait::FOREVER)
    }

    /// As [`recv`](Self::recv), if there is a message now.
    ///
    /// # Errors
    /// `WouldBlock`: there is none. As [`recv`](Self::recv).
    #[inline]
    pub fn try_recv(&self) -> Result<Delivery> {
        self.hold(Filter::Any, Wait::No)
    }

    /// As [`recv`](Self::recv), waiting at most so long.
    ///
    /// # Errors
    /// `TimedOut`: no message came. As [`recv`](Self::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Delivery> {
        self.hold(Filter::Any, Wait::timeout(timeout))
    }

    /// As [`recv`](Self::recv), waiting until then.
    ///
    /// # Errors
    /// `TimedOut`: no message came. As [`recv`](Self::recv).
    pub fn recv_deadline(&self, deadline: Instant) -> Result<Delivery> {
        self.hold(Filter::Any, Wait::deadline(deadline))
    }

    /// Receives a message for good: nothing is to be acknowledged, and it never comes again.
    ///
    /// If this process is killed inside, the message is still there or is gone: it is received at most
    /// once.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    #[inline]
    pub fn recv_now(&self) -> Result<Message> {
        self.consume(Filter::Any, Wait::FOREVER)
    }

    /// As [`recv_now`](Self::recv_now), if there is a message now.
    ///
    /// # Errors
    /// `WouldBlock`: there is none. As [`recv`](Self::recv).
    #[inline]
    pub fn try_recv_now(&self) -> Result<Message> {
        self.consume(Filter::Any, Wait::No)
    }

    /// As [`recv_now`](Self::recv_now), waiting at most so long.
    ///
    /// # Errors
    /// `TimedOut`: no message came. As [`recv`](Self::recv).
    pub fn recv_now_timeout(&self, timeout: Duration) -> Result<Message> {
        self.consume(Filter::Any, Wait::timeout(timeout))
    }

    /// As [`recv_now`](Self::recv_now), waiting until then.
    ///
    /// # Errors
    /// `TimedOut`: no message came. As [`recv`](Self::recv).
    pub fn recv_now_deadline(&self, deadline: Instant) -> Result<Message> {
        self.consume(Filter::Any, Wait::deadline(deadline))
    }

    /// Receives only what `filter` wants.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_mq::Error> {
    /// use ipc_mq::shared::{Envelope, Filter, Queue};
    /// let (queue, _fd) = Queue::anonymous()?;
    /// queue.send(Envelope::new().kind(1), b"one")?;
    /// queue.send(Envelope::new().kind(2), b"two")?;
    /// assert_eq!(queue.only(Filter::Type(2)).recv_now()?.bytes, b"two");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn only(&self, filter: Filter) -> Select<'_> {
        Select::new(self, filter)
    }

    /// Something that ends the current or the next wait of this handle.
    ///
    /// # Errors
    /// None now; the other queues need a descriptor for it.
    pub fn canceller(&self) -> Result<Canceller> {
        Ok(Canceller(Kind::Shared(self.cancel.clone())))
    }

    /// Where what is sent is checked.
    #[inline]
    pub(super) fn check(&self, envelope: Envelope, bytes: &[u8]) -> Result<()> {
        let limit = self.store.memory.sizes().message_size;
        if bytes.len() > limit {
            return Err(Error::MessageTooLong { real: bytes.len(), limit });
        }
        check_kind(envelope.kind)
    }

    #[inline]
    fn put(&self, envelope: Envelope, bytes: &[u8], wait: Wait) -> Result<()> {
        self.check(envelope, bytes)?;
        if self.store.push(envelope, bytes)? {
            return Ok(());
        }
        if bytes.len() > SHORT {
            return self.put_long(envelope, bytes, wait);
        }
        self.put_locked(envelope, bytes, wait)
    }

    #[cold]
    fn put_locked(&self, envelope: Envelope, bytes: &[u8], wait: Wait) -> Result<()> {
        let store = &*self.store;
        store.pace.wait(&store.memory);
        until(store, Role::Send, wait, &self.cancel, |held| {
            held.send(&store.outlet, envelope, bytes)
        })
    }

    #[cold]
    fn put_long(&self, envelope: Envelope, bytes: &[u8], wait: Wait) -> Result<()> {
        let store = &*self.store;
        store.pace.wait(&store.memory);
        let slot = until(store, Role::Send, wait, &self.cancel, |held| {
            let Some(slot) = held.room()? else { return Ok(None) };
            held.reserve(slot)?;
            held.lend_ahead(&store.outlet)?;
            Ok(Some(slot))
        })?;
        let written = self.store.memory.write(slot, bytes);
        written.map_err(|corrupt| self.store.corrupt(corrupt))?;
        self.store.locked(Wait::FOREVER, None, |held| held.publish(slot, envelope, bytes.len()))
    }

    #[inline]
    pub(super) fn hold(&self, filter: Filter, wait: Wait) -> Result<Delivery> {
        let role = role(filter)?;
        let taken = until(&self.store, role, wait, &self.cancel, |held| held.hold(filter))?;
        self.store.follow.got();
        self.deliver(taken)
    }

    /// What we hold, with its bytes.
    #[inline]
    pub(super) fn deliver(&self, taken: Taken) -> Result<Delivery> {
        let bytes = self.copy(&taken).map_err(|corrupt| self.store.corrupt(corrupt))?;
        Ok(Delivery::new(Arc::clone(&self.store), taken.slot, taken.with(bytes)))
    }

    #[inline]
    pub(super) fn consume(&self, filter: Filter, wait: Wait) -> Result<Message> {
        if self.store.memory.sizes().message_size > SHORT {
            return self.hold(filter, wait)?.take();
        }
        let role = role(filter)?;
        let mut bytes = Vec::new();
        let taken = until(&self.store, role, wait, &self.cancel, |held| {
            held.consume(filter, |taken| {
                bytes = self.copy(taken)?;
                Ok(())
            })
        })?;
        self.store.follow.got();
        Ok(taken.with(bytes))
    }

    #[inline]
    pub(super) fn copy(&self, taken: &Taken) -> Result<Vec<u8>, Corrupt> {
        self.store.memory.read(taken.slot, taken.len)
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn cancel_word(&self) -> &CancelWord {
        &self.cancel
    }
}

fn check_kind(kind: i64) -> Result<()> {
    if kind > 0 {
        Ok(())
    } else {
        Err(Error::InvalidInput { what: "the type of a message is at least 1" })
    }
}

#[inline]
pub(super) fn role(filter: Filter) -> Result<Role> {
    match filter {
        Filter::Any => return Ok(Role::Receive { picky: false }),
        Filter::Type(kind) | Filter::AtMost(kind) | Filter::Except(kind) => check_kind(kind)?,
    }
    Ok(Role::Receive { picky: true })
}
