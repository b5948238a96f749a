//! Receiving: the message of the highest priority, by value or into a buffer.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use ipc_core::Wait;
use rustix::event::PollFlags;
use rustix::io::Errno;

use super::queue::{Queue, Stop};
use crate::error::{Error, Result};
use crate::sys::mq;

/// A message that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// Its priority.
    pub priority: u32,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What was received into a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// The message's priority.
    pub priority: u32,
    /// Bytes of the buffer that it fills.
    pub len: usize,
}

const RECV: &str = "receive from message queue";

impl Queue {
    /// Takes the message of the highest priority, waiting for one.
    ///
    /// # Errors
    /// `Cancelled`, `Os` (`EBADF`: opened only to send).
    ///
    /// # Linux
    /// [`mq_receive(3)`](https://man7.org/linux/man-pages/man3/mq_receive.3.html)
    #[doc(alias = "mq_receive")]
    #[inline]
    pub fn recv(&self) -> Result<Message> {
        self.recv_until(Wait::FOREVER)
    }

    /// As [`recv`](Self::recv), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: the queue is empty. Otherwise as [`recv`](Self::recv).
    #[inline]
    pub fn try_recv(&self) -> Result<Message> {
        self.recv_until(Wait::No)
    }

    /// As [`recv`](Self::recv), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`recv`](Self::recv).
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_mq::Error> {
    /// # let name = &format!("/ipc-doc-{}-timeout", std::process::id());
    /// use std::time::Duration;
    /// let queue = ipc_mq::posix::Queue::create(name)?;
    /// let nothing = queue.recv_timeout(Duration::from_millis(1));
    /// assert!(matches!(nothing, Err(ipc_mq::Error::TimedOut)));
    /// # ipc_mq::posix::Queue::unlink(name)
    /// # }
    /// ```
    #[doc(alias = "mq_timedreceive")]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Message> {
        self.recv_until(Wait::timeout(timeout))
    }

    /// As [`recv`](Self::recv), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`recv`](Self::recv).
    #[doc(alias = "mq_timedreceive")]
    pub fn recv_deadline(&self, deadline: Instant) -> Result<Message> {
        self.recv_until(Wait::deadline(deadline))
    }

    pub(crate) fn recv_until(&self, wait: Wait) -> Result<Message> {
        let mut bytes = Vec::with_capacity(self.message_size);
        let receive = || mq::receive_vec(self.fd.as_fd(), &mut bytes, self.how);
        let priority = self
            .repeat(wait, PollFlags::IN, receive)
            .or_else(|errno| self.recv_failed(self.message_size, errno))?;
        // Small messages of a queue of large ones must not pin the room of large ones.
        bytes.shrink_to(bytes.len() + 1024);
        Ok(Message { priority, bytes })
    }

    /// As [`recv`](Self::recv), into a buffer, which must have room for the longest message.
    ///
    /// # Errors
    /// `BufferTooShort`: less than [`message_size`](Self::message_size) bytes; nothing was taken.
    /// Otherwise as [`recv`](Self::recv).
    #[doc(alias = "mq_receive")]
    #[inline]
    pub fn recv_into(&self, buf: &mut [u8]) -> Result<Received> {
        self.recv_into_until(buf, Wait::FOREVER)
    }

    /// As [`recv_into`](Self::recv_into), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: the queue is empty. Otherwise as [`recv_into`](Self::recv_into).
    #[inline]
    pub fn try_recv_into(&self, buf: &mut [u8]) -> Result<Received> {
        self.recv_into_until(buf, Wait::No)
    }

    /// As [`recv_into`](Self::recv_into), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`recv_into`](Self::recv_into).
    pub fn recv_into_timeout(&self, buf: &mut [u8], timeout: Duration) -> Result<Received> {
        self.recv_into_until(buf, Wait::timeout(timeout))
    }

    /// As [`recv_into`](Self::recv_into), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`recv_into`](Self::recv_into).
    pub fn recv_into_deadline(&self, buf: &mut [u8], deadline: Instant) -> Result<Received> {
        self.recv_into_until(buf, Wait::deadline(deadline))
    }

    #[inline]
    fn recv_into_until(&self, buf: &mut [u8], wait: Wait) -> Result<Received> {
        let room = buf.len();
        self.repeat(wait, PollFlags::IN, || mq::receive(self.fd.as_fd(), buf, self.how))
            .map(|(len, priority)| Received { priority, len })
            .or_else(|errno| self.recv_failed(room, errno))
    }

    #[cold]
    fn recv_failed<R>(&self, len: usize, stop: Stop) -> Result<R> {
        Err(match stop {
            Stop::Os(Errno::MSGSIZE) => {
                Error::BufferTooShort { len, needed: Some(self.message_size) }
            }
            stop => self.failed(RECV, stop),
        })
    }
}
