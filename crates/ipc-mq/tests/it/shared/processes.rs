//! Many senders and receivers in processes of their own.

use std::collections::BTreeMap;
use std::time::Duration;

use ipc_devkit::{processes, scratch};
use ipc_mq::Error;
use ipc_mq::shared::{Filter, Queue, QueueOptions};

const EACH: u64 = 400;
const LONG: Duration = Duration::from_secs(10);

/// Q2, Q7: with two senders and two receivers each message is acknowledged once, and each sender's stay in
/// order for each receiver.
#[test]
fn each_message_is_acknowledged_once() {
    processes(
        "shared::processes::each_message_is_acknowledged_once",
        4,
        |mut children| {
            let name = scratch::name("mqsh-many");
            let options = QueueOptions::new().capacity(8).message_size(16);
            let _queue = options.create(&name).expect("create");
            for child in &mut children {
                child.tell(&name);
            }
            let mut seen = BTreeMap::new();
            for child in &mut children[2..] {
                for word in child.hear().split_whitespace() {
                    *seen.entry(word.to_owned()).or_insert(0) += 1;
                }
            }
            assert_eq!(seen.len(), 2 * usize::try_from(EACH).expect("small"));
            assert!(seen.values().all(|count| *count == 1));
            Queue::unlink(&name).expect("unlink");
        },
        |mut parent, index| {
            let queue = Queue::open(&parent.hear()).expect("open");
            if index < 2 {
                for number in 0..EACH {
                    let text = format!("{index}:{number}");
                    queue.send_timeout(0, text.as_bytes(), LONG).expect("room");
                }
                // The two that receive stop at an empty message each.
                queue.send_timeout(0, b"", LONG).expect("room");
                return;
            }
            let (mut all, mut last) = (Vec::new(), BTreeMap::new());
            let (mut ends, mut quiet) = (0, 0);
            while ends < 2 {
                let got = match queue.recv_timeout(Duration::from_millis(300)) {
                    // Another receiver had the ends; nobody promises a share to this one.
                    Err(Error::TimedOut) if ends + all.len() > 0 || quiet == 10 => break,
                    Err(Error::TimedOut) => {
                        quiet += 1;
                        continue;
                    }
                    got => got.expect("a message").take().expect("acknowledge"),
                };
                if got.bytes.is_empty() {
                    ends += 1;
                    continue;
                }
                let text = String::from_utf8(got.bytes).expect("text");
                let (from, number) = text.split_once(':').expect("a number");
                let number: u64 = number.parse().expect("a number");
                let before = last.insert(from.to_owned(), number);
                assert!(before < Some(number), "{before:?} before {text}");
                all.push(text);
            }
            parent.tell(&all.join(" "));
        },
    );
}

/// Q2: processes that tell each other when they have sent are received in that order, however their sending
/// and the receiving overlap.
#[test]
fn in_the_order_in_which_they_were_sent() {
    const SENDERS: usize = 3;
    const ROUNDS: usize = 200;
    processes(
        "shared::processes::in_the_order_in_which_they_were_sent",
        SENDERS + 1,
        |mut children| {
            let name = scratch::name("mqsh-chain");
            let options = QueueOptions::new().capacity(64).message_size(16);
            let _queue = options.create(&name).expect("create");
            for child in &mut children {
                child.tell(&name);
            }
            for number in 0..SENDERS * ROUNDS {
                let child = &mut children[number % SENDERS];
                child.tell(&number.to_string());
                assert_eq!(child.hear(), "sent");
            }
            assert_eq!(children[SENDERS].hear(), "all in order");
            Queue::unlink(&name).expect("unlink");
        },
        |mut parent, index| {
            let queue = Queue::open(&parent.hear()).expect("open");
            if index < SENDERS {
                for _ in 0..ROUNDS {
                    let number = parent.hear();
                    queue.send_timeout(0, number.as_bytes(), LONG).expect("room");
                    parent.tell("sent");
                }
                return;
            }
            for number in 0..SENDERS * ROUNDS {
                // Now close behind them, now after some.
                for _ in 0..number * 7919 % 30_000 {
                    std::hint::spin_loop();
                }
                let got = queue.only(Filter::Any).recv_now_timeout(LONG).expect("a message");
                assert_eq!(String::from_utf8_lossy(&got.bytes), number.to_string());
            }
            parent.tell("all in order");
        },
    );
}
