//! Values, and bytes that are none.

use ipc_mq::sysv::Filter;
use ipc_mq::{Error, Typed, posix};
use serde::{Deserialize, Serialize};

use crate::{Private, SHORT, small};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Job {
    Stop,
    Resize { path: String, width: u32, tags: Vec<String> },
}

fn job() -> Job {
    Job::Resize { path: "a.png".to_owned(), width: 300, tags: vec!["x".to_owned(); 3] }
}

#[test]
fn values_cross_both_kinds() {
    let (queue, _gone) = small("typed");
    let queue: Typed<posix::Queue, Job> = Typed::new(queue);
    queue.send(1, &Job::Stop).expect("send");
    queue.send_timeout(2, &job(), SHORT).expect("send");
    let first = queue.recv().expect("receive");
    assert_eq!((first.kind, first.value), (2, job()));
    assert_eq!(queue.try_recv().expect("receive").value, Job::Stop);
    assert!(matches!(queue.recv_timeout(SHORT), Err(Error::TimedOut)));

    let private = Private::new();
    let other = ipc_mq::sysv::Queue::from_id(private.0.id()).expect("open");
    let other = Typed::<_, Job>::new(other);
    other.try_send(7, &job()).expect("send");
    assert_eq!(other.recv(Filter::Type(7)).expect("receive").value, job());
    assert!(matches!(other.try_recv(Filter::Any), Err(Error::WouldBlock)));
}

/// X17: bytes that are no value are `Decode`: no panic, no memory beyond the message.
#[test]
fn wrong_bytes_are_decode() {
    let private = Private::new();
    let typed = ipc_mq::sysv::Queue::from_id(private.0.id()).expect("open");
    let typed = Typed::<_, Job>::new(typed);
    let mut wrong = vec![
        b"".to_vec(),
        b"\x02".to_vec(),
        b"\x00left over".to_vec(),
        b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01".to_vec(),
        b"\x01\x05ab".to_vec(),
        b"\x01\x02\xff\xfe\x01\x00".to_vec(),
    ];
    // Every byte string of length two, cut from a counter.
    wrong.extend(
        (0..=u16::MAX).step_by(7).map(|n| [1, n.to_le_bytes()[0], n.to_le_bytes()[1]].to_vec()),
    );
    for bytes in wrong {
        private.0.send(1, &bytes).expect("send");
        let read = typed.try_recv(Filter::Any);
        assert!(matches!(read, Err(Error::Decode { .. })), "{bytes:?}: {read:?}");
    }
}

#[test]
fn values_cross_a_shared_queue_and_are_acknowledged() {
    let (queue, _fd) = ipc_mq::shared::Queue::anonymous().expect("create");
    let queue: Typed<ipc_mq::shared::Queue, Job> = Typed::new(queue);
    queue.send(1, &Job::Stop).expect("send");
    queue.try_send(2, &job()).expect("send");
    let first = queue.recv().expect("receive");
    assert_eq!((first.delivery.priority, &first.value), (2, &job()));
    drop(first);
    let again = queue.recv_timeout(SHORT).expect("receive");
    assert!(again.delivery.redelivered, "it was not acknowledged");
    assert_eq!(again.ack().expect("acknowledge"), job());
    assert_eq!(queue.try_recv().expect("receive").ack().expect("acknowledge"), Job::Stop);
    assert!(matches!(queue.try_recv(), Err(Error::WouldBlock)));
}

/// X17: bytes that are no value are `Decode`, and do not come again.
#[test]
fn wrong_bytes_in_a_shared_queue_are_decode_once() {
    let (queue, _fd) = ipc_mq::shared::Queue::anonymous().expect("create");
    let queue: Typed<ipc_mq::shared::Queue, Job> = Typed::new(queue);
    queue.get_ref().send(0, b"\x07").expect("send");
    assert!(matches!(queue.recv_timeout(SHORT), Err(Error::Decode { .. })));
    assert!(matches!(queue.recv_timeout(SHORT), Err(Error::TimedOut)));
}
