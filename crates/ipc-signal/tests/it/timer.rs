//! Timers: expirations are counted, values come back.

use std::time::{Duration, Instant};

use ipc_devkit::{Blocking, alone, fault};
use ipc_signal::{Cause, Error, Signal, SignalTimer, Signals, Timer};

const TICK: Duration = Duration::from_millis(10);

/// A timer expires once or again and again, and counts what was not waited for.
#[test]
fn expirations_are_counted() {
    alone("timer::expirations_are_counted", || {
        let start = Instant::now();
        let mut timer = Timer::after(TICK).expect("create");
        assert!(timer.remaining().expect("ask").is_some_and(|left| left <= TICK));
        assert!(matches!(timer.try_wait(), Err(Error::WouldBlock)));
        assert_eq!(timer.wait().expect("wait"), 1);
        assert!(start.elapsed() >= TICK);
        assert_eq!(timer.remaining().expect("ask"), None);
        assert!(matches!(timer.wait_timeout(TICK), Err(Error::TimedOut)));
        assert!(matches!(timer.wait_deadline(Instant::now()), Err(Error::TimedOut)));

        timer.set(Duration::ZERO, Duration::from_millis(1)).expect("set");
        let mut pause = Timer::after(5 * TICK).expect("create");
        pause.wait().expect("wait");
        assert!(timer.wait().expect("wait") >= 40);
        timer.disarm().expect("disarm");
        assert!(matches!(timer.wait_timeout(TICK), Err(Error::TimedOut)));
        Timer::every(Duration::MAX).expect("a time too long is a long time");
    });
}

/// Each signal timer has its value; expirations that found one pending are its overrun.
#[test]
fn signal_timers_carry_values() {
    Blocking(&crate::realtime()).alone("timer::signal_timers_carry_values", || {
        let mut signals = Signals::new(Signal::rt(0)).expect("create");
        let mut one = SignalTimer::new(Signal::rt(0), 11).expect("create");
        let mut two = SignalTimer::new(Signal::rt(0), -22).expect("create");
        one.after(TICK).expect("arm");
        two.after(3 * TICK).expect("arm");
        assert!(two.remaining().expect("ask").is_some());
        for value in [11, -22] {
            let info = signals.recv().expect("receive");
            assert_eq!((info.cause, info.value, info.pid), (Cause::Timer, Some(value), None));
        }
        assert_eq!(one.remaining().expect("ask"), None);

        one.every(Duration::from_millis(1)).expect("arm");
        Timer::after(5 * TICK).expect("create").wait().expect("wait");
        let info = signals.recv().expect("receive");
        assert!(info.overrun >= 40, "{info:?}");
        assert!(one.overrun().expect("ask") >= 40);
        one.disarm().expect("disarm");
        // At most one is queued at a time.
        let _ = signals.try_recv();
        assert!(matches!(signals.try_recv(), Err(Error::WouldBlock)));
        let nobody = SignalTimer::for_thread(Signal::rt(0), 0, u32::MAX);
        assert!(matches!(nobody, Err(Error::NotFound { .. })));
    });
}

/// X2: a storm of signals moves no deadline of a timer.
#[test]
fn a_storm_moves_no_deadline() {
    alone("timer::a_storm_moves_no_deadline", || {
        let storm = fault::alarm_storm(Duration::from_millis(1));
        let mut timer = Timer::after(Duration::from_secs(100)).expect("create");
        let (wait, start) = (Duration::from_millis(200), Instant::now());
        assert!(matches!(timer.wait_timeout(wait), Err(Error::TimedOut)));
        let spent = start.elapsed();
        assert!(spent >= wait && spent < wait + Duration::from_millis(100), "{spent:?}");
        assert!(storm.count() > 50);
    });
}
