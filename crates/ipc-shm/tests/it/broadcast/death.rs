//! The sender or a receiver dies, wherever.

use ipc_devkit::step::{Stepper, mark, this_thread};
use ipc_devkit::{Child, Parent, processes, scratch, two_process};
use ipc_shm::Error;
use ipc_shm::broadcast::{Delivery, Options, Receiver, Sender};

use super::{message, number};
use crate::soon;

const POINTS: usize = 24;

/// Lets it do so many instructions of what it does between its marks.
fn bring(mut child: Child, name: &str, point: usize) -> (Stepper, usize) {
    child.tell(name);
    let tid = child.hear().parse().expect("a thread number");
    let mut stepper = Stepper::seize(child, tid);
    stepper.child().tell("go");
    stepper.await_mark();
    let mut done = 0;
    while done < point && stepper.step() {
        done += 1;
    }
    (stepper, done)
}

fn killed_inside_send(test: &str, delivery: Delivery) {
    processes(
        test,
        POINTS + 1,
        |children| {
            ipc_devkit::watchdog::limit(std::time::Duration::from_secs(40));
            let name = scratch::name("cast");
            let mut children = children.into_iter();
            let mut visit = |point| {
                let options = Options::new().capacity(300).delivery(delivery).reclaim_stale(true);
                let mut receiver: Receiver = options.create(&name).expect("make");
                let (stepper, done) = bring(children.next().expect("enough"), &name, point);
                assert!(matches!(Sender::open(&name), Err(Error::AlreadyExists { .. })));
                stepper.kill();
                let mut next = 1;
                let end = loop {
                    match soon(|| receiver.recv()) {
                        Ok(got) => {
                            assert_eq!(number(&got.bytes), next + got.missed);
                            next += 1 + got.missed;
                        }
                        Err(error) => break error,
                    }
                };
                assert!(matches!(end, Error::Closed { peer_died: true }), "{end:?}");
                assert!((9..=10).contains(&next), "{next}");
                // Another one goes on, and numbers go on, too.
                let mut sender = Sender::open(&name).expect("the seat is free");
                assert_eq!(sender.sent(), next - 1);
                for number in next..next + 30 {
                    sender.send(&message(number, 40)).expect("send");
                    let got = receiver.recv().expect("receive");
                    assert_eq!((super::number(&got.bytes), got.missed), (number, 0));
                }
                drop(sender);
                let end = soon(|| receiver.recv());
                assert!(matches!(end, Err(Error::Closed { peer_died: false })), "{end:?}");
                (done, next == 10)
            };
            let (length, sent) = visit(usize::MAX);
            assert!(sent);
            let sent = (0..POINTS).filter(|n| visit(n * length / POINTS).1).count();
            eprintln!("{length} instructions, {sent} of {POINTS} sent");
            assert!(sent > 0 && sent < POINTS, "both were met");
            Sender::unlink(&name).expect("unlink");
        },
        |parent, _| send_nine(parent, delivery),
    );
}

/// The ninth does not fit where eight lie, and begins before the end of the memory.
fn send_nine(mut parent: Parent, delivery: Delivery) {
    let mut sender = Sender::open(&parent.hear()).expect("open");
    let count = if delivery == Delivery::Lossy { 8 } else { 3 };
    for number in 1..=8 {
        let len = if delivery == Delivery::Lossy { 40 } else { 8 + count };
        sender.send(&message(number, len)).expect("send");
    }
    let ninth = message(9, 40);
    parent.tell(&this_thread().to_string());
    let _ = parent.hear();
    mark();
    sender.send(&ninth).expect("send");
    mark();
    let _ = parent.hear();
}

/// Killed inside a send, the sender leaves all of a message or nothing; the next one goes on.
#[test]
fn killed_inside_a_lossless_send() {
    let test = "broadcast::death::killed_inside_a_lossless_send";
    killed_inside_send(test, Delivery::Lossless);
}

