//! Senders and the receiver die, wherever.

use ipc_devkit::step::{Stepper, mark, this_thread};
use ipc_devkit::{Child, processes, scratch, two_process};
use ipc_shm::Error;
use ipc_shm::fan_in::{Options, Receiver, Sender};

use super::{message, parse};
use crate::{SHORT, soon};

const POINTS: usize = 24;

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

/// A sender killed inside a send leaves all of its message or nothing, holds up nobody, and its lane is used
/// again; what it had sent is received, and that some sender died is told when nobody is left.
#[test]
fn killed_inside_a_send() {
    processes(
        "fan_in::death::killed_inside_a_send",
        POINTS + 1,
        |children| {
            ipc_devkit::watchdog::limit(std::time::Duration::from_secs(40));
            let name = scratch::name("fan");
            let mut children = children.into_iter();
            let mut visit = |point| {
                let options = Options::new().capacity(300).senders(2).reclaim_stale(true);
                let mut receiver: Receiver = options.create(&name).expect("make");
                let mut other = Sender::open(&name).expect("join");
                let (stepper, done) = bring(children.next().expect("enough"), &name, point);
                other.send(&message(9, 0)).expect("send");
                stepper.kill();
                other.send(&message(9, 1)).expect("send");
                drop(other);
                let (mut of_dead, mut of_other) = (0, 0);
                let end = loop {
                    match soon(|| receiver.recv()) {
                        Ok(got) => match parse(&got.bytes) {
                            (1, number) if number == of_dead => of_dead += 1,
                            (9, number) if number == of_other => of_other += 1,
                            other => panic!("{other:?}"),
                        },
                        Err(error) => break error,
                    }
                };
                assert!(matches!(end, Error::Closed { peer_died: true }), "{end:?}");
                assert!(of_other == 2 && (2..=3).contains(&of_dead), "{of_other} {of_dead}");
                // Both lanes are free, and sound.
                let mut next = [(); 2].map(|()| Sender::open(&name).expect("a lane is free"));
                for number in 0..20 {
                    for sender in &mut next {
                        sender.send(&message(3, number)).expect("send");
                        assert_eq!(parse(&receiver.recv().expect("receive").bytes), (3, number));
                    }
                }
                (done, of_dead == 3)
            };
            let (length, sent) = visit(usize::MAX);
            assert!(sent);
            let sent = (0..POINTS).filter(|n| visit(n * length / POINTS).1).count();
            eprintln!("{length} instructions, {sent} of {POINTS} sent");
            assert!(sent > 0 && sent < POINTS, "both were met");
            Sender::unlink(&name).expect("unlink");
        },
        |mut parent, _| {
            let mut sender = Sender::open(&parent.hear()).expect("open");
            for number in 0..2 {
                sender.send(&message(1, number)).expect("send");
            }
            let third = message(1, 2);
            parent.tell(&this_thread().to_string());
            let _ = parent.hear();
            mark();
            sender.send(&third).expect("send");
            mark();
            let _ = parent.hear();
        },
    );
}

/// A receiver killed inside a receive: the next one gets the message, or the one behind it; none twice.
#[test]
fn killed_inside_a_receive() {
    processes(
        "fan_in::death::killed_inside_a_receive",
        POINTS + 1,
        |children| {
            ipc_devkit::watchdog::limit(std::time::Duration::from_secs(40));
            let name = scratch::name("fan");
            let mut children = children.into_iter();
            let mut visit = |point| {
                let options = Options::new().capacity(300).senders(2).reclaim_stale(true);
                let mut sender: Sender = options.create(&name).expect("make");
                sender.send(&message(1, 0)).expect("send");
                sender.send(&message(1, 1)).expect("send");
                let (stepper, done) = bring(children.next().expect("enough"), &name, point);
                assert!(matches!(Receiver::open(&name), Err(Error::AlreadyExists { .. })));
                stepper.kill();
                let closed = soon(|| {
                    loop {
                        match sender.send_timeout(&message(1, 2), SHORT) {
                            Err(error @ Error::Closed { .. }) => break error,
                            Ok(()) | Err(Error::TimedOut) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                });
                assert!(matches!(closed, Error::Closed { peer_died: true }), "{closed:?}");
                let mut receiver = Receiver::open(&name).expect("the seat is free");
                let (_, first) = parse(&receiver.recv().expect("receive").bytes);
                assert!(first <= 1);
                if first == 0 {
                    assert_eq!(parse(&receiver.recv().expect("receive").bytes), (1, 1));
                }
                sender.send(&message(1, 3)).expect("there is a receiver");
                (done, first == 1)
            };
            let (length, taken) = visit(usize::MAX);
            assert!(taken);
            let taken = (0..POINTS).filter(|n| visit(n * length / POINTS).1).count();
            eprintln!("{length} instructions, {taken} of {POINTS} taken");
            assert!(taken > 0 && taken < POINTS, "both were met");
            Sender::unlink(&name).expect("unlink");
        },
        |mut parent, _| {
            let mut receiver = Receiver::open(&parent.hear()).expect("open");
            let mut buffer = [0; 300];
            parent.tell(&this_thread().to_string());
            let _ = parent.hear();
            mark();
            let got = receiver.recv_into(&mut buffer);
            mark();
            assert!(got.is_ok(), "{got:?}");
            let _ = parent.hear();
        },
    );
}

/// S11: a sender that is stopped holds up neither the receiver nor the others.
#[test]
fn a_stopped_sender_holds_up_nobody() {
    two_process(
        "fan_in::death::a_stopped_sender_holds_up_nobody",
        |mut child| {
            let name = scratch::name("fan");
            let mut receiver = Receiver::create(&name).expect("make");
            child.tell(&name);
            assert_eq!(parse(&receiver.recv().expect("receive").bytes), (1, 0));
            child.stop();
            let mut other = Sender::open(&name).expect("join");
            for number in 0..1000 {
                other.send(&message(2, number)).expect("send");
                assert_eq!(parse(&receiver.recv().expect("receive").bytes), (2, number));
            }
            drop(other);
            assert!(matches!(receiver.recv_timeout(SHORT), Err(Error::TimedOut)), "it lives");
            child.cont();
            child.tell("go on");
            assert_eq!(parse(&receiver.recv().expect("receive").bytes), (1, 1));
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
            sender.send(&message(1, 0)).expect("send");
            assert_eq!(parent.hear(), "go on");
            sender.send(&message(1, 1)).expect("send");
            let _ = parent.hear();
        },
    );
}

/// A sender that sleeps in a full lane is told that the receiver died.
#[test]
fn a_sleeping_sender_is_told() {
    two_process(
        "fan_in::death::a_sleeping_sender_is_told",
        |mut child| {
            let name = scratch::name("fan");
            let mut sender: Sender = Options::new().capacity(100).create(&name).expect("make");
            child.tell(&name);
            assert_eq!(child.hear(), "joined");
            while sender.try_send(&[1; 30]).is_ok() {}
            std::thread::scope(|scope| {
                let sleeper = scope.spawn(|| sender.send(&[1; 30]));
                child.kill();
                let end = soon(|| sleeper.join().expect("no panic"));
                assert!(matches!(end, Err(Error::Closed { peer_died: true })), "{end:?}");
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
