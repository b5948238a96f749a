//! Properties of other test suites about futexes, shown with words of segments and with rings.

use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use ipc_devkit::{alone, fault, processes, two_process};
use ipc_shm::ring::{Receiver, Sender};
use ipc_shm::{Error, Segment, SegmentOptions};
use rustix::thread::futex;

use crate::segment_sysv::{Removed, sized};
use crate::world::Named;

/// A word of a segment is a futex between processes: who sleeps on it is woken by another process.
#[test]
fn ltp_futex_wait02() {
    two_process(
        "futex::suites::ltp_futex_wait02",
        |mut child| {
            let segment = Segment::anonymous(64).expect("anonymous");
            let word = segment.atomic_u32(0).expect("inside");
            child.give(&segment);
            assert_eq!(child.hear(), "ready");
            while futex::wake(word, futex::Flags::empty(), 1).expect("wake") == 0 {
                std::thread::yield_now();
            }
            assert_eq!(child.hear(), "woken");
        },
        |mut parent| {
            let segment = Segment::from_fd(parent.take()).expect("open");
            let word = segment.atomic_u32(0).expect("inside");
            parent.tell("ready");
            sleep_on(word, 0);
            parent.tell("woken");
        },
    );
}

/// Sleeps until somebody wakes it.
fn sleep_on(word: &AtomicU32, value: u32) {
    while futex::wait(word, futex::Flags::empty(), value, None).is_err() {}
}

/// Waking n wakes n of those who sleep in other processes, in every kind of memory.
#[test]
fn ltp_futex_wake03() {
    const CHILDREN: usize = 4;
    processes(
        "futex::suites::ltp_futex_wake03",
        CHILDREN,
        |mut children| {
            let named = Named::new("wake");
            let sysv = Removed(sized(64).private_sysv().expect("private"));
            let segment = Segment::create(&named.0, 64).expect("create");
            let words = [segment.atomic_u32(8), sysv.0.atomic_u32(8)];
            for (index, word) in words.into_iter().enumerate() {
                let word = word.expect("inside");
                for child in &mut children {
                    child.tell(&format!("{index} {} {}", named.0, sysv.0.id()));
                }
                // Two of them, counted by the kernel, whenever they have come; then the rest.
                let mut woken = 0;
                while woken < 2 {
                    woken += futex::wake(word, futex::Flags::empty(), 1).expect("wake");
                    std::thread::yield_now();
                }
                assert_eq!(woken, 2);
                let mut asleep = 0;
                while asleep < CHILDREN - 2 {
                    asleep += futex::wake(word, futex::Flags::empty(), 10).expect("wake");
                    std::thread::yield_now();
                }
                assert_eq!(asleep, CHILDREN - 2);
                for child in &mut children {
                    assert_eq!(child.hear(), "woken");
                }
                assert_eq!(futex::wake(word, futex::Flags::empty(), 10), Ok(0));
            }
        },
        |mut parent, _| {
            for _ in 0..2 {
                let told = parent.hear();
                let parts: Vec<&str> = told.split(' ').collect();
                let [index, name, id] = parts[..] else { panic!("{told}") };
                if index == "0" {
                    let segment = Segment::open(name).expect("open");
                    sleep_on(segment.atomic_u32(8).expect("inside"), 0);
                } else {
                    let id = id.parse().expect("a number");
                    let segment = SegmentOptions::new().sysv_by_id(id).expect("attach");
                    sleep_on(segment.atomic_u32(8).expect("inside"), 0);
                }
                parent.tell("woken");
            }
        },
    );
}

/// A wait lasts at least as long as it was told.
#[test]
fn ltp_futex_wait05() {
    alone("futex::suites::ltp_futex_wait05", || {
        let (_sender, mut receiver) = ipc_shm::ring::pair().expect("pair");
        for micros in [1_000, 2_500, 10_000, 50_000] {
            let time = Duration::from_micros(micros);
            let since = Instant::now();
            assert!(matches!(receiver.recv_timeout(time), Err(Error::TimedOut)));
            assert!(since.elapsed() >= time, "{:?} of {time:?}", since.elapsed());
        }
    });
}

/// A signal that interrupts a wait in the kernel does not end it.
#[test]
fn ltp_futex_wait07() {
    two_process(
        "futex::suites::ltp_futex_wait07",
        |mut child| {
            let named = Named::new("ring");
            let mut sender = Sender::create(&named.0).expect("create");
            child.tell(&named.0);
            assert_eq!(child.hear(), "interrupted");
            sender.send(b"now").expect("send");
            assert_eq!(child.hear(), "now");
        },
        |mut parent| {
            let mut receiver = Receiver::open(&parent.hear()).expect("open");
            let storm = fault::alarm_storm(Duration::from_millis(1));
            // Longer than any slice: signals come in the middle of sleeps.
            let slept = receiver.recv_timeout(Duration::from_millis(300));
            assert!(matches!(slept, Err(Error::TimedOut)) && storm.count() > 20);
            parent.tell("interrupted");
            let message = receiver.recv().expect("receive");
            parent.tell(std::str::from_utf8(&message).expect("text"));
        },
    );
}

/// A process that dies with ten things in its hand is known to be dead in all ten.
#[test]
fn kself_robust_list_ten_owners() {
    two_process(
        "futex::suites::kself_robust_list_ten_owners",
        |mut child| {
            let names: Vec<Named> = (0..10).map(|_| Named::new("owner")).collect();
            let mut receivers: Vec<Receiver> =
                names.iter().map(|named| Receiver::create(&named.0).expect("create")).collect();
            for named in &names {
                child.tell(&named.0);
            }
            assert_eq!(child.hear(), "taken");
            child.kill();
            for receiver in &mut receivers {
                let died = receiver.recv_timeout(Duration::from_secs(5));
                assert!(matches!(died, Err(Error::Closed { peer_died: true })), "{died:?}");
            }
        },
        |mut parent| {
            let senders: Vec<Sender> =
                (0..10).map(|_| Sender::open(&parent.hear()).expect("open")).collect();
            parent.tell("taken");
            let _ = parent.hear();
            drop(senders);
        },
    );
}
