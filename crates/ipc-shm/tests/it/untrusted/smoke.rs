//! What a channel does when both sides behave.

use std::time::Duration;

use ipc_devkit::{alone, two_process};
use ipc_shm::Error;
use ipc_shm::ring::untrusted::Options;

use super::{accept_from, both, message, offer_to};

#[test]
fn messages_go_both_ways_between_processes() {
    two_process(
        "untrusted::smoke::messages_go_both_ways_between_processes",
        |mut child| {
            let (mut sender, mut receiver) = offer_to(&mut child);
            for number in 0..20_000 {
                let len = number * 7919 % 3000;
                sender.send(&message(number, len)).expect("send");
                assert_eq!(receiver.recv().expect("recv"), message(number, len), "{number}");
            }
            drop(sender);
            let end = receiver.recv();
            assert!(matches!(end, Err(Error::Closed { peer_died: false })), "{end:?}");
        },
        |mut parent| {
            let (mut sender, mut receiver) = accept_from(&mut parent);
            let mut buf = [0; 4096];
            loop {
                match receiver.recv_into(&mut buf) {
                    Ok(len) => sender.send(&buf[..len]).expect("answer"),
                    Err(Error::Closed { peer_died: false }) => break,
                    Err(error) => panic!("{error}"),
                }
            }
        },
    );
}

/// All messages of a stream come whole and in order, however their lengths meet the end of the ring.
#[test]
fn a_stream_wraps_whole() {
    two_process(
        "untrusted::smoke::a_stream_wraps_whole",
        |mut child| {
            let (mut sender, _receiver) = offer_to(&mut child);
            for number in 0..30_000 {
                let len = number * number % 1700;
                sender.send(&message(number, len)).expect("send");
            }
            let longest = sender.longest();
            for number in 0..5 {
                sender.send(&message(number, longest)).expect("send the longest");
            }
            assert_eq!(child.hear(), "all");
        },
        |mut parent| {
            let (_sender, mut receiver) = accept_from(&mut parent);
            for number in 0..30_000 {
                let got = receiver.recv().expect("recv");
                assert_eq!(got, message(number, number * number % 1700), "{number}");
            }
            for number in 0..5 {
                let got = receiver.recv().expect("recv the longest");
                assert_eq!(got, message(number, receiver.capacity() - 128), "{number}");
            }
            parent.tell("all");
        },
    );
}

#[test]
fn every_form_says_what_is_missing() {
    alone("untrusted::smoke::every_form_says_what_is_missing", || {
        let options = Options::new().capacity(1);
        let ((mut sender, mut near), (mut far, mut receiver)) = both(&options);
        assert!(sender.capacity() >= 4096);
        assert_eq!(sender.longest(), sender.capacity() - 128);
        let short = Duration::from_millis(5);
        let soon = std::time::Instant::now() + short;
        assert!(matches!(receiver.try_recv(), Err(Error::WouldBlock)));
        assert!(matches!(receiver.try_recv_into(&mut []), Err(Error::WouldBlock)));
        assert!(matches!(receiver.recv_timeout(short), Err(Error::TimedOut)));
        assert!(matches!(receiver.recv_deadline(soon), Err(Error::TimedOut)));
        assert!(matches!(receiver.recv_into_timeout(&mut [], short), Err(Error::TimedOut)));
        assert!(matches!(receiver.recv_into_deadline(&mut [], soon), Err(Error::TimedOut)));

        let (real, limit) = (sender.longest() + 1, sender.longest());
        let refused = sender.send(&vec![0; real]);
        assert!(
            matches!(refused, Err(Error::MessageTooLong { real: r, limit: l }) if (r, l) == (real, limit))
        );
        sender.send(b"whole").expect("send");
        let refused = receiver.recv_into(&mut [0; 4]);
        assert!(matches!(refused, Err(Error::BufferTooShort { len: 4, needed: 5 })));
        let mut buf = [7; 8];
        assert_eq!(receiver.recv_into(&mut buf).expect("it is there still"), 5);
        assert_eq!(&buf, b"whole\x07\x07\x07");

        while sender.try_send(&[1; 100]).is_ok() {}
        assert!(matches!(sender.try_send(&[1; 100]), Err(Error::WouldBlock)));
        assert!(matches!(sender.send_timeout(&[1; 100], short), Err(Error::TimedOut)));
        assert!(matches!(sender.send_deadline(&[1; 100], soon), Err(Error::TimedOut)));
        assert_eq!(receiver.try_recv().expect("the first"), [1; 100]);
        sender.try_send(&[1; 90]).expect("there is room again");

        far.send(b"").expect("an empty message");
        assert_eq!(near.recv().expect("is one"), b"");
    });
}

#[test]
fn closing_is_told_to_each_direction() {
    alone("untrusted::smoke::closing_is_told_to_each_direction", || {
        let ((mut sender, mut near), (far, receiver)) = both(&Options::new());
        assert!(!sender.is_closed() && !near.is_closed());
        drop(receiver);
        assert!(sender.is_closed() && !near.is_closed());
        let closed = sender.send(b"nobody listens");
        assert!(matches!(closed, Err(Error::Closed { peer_died: false })), "{closed:?}");
        drop(far);
        assert!(near.is_closed());
        let closed = near.try_recv();
        assert!(matches!(closed, Err(Error::Closed { peer_died: false })), "{closed:?}");
    });
}

/// What was sent before the end is received before it.
#[test]
fn what_was_sent_comes_before_the_end() {
    alone("untrusted::smoke::what_was_sent_comes_before_the_end", || {
        let (first, (mut far, receiver)) = both(&Options::new());
        far.send(b"last words").expect("send");
        drop((far, receiver));
        let (sender, mut near) = first;
        assert!(near.is_closed() && sender.is_closed());
        assert_eq!(near.recv().expect("sent before"), b"last words");
        assert!(matches!(near.recv(), Err(Error::Closed { peer_died: false })));
    });
}
