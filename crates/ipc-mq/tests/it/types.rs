//! Which System V message a filter takes.

use ipc_mq::Error;
use ipc_mq::sysv::Filter::{Any, AtMost, Except, Type};
use ipc_mq::sysv::QueueOptions;

use crate::Private;

#[test]
fn filters_choose_by_type() {
    let queue = Private::new();
    let queue = &queue.0;
    for kind in [5, 2, 9, 2, i64::MAX] {
        queue.send(kind, &kind.to_le_bytes()).expect("send");
    }
    let take = |filter| queue.try_recv(filter).map(|message| message.kind).ok();
    assert_eq!(take(AtMost(1)), None);
    assert_eq!(take(AtMost(9)), Some(2), "the lowest type");
    assert_eq!(take(Type(9)), Some(9));
    assert_eq!(take(Except(5)), Some(2));
    assert_eq!(take(Any), Some(5), "the first");
    assert_eq!(take(Type(i64::MAX)), Some(i64::MAX));
    assert_eq!(take(Any), None);
}

/// Q8: a type less than 1 is refused, to send and to receive.
#[test]
fn a_type_below_one_is_refused() {
    let queue = Private::new();
    for kind in [0, -1, i64::MIN] {
        assert!(matches!(queue.0.send(kind, b"x"), Err(Error::InvalidInput { .. })));
        for filter in [Type(kind), AtMost(kind), Except(kind)] {
            assert!(matches!(queue.0.try_recv(filter), Err(Error::InvalidInput { .. })));
        }
    }
}

/// Q8: a long message is never cut.
#[test]
fn a_short_buffer_takes_nothing() {
    let queue = Private::new();
    queue.0.send(1, b"message").expect("send");
    let short = queue.0.recv_into(Any, &mut [0; 6]);
    assert!(matches!(short, Err(Error::BufferTooShort { len: 6, needed: None })));
    let mut buf = [0; 7];
    assert_eq!(queue.0.recv_into(Any, &mut buf).expect("receive").len, 7);
    assert_eq!(&buf, b"message");
    queue.0.send(1, b"").expect("an empty message is one");
    assert_eq!(queue.0.recv_into(Any, &mut []).expect("receive").len, 0);
}

#[test]
fn peek_takes_nothing() {
    let queue = Private::new();
    if !ipc_mq::features().peek {
        return ipc_devkit::skip("this kernel has no MSG_COPY");
    }
    for kind in [3, 1] {
        queue.0.send(kind, &kind.to_le_bytes()).expect("send");
    }
    let kinds = |index| queue.0.peek(index).expect("peek").map(|message| message.kind);
    assert_eq!([kinds(0), kinds(1), kinds(2), kinds(usize::MAX)], [Some(3), Some(1), None, None]);
    assert_eq!(queue.0.stat().expect("stat").len, 2);
}

/// Q8: a full queue makes the sender wait, and room wakes it.
#[test]
fn room_wakes_a_sender() {
    let queue = Private(QueueOptions::new().capacity(8).private().expect("create"));
    let queue = &queue.0;
    queue.send(1, b"8 bytes!").expect("room");
    assert!(matches!(queue.try_send(1, b"x"), Err(Error::WouldBlock)));
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| queue.send(2, b"second"));
        assert_eq!(queue.recv(Type(1)).expect("receive").bytes, b"8 bytes!");
        sender.join().expect("no panic").expect("sent");
    });
    assert_eq!(queue.recv(Type(2)).expect("receive").bytes, b"second");
}
