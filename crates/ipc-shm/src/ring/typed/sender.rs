//! The sending end of a ring of values.

use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use ipc_core::Wait as Until;
use ipc_core::safe::ShmSafe;

use crate::Canceller;
use crate::error::{Error, Rejected, Result};
use crate::ring::end::End;
use crate::ring::flow::Words;
use crate::ring::record::PACKED;
use crate::ring::slots::{Cursor, Shape, count};

/// The sending end of a ring of values. There is one, as of a [ring of bytes](crate::ring::Sender).
#[derive(Debug)]
pub struct Sender<T: ShmSafe> {
    end: End,
    cursor: Cursor,
    shape: Shape,
    values: PhantomData<fn(T)>,
}

impl<T: ShmSafe> Sender<T> {
    pub(super) fn join(end: End, shape: Shape) -> Self {
        let cursor = Cursor::sender(&end.memory, shape);
        Self { end, cursor, shape, values: PhantomData }
    }

    /// Sends a value. It waits while the ring is full.
    ///
    /// # Errors
    /// As [`ring::Sender::send`](crate::ring::Sender::send), with the value.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_shm::Error> {
    /// let (mut sender, mut receiver) = ipc_shm::ring::of::<[f64; 4]>().pair()?;
    /// sender.send([1.0, 2.0, 3.0, 4.0]).map_err(|rejected| rejected.error)?;
    /// assert_eq!(receiver.recv()?, [1.0, 2.0, 3.0, 4.0]);
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn send(&mut self, value: T) -> Result<(), Rejected<T>> {
        self.send_until(value, Until::FOREVER)
    }

    /// As [`send`](Self::send), if there is room now.
    ///
    /// # Errors
    /// `WouldBlock`: there is none. As [`send`](Self::send).
    #[inline]
    pub fn try_send(&mut self, value: T) -> Result<(), Rejected<T>> {
        self.send_until(value, Until::No)
    }

    /// As [`send`](Self::send), waiting at most so long.
    ///
    /// # Errors
    /// `TimedOut`: the ring stayed full. As [`send`](Self::send).
    pub fn send_timeout(&mut self, value: T, timeout: Duration) -> Result<(), Rejected<T>> {
        self.send_until(value, Until::timeout(timeout))
    }

    /// As [`send`](Self::send), waiting until then.
    ///
    /// # Errors
    /// `TimedOut`: the ring stayed full. As [`send`](Self::send).
    pub fn send_deadline(&mut self, value: T, deadline: Instant) -> Result<(), Rejected<T>> {
        self.send_until(value, Until::deadline(deadline))
    }

    #[inline]
    fn send_until(&mut self, value: T, until: Until) -> Result<(), Rejected<T>> {
        if !(self.end.is_quiet() && self.cursor.has_room()) {
            if let Err(error) = self.await_room(until) {
                return Err(Rejected { value, error });
            }
        }
        self.end.memory.write_value(self.cursor.value(), value);
        self.cursor.publish(&self.end.memory);
        self.end.ring_receiver();
        if size_of::<T>() <= PACKED {
            // A line of the next value, or the one after it: it was the receiver's a lap ago.
            self.end.memory.expect_write(self.cursor.line_behind());
        }
        Ok(())
    }

    #[cold]
    fn await_room(&mut self, until: Until) -> Result<()> {
        self.end.look()?;
        // A streaming receiver tells in its own time.
        for _ in 0..if until == Until::No { 1 } else { self.end.polls() } {
            let room = self.cursor.look(self.end.memory.tail());
            if room.map_err(|corrupt| self.end.corrupt(corrupt))? {
                return Ok(());
            }
            std::hint::spin_loop();
        }
        let slots = self.shape.slots;
        loop {
            let room = self.cursor.look(self.end.memory.taken());
            if room.map_err(|corrupt| self.end.corrupt(corrupt))? {
                return Ok(());
            }
            let cursor = &self.cursor;
            self.end.wait(until, |memory| cursor.pending(memory) < slots)?;
        }
    }

    /// How many values the ring holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.end.memory.capacity()
    }

    /// How many values wait to be received.
    #[must_use]
    pub fn len(&self) -> usize {
        count(&self.end.memory, self.shape)
    }

    /// Whether everything was received.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cursor.pending(&self.end.memory) == 0
    }

    /// Whether the receiver died or closed its end. Before there is a receiver it is false.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.end.is_gone()
    }

    /// As [`ring::Sender::ready`](crate::ring::Sender::ready).
    ///
    /// # Errors
    /// As there.
    pub fn ready(&mut self) -> Result<BorrowedFd<'_>> {
        let (cursor, slots) = (&self.cursor, self.shape.slots);
        self.end.event(|memory| cursor.pending(memory) < slots)
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
