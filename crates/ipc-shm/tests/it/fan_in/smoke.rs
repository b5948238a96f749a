//! Processes, names, sizes.

use std::collections::BTreeMap;

use ipc_devkit::{alone, processes, scratch};
use ipc_shm::Error;
use ipc_shm::fan_in::{Options, Receiver, Sender, SenderId};

use super::{message, parse};

const SENDERS: usize = 4;
const COUNT: u64 = 5000;

/// Everything that several processes send arrives once, whole, in each one's order and under its id.
#[test]
fn everything_arrives() {
    processes(
        "fan_in::smoke::everything_arrives",
        SENDERS,
        |mut children| {
            let name = scratch::name("fan");
            let mut receiver: Receiver =
                Options::new().capacity(2000).senders(SENDERS).create(&name).expect("make");
            for child in &mut children {
                child.tell(&name);
                assert_eq!(child.hear(), "joined");
            }
            assert_eq!(receiver.senders().len(), SENDERS);
            children.iter_mut().for_each(|child| child.tell("go"));
            let mut next: BTreeMap<u64, (u64, SenderId)> = BTreeMap::new();
            let mut buffer = [0; 200];
            let end = loop {
                match receiver.recv_into(&mut buffer) {
                    Ok(got) => {
                        let (sender, number) = parse(&buffer[..got.len]);
                        let next = next.entry(sender).or_insert((0, got.from));
                        assert_eq!((number, got.from), *next);
                        next.0 += 1;
                    }
                    Err(error) => break error,
                }
            };
            assert!(matches!(end, Error::Closed { peer_died: false }), "{end:?}");
            assert!(next.len() == SENDERS && next.values().all(|(count, _)| *count == COUNT));
            Receiver::unlink(&name).expect("unlink");
        },
        |mut parent, index| {
            let mut sender = Sender::open(&parent.hear()).expect("open");
            parent.tell("joined");
            assert_eq!(parent.hear(), "go");
            for number in 0..COUNT {
                sender.send(&message(index as u64, number)).expect("send");
            }
        },
    );
}

/// The senders may start first: what they send is kept for the receiver.
#[test]
fn senders_may_start_first() {
    alone("fan_in::smoke::senders_may_start_first", || {
        let name = scratch::name("fan");
        let mut one = Sender::create(&name).expect("make");
        let mut two = Sender::open(&name).expect("join");
        assert_ne!(one.id(), two.id());
        one.send(b"one").expect("send");
        two.send(b"two").expect("send");
        let mut receiver = Receiver::open(&name).expect("join");
        assert_eq!(receiver.len(), 2);
        let mut got = [(); 2].map(|()| receiver.recv().expect("receive"));
        got.sort_by(|a, b| a.bytes.cmp(&b.bytes));
        assert_eq!((got[0].from, &got[0].bytes[..]), (one.id(), &b"one"[..]));
        assert_eq!((got[1].from, &got[1].bytes[..]), (two.id(), &b"two"[..]));
        assert!(receiver.is_empty());
        Sender::unlink(&name).expect("unlink");
    });
}

/// Senders come and go: a lane is used again once it is empty, under another id.
#[test]
fn lanes_are_used_again() {
    alone("fan_in::smoke::lanes_are_used_again", || {
        let name = scratch::name("fan");
        let mut receiver: Receiver =
            Options::new().senders(1).persistent(true).create(&name).expect("make");
        let mut last = None;
        for number in 0..10 {
            let mut sender = Sender::open(&name).expect("the lane is free");
            let second = Sender::open(&name);
            assert!(matches!(second, Err(Error::TooManyPeers { slots: 1, .. })), "{second:?}");
            sender.send(&message(1, number)).expect("send");
            let id = sender.id();
            assert_ne!(Some(id), last);
            drop(sender);
            let early = Sender::open(&name);
            assert!(matches!(early, Err(Error::TooManyPeers { .. })), "not empty: {early:?}");
            let got = receiver.recv().expect("receive");
            assert_eq!((parse(&got.bytes), got.from), ((1, number), id));
            assert!(matches!(receiver.try_recv(), Err(Error::WouldBlock)), "it is persistent");
            last = Some(id);
        }
        Sender::unlink(&name).expect("unlink");
    });
}

/// Nobody waits long for its turn, however fast the others are.
#[test]
fn turns_are_fair() {
    alone("fan_in::smoke::turns_are_fair", || {
        let (first, fd) = Options::new().anonymous::<Sender>().expect("make");
        let again = || fd.try_clone().expect("copy");
        let mut senders = vec![first];
        senders.extend((0..5).map(|_| Sender::from_fd(again()).expect("join")));
        let mut receiver = Receiver::from_fd(again()).expect("join");
        for sender in &mut senders {
            while sender.try_send(b"more").is_ok() {}
        }
        let mut taken: BTreeMap<u32, (SenderId, u32)> = BTreeMap::new();
        for _ in 0..600 {
            let from = receiver.recv().expect("receive").from;
            let index = senders.iter().position(|sender| sender.id() == from).expect("known");
            taken.entry(u32::try_from(index).expect("small")).or_insert((from, 0)).1 += 1;
        }
        assert!(
            taken.len() == 6 && taken.values().all(|(_, n)| (80..=120).contains(n)),
            "{taken:?}"
        );
    });
}

/// X9, X10, X13: modes, names and sizes are as asked, or refused.
#[test]
fn options() {
    alone("fan_in::smoke::options", || {
        use std::os::unix::fs::PermissionsExt as _;
        let name = scratch::name("fan");
        let options = Options::new().mode(0o660).capacity(100);
        let receiver: Receiver = options.create(&name).expect("make");
        let mode = std::fs::metadata(format!("/dev/shm/{name}")).expect("stat").permissions();
        assert_eq!(mode.mode() & 0o7777, 0o660);
        assert!(matches!(Receiver::open(&name), Err(Error::AlreadyExists { .. })));
        let stale = options.clone().reclaim_stale(true);
        assert!(matches!(stale.create::<Sender>(&name), Err(Error::AlreadyExists { .. })));
        let mut sender = Sender::open(&name).expect("join");
        assert_eq!((sender.capacity(), receiver.capacity()), (100, 100));
        let long = sender.send(&[0; 101]);
        assert!(matches!(long, Err(Error::MessageTooLong { real: 101, limit: 100 })), "{long:?}");
        drop(receiver);
        let closed = sender.send(b"x");
        assert!(matches!(closed, Err(Error::Closed { peer_died: false })), "{closed:?}");
        let mut receiver = Receiver::open_or_create(&name).expect("the seat is free");
        sender.send(b"hello").expect("there is one again");
        let got = receiver.recv_into(&mut [0; 4]);
        assert!(matches!(got, Err(Error::BufferTooShort { len: 4, needed: 5 })), "{got:?}");
        assert_eq!(receiver.recv().expect("it stayed").bytes, b"hello");
        Sender::unlink(&name).expect("unlink");
        assert!(matches!(Sender::open(&name), Err(Error::NotFound { .. })));
        assert!(matches!(Sender::create("a/b"), Err(Error::InvalidName { .. })));
        for options in [
            options.clone().senders(0),
            options.clone().senders(237),
            options.clone().capacity(0),
            options.clone().capacity(usize::MAX),
        ] {
            assert!(matches!(options.pair(), Err(Error::InvalidInput { .. })), "{options:?}");
        }
    });
}
