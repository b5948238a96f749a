//! The codec against every cut, and against bytes that make no sense.

use super::{Decoder, Encoder, HEAD, RecvError, SendError};
use proptest::prelude::*;

/// A stream that hands out `bytes` in pieces of at most `piece`.
fn pieces(bytes: &[u8], piece: usize) -> impl FnMut(&mut [u8]) -> Result<usize, ()> {
    let mut left = bytes;
    move |buf| {
        let n = left.len().min(piece).min(buf.len());
        buf[..n].copy_from_slice(&left[..n]);
        left = &left[n..];
        Ok(n)
    }
}

fn wire(messages: &[Vec<u8>], room: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(usize::MAX);
    for message in messages {
        let sent = encoder.send(message, |bufs| {
            let flat: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).collect();
            let n = flat.len().min(room);
            out.extend_from_slice(&flat[..n]);
            Ok::<_, ()>(n)
        });
        assert!(sent.is_ok());
    }
    out
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
        room in 1_usize..200,
        piece in 1_usize..200,
    ) {
        let wire = wire(&messages, room);
        let mut read = pieces(&wire, piece);
        let mut decoder = Decoder::new(300);
        for message in &messages {
            prop_assert_eq!(decoder.next(&mut read).expect("a message"), &message[..]);
        }
        prop_assert!(matches!(decoder.next(&mut read), Err(RecvError::End)));
    }

    // X17: no bytes make it panic, take more memory than came, or give more than the limit.
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..2000), piece in 1_usize..64) {
        let mut read = pieces(&bytes, piece);
        let mut decoder = Decoder::new(500);
        while let Ok(message) = decoder.next(&mut read) {
            prop_assert!(message.len() <= 500);
        }
        prop_assert!(decoder.bytes.len() <= super::CHUNK);
    }
}

#[test]
fn every_cut_is_truncated_or_the_end() {
    let wire = wire(&[b"abc".to_vec(), b"".to_vec()], usize::MAX);
    for cut in 0..=wire.len() {
        let mut read = pieces(&wire[..cut], usize::MAX);
        let mut decoder = Decoder::new(10);
        let error = loop {
            if let Err(error) = decoder.next(&mut read) {
                break error;
            }
        };
        let whole = cut == 0 || cut == HEAD + 3 || cut == wire.len();
        assert_eq!(matches!(error, RecvError::End), whole, "cut at {cut}: {error:?}");
        assert_eq!(matches!(error, RecvError::Truncated { .. }), !whole, "cut at {cut}");
    }
}

#[test]
fn a_claimed_length_takes_no_memory_before_its_bytes_come() {
    let mut wire = (1_u32 << 30).to_le_bytes().to_vec();
    wire.extend_from_slice(&[0; 1000]);
    let mut read = pieces(&wire, usize::MAX);
    let mut decoder = Decoder::new(usize::MAX);
    assert!(matches!(decoder.next(&mut read), Err(RecvError::Truncated { got: 1004, .. })));
    assert!(decoder.bytes.len() <= super::CHUNK);
}

#[test]
fn a_failed_write_keeps_the_rest() {
    let mut encoder = Encoder::new(100);
    let mut calls = 0;
    let sent = encoder.send(b"hello", |_| {
        calls += 1;
        if calls == 1 { Ok(2) } else { Err("stop") }
    });
    assert!(matches!(sent, Err(SendError::Stream("stop"))));
    assert_eq!(encoder.unsent(), HEAD + 5 - 2);
    let mut rest = Vec::new();
    let flushed = encoder.flush(|bufs| {
        rest.extend_from_slice(&bufs[0]);
        Ok::<_, ()>(bufs[0].len())
    });
    assert!(flushed.is_ok());
    assert_eq!(rest, b"\0\0hello");
}

#[test]
fn a_write_that_fails_at_once_keeps_nothing() {
    let mut encoder = Encoder::new(100);
    assert!(encoder.send(b"hello", |_| Err("full")).is_err());
    assert_eq!(encoder.unsent(), 0);
    let refused = encoder.send(&[0; 101], |_| Err("not reached"));
    assert!(matches!(refused, Err(SendError::TooLong)));
}
