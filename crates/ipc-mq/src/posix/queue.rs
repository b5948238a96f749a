//! The queue: send, receive, and the waits of both.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use ipc_core::Wait;
use ipc_core::watch::{Watch, Woken};
use rustix::event::PollFlags;
use rustix::io::Errno;

use super::attributes::Attributes;
use super::options::{QueueOptions, check};
use super::seat::{self, Seat};
use crate::canceller::{Canceller, Kind};
use crate::error::{Error, Result};
use crate::sys::mq::{self, NoWait};

/// How many priorities there are: 0 to 32767, the highest first.
#[doc(alias = "MQ_PRIO_MAX")]
pub const PRIORITIES: u32 = 32768;

/// A POSIX message queue.
///
/// Messages come out whole, the highest priority first, and in the order they were sent among equals. The
/// queue and what it holds stay when all processes have closed it, until [`unlink`](Self::unlink) or a
/// restart of the machine.
///
/// Any number of threads and processes may send and receive at once; each message goes to one receiver.
/// Dropping a handle closes it, and takes back a registration made by *this process* with
/// [`notify`](Self::notify), even one made through another handle on the same queue.
#[derive(Debug)]
pub struct Queue {
    pub(super) fd: OwnedFd,
    pub(super) how: NoWait,
    /// Bytes of the longest message, as the kernel said when the queue was opened: it never changes.
    pub(super) message_size: usize,
    watch: Watch,
    canceller: Option<ipc_core::cancel::Canceller>,
    name: String,
    /// Left after the descriptor is closed. `None` for a descriptor from elsewhere.
    _seat: Option<Seat>,
}

const SEND: &str = "send to message queue";

impl Queue {
    pub(super) fn new(fd: OwnedFd, name: String, seat: Option<Seat>) -> Result<Self> {
        let failed = |errno| Error::os("open message queue", &name, errno);
        let mut watch = Watch::default();
        let canceller = Some(watch.canceller().map_err(failed)?);
        let message_size =
            Attributes::from(mq::attributes(fd.as_fd()).map_err(failed)?).message_size;
        let how = NoWait::ByFlag;
        Ok(Self { fd, how, message_size, watch, canceller, name, _seat: seat })
    }

