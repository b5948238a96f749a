//! One process sends, another receives.

use ipc_devkit::{processes, two_process};
use ipc_shm::Error;
use ipc_shm::ring::{Options, Receiver, Sender, pair};

use super::{Gone, LONG, open, pattern, small};

/// The sender makes the ring.
#[test]
fn the_sender_starts_first() {
    two_process(
        "ring::smoke::the_sender_starts_first",
        |mut child| {
            let gone = Gone::new("ring");
            let mut sender = Sender::create(&gone.0).expect("create");
            sender.send(b"before").expect("send");
            child.tell(&gone.0);
            assert_eq!(child.hear(), "has it");
            sender.send(b"after").expect("send");
            assert!(child.wait().success());
        },
        |mut parent| {
            let mut receiver = Receiver::open(&parent.hear()).expect("open");
            assert_eq!(receiver.recv().expect("the first"), b"before");
            parent.tell("has it");
            assert_eq!(receiver.recv_timeout(LONG).expect("the second"), b"after");
        },
    );
}

/// The receiver makes the ring.
#[test]
fn the_receiver_starts_first() {
    two_process(
        "ring::smoke::the_receiver_starts_first",
        |mut child| {
            let gone = Gone::new("ring");
            let mut receiver = Receiver::create(&gone.0).expect("create");
            child.tell(&gone.0);
            assert_eq!(receiver.recv_timeout(LONG).expect("a message"), b"hello");
            let mut buf = [0; 8];
            let end = receiver.recv_into_timeout(&mut buf, LONG);
            assert!(matches!(end, Err(Error::Closed { peer_died: false })), "{end:?}");
        },
        |mut parent| {
            Sender::open(&parent.hear()).expect("open").send(b"hello").expect("send");
        },
    );
}

/// Both open or make the ring at the same moment, many times: it is one ring.
#[test]
fn both_start_at_once() {
    processes(
        "ring::smoke::both_start_at_once",
        2,
        |mut children| {
            for _ in 0..100 {
                let gone = Gone::new("ring");
                children.iter_mut().for_each(|child| child.tell(&gone.0));
                children.iter_mut().for_each(|child| assert_eq!(child.hear(), "done"));
            }
        },
        |mut parent, index| {
            for _ in 0..100 {
                let name = parent.hear();
                if index == 0 {
                    let mut sender = Sender::open_or_create(&name).expect("sender");
                    sender.send(name.as_bytes()).expect("send");
                } else {
                    let mut receiver = Receiver::open_or_create(&name).expect("receiver");
                    let got = receiver.recv_timeout(LONG).expect("a message");
                    assert_eq!(got, name.as_bytes());
                }
                parent.tell("done");
            }
        },
    );
}

/// S2: a ring without a name, passed on as a descriptor.
#[test]
fn a_ring_is_passed_on_as_a_descriptor() {
    two_process(
        "ring::smoke::a_ring_is_passed_on_as_a_descriptor",
        |mut child| {
            let (mut sender, fd) = small().anonymous::<Sender>().expect("make");
            child.give(&fd);
            drop(fd);
            for number in 0..200 {
                sender.send_timeout(&pattern(number, 90), LONG).expect("send");
            }
            assert!(child.wait().success());
        },
        |mut parent| {
            let mut receiver = Receiver::from_fd(parent.take()).expect("open");
            for number in 0..200 {
                let got = receiver.recv_timeout(LONG).expect("a message");
                assert_eq!(got, pattern(number, 90));
            }
        },
    );
}

/// Two threads of one process.
#[test]
fn threads_have_a_pair() {
    let (mut sender, mut receiver) = pair().expect("make");
    assert_eq!((sender.capacity(), receiver.capacity()), (64 << 10, 64 << 10));
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0..10_000 {
                let len = usize::try_from(number % 333).expect("small");
                sender.send_timeout(&pattern(number, len), LONG).expect("send");
            }
        });
        for number in 0..10_000 {
            let len = usize::try_from(number % 333).expect("small");
            assert_eq!(receiver.recv_timeout(LONG).expect("a message"), pattern(number, len));
        }
        assert!(matches!(receiver.recv_timeout(LONG), Err(Error::Closed { peer_died: false })));
    });
}

/// Every length on a cache line, beyond it, around the first that is aligned, and the capacity itself; in
/// another process, across many wraps.
#[test]
fn every_length_arrives() {
    let lengths = || (0..=300).chain(1000..=1100).chain([4095, 4096, 1, 4096, 0, 4096]);
    two_process(
        "ring::smoke::every_length_arrives",
        |mut child| {
            let gone = Gone::new("ring");
            let mut sender: Sender = Options::new().capacity(4096).create(&gone.0).expect("create");
            child.tell(&gone.0);
            for round in 0..3 {
                for len in lengths() {
                    let message = pattern(round, len);
                    if round == 1 {
                        let mut slot = sender.reserve_timeout(len, LONG).expect("room");
                        slot.copy_from_slice(&message);
                        slot.commit();
                    } else {
                        sender.send_timeout(&message, LONG).expect("room");
                    }
                }
            }
            assert!(child.wait().success());
        },
        |mut parent| {
            let mut receiver: Receiver = open(&parent.hear());
            for round in 0..3 {
                for len in lengths() {
                    let wanted = pattern(round, len);
                    if round == 2 {
                        let message = receiver.peek_timeout(LONG).expect("a message");
                        assert_eq!(&*message, wanted, "{len}");
                        message.release();
                    } else {
                        assert_eq!(receiver.recv_timeout(LONG).expect("one"), wanted, "{len}");
                    }
                }
            }
        },
    );
}

/// A second live end is refused; a closed one's place is free.
#[test]
fn each_end_is_taken_once() {
    two_process(
        "ring::smoke::each_end_is_taken_once",
        |mut child| {
            let gone = Gone::new("ring");
            let sender = Sender::create(&gone.0).expect("create");
            let receiver = Receiver::open(&gone.0).expect("S13: twice in one process");
            child.tell(&gone.0);
            assert_eq!(child.hear(), "refused");
            drop((sender, receiver));
            child.tell("closed");
            assert!(child.wait().success());
        },
        |mut parent| {
            let name = parent.hear();
            let taken = |error: Error| matches!(error, Error::AlreadyExists { .. });
            assert!(Sender::open(&name).is_err_and(taken));
            assert!(Receiver::open(&name).is_err_and(taken));
            assert!(Sender::create(&name).is_err_and(taken));
            parent.tell("refused");
            assert_eq!(parent.hear(), "closed");
            let _receiver: Receiver = open(&name);
            let mut sender: Sender = open(&name);
            sender.send(b"mine").expect("send");
        },
    );
}
