//! Values through POSIX queues.

use std::time::{Duration, Instant};

use ipc_core::Wait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Received, Typed, decode, encode};
use crate::error::Result;
use crate::posix::Queue;

impl<T: Serialize> Typed<Queue, T> {
    /// Sends a value, waiting for room.
    ///
    /// # Errors
    /// `Encode`: it cannot be written as bytes. Otherwise as [`Queue::send`].
    pub fn send(&self, priority: u32, value: &T) -> Result<()> {
        self.get_ref().send_until(priority, &encode(value)?, Wait::FOREVER)
    }

    /// As [`send`](Self::send), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`. Otherwise as [`send`](Self::send).
    pub fn try_send(&self, priority: u32, value: &T) -> Result<()> {
        self.get_ref().send_until(priority, &encode(value)?, Wait::No)
    }

    /// As [`send`](Self::send), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`send`](Self::send).
    pub fn send_timeout(&self, priority: u32, value: &T, timeout: Duration) -> Result<()> {
        self.get_ref().send_until(priority, &encode(value)?, Wait::timeout(timeout))
    }

    /// As [`send`](Self::send), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`send`](Self::send).
    pub fn send_deadline(&self, priority: u32, value: &T, deadline: Instant) -> Result<()> {
        self.get_ref().send_until(priority, &encode(value)?, Wait::deadline(deadline))
    }
}

impl<T: DeserializeOwned> Typed<Queue, T> {
    /// Takes a value, waiting for one.
    ///
    /// # Errors
    /// `Decode`: the bytes are no `T`; the message is gone. Otherwise as [`Queue::recv`].
    pub fn recv(&self) -> Result<Received<u32, T>> {
        self.recv_until(Wait::FOREVER)
    }

    /// As [`recv`](Self::recv), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`. Otherwise as [`recv`](Self::recv).
    pub fn try_recv(&self) -> Result<Received<u32, T>> {
        self.recv_until(Wait::No)
    }

    /// As [`recv`](Self::recv), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`recv`](Self::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Received<u32, T>> {
        self.recv_until(Wait::timeout(timeout))
    }

    /// As [`recv`](Self::recv), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`recv`](Self::recv).
    pub fn recv_deadline(&self, deadline: Instant) -> Result<Received<u32, T>> {
        self.recv_until(Wait::deadline(deadline))
    }

    fn recv_until(&self, wait: Wait) -> Result<Received<u32, T>> {
        let message = self.get_ref().recv_until(wait)?;
        Ok(Received { kind: message.priority, value: decode(&message.bytes)? })
    }
}