    /// Creates a queue of mode 0600 and the system's default sizes.
    ///
    /// # Errors
    /// As [`QueueOptions::create`].
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_mq::Error> {
    /// # let name = &format!("/ipc-doc-{}-create", std::process::id());
    /// use ipc_mq::{Error, posix::Queue};
    /// let queue = Queue::create(name)?;
    /// assert!(matches!(Queue::create(name), Err(Error::AlreadyExists { .. })));
    /// Queue::unlink(name)
    /// # }
    /// ```
    #[doc(alias = "mq_open")]
    pub fn create(name: &str) -> Result<Self> {
        QueueOptions::new().create(name)
    }

    /// Opens a queue.
    ///
    /// # Errors
    /// As [`QueueOptions::open`].
    #[doc(alias = "mq_open")]
    pub fn open(name: &str) -> Result<Self> {
        QueueOptions::new().open(name)
    }

    /// Opens a queue, or creates it as [`create`](Self::create) does.
    ///
    /// # Errors
    /// As [`QueueOptions::open_or_create`].
    pub fn open_or_create(name: &str) -> Result<Self> {
        QueueOptions::new().open_or_create(name)
    }

    /// Removes the name. Who has the queue open goes on with it; who creates the name again has a new
    /// queue. The old one ends with its last user.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, `Os` (`EACCES`: it is not ours).
    ///
    /// # Linux
    /// [`mq_unlink(3)`](https://man7.org/linux/man-pages/man3/mq_unlink.3.html)
    #[doc(alias = "mq_unlink")]
    pub fn unlink(name: &str) -> Result<()> {
        let name = check(name)?;
        seat::unlink(&name)
            .map_err(|errno| Error::os("unlink message queue", &name.slashed(), errno))
    }

    /// Sends a message, waiting for room.
    ///
    /// # Errors
    /// `MessageTooLong`: more than [`message_size`](Self::message_size). `InvalidInput`: the priority is
    /// not below [`PRIORITIES`]. `Cancelled`, `Os` (`EBADF`: opened only to receive).
    ///
    /// # Linux
    /// [`mq_send(3)`](https://man7.org/linux/man-pages/man3/mq_send.3.html)
    #[doc(alias = "mq_send")]
    #[inline]
    pub fn send(&self, priority: u32, bytes: &[u8]) -> Result<()> {
        self.send_until(priority, bytes, Wait::FOREVER)
    }

    /// As [`send`](Self::send), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: the queue is full. Otherwise as [`send`](Self::send).
    #[inline]
    pub fn try_send(&self, priority: u32, bytes: &[u8]) -> Result<()> {
        self.send_until(priority, bytes, Wait::No)
    }

    /// As [`send`](Self::send), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`send`](Self::send).
    #[doc(alias = "mq_timedsend")]
    pub fn send_timeout(&self, priority: u32, bytes: &[u8], timeout: Duration) -> Result<()> {
        self.send_until(priority, bytes, Wait::timeout(timeout))
    }

    /// As [`send`](Self::send), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`send`](Self::send).
    #[doc(alias = "mq_timedsend")]
    pub fn send_deadline(&self, priority: u32, bytes: &[u8], deadline: Instant) -> Result<()> {
        self.send_until(priority, bytes, Wait::deadline(deadline))
    }

    #[inline]
    pub(crate) fn send_until(&self, priority: u32, bytes: &[u8], wait: Wait) -> Result<()> {
        self.repeat(wait, PollFlags::OUT, || mq::send(self.fd.as_fd(), priority, bytes, self.how))
            .or_else(|errno| self.send_failed(priority, bytes.len(), errno))
    }

    /// Calls until it is done, a wait is refused, or a wait ends otherwise. The calls do not wait.
    #[inline]
    pub(super) fn repeat<R>(
        &self,
        wait: Wait,
        events: PollFlags,
        mut call: impl FnMut() -> Result<R, Errno>,
    ) -> Result<R, Stop> {
        if wait != Wait::No && self.watch.cancelled() {
            return Err(Stop::Cancelled);
        }
        loop {
            match call() {
                Ok(done) => return Ok(done),
                Err(Errno::AGAIN | Errno::TIMEDOUT) => {}
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(Stop::Os(errno)),
            }
            self.wait(wait, events)?;
        }
    }

    #[cold]
    fn wait(&self, wait: Wait, events: PollFlags) -> Result<(), Stop> {
        let Wait::Until(deadline) = wait else { return Err(Stop::WouldBlock) };
        match self.watch.wait(self.fd.as_fd(), events, deadline) {
            Ok(Woken::Ready | Woken::PeerDied) => Ok(()),
            Ok(Woken::TimedOut) => Err(Stop::TimedOut),
            Ok(Woken::Cancelled) => Err(Stop::Cancelled),
            Err(errno) => Err(Stop::Os(errno)),
        }
    }

    #[cold]
    fn send_failed<R>(&self, priority: u32, len: usize, stop: Stop) -> Result<R> {
        Err(match stop {
            Stop::Os(Errno::MSGSIZE) => {
                Error::MessageTooLong { real: len, limit: self.message_size }
            }
            Stop::Os(Errno::INVAL) if priority >= PRIORITIES => {
                Error::InvalidInput { what: "a priority is at most 32767" }
            }
            stop => self.failed(SEND, stop),
        })
    }

    pub(super) fn failed(&self, op: &'static str, stop: Stop) -> Error {
        match stop {
            Stop::WouldBlock => Error::WouldBlock,
            Stop::TimedOut => Error::TimedOut,
            Stop::Cancelled => Error::Cancelled,
            Stop::Os(errno) => Error::os(op, &self.name, errno),
        }
    }

    /// Capacity, message size, and how many messages there are now.
    ///
    /// # Errors
    /// `Os`.
    ///
    /// # Linux
    /// [`mq_getattr(3)`](https://man7.org/linux/man-pages/man3/mq_getattr.3.html)
    #[doc(alias = "mq_getattr")]
    pub fn attributes(&self) -> Result<Attributes> {
        mq::attributes(self.fd.as_fd())
            .map(Attributes::from)
            .map_err(|errno| Error::os("ask for attributes of message queue", &self.name, errno))
    }

    /// Messages in the queue now.
    ///
    /// # Errors
    /// `Os`.
    #[expect(clippy::len_without_is_empty, reason = "either is outdated when it returns")]
    pub fn len(&self) -> Result<usize> {
        self.attributes().map(|attributes| attributes.len)
    }

    /// Bytes that a message can have: what a buffer for [`recv_into`](Self::recv_into) needs.
    #[must_use]
    pub fn message_size(&self) -> usize {
        self.message_size
    }

    /// What ends a wait on this handle from elsewhere.
    ///
    /// # Errors
    /// `Limit`: there was no descriptor for it when the handle was made from an [`OwnedFd`].
    pub fn canceller(&self) -> Result<Canceller> {
        let made = self.canceller.clone().map(|made| Canceller(Kind::Posix(made)));
        made.ok_or(Error::limit(crate::error::NOFILE))
    }

    /// The name, for messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// Why a call did not do its work.
pub(super) enum Stop {
    WouldBlock,
    TimedOut,
    Cancelled,
    Os(Errno),
}

impl AsFd for Queue {
    /// On Linux a queue is a file descriptor: readable when it holds a message, writable when it has room.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl From<OwnedFd> for Queue {
    /// Takes over a queue's descriptor, whatever its flags. If it is none, every call fails with `EBADF`.
    fn from(fd: OwnedFd) -> Self {
        let attributes = mq::attributes(fd.as_fd()).map(Attributes::from);
        let message_size = attributes.map_or(0, |attributes| attributes.message_size);
        let mut watch = Watch::default();
        let canceller = watch.canceller().ok();
        let name = "(descriptor)".to_owned();
        Self { fd, how: NoWait::ByDeadline, message_size, watch, canceller, name, _seat: None }
    }
}

impl From<Queue> for OwnedFd {
    /// Gives up the handle. Others of ours no longer see that the queue is in use.
    fn from(queue: Queue) -> Self {
        queue.fd
    }
}
