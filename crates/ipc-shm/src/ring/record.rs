//! Where a message stands in a ring: pure arithmetic, the same for both sides.
//!
//! A record is a header of 8 bytes and the message. One of up to 56 bytes shares a cache line with
//! its header, so one transfer between processors moves both, and the next record begins on the next
//! line. Longer ones are packed at 8 bytes; from 1 KiB on the message begins on a line of its own, as
//! copies are fast only between places that are aligned alike.
#![cfg_attr(loom, expect(dead_code, reason = "the models use a part"))]

/// One cache line.
pub(crate) const LINE: usize = 64;
/// Bytes of a header.
pub(crate) const HEADER: usize = 8;
/// The longest message that shares its header's line.
pub(crate) const SHORT: usize = LINE - HEADER;
/// The longest message that begins right behind its header.
pub(crate) const PACKED: usize = 1024;
/// No ring is larger: a length must fit beside the flags, and an offset into a signed number.
pub(crate) const MOST: usize = 1 << 46;

/// The header of a message says so much more than its length.
const COMMITTED: u64 = 1 << 63;
/// No message: the next record is at the start of the ring.
const PAD: u64 = 1 << 62;
const LENGTH: u64 = (1 << 48) - 1;

/// The header word of a message.
#[inline]
pub(crate) const fn committed(len: usize) -> u64 {
    COMMITTED | len as u64
}

/// The header word of the rest of a ring that a message did not fit into.
pub(crate) const PADDING: u64 = COMMITTED | PAD;

/// A message in the ring, by offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where its header is.
    pub(crate) at: usize,
    /// Where its first byte is.
    pub(crate) payload: usize,
    pub(crate) len: usize,
    /// Where the next header is, before wrapping.
    pub(crate) end: usize,
}

impl Place {
    /// The place of a message of `len` bytes whose header is at `at`. Both are at most [`MOST`].
    #[inline]
    pub(crate) const fn new(at: usize, len: usize) -> Self {
        let behind = at + HEADER;
        let (payload, end) = if len <= SHORT {
            (behind, up(behind + len, LINE))
        } else if len <= PACKED {
            (behind, up(behind + len, HEADER))
        } else {
            let payload = up(behind, LINE);
            (payload, up(payload + len, LINE))
        };
        Self { at, payload, len, end }
    }
}

/// What a header word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// Nothing was sent here yet.
    Nothing,
    /// The rest of the ring is unused.
    Pad,
    /// A message.
    Message(Place),
    /// No ring of ours has this.
    Corrupt,
}

/// The message whose header word this is, if it is one's that lies inside a ring of `size` bytes.
#[inline]
pub(crate) const fn message(word: u64, at: usize, size: usize) -> Option<Place> {
    if word & !LENGTH == COMMITTED {
        let place = Place::new(at, (word & LENGTH) as usize);
        if place.end <= size {
            return Some(place);
        }
    }
    None
}

/// Reads the header word at `at` of a ring of `size` bytes.
pub(crate) const fn decode(word: u64, at: usize, size: usize) -> Word {
    match (message(word, at, size), word) {
        (Some(place), _) => Word::Message(place),
        (None, 0) => Word::Nothing,
        (None, PADDING) => Word::Pad,
        (None, _) => Word::Corrupt,
    }
}

/// The size of a ring whose longest message has `capacity` bytes: it fits with the header that follows.
/// None: there is no such ring.
pub(crate) fn ring_size(capacity: usize) -> Option<usize> {
    let size = || up(Place::new(0, capacity).end + HEADER, LINE);
    (1..=MOST).contains(&capacity).then(size)
}

/// `number` rounded up to a multiple of `grain`, a power of two.
#[inline]
const fn up(number: usize, grain: usize) -> usize {
    (number + grain - 1) & !(grain - 1)
}

#[cfg(test)]
mod tests;
