//! How an end waits, and what ends a wait.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use ipc_devkit::step::this_thread;
use ipc_devkit::two_process;
use ipc_shm::ring::{Receiver, Sender, Wait};
use ipc_shm::{Canceller, Error, Result};

use super::{Gone, LONG, SHORT, open, pattern, sleeps, small};

fn full(sender: &mut Sender) {
    while sender.try_send(&[7; 100]).is_ok() {}
}

/// Runs a call that must time out, and not before its time.
fn times_out<T>(wait: Duration, call: impl FnOnce() -> Result<T>) {
    let since = Instant::now();
    assert!(matches!(call(), Err(Error::TimedOut)));
    let spent = since.elapsed();
    assert!(spent >= wait && spent < wait + Duration::from_secs(2), "{spent:?}");
}

/// Every verb keeps its word: `try_` does not wait, the others end at their time.
#[test]
fn every_verb_ends_at_its_time() {
    for wait in [Wait::Block, Wait::Spin] {
        let (mut sender, mut receiver) = small().wait(wait).pair().expect("make");
        let mut buf = [0; 1024];
        assert!(matches!(receiver.try_recv(), Err(Error::WouldBlock)));
        assert!(matches!(receiver.try_recv_into(&mut buf), Err(Error::WouldBlock)));
        assert!(matches!(receiver.try_peek(), Err(Error::WouldBlock)));
        assert_eq!(receiver.drain(9, |_| {}).expect("nothing"), 0);
        let then = || Instant::now() + SHORT;
        times_out(SHORT, || receiver.recv_timeout(SHORT));
        times_out(SHORT, || receiver.recv_deadline(then()));
        times_out(SHORT, || receiver.recv_into_timeout(&mut buf, SHORT));
        times_out(SHORT, || receiver.recv_into_deadline(&mut buf, then()));
        times_out(SHORT, || receiver.peek_timeout(SHORT).map(drop));
        times_out(SHORT, || receiver.peek_deadline(then()).map(drop));
        times_out(Duration::ZERO, || receiver.recv_timeout(Duration::ZERO));
        times_out(Duration::ZERO, || receiver.recv_deadline(Instant::now() - SHORT));

        full(&mut sender);
        let message = [7; 100];
        assert!(matches!(sender.try_send(&message), Err(Error::WouldBlock)));
        assert!(matches!(sender.try_reserve(100), Err(Error::WouldBlock)));
        assert!(matches!(sender.try_send_many(&[message]), Err(Error::WouldBlock)));
        times_out(SHORT, || sender.send_timeout(&message, SHORT));
        times_out(SHORT, || sender.send_deadline(&message, then()));
        times_out(SHORT, || sender.reserve_timeout(100, SHORT).map(drop));
        times_out(SHORT, || sender.reserve_deadline(100, then()).map(drop));
        times_out(Duration::ZERO, || sender.send_timeout(&message, Duration::ZERO));
        receiver.recv_timeout(Duration::MAX).expect("a wait for ever that finds something");
    }
}

/// A message that needs the padding's room, too, wakes both sides in turn: the receiver for the padding,
/// then the sender for its room.
#[test]
fn a_sleeping_sender_gets_the_room_of_padding() {
    for wait in [Wait::Block, Wait::Spin] {
        let quickest = (0..5).map(|_| sleep_behind_padding(wait)).min().expect("five");
        // A sleeper that nobody wakes looks by itself, later than this.
        assert!(quickest < Duration::from_millis(80), "{quickest:?}");
    }
}

fn sleep_behind_padding(wait: Wait) -> Duration {
    let (mut sender, mut receiver) = small().wait(wait).pair().expect("make");
    sender.send(&[1; 600]).expect("send");
    receiver.recv().expect("it");
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            tell.send(this_thread()).expect("told");
            sender.send_timeout(&[2; 1024], LONG).expect("there is room");
        });
        let tid = told.recv().expect("a number");
        while wait == Wait::Block && !sleeps(tid) {
            std::thread::yield_now();
        }
        let since = Instant::now();
        assert_eq!(receiver.recv_timeout(LONG).expect("the message"), [2; 1024]);
        since.elapsed()
    })
}

/// Each cancellation ends one wait: the next, or the one under way.
fn ends_one_wait(canceller: &Canceller, mut wait: impl FnMut() -> Result<()> + Send) {
    canceller.cancel();
    assert!(matches!(wait(), Err(Error::Cancelled)), "before the wait");
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(move || {
            tell.send(this_thread()).expect("told");
            wait()
        });
        let tid = told.recv().expect("a number");
        while !sleeps(tid) && !waiting.is_finished() {
            std::thread::yield_now();
        }
        canceller.cancel();
        assert!(matches!(waiting.join().expect("no panic"), Err(Error::Cancelled)), "inside it");
    });
}

