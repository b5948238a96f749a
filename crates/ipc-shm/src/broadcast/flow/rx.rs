//! A receiver's half of the protocol.

use super::{Corrupt, Found, HEAD, OLDEST, Shape, record};
use crate::atomic::{Ordering, fence};
use crate::memory::Memory;

/// A receiver, at its next record.
#[derive(Debug)]
pub struct Rx {
    shape: Shape,
    at: usize,
    position: u64,
    /// The number of the next message.
    number: u64,
    /// `head`, when last looked at.
    head: u64,
}

impl Rx {
    /// Joins at the newest. Lossless: with the cursor `cursor`, which is ours. None: try again.
    ///
    /// # Errors
    /// What is there cannot be.
    pub fn join(
        memory: &impl Memory,
        shape: Shape,
        cursor: Option<usize>,
    ) -> Result<Option<Self>, Corrupt> {
        let mut head = Shape::believe(memory.word(HEAD).load(Ordering::Acquire))?;
        if let Some(index) = cursor {
            let position = memory.word(Shape::cursor(index));
            position.store(head, Ordering::Relaxed);
            // Pairs with the fence in `Tx::lowest`.
            fence(Ordering::SeqCst);
            head = Shape::believe(memory.word(HEAD).load(Ordering::Acquire))?;
            position.store(head, Ordering::Relaxed);
        }
        let at = shape.offset(head);
        let (_, number) = shape.header(memory, at);
        let rx = Self { shape, at, position: head, number, head };
        Ok(rx.is_whole(memory).then_some(rx))
    }

    /// Whether there is a record: one load.
    #[inline]
    pub fn ready(&self, memory: &impl Memory) -> bool {
        memory.word(HEAD).load(Ordering::Acquire) != self.position
    }

    /// The next record, if there is one. Lossy: after [`resume`](Self::resume), if it was overwritten.
    ///
    /// # Errors
    /// What is there cannot be. It is only so if it [is whole](Self::is_whole).
    #[inline]
    pub fn next(&mut self, memory: &impl Memory) -> Result<Option<Found>, Corrupt> {
        if self.position == self.head {
            self.head = memory.word(HEAD).load(Ordering::Acquire);
            if self.position == self.head {
                return Ok(None);
            }
        }
        let (len, number) = self.shape.header(memory, self.at);
        let found = Found { at: self.at, len: self.shape.len(len)?, number };
        let ahead = Shape::believe(self.head)?.checked_sub(self.position).ok_or(Corrupt)?;
        let missed = number.wrapping_sub(self.number);
        let sound = record(found.len) as u64 <= ahead
            && (if self.shape.lossy { missed < 1 << 63 } else { missed == 0 });
        if sound { Ok(Some(found)) } else { Err(Corrupt) }
    }

    /// Whether nothing was overwritten at our position by now, so that what was copied from there is whole.
    /// (Lossless: as long as we were not evicted.)
    #[inline]
    pub fn is_whole(&self, memory: &impl Memory) -> bool {
        // Pairs with the fence in `Tx::drop_oldest`; lossless, with an eviction.
        fence(Ordering::Acquire);
        !self.shape.lossy || memory.word(OLDEST).load(Ordering::Relaxed) <= self.position
    }

    /// Lossy: goes on at the oldest record.
    ///
    /// # Errors
    /// What is there cannot be.
    #[cold]
    pub fn resume(&mut self, memory: &impl Memory) -> Result<(), Corrupt> {
        let oldest = Shape::believe(memory.word(OLDEST).load(Ordering::Acquire))?;
        let head = Shape::believe(memory.word(HEAD).load(Ordering::Acquire))?;
        if oldest < self.position || head < oldest {
            return Err(Corrupt);
        }
        self.position = oldest;
        self.at = self.shape.offset(oldest);
        self.head = head;
        Ok(())
    }

    /// Steps over a record that was copied and is whole: how many were missed before it.
    #[inline]
    pub fn pass(&mut self, found: Found) -> u64 {
        let size = record(found.len);
        self.position += size as u64;
        self.at = self.shape.wrapped(self.at + size);
        let missed = found.number.wrapping_sub(self.number);
        self.number = found.number.wrapping_add(1);
        missed
    }

    /// Lossless: tells the sender what was taken.
    #[inline]
    pub fn tell(&self, memory: &impl Memory, index: usize) {
        memory.word(Shape::cursor(index)).store(self.position, Ordering::Release);
    }

    /// How many messages were sent that we have not passed.
    pub fn lag(&self, memory: &impl Memory) -> Option<u64> {
        let head = Shape::believe(memory.word(HEAD).load(Ordering::Acquire)).ok()?;
        let (_, number) = self.shape.header(memory, self.shape.offset(head));
        fence(Ordering::Acquire);
        let overwritten = self.shape.lossy && memory.word(OLDEST).load(Ordering::Relaxed) > head;
        (!overwritten).then(|| number.wrapping_sub(self.number))
    }
}
