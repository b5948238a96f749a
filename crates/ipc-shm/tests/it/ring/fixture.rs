//! The layout: rings of today's and of tomorrow's programs must be the same in memory.
//!
//! `ring.bin` is the file of a ring of 256 bytes, three places and these messages, whose processes are gone.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use ipc_shm::ring::{Options, Receiver, Sender};

use super::{Gone, pattern};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/ring/ring.bin");

/// One that shares its header's line, one that does not, and one behind padding.
fn messages() -> [Vec<u8>; 3] {
    [pattern(1, 20), pattern(2, 90), pattern(3, 70)]
}

fn write(name: &str) {
    let mut sender: Sender = Options::new().capacity(256).peers(3).create(name).expect("create");
    let mut receiver = Receiver::open(name).expect("open");
    sender.send(&[1; 56]).expect("send");
    sender.send(&[2; 56]).expect("send");
    assert_eq!(receiver.drain(9, |_| {}).expect("both"), 2);
    for message in messages() {
        sender.try_send(&message).expect("room");
    }
}

/// S14: a ring's file of an earlier build is read by this one.
#[test]
fn an_earlier_ring_is_read() {
    let gone = Gone::new("fixture");
    let mut options = std::fs::File::options();
    let path = format!("/dev/shm/{}", gone.0);
    options.write(true).create_new(true).mode(0o600).open(&path).expect("make a file");
    std::fs::write(&path, std::fs::read(FIXTURE).expect("the fixture")).expect("write");
    let mut sender = Sender::open(&gone.0).expect("open");
    let mut receiver = Receiver::open(&gone.0).expect("open");
    assert_eq!((sender.capacity(), sender.len()), (256, 3));
    for wanted in messages() {
        assert_eq!(receiver.try_recv().expect("one"), wanted);
    }
    sender.try_send(b"goes on").expect("room");
    assert_eq!(receiver.try_recv().expect("it"), b"goes on");
}

/// S14: this build writes the same words at the same places: sizes, positions, records. Who was there, and
/// when, differs.
#[test]
fn todays_ring_is_the_same() {
    let gone = Gone::new("fixture");
    write(&gone.0);
    let today = std::fs::read(format!("/dev/shm/{}", gone.0)).expect("the ring's file");
    if !Path::new(FIXTURE).exists() {
        std::fs::write(FIXTURE, &today).expect("write the fixture");
        panic!("wrote {FIXTURE}: look at it, then commit it");
    }
    let then = std::fs::read(FIXTURE).expect("the fixture");
    assert_eq!(today.len(), then.len());
    let body = today.len() - BODY;
    for (what, at, len) in [
        ("magic, version, kind, layout", 0, 32),
        ("sizes", body, 16),
        ("taken", body + 256, 8),
        ("tail", body + 384, 8),
        ("records", body + 512, BODY - 512),
    ] {
        assert_eq!(today[at..at + len], then[at..at + len], "{what}");
    }
}

/// Bytes of the ring itself: the words, and room for 256 bytes with their header and the next one.
const BODY: usize = 512 + 384;
