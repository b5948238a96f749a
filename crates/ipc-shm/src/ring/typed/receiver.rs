//! The receiving end of a ring of values.

use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use ipc_core::Wait as Until;
use ipc_core::safe::ShmSafe;

use crate::Canceller;
use crate::error::{Error, Result};
use crate::ring::end::End;
use crate::ring::slots::{Cursor, Shape, count};
use crate::ring::stream::Stream;

/// The receiving end of a ring of values. There is one, as of a [ring of bytes](crate::ring::Receiver).
#[derive(Debug)]
pub struct Receiver<T: ShmSafe> {
    end: End,
    cursor: Cursor,
    stream: Stream,
    shape: Shape,
    values: PhantomData<fn() -> T>,
}

impl<T: ShmSafe> Receiver<T> {
    pub(super) fn join(end: End, shape: Shape) -> Self {
        let cursor = Cursor::receiver(&end.memory, shape);
        let stream = Stream::new(end.polls());
        Self { end, cursor, stream, shape, values: PhantomData }
    }

    /// Receives a value. It waits while there is none.
    ///
    /// # Errors
    /// As [`ring::Receiver::recv_into`](crate::ring::Receiver::recv_into), but for the buffer.
    #[inline]
    pub fn recv(&mut self) -> Result<T> {
        self.recv_until(Until::FOREVER)
    }

    /// As [`recv`](Self::recv), if there is a value now.
    ///
    /// # Errors
    /// `WouldBlock`: there is none. As [`recv`](Self::recv).
    #[inline]
    pub fn try_recv(&mut self) -> Result<T> {
        self.recv_until(Until::No)
    }

    /// As [`recv`](Self::recv), waiting at most so long.
    ///
    /// # Errors
    /// `TimedOut`: no value came. As [`recv`](Self::recv).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<T> {
        self.recv_until(Until::timeout(timeout))
    }

    /// As [`recv`](Self::recv), waiting until then.
    ///
    /// # Errors
    /// `TimedOut`: no value came. As [`recv`](Self::recv).
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<T> {
        self.recv_until(Until::deadline(deadline))
    }

    #[inline]
    fn recv_until(&mut self, until: Until) -> Result<T> {
        let mut polls = 0;
        loop {
            if self.end.memory.me().is_some() && self.cursor.ready(&self.end.memory) {
                let value = self.end.memory.read_value(self.cursor.value());
                self.stream.took(size_of::<T>());
                self.cursor.take(&self.end.memory);
                self.end.ring_sender();
                return Ok(value);
            }
            if until != Until::No && self.stream.polls(&mut polls) {
                self.cursor.tell(&self.end.memory);
                std::hint::spin_loop();
            } else {
                self.await_value(until)?;
            }
        }
    }

    #[cold]
    fn await_value(&mut self, until: Until) -> Result<()> {
        if self.end.memory.me().is_none() {
            return Err(self.end.not_owner());
        }
        self.cursor.tell(&self.end.memory);
        if self.stream.back_off() && until != Until::No {
            return Ok(());
        }
        let cursor = &self.cursor;
        let waited = self.end.wait(until, |memory| cursor.ready(memory));
        self.stream.set_polls(self.end.polls());
        waited
    }

    /// How many values the ring holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.end.memory.capacity()
    }

    /// How many values wait to be received. It walks over them.
    #[must_use]
    pub fn len(&self) -> usize {
        count(&self.end.memory, self.shape)
    }

    /// Whether no value waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.cursor.ready(&self.end.memory)
    }

    /// Whether the sender died or closed its end; values may wait still. Before there is a sender it is
    /// false.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.end.is_gone()
    }

    /// As [`ring::Receiver::ready`](crate::ring::Receiver::ready).
    ///
    /// # Errors
    /// As there.
    pub fn ready(&mut self) -> Result<BorrowedFd<'_>> {
        let cursor = &self.cursor;
        self.end.event(|memory| cursor.ready(memory))
    }

    /// Something that ends the current or the next wait of this end.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        Canceller::word(self.end.cancel.clone())
    }

    /// Removes the name. Who has the ring open goes on with it.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, or what `unlink(2)` reports.
    pub fn unlink(name: &str) -> Result<(), Error> {
        crate::named::unlink(name)
    }
}
