//! The queue: made or found, sent to, removed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ipc_core::Wait;
use libc::msqid_ds;
use rustix::io::Errno;

use super::filter::{TYPES, flags};
use super::identity::Identity;
use super::key::Key;
use super::options::{QueueOptions, Timing};
use super::stat::limits;
use super::wait::{Asked, Stop};
use crate::canceller::{Canceller, Kind};
use crate::error::{Error, Result};
use crate::sys::msg;

/// A System V message queue.
///
/// Each message has a type, a number from 1 up, and receivers choose by it. The queue and what it holds stay
/// when all processes have gone, until [`remove`](Self::remove) or a restart of the machine.
///
/// Any number of threads and processes may send and receive at once; each message goes to one receiver.
/// Dropping a handle does nothing to the queue. It costs no descriptor.
#[derive(Debug)]
pub struct Queue {
    id: i32,
    key: Option<Key>,
    pub(super) identity: Identity,
    pub(super) timing: Timing,
    pub(super) asked: Arc<Asked>,
}

const SEND: &str = "send to message queue";

impl Queue {
    pub(super) fn new(id: i32, data: &msqid_ds, timing: Timing) -> Self {
        let key = Key::new(data.msg_perm.__key).ok();
        Self { id, key, identity: Identity::new(data), timing, asked: Arc::default() }
    }

    /// Creates a queue of mode 0600 and the system's default capacity.
    ///
    /// # Errors
    /// As [`QueueOptions::create`].
    #[doc(alias = "msgget")]
    pub fn create(key: Key) -> Result<Self> {
        QueueOptions::new().create(key)
    }

    /// Creates a queue without a key.
    ///
    /// # Errors
    /// As [`QueueOptions::private`].
    #[doc(alias = "IPC_PRIVATE")]
    pub fn private() -> Result<Self> {
        QueueOptions::new().private()
    }

    /// Opens a queue.
    ///
    /// # Errors
    /// As [`QueueOptions::open`].
    #[doc(alias = "msgget")]
    pub fn open(key: Key) -> Result<Self> {
        QueueOptions::new().open(key)
    }

    /// Opens a queue by its id.
    ///
    /// # Errors
    /// As [`QueueOptions::from_id`].
    pub fn from_id(id: i32) -> Result<Self> {
        QueueOptions::new().from_id(id)
    }

    /// Opens a queue, or creates it as [`create`](Self::create) does.
    ///
    /// # Errors
    /// As [`QueueOptions::open_or_create`].
    pub fn open_or_create(key: Key) -> Result<Self> {
        QueueOptions::new().open_or_create(key)
    }

    /// Removes the queue of a key, and what it holds: who waits on it gets `Removed`.
    ///
    /// # Errors
    /// `NotFound`, `WrongOwner`, `Os` (`EPERM`: it is not ours).
    #[doc(alias = "IPC_RMID")]
    pub fn unlink(key: Key) -> Result<()> {
        Self::open(key)?.remove()
    }

    /// Removes the queue, and what it holds: who waits on it gets `Removed`.
    ///
    /// # Errors
    /// `Removed`: somebody did already. `Os` (`EPERM`: it is not ours).
    ///
    /// # Linux
    /// `IPC_RMID` of [`msgctl(2)`](https://man7.org/linux/man-pages/man2/msgctl.2.html)
    #[doc(alias = "msgctl")]
    #[doc(alias = "IPC_RMID")]
    pub fn remove(&self) -> Result<()> {
        const REMOVE: &str = "remove message queue";
        self.confirm().map_err(|stop| self.stopped(REMOVE, stop))?;
        msg::remove(self.id).map_err(|errno| self.failed(REMOVE, errno))
    }

