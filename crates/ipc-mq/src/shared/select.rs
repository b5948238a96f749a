//! Receiving what a filter lets through.

use std::time::{Duration, Instant};

use ipc_core::Wait;

use super::{Delivery, Filter, Message, Queue};
use crate::error::Result;

/// A queue, as far as a filter lets it through: see [`Queue::only`].
///
/// Among what the filter wants, the order is the queue's: the highest priority first, and the oldest of
/// that. [`Filter::AtMost`] means the lowest type that is queued, if it is at most this, as System V has
/// it. How long it takes depends on how many different types and priorities are queued, not on how many
/// messages.
///
/// A wait with a filter costs senders a little more: they wake all sleepers, not just one.
#[derive(Clone, Copy, Debug)]
pub struct Select<'a> {
    queue: &'a Queue,
    filter: Filter,
}

impl<'a> Select<'a> {
    pub(super) fn new(queue: &'a Queue, filter: Filter) -> Self {
        Self { queue, filter }
    }

    /// Receives a message, to be acknowledged: see [`Queue::recv`].
    ///
    /// # Errors
    /// As [`Queue::recv`]. `InvalidInput`: the filter's type is below 1.
    pub fn recv(&self) -> Result<Delivery> {
        self.queue.hold(self.filter, Wait::FOREVER)
    }

    /// As [`recv`](Self::recv), if there is such a message now.
    ///
    /// # Errors
    /// `WouldBlock`: there is none. As [`recv`](Self::recv).
    pub fn try_recv(&self) -> Result<Delivery> {
        self.queue.hold(self.filter, Wait::No)
    }

    /// As [`recv`](Self::recv), waiting at most so long.
    ///
    /// # Errors
    /// `TimedOut`. As [`recv`](Self::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Delivery> {
        self.queue.hold(self.filter, Wait::timeout(timeout))
    }

    /// As [`recv`](Self::recv), waiting until then.
    ///
    /// # Errors
    /// `TimedOut`. As [`recv`](Self::recv).
    pub fn recv_deadline(&self, deadline: Instant) -> Result<Delivery> {
        self.queue.hold(self.filter, Wait::deadline(deadline))
    }

    /// Receives a message for good: see [`Queue::recv_now`].
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_now(&self) -> Result<Message> {
        self.queue.consume(self.filter, Wait::FOREVER)
    }

    /// As [`recv_now`](Self::recv_now), if there is such a message now.
    ///
    /// # Errors
    /// `WouldBlock`: there is none. As [`recv`](Self::recv).
    pub fn try_recv_now(&self) -> Result<Message> {
        self.queue.consume(self.filter, Wait::No)
    }

    /// As [`recv_now`](Self::recv_now), waiting at most so long.
    ///
    /// # Errors
    /// `TimedOut`. As [`recv`](Self::recv).
    pub fn recv_now_timeout(&self, timeout: Duration) -> Result<Message> {
        self.queue.consume(self.filter, Wait::timeout(timeout))
    }

    /// As [`recv_now`](Self::recv_now), waiting until then.
    ///
    /// # Errors
    /// `TimedOut`. As [`recv`](Self::recv).
    pub fn recv_now_deadline(&self, deadline: Instant) -> Result<Message> {
        self.queue.consume(self.filter, Wait::deadline(deadline))
    }
}
