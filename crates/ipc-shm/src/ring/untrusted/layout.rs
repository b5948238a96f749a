//! Where things stand in the memory that one side writes: pure arithmetic, the same for both sides.
//!
//! ```text
//! 0      how far this side has received   (the peer's sender reads it when its ring looks full)
//! 128    the state of this side's receiver (the peer's sender reads it after each message)
//! 256    the state of this side's sender   (the peer's receiver reads it after each message)
//! page   the ring of this side's messages, a power of two
//! ```
//!
//! A record is a header of 8 bytes and the message. One of up to 56 bytes shares a cache line with its
//! header, so that one transfer between processors moves both, and the next record begins on the next line.
//! Longer ones are packed at 8 bytes; beyond 1 KiB the message begins on a line of its own, as copies are
//! fast only between places that are aligned alike.

/// One cache line.
pub(super) const LINE: u64 = 64;
/// Bytes of a header.
pub(super) const HEADER: u64 = 8;
/// The longest message that shares its header's line.
const SHORT: u64 = LINE - HEADER;
/// The longest message that begins right behind its header.
const PACKED: u64 = 1024;

/// Bytes received so far, counted over all laps. Written by the receiver (Release) after each message, read
/// by the peer's sender (Acquire): it may then use that room again.
pub(super) const TAIL: usize = 0;
/// The state word of the receiver, by whoever has it; read by the peer's sender.
pub(super) const RECEIVER: usize = 128;
/// The state word of the sender; read by the peer's receiver.
pub(super) const SENDER: usize = 256;

/// State words: even: awake. Odd: asleep, or about to be; each announcement has a new number.
/// With this bit: it closed.
pub(super) const GONE: u64 = 1 << 63;
pub(super) const ASLEEP: u64 = 1;

/// Set in every header. 0 is: nothing yet.
const COMMITTED: u64 = 1 << 63;
/// No message: the next record is at the start of the ring.
pub(super) const PAD: u64 = COMMITTED | 1 << 62;

/// The least capacity, and the largest.
pub(super) const CAPACITY_MIN: u64 = 4096;
pub(super) const CAPACITY_MAX: u64 = 1 << 30;

/// The header of a message of `len` bytes.
#[inline]
pub(super) const fn header(len: u64) -> u64 {
    COMMITTED | len
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// No record is here yet.
    Nothing,
    /// A message of so many bytes.
    Message(u64),
    /// Go on at the start of the ring.
    Pad,
    /// Nothing that a sender of ours writes.
    Nonsense,
}

/// Reads a header word that was loaded once. A length is any number below 2^62: the caller checks that it
/// fits.
#[inline]
pub(super) const fn read(word: u64) -> Said {
    if word == 0 {
        Said::Nothing
    } else if word & PAD == COMMITTED {
        Said::Message(word & !COMMITTED)
    } else if word == PAD {
        Said::Pad
    } else {
        Said::Nonsense
    }
}

/// A message in the ring, by offsets into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Where its first byte is.
    pub(super) payload: u64,
    /// Where the next header is, before wrapping.
    pub(super) end: u64,
}

impl Place {
    /// The place of a message of `len` bytes whose header is at `at`. Both are at most [`CAPACITY_MAX`].
    #[inline]
    pub(super) const fn new(at: u64, len: u64) -> Self {
        let behind = at + HEADER;
        let (payload, end) = if len <= SHORT {
            (behind, up(behind + len, LINE))
        } else if len <= PACKED {
            (behind, up(behind + len, HEADER))
        } else {
            let payload = up(behind, LINE);
            (payload, up(payload + len, LINE))
        };
        Self { payload, end }
    }
}

/// The longest message of a ring: with its header, at the start of an empty ring, it leaves room for one
/// more header.
pub(super) const fn longest(capacity: u64) -> u64 {
    capacity - 2 * LINE
}

#[inline]
const fn up(value: u64, step: u64) -> u64 {
    (value + step - 1) & !(step - 1)
}

/// A number of bytes as a `usize`: the crate is for 64-bit targets.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "lib.rs refuses targets of less than 64 bits")]
pub(super) const fn bytes(value: u64) -> usize {
    value as usize
}

#[cfg(test)]
mod tests {
    use super::{Place, Said, header, longest, read};

    /// S14: places are where the layout's first version has them.
    #[test]
    fn places_are_pinned() {
        let place = |at, len| (Place::new(at, len).payload, Place::new(at, len).end);
        assert_eq!(place(0, 0), (8, 64));
        assert_eq!(place(0, 56), (8, 64));
        assert_eq!(place(64, 57), (72, 136));
        assert_eq!(place(136, 1), (144, 192));
        assert_eq!(place(0, 1024), (8, 1032));
        assert_eq!(place(1032, 1025), (1088, 2176));
        assert_eq!(place(0, longest(4096)), (64, 4096 - 64));
    }

    /// S7: a header is a message, a pad, nothing, or refused; its length is what the bits below say.
    #[test]
    fn headers_are_read() {
        assert_eq!(read(0), Said::Nothing);
        assert_eq!(read(header(7)), Said::Message(7));
        assert_eq!(read(super::PAD), Said::Pad);
        for word in [1, 1 << 62, u64::MAX, super::PAD | 1, !(1 << 63)] {
            assert_eq!(read(word), Said::Nonsense, "{word:#x}");
        }
        assert_eq!(read(1 << 63 | 1 << 61), Said::Message(1 << 61));
    }
}
