//! What the one side learns when the other dies, stops, or closes its end.

use std::time::{Duration, Instant};

use ipc_devkit::{Child, Parent, processes, two_process};
use ipc_shm::Error;
use ipc_shm::ring::{Receiver, Sender, Wait};

use super::{Gone, LONG, SHORT, open, pattern, rest, small};

/// The goal; a loaded machine may take longer, but a look every now and then takes longer still.
const SOON: Duration = Duration::from_millis(300);

/// The child's half: sends what the parent wants, then waits to be killed.
fn send_and_wait(mut parent: Parent) {
    let name = parent.hear();
    let mut sender: Sender = open(&name);
    for number in 0..3 {
        sender.send(&pattern(number, 100)).expect("send");
    }
    let mut unsent = sender.reserve(50).expect("room");
    unsent.fill(0xee);
    parent.tell("sent");
    let _ = parent.hear();
}

fn three() -> Vec<Vec<u8>> {
    (0..3).map(|number| pattern(number, 100)).collect()
}

/// S6: a sleeping receiver hears of its sender's death at once, after all that was sent, and not of what
/// was not.
#[test]
fn a_receiver_hears_of_a_death() {
    two_process(
        "ring::death::a_receiver_hears_of_a_death",
        |mut child| {
            let gone = Gone::new("ring");
            let mut receiver: Receiver = small().create(&gone.0).expect("create");
            child.tell(&gone.0);
            assert_eq!(child.hear(), "sent");
            for wanted in three() {
                assert_eq!(receiver.recv().expect("one"), wanted);
            }
            let spent = std::thread::scope(|scope| {
                let waiting = scope.spawn(|| {
                    let end = receiver.recv_timeout(LONG);
                    (end, Instant::now())
                });
                let killed = Instant::now();
                child.kill();
                let (end, then) = waiting.join().expect("no panic");
                assert!(matches!(end, Err(Error::Closed { peer_died: true })), "{end:?}");
                then.duration_since(killed)
            });
            assert!(spent < SOON, "{spent:?}");
            assert!(receiver.is_closed());
            assert!(matches!(receiver.try_recv(), Err(Error::Closed { peer_died: true })));
        },
        send_and_wait,
    );
}

/// S6: what was sent before the death comes first, asleep or not.
#[test]
fn what_the_dead_sent_comes_first() {
    two_process(
        "ring::death::what_the_dead_sent_comes_first",
        |mut child| {
            let gone = Gone::new("ring");
            let mut receiver: Receiver = small().wait(Wait::Spin).create(&gone.0).expect("create");
            child.tell(&gone.0);
            assert_eq!(child.hear(), "sent");
            child.kill();
            let (got, end) = rest(&mut receiver);
            assert_eq!(got, three());
            assert!(matches!(end, Error::Closed { peer_died: true }), "{end}");
        },
        send_and_wait,
    );
}

/// S6: a sender that waits for room hears of its receiver's death at once.
#[test]
fn a_sender_hears_of_a_death() {
    processes(
        "ring::death::a_sender_hears_of_a_death",
        2,
        |children| {
            for (mut child, wait) in children.into_iter().zip([Wait::Block, Wait::Spin]) {
                let gone = Gone::new("ring");
                let mut sender: Sender = small().wait(wait).create(&gone.0).expect("create");
                child.tell(&gone.0);
                assert_eq!(child.hear(), "there");
                while sender.try_send(&[7; 100]).is_ok() {}
                let spent = std::thread::scope(|scope| {
                    let waiting = scope.spawn(|| {
                        let end = sender.send_timeout(&[7; 100], LONG);
                        (end, Instant::now())
                    });
                    let killed = Instant::now();
                    child.kill();
                    let (end, then) = waiting.join().expect("no panic");
                    assert!(matches!(end, Err(Error::Closed { peer_died: true })), "{end:?}");
                    then.duration_since(killed)
                });
                assert!(spent < SOON, "{spent:?}");
                assert!(sender.is_closed());
                assert!(matches!(sender.try_send(b""), Err(Error::Closed { peer_died: true })));
                a_successor_gets_all(&mut sender, &gone.0);
            }
        },
        |mut parent, _| {
            let _receiver: Receiver = open(&parent.hear());
            parent.tell("there");
            let _ = parent.hear();
        },
    );
}

