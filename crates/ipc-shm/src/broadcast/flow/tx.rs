//! The sender's half of the protocol.

use super::{Corrupt, EVICTED, HEAD, HEADER, OLDEST, Shape, record};
use crate::atomic::{Ordering, fence};
use crate::memory::Memory;

/// The sending side.
#[derive(Debug)]
pub struct Tx {
    shape: Shape,
    at: usize,
    /// What `head` is.
    position: u64,
    /// The number of the next message.
    number: u64,
    /// Lossy: what `oldest` is. Lossless: the lowest cursor when last looked at.
    oldest: u64,
}

impl Tx {
    /// Goes on where the last sender ended.
    ///
    /// # Errors
    /// What is there cannot be.
    pub fn find(memory: &impl Memory, shape: Shape) -> Result<Self, Corrupt> {
        let position = Shape::believe(memory.word(HEAD).load(Ordering::Acquire))?;
        let at = shape.offset(position);
        let (_, number) = shape.header(memory, at);
        let oldest = if shape.lossy {
            Shape::believe(memory.word(OLDEST).load(Ordering::Relaxed))?
        } else {
            // Nothing is known of the cursors: the first message looks.
            position.saturating_sub(shape.size as u64)
        };
        if oldest > position || position - oldest > shape.size as u64 {
            return Err(Corrupt);
        }
        Ok(Self { shape, at, position, number, oldest })
    }

    /// Up to where the lowest receiver must be, or `oldest`, for a message of `len` bytes.
    #[inline]
    #[must_use]
    pub fn needs(&self, len: usize) -> u64 {
        (self.position + (record(len) + HEADER) as u64).saturating_sub(self.shape.size as u64)
    }

    /// Whether there is room for a message of `len` bytes, as far as is known.
    #[inline]
    #[must_use]
    pub fn has_room(&self, len: usize) -> bool {
        self.needs(len) <= self.oldest
    }

    /// Lossless: the lowest position of those for whom `alive` says yes, which is given the owner ids.
    pub fn lowest(&self, memory: &impl Memory, alive: impl Fn(u64) -> bool) -> u64 {
        // Pairs with the fence in `Rx::join`.
        fence(Ordering::SeqCst);
        let mut lowest = self.position;
        for index in 0..self.shape.cursors {
            let cursor = Shape::cursor(index);
            let owner = memory.word(cursor + 8).load(Ordering::Acquire);
            if owner != 0 && owner & EVICTED == 0 && alive(owner) {
                // Acquire: what it copied, it copied before we overwrite it.
                lowest = lowest.min(memory.word(cursor).load(Ordering::Acquire));
            }
        }
        lowest
    }

    /// Lossless: believes what [`lowest`](Self::lowest) said.
    pub fn raise(&mut self, lowest: u64) {
        // One that just joins may have the place of one that ended long ago.
        self.oldest = self.oldest.max(lowest);
    }

    /// Lossy: makes room for a message of `len` bytes.
    ///
    /// # Errors
    /// What is there cannot be.
    #[inline]
    pub fn make_room(&mut self, memory: &impl Memory, len: usize) -> Result<(), Corrupt> {
        if self.has_room(len) { Ok(()) } else { self.drop_oldest(memory, self.needs(len)) }
    }

    #[cold]
    fn drop_oldest(&mut self, memory: &impl Memory, needed: u64) -> Result<(), Corrupt> {
        // A little more: receivers have the line of `oldest` for themselves meanwhile.
        let enough = needed + (self.shape.size / 16) as u64;
        let mut at = self.shape.offset(self.oldest);
        while self.oldest < enough.min(self.position) {
            let (len, _) = self.shape.header(memory, at);
            let step = record(self.shape.len(len)?);
            self.oldest += step as u64;
            at = self.shape.wrapped(at + step);
        }
        if self.oldest > self.position {
            return Err(Corrupt);
        }
        // Release: who resumes there finds the record there.
        memory.word(OLDEST).store(self.oldest, Ordering::Release);
        // Pairs with the fence in `Rx::is_whole`: who copies a byte that is written from here on sees
        // this `oldest`.
        fence(Ordering::Release);
        Ok(())
    }

    /// Sends a message for which there is room.
    #[inline]
    pub fn send(&mut self, memory: &impl Memory, bytes: &[u8]) {
        let (shape, header) = (self.shape, self.shape.data() + self.at);
        // Its number is there, from the message before.
        memory.word(header).store(bytes.len() as u64, Ordering::Relaxed);
        shape.copy_in(memory, shape.wrapped(self.at + HEADER), bytes);
        let size = record(bytes.len());
        self.at = shape.wrapped(self.at + size);
        self.number = self.number.wrapping_add(1);
        memory.word(shape.data() + self.at + 8).store(self.number, Ordering::Relaxed);
        self.position += size as u64;
        memory.word(HEAD).store(self.position, Ordering::Release);
    }

    /// The number of the next message.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How many bytes lie between a cursor and the newest message.
    pub(crate) fn behind(&self, memory: &impl Memory, index: usize) -> u64 {
        let position = memory.word(Shape::cursor(index)).load(Ordering::Relaxed);
        self.position.saturating_sub(position)
    }
}
