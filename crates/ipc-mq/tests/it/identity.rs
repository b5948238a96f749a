//! System V ids that come again.

use ipc_devkit::{alone, fault};
use ipc_mq::Error;
use ipc_mq::sysv::{Filter, Key, Queue};

const NEXT_ID: &str = "/proc/sys/kernel/msg_next_id";

/// Q8: a handle does not act on a stranger's queue that was given the same id.
#[test]
fn an_id_that_comes_again_is_another_queue() {
    alone("identity::an_id_that_comes_again_is_another_queue", || {
        if !fault::own_ipc_namespace() {
            return ipc_devkit::skip("needs CAP_SYS_ADMIN for an IPC namespace");
        }
        let key = |number| Key::new(number).expect("key");
        // Once in use, and once fresh: told apart by the key alone, and by the times.
        for (second, used) in [(key(2), false), (key(2), true), (key(1), true)] {
            let old = Queue::create(key(1)).expect("create");
            if used {
                old.send(1, b"old").expect("send");
            }
            let id = old.id();
            Queue::from_id(id).expect("open").remove().expect("remove");
            if std::fs::write(NEXT_ID, id.to_string()).is_err() {
                return ipc_devkit::skip("needs the right to write msg_next_id");
            }
            let new = Queue::create(second).expect("create");
            assert_eq!(new.id(), id, "the kernel gave the id that was asked for");
            assert!(matches!(old.send(1, b"x"), Err(Error::Removed { .. })));
            assert!(matches!(old.try_recv(Filter::Any), Err(Error::Removed { .. })));
            assert!(matches!(old.stat(), Err(Error::Removed { .. })));
            assert!(matches!(old.remove(), Err(Error::Removed { .. })));
            assert_eq!(new.stat().expect("untouched").len, 0);
            new.remove().expect("remove");
        }
    });
}

/// Q8: another user's change of the capacity does not make it another queue.
#[test]
fn a_changed_capacity_is_the_same_queue() {
    let queue = Queue::private().expect("create");
    let other = Queue::from_id(queue.id()).expect("open");
    other.set_capacity(100).expect("set");
    queue.send(1, b"x").expect("send");
    assert_eq!(queue.stat().expect("stat").capacity, 100);
    queue.remove().expect("remove");
}