fn a_successor_gets_all(sender: &mut Sender, name: &str) {
    let mut receiver = Receiver::open(name).expect("the place is free");
    let count = receiver.len();
    assert!(count >= 7, "{count}");
    assert!(matches!(sender.try_send(&[8; 100]), Err(Error::WouldBlock)), "full, but not closed");
    assert_eq!(receiver.drain(99, |got| assert_eq!(got, [7; 100])).expect("all"), count);
    sender.try_send(&[8; 100]).expect("room");
    assert_eq!(receiver.recv().expect("it"), [8; 100]);
}

/// A clean end is told apart from a death, on both sides, to a sleeper, too.
#[test]
fn a_clean_end_is_no_death() {
    two_process(
        "ring::death::a_clean_end_is_no_death",
        |mut child| {
            let gone = Gone::new("ring");
            let mut receiver: Receiver = small().create(&gone.0).expect("create");
            child.tell(&gone.0);
            let (got, end) = rest(&mut receiver);
            assert_eq!(got, [b"last"]);
            assert!(matches!(end, Error::Closed { peer_died: false }), "{end}");
            drop(receiver);

            let mut sender: Sender = open(&gone.0);
            child.tell("the other way round");
            assert_eq!(child.hear(), "there");
            while sender.try_send(&[7; 100]).is_ok() {}
            child.tell("full");
            let end = sender.send_timeout(&[7; 100], LONG);
            assert!(matches!(end, Err(Error::Closed { peer_died: false })), "{end:?}");
            assert!(child.wait().success());
        },
        |mut parent| {
            let name = parent.hear();
            let mut sender: Sender = open(&name);
            sender.send(b"last").expect("send");
            drop(sender);
            let _ = parent.hear();
            let receiver: Receiver = open(&name);
            parent.tell("there");
            assert_eq!(parent.hear(), "full");
            drop(receiver);
        },
    );
}

/// A stopped peer is not dead: its place is not free, and nobody is told that it is gone.
#[test]
fn a_stopped_peer_is_not_dead() {
    two_process(
        "ring::death::a_stopped_peer_is_not_dead",
        |mut child| {
            let gone = Gone::new("ring");
            let mut receiver: Receiver = small().create(&gone.0).expect("create");
            child.tell(&gone.0);
            assert_eq!(child.hear(), "sent");
            assert_eq!(receiver.drain(9, |_| {}).expect("all"), 3);
            child.stop();
            let end = receiver.recv_timeout(SHORT * 30);
            assert!(matches!(end, Err(Error::TimedOut)), "{end:?}");
            assert!(!receiver.is_closed());
            assert!(matches!(Sender::open(&gone.0), Err(Error::AlreadyExists { .. })));
            child.cont();
            child.tell("go on");
            assert!(child.wait().success());
            let end = receiver.recv_timeout(LONG);
            assert!(matches!(end, Err(Error::Closed { peer_died: false })), "{end:?}");
        },
        send_and_wait,
    );
}

/// X6: exec is the death of an end.
#[test]
fn exec_is_a_death() {
    two_process(
        "ring::death::exec_is_a_death",
        |mut child: Child| {
            let gone = Gone::new("ring");
            let mut receiver: Receiver = small().create(&gone.0).expect("create");
            child.expect_death();
            child.tell(&gone.0);
            let since = Instant::now();
            let (got, end) = rest(&mut receiver);
            assert_eq!(got, [b"last"]);
            assert!(matches!(end, Error::Closed { peer_died: true }), "{end}");
            assert!(since.elapsed() < LONG, "{:?}", since.elapsed());
            Sender::open(&gone.0).expect("the place is free").send(b"mine").expect("send");
            assert_eq!(receiver.recv().expect("it"), b"mine");
        },
        |mut parent| {
            let mut sender: Sender = open(&parent.hear());
            sender.send(b"last").expect("send");
            let error = std::os::unix::process::CommandExt::exec(
                std::process::Command::new("cat").stdin(std::process::Stdio::piped()),
            );
            panic!("exec: {error}");
        },
    );
}
