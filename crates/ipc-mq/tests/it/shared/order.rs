//! Which message comes first, and what a receiver may do with it.

use ipc_devkit::scratch;
use ipc_mq::Error;
use ipc_mq::shared::{Envelope, Filter, Queue, QueueOptions};

fn small() -> Queue {
    let (queue, _fd) = QueueOptions::new().capacity(16).message_size(64).anonymous().expect("make");
    queue
}

fn kind(kind: i64) -> Envelope {
    Envelope::new().kind(kind)
}

fn text(message: &[u8]) -> &str {
    std::str::from_utf8(message).expect("text")
}

/// Q2: the highest priority first, in the order of sending inside one.
#[test]
fn by_priority_then_by_age() {
    let queue = small();
    for (priority, word) in [(1, "d"), (7, "b"), (u32::MAX, "a"), (7, "c"), (0, "f"), (1, "e")] {
        queue.send(priority, word.as_bytes()).expect("send");
    }
    let mut all = String::new();
    while let Ok(message) = queue.try_recv_now() {
        all.push_str(text(&message.bytes));
    }
    assert_eq!(all, "abcdef");
}

/// Q8: each filter takes the best of what it wants.
#[test]
fn filters_choose_by_type() {
    let queue = small();
    for (priority, of, word) in
        [(0, 5, "a"), (9, 5, "b"), (3, 2, "c"), (9, 8, "d"), (4, 2, "e"), (0, i64::MAX, "f")]
    {
        queue.send(kind(of).priority(priority), word.as_bytes()).expect("send");
    }
    let take = |filter| queue.only(filter).try_recv_now().map(|message| message.bytes);
    assert!(matches!(take(Filter::AtMost(1)), Err(Error::WouldBlock)), "2 is the lowest");
    assert!(matches!(take(Filter::Type(3)), Err(Error::WouldBlock)));
    assert_eq!(take(Filter::AtMost(7)).expect("of type 2"), b"e");
    assert_eq!(take(Filter::Type(5)).expect("of type 5"), b"b");
    assert_eq!(take(Filter::Except(8)).expect("not of type 8"), b"c");
    assert_eq!(take(Filter::Except(i64::MAX)).expect("the best"), b"d");
    assert_eq!(take(Filter::AtMost(i64::MAX)).expect("of type 5"), b"a");
    assert!(matches!(take(Filter::Except(i64::MAX)), Err(Error::WouldBlock)));
    assert_eq!(take(Filter::Any).expect("the last"), b"f");
}

/// Q8: a type below 1 is refused, when sending and when asking.
#[test]
fn types_are_positive() {
    let queue = small();
    for of in [0, -1, i64::MIN] {
        assert!(matches!(queue.try_send(kind(of), b""), Err(Error::InvalidInput { .. })));
        for filter in [Filter::Type(of), Filter::AtMost(of), Filter::Except(of)] {
            let asked = queue.only(filter).try_recv();
            assert!(matches!(asked, Err(Error::InvalidInput { .. })), "{filter:?}");
        }
    }
}

/// Q7: what is not acknowledged comes again, marked, at its old place; what is, never.
#[test]
fn a_dropped_delivery_comes_again_where_it_was() {
    let queue = small();
    for word in ["a", "b", "c"] {
        queue.send(0, word.as_bytes()).expect("send");
    }
    let (a, b) = (queue.recv().expect("a"), queue.recv().expect("b"));
    assert_eq!((text(&a.bytes), a.redelivered, text(&b.bytes)), ("a", false, "b"));
    assert_eq!(queue.stat().expect("stat").peers[0].holds, 2);
    let first_id = a.id;
    drop(b);
    drop(a);
    let again = queue.recv().expect("a again");
    assert_eq!((text(&again.bytes), again.redelivered, again.id), ("a", true, first_id));
    again.ack().expect("acknowledge");
    let b = queue.recv().expect("b again").take().expect("acknowledge");
    assert_eq!((text(&b.bytes), b.redelivered), ("b", true));
    let c = queue.recv().expect("c");
    assert!(!c.redelivered);
    c.ack().expect("acknowledge");
    assert!(matches!(queue.try_recv(), Err(Error::WouldBlock)));
    let stat = queue.stat().expect("stat");
    assert_eq!((stat.queued, stat.held, stat.sent), (0, 0, 3));
}

/// Q1: a message of the full size fits, one byte more does not; an empty one is a message.
#[test]
fn sizes_are_kept() {
    for size in [0, 1, 64, 88, 89, 4096, 4097, 100_000] {
        let options = QueueOptions::new().capacity(2).message_size(size);
        let (queue, _fd) = options.anonymous().expect("make");
        let long: Vec<u8> = (0..=size).map(|at| u8::try_from(at % 251).expect("small")).collect();
        let sent = queue.send(1, &long);
        assert!(
            matches!(sent, Err(Error::MessageTooLong { real, limit }) if (real, limit) == (size + 1, size))
        );
        queue.send(1, &long[..size]).expect("the longest");
        queue.send(0, b"").expect("an empty one");
        assert!(matches!(queue.try_send(0, b""), Err(Error::WouldBlock)), "full");
        assert_eq!(queue.recv().expect("the longest").bytes, long[..size]);
        assert_eq!(queue.recv_now().expect("again, for good").bytes, long[..size]);
        assert_eq!(queue.recv_now().expect("the empty one").bytes, b"");
    }
}

