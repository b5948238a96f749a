//! What a forked child may do to its parent's queues.

use ipc_devkit::{alone, fault};
use ipc_mq::sysv::Filter;
use ipc_mq::{Error, posix};

use crate::{Private, SHORT, small};

/// X4: a forked child that dies with all it inherited leaves the parent's queues as they were.
#[test]
fn a_forked_child_that_dies_takes_nothing_with_it() {
    alone("fork::a_forked_child_that_dies_takes_nothing_with_it", || {
        let (queue, gone) = small("q");
        let other = Private::new();
        assert!(matches!(other.0.recv_timeout(Filter::Any, SHORT), Err(Error::TimedOut)));
        queue.send(0, b"before").expect("send");
        drop(fault::fork_orphan());
        assert_eq!(queue.recv().expect("receive").bytes, b"before");
        assert!(matches!(other.0.recv_timeout(Filter::Any, SHORT), Err(Error::TimedOut)));
        let taken = posix::QueueOptions::new().reclaim_stale(true).create(&gone.0);
        assert!(matches!(taken, Err(Error::AlreadyExists { .. })), "we still use it");
    });
}

/// X4: a child that inherited the queue uses it: it is not stale while the child lives.
#[test]
fn a_forked_child_keeps_the_queue_in_use() {
    alone("fork::a_forked_child_keeps_the_queue_in_use", || {
        let (queue, gone) = small("q");
        let orphan = fault::fork_orphan();
        drop(queue);
        let options = posix::QueueOptions::new().reclaim_stale(true);
        assert!(matches!(options.create(&gone.0), Err(Error::AlreadyExists { .. })));
        drop(orphan);
        options.create(&gone.0).expect("nobody is left");
    });
}
