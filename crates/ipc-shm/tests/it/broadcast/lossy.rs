//! Who is too slow loses the oldest messages, and learns exactly how many.

use ipc_devkit::{alone, processes, scratch};
use ipc_shm::Error;
use ipc_shm::broadcast::{Delivery, Options, Receiver, Sender};

use super::{length, message, number};

const COUNT: u64 = 100_000;

fn lossy(capacity: usize) -> Options {
    Options::new().capacity(capacity).delivery(Delivery::Lossy)
}

/// S15: from a frantic sender in another process, what is received is whole and in order, and received and
/// missed together are what was sent; no receive goes on for ever.
#[test]
fn received_and_missed_are_what_was_sent() {
    processes(
        "broadcast::lossy::received_and_missed_are_what_was_sent",
        2,
        |mut children| {
            let name = scratch::name("cast");
            let mut sender: Sender = lossy(2000).create(&name).expect("make");
            for child in &mut children {
                child.tell(&name);
                assert_eq!(child.hear(), "joined");
            }
            for number in 0..COUNT {
                sender.send(&message(number, length(number))).expect("send");
            }
            drop(sender);
            Sender::unlink(&name).expect("unlink");
        },
        |mut parent, index| {
            let mut receiver = Receiver::open(&parent.hear()).expect("open");
            parent.tell("joined");
            let (mut received, mut missed, mut contended) = (0, 0, 0);
            loop {
                match receiver.recv() {
                    Ok(got) => {
                        missed += got.missed;
                        assert_eq!(number(&got.bytes), received + missed);
                        received += 1;
                    }
                    Err(Error::Contended { .. }) => contended += 1,
                    Err(Error::Closed { peer_died: false }) => break,
                    Err(error) => panic!("{error}"),
                }
            }
            eprintln!("{index}: {received} received, {missed} missed, {contended} contended");
            assert_eq!(received + missed, COUNT);
        },
    );
}

/// A sender is not held back by anybody; the newest messages are those that are left.
#[test]
fn the_newest_are_left() {
    alone("broadcast::lossy::the_newest_are_left", || {
        let (mut sender, mut receiver) = lossy(1000).pair().expect("make");
        let mut next = 0;
        for round in 1..50_u64 {
            let end = next + round * 13;
            for number in next..end {
                sender.try_send(&message(number, length(number))).expect("never full");
            }
            assert_eq!(receiver.lag(), end - next);
            while let Ok(got) = receiver.try_recv() {
                assert_eq!(number(&got.bytes), next + got.missed);
                next += got.missed + 1;
            }
            assert_eq!((next, receiver.lag()), (end, 0));
        }
        assert!(sender.receivers().is_empty());
    });
}

/// One message as long as the capacity drives out all the others.
#[test]
fn a_message_of_the_whole_capacity() {
    alone("broadcast::lossy::a_message_of_the_whole_capacity", || {
        let (mut sender, mut receiver) = lossy(1000).pair().expect("make");
        for _ in 0..10 {
            sender.send(b"short").expect("send");
            sender.send(b"short").expect("send");
            sender.send(&[7; 1000]).expect("send");
            let got = receiver.recv().expect("receive");
            assert_eq!((got.bytes, got.missed), (vec![7; 1000], 2));
        }
    });
}
