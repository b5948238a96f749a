//! What a killed process leaves behind.

use ipc_devkit::{processes, scratch, two_process};
use ipc_mq::sysv::{Filter, Queue};
use ipc_mq::{Error, posix};

use crate::{Gone, Private, small};

/// Q7: a receiver that is killed at any moment has each message or has it not; none comes twice, and at
/// most the one in its hands is gone.
#[test]
fn a_killed_receiver_doubles_nothing() {
    const TURNS: usize = 30;
    const COUNT: u32 = 64;
    processes(
        "death::a_killed_receiver_doubles_nothing",
        TURNS,
        |children| {
            for mut child in children {
                let name = scratch::name("q");
                let queue = posix::Queue::create(&name).expect("create");
                let _gone = Gone(name.clone());
                let other = Private::new();
                let dir = scratch::dir();
                let log = dir.path().join("log");
                child.tell(&name);
                child.tell(&other.0.id().to_string());
                child.tell(log.to_str().expect("text"));
                for number in 0..COUNT {
                    let bytes = number.to_le_bytes();
                    // The queue may be full: this one only keeps the receiver busy.
                    let _ = queue.try_send(0, &bytes);
                    other.0.send(1, &bytes).expect("send");
                    if number == COUNT / 2 {
                        child.kill();
                    }
                }
                let text = std::fs::read(&log).unwrap_or_default();
                let mut seen: Vec<_> = text.chunks_exact(4).map(<[u8]>::to_vec).collect();
                let taken = seen.len();
                while let Ok(message) = other.0.try_recv(Filter::Any) {
                    seen.push(message.bytes);
                }
                let total = seen.len();
                seen.sort();
                seen.dedup();
                assert_eq!(seen.len(), total, "a message came twice ({taken} before the kill)");
                assert!(total + 1 >= COUNT as usize, "only {total} of {COUNT} are left");
            }
        },
        |mut parent, _| {
            let queue = posix::Queue::open(&parent.hear()).expect("open");
            let other = Queue::from_id(parent.hear().parse().expect("id")).expect("open");
            let log = std::fs::File::options().append(true).create(true).open(parent.hear());
            let mut log = log.expect("open the log");
            loop {
                let _ = queue.try_recv();
                let bytes = other.recv(Filter::Any).expect("receive").bytes;
                std::io::Write::write_all(&mut log, &bytes).expect("write it down");
            }
        },
    );
}

/// Q7: what a sender sent before it was killed is whole, and stays.
#[test]
fn a_killed_sender_leaves_whole_messages() {
    two_process(
        "death::a_killed_sender_leaves_whole_messages",
        |mut child| {
            let (queue, gone) = small("q");
            child.tell(&gone.0);
            assert_eq!(child.hear(), "full");
            child.kill();
            for _ in 0..4 {
                assert_eq!(queue.recv().expect("receive").bytes, [7; 64]);
            }
            assert!(matches!(queue.try_recv(), Err(Error::WouldBlock)));
        },
        |mut parent| {
            let queue = posix::Queue::open(&parent.hear()).expect("open");
            while queue.try_send(0, &[7; 64]).is_ok() {}
            parent.tell("full");
            let _ = queue.send(0, &[8; 64]);
        },
    );
}

/// Q8: removal wakes whoever waits, on either side, in every way of waiting.
#[test]
fn removal_wakes_every_waiter() {
    use ipc_mq::sysv::{QueueOptions, Timing};
    processes(
        "death::removal_wakes_every_waiter",
        5,
        |mut children| {
            let queue = QueueOptions::new().capacity(4).private().expect("create");
            queue.send(9, b"full").expect("send");
            for child in &mut children {
                child.tell(&queue.id().to_string());
                assert_eq!(child.hear(), "waiting");
            }
            queue.remove().expect("remove");
            for child in &mut children {
                assert_eq!(child.hear(), "removed");
            }
            assert!(matches!(queue.stat(), Err(Error::Removed { .. })));
            assert!(matches!(queue.remove(), Err(Error::Removed { .. })));
        },
        |mut parent, index| {
            let timing = if index < 3 { Timing::Signal } else { Timing::Polling };
            let options = QueueOptions::new().timing(timing);
            let queue = options.from_id(parent.hear().parse().expect("id")).expect("open");
            parent.tell("waiting");
            let woken = match index {
                0 | 3 => queue.recv(Filter::Type(1)).map(drop),
                1 => queue.recv_timeout(Filter::Type(1), crate::LONG).map(drop),
                _ => queue.send(1, b"x"),
            };
            assert!(matches!(woken, Err(Error::Removed { .. })), "{woken:?}");
            parent.tell("removed");
        },
    );
}
