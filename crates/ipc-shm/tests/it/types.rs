//! What the types are, and where things stand in shared memory: other builds of this version rely on both.

use ipc_devkit::{alone, scratch};
use ipc_shm::{Canceller, Error, Latest, LatestOptions, LatestReader, LatestWriter};
use ipc_shm::{broadcast, fan_in};

fn crosses_threads<T: Send + Sync>() {}

/// All handles may go to other threads, and be looked at by them.
#[test]
fn handles_cross_threads() {
    crosses_threads::<LatestWriter<u64>>();
    crosses_threads::<LatestReader<u64>>();
    crosses_threads::<LatestOptions>();
    crosses_threads::<broadcast::Sender>();
    crosses_threads::<broadcast::Receiver>();
    crosses_threads::<broadcast::Options>();
    crosses_threads::<fan_in::Sender>();
    crosses_threads::<fan_in::Receiver>();
    crosses_threads::<fan_in::Options>();
    crosses_threads::<Canceller>();
    crosses_threads::<Error>();
}

/// The 64-bit words of the body of the segment of this name.
fn words(name: &str) -> Vec<u64> {
    let bytes = std::fs::read(format!("/dev/shm/{name}")).expect("the file");
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight"));
    // Behind a header for 60 processes.
    bytes[1280..].chunks_exact(8).map(word).collect()
}

/// S14: version 1 of the layout of a cell.
#[test]
fn layout_of_latest() {
    alone("types::layout_of_latest", || {
        let name = scratch::name("cell");
        let mut writer = Latest::<u64>::writer(&name).expect("make");
        for value in 1..=6 {
            writer.store(value * 100).expect("store");
        }
        let words = words(&name);
        assert_eq!(words.len() * 8, 256 + 4 * 128);
        assert_eq!(words[0], 6, "the newest version");
        assert_ne!(words[1], 0, "the writer");
        let slots = [4, 5, 6, 3].map(|version| [version * 2, version * 100]);
        for (index, slot) in slots.into_iter().enumerate() {
            assert_eq!(words[32 + index * 16..][..2], slot, "slot {index}");
        }
        Latest::<u64>::unlink(&name).expect("unlink");
    });
}

/// S14: version 1 of the layout of a broadcast.
#[test]
fn layout_of_broadcast() {
    alone("types::layout_of_broadcast", || {
        let name = scratch::name("cast");
        let options = broadcast::Options::new().capacity(100).receivers(2);
        let mut sender: broadcast::Sender = options.create(&name).expect("make");
        let mut receiver = broadcast::Receiver::open(&name).expect("join");
        sender.send(&7_u64.to_le_bytes()).expect("send");
        sender.send(&8_u64.to_le_bytes()).expect("send");
        receiver.recv().expect("receive");
        let words = words(&name);
        assert_eq!(words.len() * 8, 512 + 2 * 128 + 192);
        assert_eq!(words[..4], [192, 0, 2, 100], "sizes");
        assert_eq!((words[16], words[32]), (64, 0), "head, oldest");
        assert_ne!(words[48] & 0xffff_ffff, 0, "the sender");
        assert_eq!(words[64], 32, "the position of the receiver");
        assert_ne!(words[65], 0, "the receiver");
        let data = &words[64 + 32..];
        assert_eq!(data[..10], [8, 0, 7, 0, 8, 1, 8, 0, 0, 2], "records: length, number, message");
        broadcast::Sender::unlink(&name).expect("unlink");
    });
}

/// S14: version 1 of the layout of a fan-in, outside its rings.
#[test]
fn layout_of_fan_in() {
    alone("types::layout_of_fan_in", || {
        let name = scratch::name("fan");
        let options = fan_in::Options::new().capacity(100).senders(2);
        let _receiver: fan_in::Receiver = options.create(&name).expect("make");
        let _sender = fan_in::Sender::open(&name).expect("join");
        let words = words(&name);
        assert_eq!(words[..2], [2, 100], "sizes");
        assert_eq!(words[16], 1, "lanes in use");
        assert_ne!(words[17] & 0xffff_ffff, 0, "the receiver");
        let lane = (words.len() - 32) / 2;
        assert_eq!((words[33], words[33 + lane]), (100, 100), "the capacity of each lane");
        fan_in::Sender::unlink(&name).expect("unlink");
    });
}
