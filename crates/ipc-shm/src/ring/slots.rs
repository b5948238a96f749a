//! The protocol of a ring of values: slots of one size, each with the number of the message in it.
//!
//! | word | values | written by | ordering |
//! |---|---|---|---|
//! | header of a slot | number of the message in it, plus one; 0: never used | the sender | Release, after the value; the receiver's load is Acquire |
//! | `taken`, `tail` | messages taken, all in all: see `flow` | the receiver | Release; Acquire |
//!
//! A header tells by itself whether it is of this lap, so nothing is cleared: a killed sender leaves the
//! number of a lap ago.

use super::flow::{Corrupt, Words};
use super::record::{HEADER, LINE, PACKED, SHORT};
use crate::atomic::{AtomicU64, Ordering};

/// Where values stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// How many slots.
    pub(crate) slots: u64,
    /// Bytes from slot to slot.
    stride: usize,
    /// Where the value begins in its slot: behind the header, or, if it is long, on the next line.
    value: usize,
}

impl Shape {
    /// The shape for values of this size and alignment; none if it cannot be.
    pub(crate) fn new(size: usize, align: usize, slots: usize) -> Option<Self> {
        let (value, grain) = match (size, align) {
            // One transfer between processors moves both.
            (..=SHORT, ..=HEADER) => (HEADER, LINE),
            // Packed: fewer lines in all.
            (..=PACKED, ..=HEADER) => (HEADER, HEADER),
            (_, ..=LINE) => (LINE, LINE),
            _ => return None,
        };
        let stride = value.checked_add(size)?.checked_next_multiple_of(grain)?;
        let total = stride.checked_mul(slots)?.checked_next_multiple_of(LINE)?;
        isize::try_from(total).ok()?;
        (slots > 0).then_some(Self { slots: slots as u64, stride, value })
    }

    /// Bytes of all slots, in whole lines.
    pub(crate) fn size(&self) -> usize {
        self.end().next_multiple_of(LINE)
    }

    /// Where the last slot ends.
    fn end(&self) -> usize {
        self.stride * usize::try_from(self.slots).unwrap_or(0)
    }

    fn at(&self, number: u64) -> usize {
        usize::try_from(number % self.slots).unwrap_or(0) * self.stride
    }
}

/// One side: the slot of the message that comes next.
#[derive(Debug)]
pub(crate) struct Cursor {
    shape: Shape,
    /// Where the last slot ends.
    end: usize,
    /// The number of the message.
    number: u64,
    /// Where its slot is.
    at: usize,
    /// The sender's: it may send messages below this number. The receiver's: what `tail` says.
    mark: u64,
}

impl Cursor {
    /// The receiver's: goes on where the last one ended.
    pub(crate) fn receiver(words: &impl Words, shape: Shape) -> Self {
        let number = taken(words);
        words.tail().store(number, Ordering::Release);
        Self { shape, end: shape.end(), number, at: shape.at(number), mark: number }
    }

    /// The sender's: behind the last message that was sent.
    pub(crate) fn sender(words: &impl Words, shape: Shape) -> Self {
        let mut cursor = Self::from_taken(words, shape);
        let end = cursor.number + shape.slots;
        while cursor.number < end && cursor.ready(words) {
            cursor.step();
        }
        cursor
    }

    fn from_taken(words: &impl Words, shape: Shape) -> Self {
        let number = taken(words);
        let mark = number + shape.slots;
        Self { shape, end: shape.end(), number, at: shape.at(number), mark }
    }

    /// Where the value of this slot is.
    #[inline]
    pub(crate) fn value(&self) -> usize {
        self.at + self.shape.value
    }

    /// What comes a line behind this slot's header.
    #[inline]
    pub(crate) fn line_behind(&self) -> usize {
        self.at + LINE
    }

    /// Whether the message was sent.
    #[inline]
    pub(crate) fn ready(&self, words: &impl Words) -> bool {
        words.header(self.at).load(Ordering::Acquire) == self.number + 1
    }

    /// Whether there is room, as far as is known without a look.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.number < self.mark
    }

    /// Looks whether there is room, at `tail` or `taken`.
    pub(crate) fn look(&mut self, word: &AtomicU64) -> Result<bool, Corrupt> {
        let taken = word.load(Ordering::Acquire);
        // It cannot be ahead of what was sent.
        if taken > self.number {
            return Err(Corrupt);
        }
        self.mark = self.mark.max(taken + self.shape.slots);
        Ok(self.has_room())
    }

    /// Publishes the value that was written to this slot.
    #[inline]
    pub(crate) fn publish(&mut self, words: &impl Words) {
        words.header(self.at).store(self.number + 1, Ordering::Release);
        self.step();
    }

    /// Gives this slot back, whose value was read.
    #[inline]
    pub(crate) fn take(&mut self, words: &impl Words) {
        self.step();
        words.taken().store(self.number, Ordering::Release);
        if self.number - self.mark >= self.shape.slots.div_ceil(4) {
            self.tell(words);
        }
    }

    /// Tells a streaming sender what was taken.
    #[inline]
    pub(crate) fn tell(&mut self, words: &impl Words) {
        if self.mark != self.number {
            self.mark = self.number;
            words.tail().store(self.number, Ordering::Release);
        }
    }

    /// How many messages were sent and not taken; for the sender.
    pub(crate) fn pending(&self, words: &impl Words) -> u64 {
        self.number.saturating_sub(words.taken().load(Ordering::Acquire))
    }

    #[inline]
    fn step(&mut self) {
        self.number += 1;
        self.at += self.shape.stride;
        if self.at == self.end {
            self.at = 0;
        }
    }
}

/// How many messages were taken; a number that leaves room to count on, whatever stands there.
fn taken(words: &impl Words) -> u64 {
    words.taken().load(Ordering::Acquire) & (u64::MAX >> 2)
}

/// How many messages wait, counted from `taken` on.
pub(crate) fn count(words: &impl Words, shape: Shape) -> usize {
    let mut cursor = Cursor::from_taken(words, shape);
    let mut count = 0;
    while cursor.ready(words) && (count as u64) < shape.slots {
        cursor.step();
        count += 1;
    }
    count
}