/// X18: every waiting form ends when another thread says so; what does not wait does not.
#[test]
fn a_canceller_ends_waits() {
    let (mut sender, mut receiver) = small().pair().expect("make");
    let canceller = receiver.canceller();
    ends_one_wait(&canceller, || receiver.recv().map(drop));
    ends_one_wait(&canceller, || receiver.recv_timeout(LONG).map(drop));
    ends_one_wait(&canceller, || receiver.recv_into(&mut [0; 9]).map(drop));
    ends_one_wait(&canceller, || receiver.peek().map(drop));
    canceller.cancel();
    assert!(matches!(receiver.try_recv(), Err(Error::WouldBlock)), "try_ does not wait");
    assert!(matches!(receiver.recv(), Err(Error::Cancelled)));
    sender.canceller().cancel();
    full(&mut sender);
    assert!(matches!(sender.send(&[7; 100]), Err(Error::Cancelled)));
    let canceller = sender.canceller();
    ends_one_wait(&canceller, || sender.send(&[7; 100]));
    ends_one_wait(&canceller, || sender.send_timeout(&[7; 100], LONG));
    ends_one_wait(&canceller, || sender.reserve(100).map(drop));
    ends_one_wait(&canceller, || {
        let refused = sender.send_many(&[[7; 100]; 3]);
        refused.map_err(|rejected| {
            assert_eq!(rejected.value, 0);
            rejected.error
        })
    });
    let count = receiver.len();
    assert_eq!(receiver.drain(99, |message| assert_eq!(message, [7; 100])).expect("all"), count);
}

/// X18: a wait that only looks ends, too.
#[test]
fn a_canceller_ends_a_spinning_wait() {
    let (mut sender, mut receiver) = small().wait(Wait::Spin).pair().expect("make");
    for canceller in [receiver.canceller(), sender.canceller()] {
        canceller.cancel();
    }
    assert!(matches!(receiver.recv(), Err(Error::Cancelled)));
    full(&mut sender);
    assert!(matches!(sender.send(&[7; 100]), Err(Error::Cancelled)));
    let canceller = sender.canceller();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| sender.send(&[7; 100]));
        canceller.cancel();
        assert!(matches!(waiting.join().expect("no panic"), Err(Error::Cancelled)));
    });
}

/// A receiver waits for a sender that is not there yet, asleep or not.
#[test]
fn a_receiver_waits_for_its_first_sender() {
    two_process(
        "ring::waits::a_receiver_waits_for_its_first_sender",
        |mut child| {
            for wait in [Wait::Block, Wait::Spin] {
                let gone = Gone::new("ring");
                let mut receiver: Receiver = small().wait(wait).create(&gone.0).expect("create");
                assert!(matches!(receiver.recv_timeout(SHORT), Err(Error::TimedOut)));
                assert!(!receiver.is_closed());
                child.tell(&gone.0);
                assert_eq!(receiver.recv_timeout(LONG).expect("a message"), b"here");
                assert!(matches!(receiver.recv(), Err(Error::Closed { peer_died: false })));
            }
        },
        |mut parent| {
            for _ in 0..2 {
                let mut sender: Sender = open(&parent.hear());
                sender.send(b"here").expect("send");
            }
        },
    );
}

/// A full sender waits for a receiver that is not there yet; full and empty rings put both sides to sleep,
/// and each wakes the other.
#[test]
fn both_sides_sleep_and_wake() {
    const COUNT: u64 = 3_000;
    two_process(
        "ring::waits::both_sides_sleep_and_wake",
        |mut child| {
            let gone = Gone::new("ring");
            let mut sender: Sender = small().create(&gone.0).expect("create");
            full(&mut sender);
            assert!(matches!(sender.send_timeout(&[7; 100], SHORT), Err(Error::TimedOut)));
            assert!(!sender.is_closed());
            child.tell(&gone.0);
            for number in 0..COUNT {
                let message = pattern(number, 1024 - usize::try_from(number % 600).expect("small"));
                sender.send_timeout(&message, LONG).expect("room");
                if number % 100 == 0 {
                    assert_eq!(child.hear(), "empty");
                }
            }
            drop(sender);
            assert_eq!(child.hear(), "all");
        },
        |mut parent| {
            let mut receiver: Receiver = open(&parent.hear());
            let backlog = receiver.drain(99, |message| assert_eq!(message, [7; 100]));
            assert!(backlog.expect("there") > 0);
            for number in 0..COUNT {
                let message = receiver.recv_timeout(LONG).expect("a message");
                let len = 1024 - usize::try_from(number % 600).expect("small");
                assert_eq!(message, pattern(number, len));
                if number % 100 == 0 {
                    assert!(receiver.is_empty());
                    parent.tell("empty");
                }
            }
            assert!(matches!(receiver.recv(), Err(Error::Closed { peer_died: false })));
            parent.tell("all");
        },
    );
}