/// Q1: held messages take room; every slot comes back.
#[test]
fn room_comes_back_with_the_acknowledgement() {
    let (queue, _fd) = QueueOptions::new().capacity(2).message_size(8).anonymous().expect("make");
    for round in 0_u64..50 {
        queue.try_send(0, &round.to_le_bytes()).expect("room");
        queue.try_send(0, &round.to_le_bytes()).expect("room");
        let held = queue.try_recv().expect("a message");
        assert!(matches!(queue.try_send(0, b""), Err(Error::WouldBlock)), "one is held");
        held.ack().expect("acknowledge");
        queue.try_send(0, b"").expect("room");
        assert_eq!(queue.try_recv_many_now(9).expect("two").len(), 2);
    }
}

/// Q2: batches keep the order, say how many, and each delivery is acknowledged by itself.
#[test]
fn batches() {
    let (queue, _fd) = QueueOptions::new().capacity(3).message_size(8).anonymous().expect("make");
    let messages: Vec<(Envelope, &[u8])> =
        vec![(1.into(), b"a"), (2.into(), b"b"), (1.into(), b"c"), (9.into(), b"d")];
    assert_eq!(queue.send_many(&messages).expect("three"), 3);
    assert!(matches!(queue.try_send_many(&messages), Err(Error::WouldBlock)));
    let mut got = queue.recv_many(2).expect("two");
    assert_eq!((&got[0].bytes[..], &got[1].bytes[..]), (&b"b"[..], &b"a"[..]));
    got.remove(0).ack().expect("acknowledge");
    drop(got);
    let rest = queue.recv_many_now(10).expect("two");
    let rest: Vec<_> =
        rest.iter().map(|message| (&message.bytes[..], message.redelivered)).collect();
    assert_eq!(rest, [(&b"a"[..], true), (&b"c"[..], false)]);
    assert_eq!(queue.recv_many(0).expect("none asked").len(), 0);
}

/// X14: the name can go, the queue stays for who has it; a new one is another.
#[test]
fn unlink_leaves_the_queue_to_who_has_it() {
    let name = scratch::name("mqsh-unlink");
    let queue = Queue::create(&name).expect("create");
    let other = Queue::open(&name).expect("open");
    assert!(matches!(Queue::create(&name), Err(Error::AlreadyExists { .. })));
    Queue::unlink(&name).expect("unlink");
    assert!(matches!(Queue::open(&name), Err(Error::NotFound { .. })));
    let fresh = Queue::open_or_create(&name).expect("a new one");
    queue.send(0, b"old").expect("send");
    assert_eq!((fresh.len(), other.recv_now().expect("the old one").bytes), (0, b"old".to_vec()));
    Queue::unlink(&name).expect("unlink");
}

/// Q1: slots that were lent to one sender and are not used are room for another.
#[test]
fn lent_slots_are_room_for_others() {
    ipc_devkit::alone("shared::order::lent_slots_are_room_for_others", || {
        let name = scratch::name("mqsh-lent");
        let one = QueueOptions::new().capacity(16).create(&name).expect("create");
        let other = Queue::open(&name).expect("open");
        one.try_send(0, b"one").expect("all room is lent to it now");
        for _ in 0..15 {
            other.try_send(0, b"other").expect("room");
        }
        assert!(matches!(other.try_send(0, b""), Err(Error::WouldBlock)));
        assert!(matches!(one.try_send(0, b""), Err(Error::WouldBlock)));
        assert_eq!(one.recv_now().expect("the first").bytes, b"one");
        one.try_send(0, b"two").expect("room for one");
        assert!(matches!(other.try_send(0, b""), Err(Error::WouldBlock)));
        // Who leaves takes no room with it.
        drop(one);
        for _ in 0..15 {
            assert_eq!(other.recv_now().expect("a message").bytes, b"other");
        }
        assert_eq!(other.recv_now().expect("the last").bytes, b"two");
        for _ in 0..16 {
            other.try_send(0, b"").expect("room");
        }
        Queue::unlink(&name).expect("unlink");
    });
}

/// Q2: handles of one process, and its threads, keep the order in which their calls followed each other.
#[test]
fn in_the_order_of_the_calls() {
    ipc_devkit::alone("shared::order::in_the_order_of_the_calls", || {
        let name = scratch::name("mqsh-calls");
        let one = QueueOptions::new().capacity(64).create(&name).expect("create");
        let handles = [Queue::open(&name).expect("open"), one.clone(), one];
        let mut sent = 0_u32;
        for round in 0..20 {
            for turn in 0..8 {
                let queue = &handles[(round + turn * turn) % 3];
                let bytes = sent.to_le_bytes();
                if turn == 5 {
                    queue.send_many(&[(Envelope::new(), &bytes[..])]).expect("send");
                } else {
                    queue.send(0, &bytes).expect("send");
                }
                sent += 1;
            }
            for number in sent - 8..sent {
                let got = handles[round % 3].try_recv_now().expect("a message");
                assert_eq!(
                    (&got.bytes[..], got.id),
                    (&number.to_le_bytes()[..], u64::from(number) + 1)
                );
            }
        }
        Queue::unlink(&name).expect("unlink");
    });
}
