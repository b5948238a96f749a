//! Waits end: by what they wait for, by their deadline, by a canceller.

use std::time::{Duration, Instant};

use ipc_devkit::{fault, scratch, two_process};
use ipc_mq::Error;
use ipc_mq::shared::{Envelope, Filter, Queue, QueueOptions};

fn one_slot() -> Queue {
    let (queue, _fd) = QueueOptions::new().capacity(1).message_size(8).anonymous().expect("make");
    queue
}

/// X3: deadlines end a wait, not before and not much later.
#[test]
fn deadlines_end_waits() {
    let queue = one_slot();
    let time = Duration::from_millis(30);
    let within = |since: Instant| {
        assert!(since.elapsed() >= time, "{:?}", since.elapsed());
        assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    };
    let since = Instant::now();
    assert!(matches!(queue.recv_timeout(time), Err(Error::TimedOut)));
    within(since);
    let since = Instant::now();
    assert!(matches!(queue.recv_now_deadline(since + time), Err(Error::TimedOut)));
    within(since);
    queue.send(Envelope::new().kind(2), b"").expect("send");
    let since = Instant::now();
    assert!(matches!(queue.only(Filter::Type(1)).recv_timeout(time), Err(Error::TimedOut)));
    within(since);
    let since = Instant::now();
    assert!(matches!(queue.send_timeout(0, b"", time), Err(Error::TimedOut)));
    within(since);
    assert!(matches!(queue.send_deadline(0, b"", since), Err(Error::TimedOut)), "in the past");
    let peer = queue.stat().expect("stat").peers[0];
    assert_eq!((peer.sending, peer.receiving), (0, 0), "nobody waits any more");
}

/// X18: a canceller ends one wait, from a thread and from a signal handler.
#[test]
fn cancellers_end_waits() {
    ipc_devkit::alone("shared::waits::cancellers_end_waits", || {
        let queue = one_slot();
        queue.canceller().expect("canceller").cancel();
        assert!(matches!(queue.recv(), Err(Error::Cancelled)), "before the wait");
        let canceller = queue.canceller().expect("canceller");
        let watched = queue.clone();
        let stopper = std::thread::spawn(move || {
            while watched.stat().expect("stat").peers[0].receiving == 0 {
                std::thread::yield_now();
            }
            canceller.cancel();
        });
        assert!(matches!(queue.recv_now(), Err(Error::Cancelled)), "inside it");
        stopper.join().expect("join");
        queue.send(0, b"").expect("the next call is not ended");
        let canceller = queue.canceller().expect("canceller");
        fault::signal_handler_calls(libc::SIGUSR1, Box::new(move || canceller.cancel()));
        fault::raise(libc::SIGUSR1);
        assert!(matches!(queue.send(0, b""), Err(Error::Cancelled)), "by a signal handler");
        queue.recv_now().expect("there");
    });
}

/// X2: signals end no wait and lose nothing.
#[test]
fn signals_end_no_wait() {
    ipc_devkit::alone("shared::waits::signals_end_no_wait", || {
        let queue = one_slot();
        let storm = fault::alarm_storm(Duration::from_millis(1));
        let since = Instant::now();
        let time = Duration::from_millis(300);
        assert!(matches!(queue.recv_timeout(time), Err(Error::TimedOut)));
        assert!(since.elapsed() >= time);
        queue.send(0, b"").expect("send");
        assert!(matches!(queue.send_timeout(0, b"", time), Err(Error::TimedOut)));
        assert!(storm.count() > 10, "{}", storm.count());
    });
}

/// Q2: full and empty queues put both sides to sleep, and each wakes the other.
#[test]
fn both_sides_sleep_and_wake() {
    const COUNT: u64 = 3_000;
    two_process(
        "shared::waits::both_sides_sleep_and_wake",
        |mut child| {
            let name = scratch::name("mqsh-sleep");
            let options = QueueOptions::new().capacity(2).message_size(8);
            let queue = options.create(&name).expect("create");
            child.tell(&name);
            for number in 0..COUNT {
                let got = queue.recv_timeout(Duration::from_secs(5)).expect("a message");
                assert_eq!(got.bytes, number.to_le_bytes());
                got.ack().expect("acknowledge");
            }
            assert!(child.wait().success());
            Queue::unlink(&name).expect("unlink");
        },
        |mut parent| {
            let queue = Queue::open(&parent.hear()).expect("open");
            for number in 0..COUNT {
                queue.send_timeout(0, &number.to_le_bytes(), Duration::from_secs(5)).expect("room");
            }
        },
    );
}

/// Q3: many sleepers with different wishes: each gets its own, nobody sleeps on.
#[test]
fn each_sleeper_gets_what_it_wants() {
    let (queue, _fd) = QueueOptions::new().capacity(64).message_size(8).anonymous().expect("make");
    std::thread::scope(|scope| {
        for kind in 1..=4 {
            let queue = queue.clone();
            scope.spawn(move || {
                for number in 0..200_u64 {
                    let only = queue.only(Filter::Type(kind));
                    let got = only.recv_now_timeout(Duration::from_secs(5)).expect("mine");
                    assert_eq!((got.kind, got.bytes), (kind, number.to_le_bytes().to_vec()));
                }
            });
        }
        for kind in 1..=4 {
            let queue = queue.clone();
            scope.spawn(move || {
                for number in 0..200_u64 {
                    queue.send(Envelope::new().kind(kind), &number.to_le_bytes()).expect("send");
                }
            });
        }
    });
    assert!(queue.is_empty());
}
