//! Receiving by type, and looking without taking.

use std::time::{Duration, Instant};

use ipc_core::Wait;
use libc::{IPC_NOWAIT, MSG_COPY, c_int, c_long};
use rustix::io::Errno;

use super::filter::{Filter, flags};
use super::queue::Queue;
use super::wait::Stop;
use crate::error::{Error, Result};
use crate::sys::msg::{self, Frame, SMALL};

/// A message that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// Its type.
    #[doc(alias = "mtype")]
    pub kind: i64,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What was received into a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// The message's type.
    #[doc(alias = "mtype")]
    pub kind: i64,
    /// Bytes of the buffer that it fills.
    pub len: usize,
}

const RECV: &str = "receive from message queue";

impl Queue {
    /// Takes the message that `filter` chooses, waiting for one.
    ///
    /// # Errors
    /// `InvalidInput`: the filter's type is less than 1. `Removed`, `Cancelled`, `Os` (`EACCES`: its mode
    /// forbids it).
    ///
    /// # Linux
    /// [`msgrcv(2)`](https://man7.org/linux/man-pages/man2/msgrcv.2.html)
    #[doc(alias = "msgrcv")]
    #[inline]
    pub fn recv(&self, filter: Filter) -> Result<Message> {
        self.recv_until(filter, Wait::FOREVER)
    }

    /// As [`recv`](Self::recv), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: there is no such message. Otherwise as [`recv`](Self::recv).
    #[inline]
    pub fn try_recv(&self, filter: Filter) -> Result<Message> {
        self.recv_until(filter, Wait::No)
    }