/// The same while it overwrites.
#[test]
fn killed_inside_a_lossy_send() {
    let test = "broadcast::death::killed_inside_a_lossy_send";
    killed_inside_send(test, Delivery::Lossy);
}

/// A receiver killed at any instruction of joining, receiving and leaving holds nobody back, and its place is
/// used again.
#[test]
fn a_receiver_killed_anywhere() {
    processes(
        "broadcast::death::a_receiver_killed_anywhere",
        POINTS + 1,
        |children| {
            ipc_devkit::watchdog::limit(std::time::Duration::from_secs(40));
            let name = scratch::name("cast");
            let options = Options::new().capacity(300).receivers(2);
            let mut sender: Sender = options.create(&name).expect("make");
            let mut children = children.into_iter();
            let mut visit = |point| {
                let mut other = Receiver::open(&name).expect("a place is free");
                let (stepper, done) = bring(children.next().expect("enough"), &name, point);
                sender.send(&message(1, 200)).expect("send");
                assert_eq!(number(&other.recv().expect("receive").bytes), 1);
                stepper.kill();
                for number in 2..10 {
                    soon(|| sender.send(&message(number, 200))).expect("send");
                    assert_eq!(super::number(&other.recv().expect("receive").bytes), number);
                }
                assert_eq!(sender.receivers().len(), 1);
                Receiver::open(&name).expect("its place is free");
                done
            };
            let length = visit(usize::MAX);
            for n in 0..POINTS {
                visit(n * length / POINTS);
            }
            eprintln!("{length} instructions");
            Sender::unlink(&name).expect("unlink");
        },
        |mut parent, _| {
            let mut receiver = Receiver::open(&parent.hear()).expect("open");
            parent.tell(&this_thread().to_string());
            let _ = parent.hear();
            let mut buffer = [0; 300];
            mark();
            let got = receiver.try_recv_into(&mut buffer);
            drop(receiver);
            mark();
            assert!(matches!(got, Err(Error::WouldBlock)), "{got:?}");
            let _ = parent.hear();
        },
    );
}

/// A sender that waits for a receiver goes on when that dies; a receiver that sleeps is told of the
/// sender's death.
#[test]
fn sleepers_are_told() {
    two_process(
        "broadcast::death::sleepers_are_told",
        |mut child| {
            let name = scratch::name("cast");
            let mut sender: Sender = Options::new().capacity(100).create(&name).expect("make");
            child.tell(&name);
            assert_eq!(child.hear(), "joined");
            while sender.try_send(&[1; 30]).is_ok() {}
            std::thread::scope(|scope| {
                let sleeper = scope.spawn(|| sender.send(&[1; 30]));
                child.kill();
                soon(|| sleeper.join().expect("no panic")).expect("it holds us back no more");
            });
            Sender::unlink(&name).expect("unlink");
        },
        |mut parent| {
            let _receiver = Receiver::open(&parent.hear()).expect("open");
            parent.tell("joined");
            let _ = parent.hear();
        },
    );
}

/// A receiver that sleeps is told that the sender died.
#[test]
fn a_sleeping_receiver_is_told() {
    two_process(
        "broadcast::death::a_sleeping_receiver_is_told",
        |mut child| {
            let name = scratch::name("cast");
            let mut receiver = Receiver::create(&name).expect("make");
            child.tell(&name);
            assert_eq!(number(&receiver.recv().expect("receive").bytes), 1);
            std::thread::scope(|scope| {
                let sleeper = scope.spawn(|| receiver.recv());
                child.kill();
                let end = soon(|| sleeper.join().expect("no panic"));
                assert!(matches!(end, Err(Error::Closed { peer_died: true })), "{end:?}");
            });
            Sender::unlink(&name).expect("unlink");
        },
        |mut parent| {
            let mut sender = Sender::open(&parent.hear()).expect("open");
            sender.send(&message(1, 8)).expect("send");
            let _ = parent.hear();
        },
    );
}
