//! The sizes of a broadcast, and where things are in it.

use super::{CURSOR, FIRST_CURSOR, HEADER, MOST, record};
use crate::atomic::Ordering;
use crate::memory::Memory;

/// What is in shared memory cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// The sizes: private copies on each side, checked once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub(crate) size: usize,
    pub(crate) capacity: usize,
    pub(crate) cursors: usize,
    pub(crate) lossy: bool,
}

impl Shape {
    /// None if it cannot be.
    #[must_use]
    pub fn new(capacity: usize, cursors: usize, lossy: bool) -> Option<Self> {
        if !(1..=MOST).contains(&capacity) || cursors > 1 << 10 {
            return None;
        }
        // The longest message, its header, and the one behind it.
        let size = (record(capacity) + HEADER).next_multiple_of(64);
        Some(Self { size, capacity, cursors, lossy })
    }

    /// Bytes of the whole.
    #[must_use]
    pub fn end(self) -> usize {
        self.data() + self.size
    }

    #[inline]
    pub(super) fn data(self) -> usize {
        FIRST_CURSOR + self.cursors * CURSOR
    }

    /// Where a cursor is.
    #[inline]
    pub(crate) fn cursor(index: usize) -> usize {
        FIRST_CURSOR + index * CURSOR
    }

    /// The offset in the data of a position.
    pub(super) fn offset(self, position: u64) -> usize {
        usize::try_from(position % self.size as u64).unwrap_or(0)
    }

    /// A position from shared memory.
    pub(super) fn believe(position: u64) -> Result<u64, Corrupt> {
        if position % HEADER as u64 == 0 && position < 1 << 62 {
            Ok(position)
        } else {
            Err(Corrupt)
        }
    }

    #[inline]
    pub(super) fn wrapped(self, offset: usize) -> usize {
        if offset >= self.size { offset - self.size } else { offset }
    }

    /// The header at an offset: length and number, of which nothing is believed yet.
    #[inline]
    pub(super) fn header(self, memory: &impl Memory, at: usize) -> (u64, u64) {
        let at = self.data() + at;
        let len = memory.word(at).load(Ordering::Relaxed);
        (len, memory.word(at + 8).load(Ordering::Relaxed))
    }

    #[inline]
    pub(super) fn copy_in(self, memory: &impl Memory, at: usize, bytes: &[u8]) {
        let (first, rest) = bytes.split_at(bytes.len().min(self.size - at));
        memory.copy_in(self.data() + at, first);
        if !rest.is_empty() {
            memory.copy_in(self.data(), rest);
        }
    }

    /// Copies the message of `found`, as much as `into` has room for.
    #[inline]
    pub fn copy_out(self, memory: &impl Memory, found: Found, into: &mut [u8]) {
        let at = self.wrapped(found.at + HEADER);
        let len = into.len().min(found.len);
        let (first, rest) = into[..len].split_at_mut(len.min(self.size - at));
        memory.copy_out(self.data() + at, first);
        if !rest.is_empty() {
            memory.copy_out(self.data(), rest);
        }
    }

    /// A length from shared memory.
    #[inline]
    pub(super) fn len(self, len: u64) -> Result<usize, Corrupt> {
        usize::try_from(len).ok().filter(|len| *len <= self.capacity).ok_or(Corrupt)
    }
}

/// A record that was found; nothing of the message was looked at yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub(super) at: usize,
    pub(crate) len: usize,
    pub(super) number: u64,
}

impl Found {
    /// Bytes of the message.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the message has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}