    /// As [`recv`](Self::recv), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`recv`](Self::recv).
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_mq::Error> {
    /// use ipc_mq::sysv::{Filter, Queue};
    /// let queue = Queue::private()?;
    /// let nothing = queue.recv_timeout(Filter::Type(2), std::time::Duration::from_millis(1));
    /// assert!(matches!(nothing, Err(ipc_mq::Error::TimedOut)));
    /// # queue.remove()
    /// # }
    /// ```
    pub fn recv_timeout(&self, filter: Filter, timeout: Duration) -> Result<Message> {
        self.recv_until(filter, Wait::timeout(timeout))
    }

    /// As [`recv`](Self::recv), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`recv`](Self::recv).
    pub fn recv_deadline(&self, filter: Filter, deadline: Instant) -> Result<Message> {
        self.recv_until(filter, Wait::deadline(deadline))
    }

    pub(crate) fn recv_until(&self, filter: Filter, wait: Wait) -> Result<Message> {
        let mut frame = Frame::room();
        match self.recv_small(&mut frame, filter, SMALL, wait) {
            Ok(()) => Ok(Message { kind: frame.kind(), bytes: frame.text().to_vec() }),
            // It is there and longer than the system allows by default.
            Err(Error::BufferTooShort { .. }) => {
                let (kind, bytes) = self.grow(filter, wait)?;
                Ok(Message { kind, bytes })
            }
            Err(error) => Err(error),
        }
    }

    /// As [`recv`](Self::recv), into a buffer.
    ///
    /// # Errors
    /// `BufferTooShort`: the message is longer; it stays in the queue. Otherwise as [`recv`](Self::recv).
    #[doc(alias = "msgrcv")]
    #[inline]
    pub fn recv_into(&self, filter: Filter, buf: &mut [u8]) -> Result<Received> {
        self.recv_into_until(filter, buf, Wait::FOREVER)
    }

    /// As [`recv_into`](Self::recv_into), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: there is no such message. Otherwise as [`recv_into`](Self::recv_into).
    #[inline]
    pub fn try_recv_into(&self, filter: Filter, buf: &mut [u8]) -> Result<Received> {
        self.recv_into_until(filter, buf, Wait::No)
    }

    /// As [`recv_into`](Self::recv_into), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`recv_into`](Self::recv_into).
    pub fn recv_into_timeout(
        &self,
        filter: Filter,
        buf: &mut [u8],
        timeout: Duration,
    ) -> Result<Received> {
        self.recv_into_until(filter, buf, Wait::timeout(timeout))
    }

    /// As [`recv_into`](Self::recv_into), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`recv_into`](Self::recv_into).
    pub fn recv_into_deadline(
        &self,
        filter: Filter,
        buf: &mut [u8],
        deadline: Instant,
    ) -> Result<Received> {
        self.recv_into_until(filter, buf, Wait::deadline(deadline))
    }

    #[inline]
    fn recv_into_until(&self, filter: Filter, buf: &mut [u8], wait: Wait) -> Result<Received> {
        let mut frame = Frame::room();
        match self.recv_small(&mut frame, filter, buf.len(), wait) {
            Ok(()) => {
                let text = frame.text();
                buf[..text.len()].copy_from_slice(text);
                Ok(Received { kind: frame.kind(), len: text.len() })
            }
            Err(Error::BufferTooShort { .. }) if buf.len() > SMALL => {
                let (kind, bytes) = self.recv_large(filter, buf.len(), wait)?;
                buf[..bytes.len()].copy_from_slice(&bytes);
                Ok(Received { kind, len: bytes.len() })
            }
            Err(error) => Err(error),
        }
    }

    #[inline]
    fn recv_small(&self, frame: &mut Frame, filter: Filter, max: usize, wait: Wait) -> Result<()> {
        let (wanted, extra) = filter.as_arguments()?;
        self.repeat(wait, Errno::NOMSG, |nowait| {
            frame.recv(self.id(), wanted, max, extra | flags(nowait))
        })
        .inspect(|_| self.identity.note_received())
        .map_err(|stop| self.recv_failed(max, stop))
    }

    #[cold]
    fn recv_large(&self, filter: Filter, max: usize, wait: Wait) -> Result<(c_long, Vec<u8>)> {
        let (wanted, extra) = filter.as_arguments()?;
        self.repeat(wait, Errno::NOMSG, |nowait| {
            msg::recv_large(self.id(), wanted, max, extra | flags(nowait))
        })
        .inspect(|_| self.identity.note_received())
        .map_err(|stop| self.recv_failed(max, stop))
    }

    /// Receives a message that is known to be long, in ever more room: at most twice what it needs.
    #[cold]
    fn grow(&self, filter: Filter, wait: Wait) -> Result<(c_long, Vec<u8>)> {
        let mut room = SMALL;
        loop {
            room = room.saturating_mul(2);
            match self.recv_large(filter, room, wait) {
                Err(Error::BufferTooShort { .. }) if room < 1 << 31 => {}
                Ok((kind, mut bytes)) => {
                    bytes.shrink_to_fit();
                    return Ok((kind, bytes));
                }
                done => return done,
            }
        }
    }

    #[cold]
    fn recv_failed(&self, len: usize, stop: Stop) -> Error {
        match stop {
            Stop::Os(Errno::TOOBIG) => Error::BufferTooShort { len, needed: None },
            stop => self.stopped(RECV, stop),
        }
    }

    /// A copy of the message at `index`, counted from 0 in the order of sending. It stays in the queue.
    ///
    /// Does not wait. `None`: there are not so many. What stands at an index changes as others receive.
    ///
    /// # Errors
    /// `Unsupported`: the kernel was built without `CONFIG_CHECKPOINT_RESTORE`. `Removed`, `Os`.
    ///
    /// # Linux
    /// `MSG_COPY` of [`msgrcv(2)`](https://man7.org/linux/man-pages/man2/msgrcv.2.html), Linux 3.8
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_mq::Error> {
    /// let queue = ipc_mq::sysv::Queue::private()?;
    /// queue.send(5, b"still here")?;
    /// assert_eq!(queue.peek(0)?.map(|message| message.kind), Some(5));
    /// assert_eq!(queue.peek(1)?, None);
    /// assert_eq!(queue.stat()?.len, 1);
    /// # queue.remove()
    /// # }
    /// ```
    #[doc(alias = "MSG_COPY")]
    pub fn peek(&self, index: usize) -> Result<Option<Message>> {
        const FLAGS: c_int = MSG_COPY | IPC_NOWAIT;
        let Ok(index) = c_long::try_from(index) else { return Ok(None) };
        let mut room = SMALL;
        loop {
            let copied = self
                .repeat(Wait::No, Errno::NOMSG, |_| msg::recv_large(self.id(), index, room, FLAGS));
            match copied {
                Ok((kind, bytes)) => return Ok(Some(Message { kind, bytes })),
                Err(Stop::WouldBlock) => return Ok(None),
                Err(Stop::Os(Errno::TOOBIG)) if room < 1 << 31 => room *= 2,
                Err(Stop::Os(Errno::NOSYS)) => {
                    return Err(Error::Unsupported { what: "look at a message without taking it" });
                }
                Err(stop) => return Err(self.stopped("look into message queue", stop)),
            }
        }
    }
}
