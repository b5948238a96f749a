//! Values through queues in shared memory.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Typed, decode, encode};
use crate::error::Result;
use crate::shared::{Delivery, Envelope, Queue};

/// A value that was received and is ours until it is acknowledged, as a [`Delivery`] is.
#[derive(Debug)]
#[must_use = "dropped without `ack`, the message goes back to the queue"]
#[non_exhaustive]
pub struct TypedDelivery<T> {
    /// The value.
    pub value: T,
    /// The message it came in: its priority, its type, whether it was delivered before.
    pub delivery: Delivery,
}

impl<T> TypedDelivery<T> {
    /// Acknowledges the message and gives the value: it is done and never comes again.
    ///
    /// # Errors
    /// As [`Delivery::ack`].
    pub fn ack(self) -> Result<T> {
        self.delivery.ack()?;
        Ok(self.value)
    }
}

impl<T: Serialize> Typed<Queue, T> {
    /// Sends a value, waiting for room.
    ///
    /// # Errors
    /// `Encode`: it cannot be written as bytes. Otherwise as [`Queue::send`].
    pub fn send(&self, envelope: impl Into<Envelope>, value: &T) -> Result<()> {
        self.get_ref().send(envelope, &encode(value)?)
    }

    /// As [`send`](Self::send), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`. Otherwise as [`send`](Self::send).
    pub fn try_send(&self, envelope: impl Into<Envelope>, value: &T) -> Result<()> {
        self.get_ref().try_send(envelope, &encode(value)?)
    }

    /// As [`send`](Self::send), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`send`](Self::send).
    pub fn send_timeout(
        &self,
        envelope: impl Into<Envelope>,
        value: &T,
        timeout: Duration,
    ) -> Result<()> {
        self.get_ref().send_timeout(envelope, &encode(value)?, timeout)
    }

    /// As [`send`](Self::send), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`send`](Self::send).
    pub fn send_deadline(
        &self,
        envelope: impl Into<Envelope>,
        value: &T,
        deadline: Instant,
    ) -> Result<()> {
        self.get_ref().send_deadline(envelope, &encode(value)?, deadline)
    }
}

impl<T: DeserializeOwned> Typed<Queue, T> {
    /// Takes a value, waiting for one.
    ///
    /// # Errors
    /// `Decode`: the bytes are no `T`; the message is acknowledged and gone, or it would come again
    /// for ever. Otherwise as [`Queue::recv`].
    pub fn recv(&self) -> Result<TypedDelivery<T>> {
        typed(self.get_ref().recv()?)
    }

    /// As [`recv`](Self::recv), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`. Otherwise as [`recv`](Self::recv).
    pub fn try_recv(&self) -> Result<TypedDelivery<T>> {
        typed(self.get_ref().try_recv()?)
    }

    /// As [`recv`](Self::recv), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`recv`](Self::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<TypedDelivery<T>> {
        typed(self.get_ref().recv_timeout(timeout)?)
    }

    /// As [`recv`](Self::recv), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`recv`](Self::recv).
    pub fn recv_deadline(&self, deadline: Instant) -> Result<TypedDelivery<T>> {
        typed(self.get_ref().recv_deadline(deadline)?)
    }
}

fn typed<T: DeserializeOwned>(delivery: Delivery) -> Result<TypedDelivery<T>> {
    match decode(&delivery.bytes) {
        Ok(value) => Ok(TypedDelivery { value, delivery }),
        Err(wrong) => {
            delivery.ack()?;
            Err(wrong)
        }
    }
}
