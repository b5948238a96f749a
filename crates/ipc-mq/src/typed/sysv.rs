//! Values through System V queues.

use std::time::{Duration, Instant};

use ipc_core::Wait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Received, Typed, decode, encode};
use crate::error::Result;
use crate::sysv::{Filter, Queue};

impl<T: Serialize> Typed<Queue, T> {
    /// Sends a value, waiting for room.
    ///
    /// # Errors
    /// `Encode`: it cannot be written as bytes. Otherwise as [`Queue::send`].
    pub fn send(&self, kind: i64, value: &T) -> Result<()> {
        self.get_ref().send_until(kind, &encode(value)?, Wait::FOREVER)
    }

    /// As [`send`](Self::send), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`. Otherwise as [`send`](Self::send).
    pub fn try_send(&self, kind: i64, value: &T) -> Result<()> {
        self.get_ref().send_until(kind, &encode(value)?, Wait::No)
    }

    /// As [`send`](Self::send), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`send`](Self::send).
    pub fn send_timeout(&self, kind: i64, value: &T, timeout: Duration) -> Result<()> {
        self.get_ref().send_until(kind, &encode(value)?, Wait::timeout(timeout))
    }

    /// As [`send`](Self::send), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`send`](Self::send).
    pub fn send_deadline(&self, kind: i64, value: &T, deadline: Instant) -> Result<()> {
        self.get_ref().send_until(kind, &encode(value)?, Wait::deadline(deadline))
    }
}

impl<T: DeserializeOwned> Typed<Queue, T> {
    /// Takes a value, waiting for one.
    ///
    /// # Errors
    /// `Decode`: the bytes are no `T`; the message is gone. Otherwise as [`Queue::recv`].
    pub fn recv(&self, filter: Filter) -> Result<Received<i64, T>> {
        self.recv_until(filter, Wait::FOREVER)
    }

    /// As [`recv`](Self::recv), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`. Otherwise as [`recv`](Self::recv).
    pub fn try_recv(&self, filter: Filter) -> Result<Received<i64, T>> {
        self.recv_until(filter, Wait::No)
    }

    /// As [`recv`](Self::recv), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`recv`](Self::recv).
    pub fn recv_timeout(&self, filter: Filter, timeout: Duration) -> Result<Received<i64, T>> {
        self.recv_until(filter, Wait::timeout(timeout))
    }

    /// As [`recv`](Self::recv), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`recv`](Self::recv).
    pub fn recv_deadline(&self, filter: Filter, deadline: Instant) -> Result<Received<i64, T>> {
        self.recv_until(filter, Wait::deadline(deadline))
    }

    fn recv_until(&self, filter: Filter, wait: Wait) -> Result<Received<i64, T>> {
        let message = self.get_ref().recv_until(filter, wait)?;
        Ok(Received { kind: message.kind, value: decode(&message.bytes)? })
    }
}
