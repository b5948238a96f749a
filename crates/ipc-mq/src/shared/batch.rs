//! Several messages under one lock.

use std::time::{Duration, Instant};

use ipc_core::Wait;
use ipc_core::life::sleep::CancelWord;

use super::queue::role;
use super::wait::{Role, until};
use super::{Delivery, Envelope, Filter, Message, Queue};
use crate::error::Result;

/// Bytes that are copied under the lock at once, about: the others wait meanwhile.
const AT_ONCE: usize = 64 << 10;

impl Queue {
    /// Sends messages from the front of `messages`, as many as there is room for; waits until that is at
    /// least one. Says how many.
    ///
    /// Each message is there or not there by itself, if this process is killed inside; they are sent in
    /// order. Long messages are sent in several turns.
    ///
    /// # Errors
    /// As [`send`](Self::send): then none was sent.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_mq::Error> {
    /// use ipc_mq::shared::{Envelope, Queue};
    /// let (queue, _fd) = Queue::anonymous()?;
    /// let mut rest: &[(Envelope, &[u8])] = &[(1.into(), b"one"), (2.into(), b"two")];
    /// while !rest.is_empty() {
    ///     rest = &rest[queue.send_many(rest)?..];
    /// }
    /// let got: Vec<_> = queue.recv_many_now(10)?.into_iter().map(|message| message.bytes).collect();
    /// assert_eq!(got, [b"two", b"one"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_many(&self, messages: &[(Envelope, &[u8])]) -> Result<usize> {
        self.put_many(messages, Wait::FOREVER)
    }

    /// As [`send_many`](Self::send_many), if there is room for one now.
    ///
    /// # Errors
    /// `WouldBlock`: there is none. As [`send`](Self::send).
    pub fn try_send_many(&self, messages: &[(Envelope, &[u8])]) -> Result<usize> {
        self.put_many(messages, Wait::No)
    }

    /// As [`send_many`](Self::send_many), waiting at most so long for room for the first.
    ///
    /// # Errors
    /// `TimedOut`: the queue stayed full. As [`send`](Self::send).
    pub fn send_many_timeout(
        &self,
        messages: &[(Envelope, &[u8])],
        timeout: Duration,
    ) -> Result<usize> {
        self.put_many(messages, Wait::timeout(timeout))
    }

    /// As [`send_many`](Self::send_many), waiting until then for room for the first.
    ///
    /// # Errors
    /// `TimedOut`: the queue stayed full. As [`send`](Self::send).
    pub fn send_many_deadline(
        &self,
        messages: &[(Envelope, &[u8])],
        deadline: Instant,
    ) -> Result<usize> {
        self.put_many(messages, Wait::deadline(deadline))
    }

    /// Receives up to `most` messages, each to be acknowledged by itself; waits until there is one.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_many(&self, most: usize) -> Result<Vec<Delivery>> {
        self.hold_many(most, Wait::FOREVER)
    }

    /// As [`recv_many`](Self::recv_many), if there is a message now.
    ///
    /// # Errors
    /// `WouldBlock`: there is none. As [`recv`](Self::recv).
    pub fn try_recv_many(&self, most: usize) -> Result<Vec<Delivery>> {
        self.hold_many(most, Wait::No)
    }

    /// As [`recv_many`](Self::recv_many), waiting at most so long for the first.
    ///
    /// # Errors
    /// `TimedOut`: no message came. As [`recv`](Self::recv).
    pub fn recv_many_timeout(&self, most: usize, timeout: Duration) -> Result<Vec<Delivery>> {
        self.hold_many(most, Wait::timeout(timeout))
    }

    /// As [`recv_many`](Self::recv_many), waiting until then for the first.
    ///
    /// # Errors
    /// `TimedOut`: no message came. As [`recv`](Self::recv).
    pub fn recv_many_deadline(&self, most: usize, deadline: Instant) -> Result<Vec<Delivery>> {
        self.hold_many(most, Wait::deadline(deadline))
    }

    /// Receives up to `most` messages for good; waits until there is one.
    ///
    /// If this process is killed inside, any of them may be there still or be gone.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_many_now(&self, most: usize) -> Result<Vec<Message>> {
        self.consume_many(most, Wait::FOREVER)
    }

    /// As [`recv_many_now`](Self::recv_many_now), if there is a message now.
    ///
    /// # Errors
    /// `WouldBlock`: there is none. As [`recv`](Self::recv).
    pub fn try_recv_many_now(&self, most: usize) -> Result<Vec<Message>> {
        self.consume_many(most, Wait::No)
    }

    /// As [`recv_many_now`](Self::recv_many_now), waiting at most so long for the first.
    ///
    /// # Errors
    /// `TimedOut`: no message came. As [`recv`](Self::recv).
    pub fn recv_many_now_timeout(&self, most: usize, timeout: Duration) -> Result<Vec<Message>> {
        self.consume_many(most, Wait::timeout(timeout))
    }

    /// As [`recv_many_now`](Self::recv_many_now), waiting until then for the first.
    ///
    /// # Errors
    /// `TimedOut`: no message came. As [`recv`](Self::recv).
    pub fn recv_many_now_deadline(&self, most: usize, deadline: Instant) -> Result<Vec<Message>> {
        self.consume_many(most, Wait::deadline(deadline))
    }

    fn put_many(&self, messages: &[(Envelope, &[u8])], wait: Wait) -> Result<usize> {
        for (envelope, bytes) in messages {
            self.check(*envelope, bytes)?;
        }
        if messages.is_empty() {
            return Ok(0);
        }
        let (store, cancel) = (self.store(), self.cancel_word());
        let first = store.push_many(messages)?;
        let rest = &messages[first..];
        if rest.is_empty() {
            return Ok(first);
        }
        // What is sent is told: a wait that is cancelled is the next one.
        let nobody = CancelWord::new();
        let (wait, cancel) = if first == 0 { (wait, cancel) } else { (Wait::No, &nobody) };
        store.pace.wait(&store.memory);
        let more = until(store, Role::Send, wait, cancel, |held| {
            let sent = held.send_many(&store.outlet, rest, AT_ONCE)?;
            Ok((sent > 0).then_some(sent))
        });
        match more {
            Ok(more) => Ok(first + more),
            // The next call tells.
            Err(_) if first > 0 => Ok(first),
            Err(error) => Err(error),
        }
    }

    fn hold_many(&self, most: usize, wait: Wait) -> Result<Vec<Delivery>> {
        let (store, cancel) = (self.store(), self.cancel_word());
        if most == 0 {
            return Ok(Vec::new());
        }
        let taken = until(store, role(Filter::Any)?, wait, cancel, |held| {
            let mut all = Vec::new();
            while all.len() < most {
                let Some(taken) = held.hold(Filter::Any)? else { break };
                all.push(taken);
            }
            Ok((!all.is_empty()).then_some(all))
        })?;
        taken.into_iter().map(|taken| self.deliver(taken)).collect()
    }

    fn consume_many(&self, most: usize, wait: Wait) -> Result<Vec<Message>> {
        let (store, cancel) = (self.store(), self.cancel_word());
        if most == 0 {
            return Ok(Vec::new());
        }
        until(store, role(Filter::Any)?, wait, cancel, |held| {
            let (mut all, mut copied) = (Vec::new(), 0);
            while all.len() < most && copied <= AT_ONCE {
                let mut bytes = Vec::new();
                let taken = held.consume(Filter::Any, |taken| {
                    bytes = self.copy(taken)?;
                    Ok(())
                })?;
                let Some(taken) = taken else { break };
                copied += bytes.len();
                all.push(taken.with(bytes));
            }
            Ok((!all.is_empty()).then_some(all))
        })
    }
}
