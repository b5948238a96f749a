//! Waits that are ended from outside.

use std::time::Duration;

use ipc_devkit::{Blocking, alone, fault};
use ipc_signal::graceful::Graceful;
use ipc_signal::{Canceller, Error, Process, Signal, Signals, Timer, handle};

/// Cancels before the wait, from another thread during it, and from a signal handler.
fn ends<T>(canceller: &Canceller, mut wait: impl FnMut() -> Result<T, Error>) {
    canceller.cancel();
    canceller.cancel();
    assert!(matches!(wait(), Err(Error::Cancelled)));

    let other = canceller.clone();
    let main = ipc_signal::thread_id();
    let stopper = std::thread::spawn(move || {
        asleep(main);
        other.cancel();
    });
    assert!(matches!(wait(), Err(Error::Cancelled)));
    stopper.join().expect("join");

    let registration = handle(Signal::USR2, canceller.clone()).expect("handle");
    let stopper = std::thread::spawn(move || {
        asleep(main);
        ipc_signal::send_thread(main, Signal::USR2).expect("send");
    });
    assert!(matches!(wait(), Err(Error::Cancelled)));
    stopper.join().expect("join");
    drop(registration);
}

/// Returns once the thread sleeps: in the wait, or soon in it.
fn asleep(tid: u32) {
    loop {
        let stat = std::fs::read_to_string(format!("/proc/self/task/{tid}/stat")).expect("stat");
        if stat.contains(") S ") {
            return;
        }
        std::thread::yield_now();
    }
}

/// X18: a queue's wait is cancelled.
#[test]
fn a_queue_is_cancelled() {
    Blocking(&crate::realtime()).alone("cancel::a_queue_is_cancelled", || {
        let mut signals = Signals::new(Signal::rt(0)).expect("create");
        let canceller = signals.canceller().expect("canceller");
        ends(&canceller, || signals.recv());
        ends(&canceller, || signals.recv_many(&mut Vec::new()));
        canceller.cancel();
        assert!(signals.next().is_none(), "a cancellation ends the iteration");
        crate::me().queue(Signal::rt(0), 1).expect("queue");
        assert_eq!(signals.recv().expect("the next wait is not cancelled").value, Some(1));
        assert!(matches!(signals.recv_timeout(Duration::from_millis(20)), Err(Error::TimedOut)));
    });
}

/// X18: a wait for a process and one for a timer are cancelled.
#[test]
fn processes_and_timers_are_cancelled() {
    alone("cancel::processes_and_timers_are_cancelled", || {
        let mut timer = Timer::after(Duration::from_secs(1000)).expect("timer");
        let canceller = timer.canceller().expect("canceller");
        ends(&canceller, || timer.wait());

        let orphan = fault::fork_orphan();
        let mut process = Process::open(orphan.pid().unsigned_abs()).expect("open");
        let canceller = process.canceller().expect("canceller");
        ends(&canceller, || process.wait());
    });
}

/// X18: a daemon's wait is cancelled.
#[test]
fn a_daemon_is_cancelled() {
    let blocked = [Signal::INT, Signal::TERM, Signal::HUP, Signal::CHLD].map(Signal::as_raw);
    Blocking(&blocked).alone("cancel::a_daemon_is_cancelled", || {
        let mut daemon = Graceful::new().expect("create");
        let canceller = daemon.canceller().expect("canceller");
        ends(&canceller, || daemon.recv());
    });
}
