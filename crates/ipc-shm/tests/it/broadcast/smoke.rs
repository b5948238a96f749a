//! Processes, names, sizes.

use ipc_devkit::{alone, processes, scratch};
use ipc_shm::Error;
use ipc_shm::broadcast::{Delivery, Options, Receiver, Sender, pair};

use super::{length, message, number};

const RECEIVERS: usize = 3;
const COUNT: u64 = 20_000;

/// Every receiver gets every message, in order, whole.
#[test]
fn everybody_gets_everything() {
    processes(
        "broadcast::smoke::everybody_gets_everything",
        RECEIVERS,
        |mut children| {
            let name = scratch::name("cast");
            let mut sender: Sender = Options::new().capacity(4096).create(&name).expect("make");
            for child in &mut children {
                child.tell(&name);
                assert_eq!(child.hear(), "joined");
            }
            assert_eq!(sender.receivers().len(), RECEIVERS);
            for number in 0..COUNT {
                sender.send(&message(number, length(number))).expect("send");
            }
            assert_eq!(sender.sent(), COUNT);
            drop(sender);
            Sender::unlink(&name).expect("unlink");
        },
        |mut parent, index| {
            let mut receiver = Receiver::open(&parent.hear()).expect("open");
            parent.tell("joined");
            let mut buffer = [0; 1024];
            for expected in 0..COUNT {
                let got = if index == 0 {
                    let got = receiver.recv().expect("receive");
                    assert_eq!(got.missed, 0);
                    number(&got.bytes)
                } else {
                    let got = receiver.recv_into(&mut buffer).expect("receive");
                    assert_eq!(got.missed, 0);
                    number(&buffer[..got.len])
                };
                assert_eq!(got, expected);
            }
            let end = receiver.recv();
            assert!(matches!(end, Err(Error::Closed { peer_died: false })), "{end:?}");
        },
    );
}

/// Messages of every length, up to the capacity and at every place, arrive as they were.
#[test]
fn all_lengths() {
    alone("broadcast::smoke::all_lengths", || {
        for delivery in [Delivery::Lossless, Delivery::Lossy] {
            let options = Options::new().capacity(200).delivery(delivery);
            let (mut sender, mut receiver) = options.pair().expect("make");
            assert_eq!((sender.capacity(), sender.delivery()), (200, delivery));
            for round in 0..5_u8 {
                for len in (0..=200).chain([200, 199, 200]) {
                    let bytes = vec![round + 1; len];
                    sender.try_send(&bytes).expect("it is empty");
                    assert_eq!(receiver.lag(), 1);
                    let got = receiver.try_recv().expect("there");
                    assert_eq!((got.bytes, got.missed), (bytes, 0));
                    assert_eq!(receiver.lag(), 0);
                }
            }
            let long = sender.send(&[0; 201]);
            assert!(matches!(long, Err(Error::MessageTooLong { real: 201, limit: 200 })));
        }
    });
}

/// A buffer that is too short leaves the message where it is.
#[test]
fn short_buffers() {
    alone("broadcast::smoke::short_buffers", || {
        for delivery in [Delivery::Lossless, Delivery::Lossy] {
            let (mut sender, mut receiver) =
                Options::new().delivery(delivery).pair().expect("make");
            sender.send(b"hello").expect("send");
            let mut short = [0; 4];
            let got = receiver.recv_into(&mut short);
            assert!(matches!(got, Err(Error::BufferTooShort { len: 4, needed: 5 })), "{got:?}");
            assert_eq!(receiver.recv().expect("it stayed").bytes, b"hello");
        }
    });
}

/// Who joins late begins at the newest, in either delivery, and misses nothing from there.
#[test]
fn late_joiners() {
    alone("broadcast::smoke::late_joiners", || {
        for delivery in [Delivery::Lossless, Delivery::Lossy] {
            let name = scratch::name("cast");
            let options = Options::new().capacity(500).delivery(delivery);
            let mut sender: Sender = options.create(&name).expect("make");
            let mut receivers: Vec<Receiver> = Vec::new();
            for round in 0..20_u64 {
                for number in round * 7..round * 7 + 7 {
                    sender.send(&message(number, 8)).expect("send");
                    for receiver in &mut receivers {
                        let got = receiver.try_recv().expect("there");
                        assert_eq!((super::number(&got.bytes), got.missed), (number, 0));
                    }
                }
                let mut late = Receiver::open(&name).expect("join");
                assert!(matches!(late.try_recv(), Err(Error::WouldBlock)));
                receivers.push(late);
            }
            Sender::unlink(&name).expect("unlink");
        }
    });
}

/// X9, X10, X13: modes, names, places and sizes are as asked, or refused.
#[test]
fn options() {
    alone("broadcast::smoke::options", || {
        use std::os::unix::fs::PermissionsExt as _;
        let name = scratch::name("cast");
        let options = Options::new().mode(0o620).receivers(2);
        let sender: Sender = options.create(&name).expect("make");
        let mode = std::fs::metadata(format!("/dev/shm/{name}")).expect("stat").permissions();
        assert_eq!(mode.mode() & 0o7777, 0o620);
        assert!(matches!(Sender::open(&name), Err(Error::AlreadyExists { .. })));
        assert!(matches!(options.create::<Sender>(&name), Err(Error::AlreadyExists { .. })));
        let first = Receiver::open(&name).expect("join");
        let _second = Receiver::open(&name).expect("join");
        let third = Receiver::open(&name);
        assert!(matches!(third, Err(Error::TooManyPeers { slots: 2, .. })), "{third:?}");
        drop(first);
        let _third = Receiver::open(&name).expect("a place is free again");
        let stale = options.clone().reclaim_stale(true).create::<Sender>(&name);
        assert!(matches!(stale, Err(Error::AlreadyExists { .. })), "in use");
        drop(sender);
        let mut again = Sender::open_or_create(&name).expect("the seat is free");
        again.send(b"x").expect("send");
        Sender::unlink(&name).expect("unlink");
        assert!(matches!(Receiver::open(&name), Err(Error::NotFound { .. })));
        assert!(matches!(Sender::create("a/b"), Err(Error::InvalidName { .. })));
        let none = [
            options.clone().receivers(0),
            options.clone().receivers(240),
            options.clone().capacity(0),
            options.clone().capacity(usize::MAX),
        ];
        for options in none {
            assert!(matches!(options.pair(), Err(Error::InvalidInput { .. })), "{options:?}");
        }
        let (_sender, fd) = options.anonymous::<Sender>().expect("make");
        let _receiver = Receiver::from_fd(fd).expect("join");
        pair().expect("make");
    });
}

/// S13: handles of one process see the memory at different addresses.
#[test]
fn mapped_many_times() {
    alone("broadcast::smoke::mapped_many_times", || {
        let (mut sender, fd) = Options::new().capacity(300).anonymous::<Sender>().expect("make");
        let open = |()| Receiver::from_fd(fd.try_clone().expect("copy")).expect("join");
        let mut receivers = [(); 3].map(open);
        for number in 0..500 {
            sender.send(&message(number, length(number) % 200)).expect("send");
            for receiver in &mut receivers {
                assert_eq!(super::number(&receiver.recv().expect("receive").bytes), number);
            }
        }
    });
}
