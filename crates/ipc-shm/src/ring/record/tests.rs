//! Records lie where both sides look for them, and never outside.

use proptest::prelude::*;

use super::{HEADER, LINE, PADDING, Place, Word, committed, decode, ring_size};

#[test]
fn a_short_message_shares_its_headers_line() {
    assert_eq!(Place::new(128, 56), Place { at: 128, payload: 136, len: 56, end: 192 });
    assert_eq!(Place::new(128, 0), Place { at: 128, payload: 136, len: 0, end: 192 });
}

#[test]
fn longer_messages_are_packed_and_long_ones_aligned() {
    assert_eq!(Place::new(64, 57).end, 64 + 72);
    assert_eq!(Place::new(64, 64), Place { at: 64, payload: 72, len: 64, end: 136 });
    assert_eq!(Place::new(136, 1025), Place { at: 136, payload: 192, len: 1025, end: 1280 });
}

#[test]
fn what_no_ring_has_is_corrupt() {
    let size = 4096;
    assert_eq!(decode(0, 0, size), Word::Nothing);
    assert_eq!(decode(PADDING, 64, size), Word::Pad);
    for word in [1, committed(4096), committed(size * 2), u64::MAX, 1 << 62, PADDING | 1] {
        assert_eq!(decode(word, 0, size), Word::Corrupt, "{word:#x}");
    }
}

proptest! {
    /// S7: whatever the word, what is decoded lies inside the ring.
    #[test]
    fn decoded_records_lie_inside(word: u64, line in 0_usize..512, lines in 1_usize..64) {
        let (size, at) = (lines * LINE, line * HEADER);
        prop_assume!(at + HEADER <= size);
        for word in [word, word | 1 << 63, (word & 0xffff) | 1 << 63] {
            if let Word::Message(place) = decode(word, at, size) {
                prop_assert!(place.payload + place.len <= place.end && place.end <= size);
                prop_assert!(place.at == at && place.payload >= at + HEADER);
            }
        }
    }

    /// The longest message fits an empty ring, from its start, with the header that follows.
    #[test]
    fn the_longest_message_fits(capacity in 1_usize..100_000) {
        let size = ring_size(capacity).expect("there is one");
        prop_assert!(Place::new(0, capacity).end + HEADER <= size);
        prop_assert!(size <= capacity + 3 * LINE);
    }
}
