//! What a side learns of its peer's death.

use std::time::{Duration, Instant};

use ipc_devkit::two_process;
use ipc_shm::Error;

use super::{accept_from, offer_to};

/// The promise; the bench judges the speed, so this is generous to a busy machine.
const SOON: Duration = Duration::from_millis(300);

#[test]
fn a_killed_peer_ends_a_wait_for_messages() {
    two_process(
        "untrusted::death::a_killed_peer_ends_a_wait_for_messages",
        |mut child| {
            let (_sender, mut receiver) = offer_to(&mut child);
            assert_eq!(receiver.recv().expect("sent before"), b"alive");
            let (told, heard) = std::sync::mpsc::channel();
            let waiting = std::thread::spawn(move || {
                told.send(()).expect("tell");
                let end = receiver.recv();
                (end, Instant::now())
            });
            heard.recv().expect("hear");
            assert_eq!(child.hear(), "ready");
            let before = Instant::now();
            child.kill();
            let (end, at) = waiting.join().expect("the waiting thread");
            assert!(matches!(end, Err(Error::Closed { peer_died: true })), "{end:?}");
            assert!(at.duration_since(before) < SOON, "{:?}", at.duration_since(before));
        },
        |mut parent| {
            let (mut sender, mut receiver) = accept_from(&mut parent);
            sender.send(b"alive").expect("send");
            parent.tell("ready");
            let _ = receiver.recv();
            unreachable!("killed before");
        },
    );
}

#[test]
fn a_killed_peer_ends_a_wait_for_room() {
    two_process(
        "untrusted::death::a_killed_peer_ends_a_wait_for_room",
        |mut child| {
            let (mut sender, _receiver) = offer_to(&mut child);
            let waiting = std::thread::spawn(move || {
                loop {
                    if let Err(error) = sender.send(&[0; 1000]) {
                        return (error, Instant::now());
                    }
                }
            });
            assert_eq!(child.hear(), "ready");
            let before = Instant::now();
            child.kill();
            let (end, at) = waiting.join().expect("the waiting thread");
            assert!(matches!(end, Error::Closed { peer_died: true }), "{end:?}");
            assert!(at.duration_since(before) < SOON, "{:?}", at.duration_since(before));
        },
        |mut parent| {
            let (_sender, mut receiver) = accept_from(&mut parent);
            receiver.recv().expect("recv");
            parent.tell("ready");
            let _ = parent.take();
            unreachable!("killed before");
        },
    );
}

/// Killed while nobody waits: what it had sent is received, then every form says so.
#[test]
fn a_peer_killed_at_rest_is_told() {
    two_process(
        "untrusted::death::a_peer_killed_at_rest_is_told",
        |mut child| {
            let (mut sender, mut receiver) = offer_to(&mut child);
            assert_eq!(child.hear(), "sent");
            child.kill();
            assert!(receiver.is_closed() && sender.is_closed());
            assert_eq!(receiver.try_recv().expect("sent before"), b"one");
            assert_eq!(receiver.recv().expect("sent before"), b"two");
            let died = |result: Result<(), Error>| {
                assert!(matches!(result, Err(Error::Closed { peer_died: true })), "{result:?}");
            };
            died(receiver.try_recv().map(drop));
            died(receiver.recv().map(drop));
            died(receiver.recv_into_timeout(&mut [], SOON).map(drop));
            died(sender.send(b"nobody"));
            died(sender.try_send(b"nobody"));
        },
        |mut parent| {
            let (mut sender, _receiver) = accept_from(&mut parent);
            sender.send(b"one").expect("send");
            sender.send(b"two").expect("send");
            parent.tell("sent");
            let _ = parent.take();
            unreachable!("killed before");
        },
    );
}

/// A peer that ends without closing, by `exit`, has died, as far as its messages go.
#[test]
fn an_exit_without_closing_is_a_death() {
    two_process(
        "untrusted::death::an_exit_without_closing_is_a_death",
        |mut child| {
            let (_sender, mut receiver) = offer_to(&mut child);
            child.expect_death();
            let end = receiver.recv();
            assert!(matches!(end, Err(Error::Closed { peer_died: true })), "{end:?}");
        },
        |mut parent| {
            let _ends = accept_from(&mut parent);
            std::process::exit(3);
        },
    );
}

/// A stopped peer is not dead: it costs the deadline, and goes on.
#[test]
fn a_stopped_peer_is_not_dead() {
    two_process(
        "untrusted::death::a_stopped_peer_is_not_dead",
        |mut child| {
            let (mut sender, mut receiver) = offer_to(&mut child);
            child.stop();
            let none = receiver.recv_timeout(Duration::from_millis(20));
            assert!(matches!(none, Err(Error::TimedOut)), "{none:?}");
            assert!(!receiver.is_closed());
            sender.send(b"later").expect("there is room");
            child.cont();
            assert_eq!(receiver.recv().expect("it goes on"), b"later");
        },
        |mut parent| {
            let (mut sender, mut receiver) = accept_from(&mut parent);
            let message = receiver.recv().expect("recv");
            sender.send(&message).expect("send");
        },
    );
}