    /// The number by which the kernel, and [`from_id`](Self::from_id), know it.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.id
    }

    /// The key; `None` for a private queue.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        self.key
    }

    /// Sends a message of type `kind`, waiting for room.
    ///
    /// # Errors
    /// `InvalidInput`: `kind` is less than 1. `MessageTooLong`: more than `/proc/sys/kernel/msgmax`, or than
    /// the queue can hold. `Removed`, `Cancelled`, `Os` (`EACCES`: its mode forbids it).
    ///
    /// # Linux
    /// [`msgsnd(2)`](https://man7.org/linux/man-pages/man2/msgsnd.2.html)
    #[doc(alias = "msgsnd")]
    #[inline]
    pub fn send(&self, kind: i64, bytes: &[u8]) -> Result<()> {
        self.send_until(kind, bytes, Wait::FOREVER)
    }

    /// As [`send`](Self::send), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: there is no room. Otherwise as [`send`](Self::send).
    #[inline]
    pub fn try_send(&self, kind: i64, bytes: &[u8]) -> Result<()> {
        self.send_until(kind, bytes, Wait::No)
    }

    /// As [`send`](Self::send), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`send`](Self::send).
    pub fn send_timeout(&self, kind: i64, bytes: &[u8], timeout: Duration) -> Result<()> {
        self.send_until(kind, bytes, Wait::timeout(timeout))
    }

    /// As [`send`](Self::send), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`send`](Self::send).
    pub fn send_deadline(&self, kind: i64, bytes: &[u8], deadline: Instant) -> Result<()> {
        self.send_until(kind, bytes, Wait::deadline(deadline))
    }

    #[inline]
    pub(crate) fn send_until(&self, kind: i64, bytes: &[u8], wait: Wait) -> Result<()> {
        if kind < 1 {
            return Err(TYPES);
        }
        self.repeat(wait, Errno::AGAIN, |nowait| {
            let sent = msg::send(self.id, kind, bytes, flags(nowait));
            // A message longer than the queue would wait for ever: whoever is to wait looks first.
            if sent == Err(Errno::AGAIN) && wait != Wait::No && self.never_fits(bytes.len()) {
                return Err(Errno::MSGSIZE);
            }
            sent
        })
        .inspect(|()| self.identity.note_sent())
        .map_err(|stop| self.send_failed(bytes.len(), stop))
    }

    #[cold]
    fn never_fits(&self, len: usize) -> bool {
        self.stat().is_ok_and(|stat| len > stat.capacity)
    }

    #[cold]
    fn send_failed(&self, len: usize, stop: Stop) -> Error {
        let most = limits().message_size;
        match stop {
            Stop::Os(Errno::INVAL | Errno::MSGSIZE) | Stop::WouldBlock | Stop::TimedOut => {
                let capacity = self.stat().ok().map(|stat| stat.capacity);
                match most.into_iter().chain(capacity).find(|limit| len > *limit) {
                    Some(limit) => Error::MessageTooLong { real: len, limit },
                    None => self.stopped(SEND, stop),
                }
            }
            stop => self.stopped(SEND, stop),
        }
    }

    /// What ends a wait on this handle from elsewhere.
    ///
    /// # Errors
    /// None today; the other queues of this crate have some.
    pub fn canceller(&self) -> Result<Canceller> {
        Ok(Canceller(Kind::Sysv(Arc::clone(&self.asked))))
    }

    /// What the kernel knows of this queue, after making sure that it is this queue.
    pub(super) fn look(&self) -> Result<msqid_ds> {
        const LOOK: &str = "ask for the state of message queue";
        let data = msg::stat(self.id).map_err(|errno| self.failed(LOOK, errno))?;
        if self.identity.confirm(&data) {
            Ok(data)
        } else {
            Err(self.stopped(LOOK, Stop::Replaced))
        }
    }

    /// The key or the id, for messages.
    pub(super) fn name(&self) -> String {
        self.key.map_or_else(|| format!("id {}", self.id), |key| key.to_string())
    }

    /// What `errno` means for a queue that was there when this handle was made.
    #[cold]
    pub(super) fn failed(&self, op: &'static str, errno: Errno) -> Error {
        match errno {
            Errno::IDRM => Error::Removed { name: self.name() },
            // Also what an id gets that no queue has.
            Errno::INVAL if msg::stat(self.id).map(drop) == Err(Errno::INVAL) => {
                Error::Removed { name: self.name() }
            }
            _ => Error::os(op, &self.name(), errno),
        }
    }
}
