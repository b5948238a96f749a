//! The least that must work, between two processes.

use ipc_devkit::{scratch, two_process};
use ipc_mq::{posix, sysv};

use crate::{Gone, Private};

#[test]
fn posix_messages_cross_by_priority() {
    two_process(
        "smoke::posix_messages_cross_by_priority",
        |mut child| {
            let name = scratch::name("q");
            let queue = posix::Queue::create(&name).expect("create");
            let _gone = Gone(name);
            queue.send(1, b"low").expect("send");
            queue.send(2, b"high").expect("send");
            child.tell("sent");
            assert_eq!(child.hear(), "done");
            assert_eq!(queue.len().expect("len"), 0);
        },
        |mut parent| {
            let name = scratch::name("q");
            assert_eq!(parent.hear(), "sent");
            let queue = posix::Queue::open(&name).expect("open");
            let message = queue.recv().expect("receive");
            assert_eq!((message.priority, &message.bytes[..]), (2, &b"high"[..]));
            assert_eq!(queue.recv().expect("receive").bytes, b"low");
            parent.tell("done");
        },
    );
}

#[test]
fn sysv_messages_cross_by_type() {
    two_process(
        "smoke::sysv_messages_cross_by_type",
        |mut child| {
            let queue = Private::new();
            child.tell(&queue.0.id().to_string());
            queue.0.send(5, b"five").expect("send");
            queue.0.send(6, b"six").expect("send");
            assert_eq!(child.hear(), "done");
            let stat = queue.0.stat().expect("stat");
            assert_eq!((stat.len, stat.bytes), (1, 4));
            assert_eq!(stat.last_receiver, u32::try_from(child.raw_pid()).ok());
            assert!(stat.last_recv.is_some() && stat.last_send.is_some());
        },
        |mut parent| {
            let id = parent.hear().parse().expect("id");
            let queue = sysv::Queue::from_id(id).expect("open");
            let six = queue.recv(sysv::Filter::Type(6)).expect("receive");
            assert_eq!((six.kind, &six.bytes[..]), (6, &b"six"[..]));
            parent.tell("done");
        },
    );
}

#[test]
fn the_types_cross_threads() {
    fn both<T: Send + Sync>() {}
    both::<posix::Queue>();
    both::<sysv::Queue>();
    both::<ipc_mq::Canceller>();
    both::<ipc_mq::Error>();
}

#[test]
fn features_are_described() {
    let features = ipc_mq::features();
    assert!(features.posix && features.sysv && features.reclaim, "{features:?}");
}
