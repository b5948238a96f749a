//! Waits end when they should, whatever interrupts them.

use std::time::{Duration, Instant};

use ipc_devkit::{Blocking, fault};
use ipc_signal::{Error, Process, Signal, Signals, wait_for, wait_for_deadline, wait_for_timeout};

/// X2: deadlines are kept while a handler without SA_RESTART runs every millisecond.
#[test]
fn a_storm_moves_no_deadline() {
    Blocking(&crate::realtime()).alone("waiting::a_storm_moves_no_deadline", || {
        let mut signals = Signals::new(Signal::rt(0)).expect("create");
        let mut cancellable = Signals::new(Signal::rt(0)).expect("create");
        let _canceller = cancellable.canceller().expect("canceller");
        let orphan = fault::fork_orphan();
        let mut process = Process::open(orphan.pid().unsigned_abs()).expect("open");
        let storm = fault::alarm_storm(Duration::from_millis(1));
        let wait = Duration::from_millis(200);
        let mut waits: [&mut dyn FnMut() -> Result<(), Error>; 6] = [
            &mut || signals.recv_timeout(wait).map(drop),
            &mut || cancellable.recv_timeout(wait).map(drop),
            &mut || wait_for_timeout(Signal::rt(0), wait).map(drop),
            &mut || wait_for_deadline(Signal::rt(0), Instant::now() + wait).map(drop),
            &mut || process.wait_timeout(wait).map(drop),
            &mut || Signals::new(Signal::rt(1))?.recv_deadline(Instant::now() + wait).map(drop),
        ];
        for wait_once in &mut waits {
            let (start, before) = (Instant::now(), storm.count());
            assert!(matches!(wait_once(), Err(Error::TimedOut)));
            let spent = start.elapsed();
            assert!(spent >= wait && spent < wait + Duration::from_millis(100), "{spent:?}");
            assert!(storm.count() - before > 50);
        }
        drop(storm);
    });
}

/// X2: nothing is lost or doubled while both sides are interrupted all the time.
#[test]
fn a_storm_loses_nothing() {
    const COUNT: i32 = 20_000;
    Blocking(&crate::realtime()).two_process(
        "waiting::a_storm_loses_nothing",
        |mut child| {
            assert_eq!(child.hear(), "ready");
            let storm = fault::alarm_storm(Duration::from_millis(1));
            let process = Process::open(child.raw_pid().unsigned_abs()).expect("open");
            for value in 0..COUNT {
                while let Err(error) = process.queue(Signal::rt(0), value) {
                    assert!(matches!(error, Error::LimitReached), "{error}");
                    std::thread::yield_now();
                }
            }
            drop(storm);
            assert_eq!(child.hear(), "all");
        },
        |mut parent| {
            let mut signals = Signals::new(Signal::rt(0)).expect("create");
            let storm = fault::alarm_storm(Duration::from_millis(1));
            parent.tell("ready");
            for value in 0..COUNT {
                let info = match value % 3 {
                    0 => wait_for(Signal::rt(0)),
                    1 => signals.recv_timeout(Duration::from_secs(9)),
                    _ => signals.recv(),
                };
                assert_eq!(info.expect("receive").value, Some(value));
            }
            drop(storm);
            parent.tell("all");
        },
    );
}
