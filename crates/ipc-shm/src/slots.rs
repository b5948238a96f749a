//! How the newest value is published and read: the protocol of [`Latest`](crate::Latest) alone.
//!
//! ```text
//! 0     newest    the version of the newest whole value, 0 before the first
//! 8     writer    the seat of the writer
//! 128   changed   the bell on which readers sleep
//! 256   slots     four, each a line pair or more: a sequence word, then the value
//! ```
//!
//! Version `v` lives in slot `v % 4`, whose sequence word says `2 v` while it holds it, and `2 v - 1`
//! while the writer fills it. The writer stores: the odd sequence, the value, the even sequence,
//! `newest`. A reader that has loaded `newest` = v (Acquire) finds version v in the slot, or parts of a
//! later one. If of a later one, its odd sequence was stored before, so the reader sees another sequence
//! than `2 v` after its copy. So one look after the copy is enough.
//!
//! A writer killed anywhere leaves `newest` at the version before, in a slot that it did not touch.

use crate::atomic::{Ordering, fence};
use crate::memory::Memory;

/// How many versions there are at a time: a copy succeeds if the writer publishes at most three more while
/// it is made.
pub const SLOTS: u64 = 4;
/// Where the version of the newest value stands.
pub const NEWEST: usize = 0;
/// Where the seat of the writer is.
pub const WRITER: usize = 8;
/// Where the readers' bell is.
pub const CHANGED: usize = 128;
const FIRST: usize = 256;
const LINE_PAIR: usize = 128;
/// Bytes of the sequence word before each value.
const SEQUENCE: usize = 8;

/// Where the slots are, for a value of some size. A private copy on each side.
#[derive(Clone, Copy, Debug)]
pub struct Slots {
    stride: usize,
}

impl Slots {
    /// None if the values do not fit an address space.
    #[must_use]
    pub fn new(size: usize) -> Option<Self> {
        let stride = size.checked_add(SEQUENCE)?.checked_next_multiple_of(LINE_PAIR)?;
        stride.checked_mul(4)?.checked_add(FIRST)?;
        Some(Self { stride })
    }

    /// Bytes of the whole.
    #[must_use]
    pub fn end(self) -> usize {
        FIRST + self.stride * 4
    }

    #[inline]
    fn at(self, version: u64) -> usize {
        // At most 3, whatever the version is.
        let index = (version % SLOTS) as usize;
        FIRST + index * self.stride
    }

    /// Publishes `version`; `fill` writes the value at the offset it is given.
    #[inline]
    pub fn publish(self, memory: &impl Memory, version: u64, fill: impl FnOnce(usize)) {
        let slot = self.at(version);
        let (sequence, whole) = (memory.word(slot), version.wrapping_mul(2));
        sequence.store(whole.wrapping_sub(1), Ordering::Relaxed);
        // Pairs with the fence in `still`: who sees a byte of this value sees the odd sequence.
        fence(Ordering::Release);
        fill(slot + SEQUENCE);
        sequence.store(whole, Ordering::Release);
        // Pairs with the load in `newest`: who sees the version sees its value and its sequence.
        memory.word(NEWEST).store(version, Ordering::Release);
    }

    /// The newest version, 0 before the first.
    #[inline]
    pub fn newest(memory: &impl Memory) -> u64 {
        memory.word(NEWEST).load(Ordering::Acquire)
    }

    /// Where the value of `version` is, which was the newest a moment ago.
    #[inline]
    #[must_use]
    pub fn value(self, version: u64) -> usize {
        self.at(version) + SEQUENCE
    }

    /// Whether what was copied from the slot of `version` is that version, whole.
    #[inline]
    pub fn still(self, memory: &impl Memory, version: u64) -> bool {
        fence(Ordering::Acquire);
        memory.word(self.at(version)).load(Ordering::Relaxed) == version.wrapping_mul(2)
    }
}
