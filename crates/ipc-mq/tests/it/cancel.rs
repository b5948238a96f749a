//! X18: a canceller ends the current or the next wait of its handle.

use std::sync::Arc;

use ipc_devkit::{alone, fault};
use ipc_mq::sysv::{Filter, QueueOptions, Timing};
use ipc_mq::{Canceller, Error, Result};

use crate::{LONG, Private, small};

/// One cancellation ends one wait: the next, or the one under way.
fn ends_one_wait(canceller: &Canceller, wait: impl Fn() -> Result<()> + Sync) {
    canceller.cancel();
    canceller.cancel();
    assert!(matches!(wait(), Err(Error::Cancelled)));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(&wait);
        canceller.cancel();
        assert!(matches!(waiting.join().expect("no panic"), Err(Error::Cancelled)));
    });
}

/// X18: every waiting form of a POSIX queue.
#[test]
fn posix_waits_end() {
    let (queue, _gone) = small("q");
    let canceller = queue.canceller().expect("canceller");
    ends_one_wait(&canceller, || queue.recv().map(drop));
    ends_one_wait(&canceller, || queue.recv_timeout(LONG).map(drop));
    ends_one_wait(&canceller, || queue.recv_into(&mut [0; 64]).map(drop));
    canceller.cancel();
    assert!(matches!(queue.try_recv(), Err(Error::WouldBlock)), "try_ does not wait");
    assert!(matches!(queue.recv(), Err(Error::Cancelled)));
    while queue.try_send(0, b"x").is_ok() {}
    ends_one_wait(&canceller, || queue.send(0, b"x"));
    ends_one_wait(&canceller, || queue.send_timeout(0, b"x", LONG));
}

/// X18: every waiting form of a System V queue, by signal and by polling.
#[test]
fn sysv_waits_end() {
    alone("cancel::sysv_waits_end", || {
        for timing in [Timing::Signal, Timing::Polling] {
            let options = QueueOptions::new().capacity(4).timing(timing);
            let queue = Private(options.private().expect("create"));
            let queue = &queue.0;
            let canceller = queue.canceller().expect("canceller");
            ends_one_wait(&canceller, || queue.recv(Filter::Any).map(drop));
            ends_one_wait(&canceller, || queue.recv_timeout(Filter::AtMost(9), LONG).map(drop));
            ends_one_wait(&canceller, || queue.recv_into(Filter::Any, &mut [0; 9]).map(drop));
            while queue.try_send(1, b"x").is_ok() {}
            ends_one_wait(&canceller, || queue.send(1, b"x"));
            ends_one_wait(&canceller, || queue.send_timeout(1, b"x", LONG));
        }
    });
}

/// X18: from a signal handler.
#[test]
fn a_signal_handler_may_cancel() {
    alone("cancel::a_signal_handler_may_cancel", || {
        let (queue, _gone) = small("q");
        let other = Private::new();
        let both = [queue.canceller().expect("one"), other.0.canceller().expect("two")];
        let both = Arc::new(both);
        let in_handler = Arc::downgrade(&both);
        let cancel = move || in_handler.upgrade().expect("held").iter().for_each(Canceller::cancel);
        fault::signal_handler_calls(14, Box::new(cancel));
        fault::raise(14);
        assert!(matches!(queue.recv_timeout(LONG), Err(Error::Cancelled)));
        assert!(matches!(other.0.recv_timeout(Filter::Any, LONG), Err(Error::Cancelled)));
    });
}
