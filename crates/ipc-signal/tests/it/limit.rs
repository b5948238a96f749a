//! The limit of queued signals: who meets it is told.

use ipc_devkit::{Blocking, watchdog};
use ipc_signal::{Error, Process, Signal, SignalTimer, Signals};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

fn limit_pending(limit: u64) {
    let before = getrlimit(Resource::Sigpending);
    setrlimit(Resource::Sigpending, Rlimit { current: Some(limit), ..before }).expect("lower");
}

/// G3: at a limit of 0 nothing can be queued; a standard signal still gets through, without details.
#[test]
fn a_limit_of_0_is_told() {
    let blocked = [Signal::rt(0).as_raw(), Signal::USR1.as_raw()];
    Blocking(&blocked).alone("limit::a_limit_of_0_is_told", || {
        let mut signals = Signals::new(Signal::rt(0) | Signal::USR1).expect("create");
        limit_pending(0);
        assert!(matches!(crate::me().queue(Signal::rt(0), 1), Err(Error::LimitReached)));
        assert!(matches!(SignalTimer::new(Signal::rt(0), 1), Err(Error::LimitReached)));
        assert!(matches!(signals.try_recv(), Err(Error::WouldBlock)));
        crate::me().send(Signal::USR1).expect("send");
        assert_eq!(signals.recv().expect("receive").signal, Signal::USR1);
    });
}

/// G3: at a limit of 10 as many arrive as were taken, and every other one was refused.
#[test]
fn a_limit_of_10_is_told() {
    Blocking(&crate::realtime()).alone("limit::a_limit_of_10_is_told", || {
        let mut signals = Signals::new(Signal::rt(0)).expect("create");
        limit_pending(10);
        let mut taken = Vec::new();
        for value in 0..50 {
            match crate::me().queue(Signal::rt(0), value) {
                Ok(()) => taken.push(value),
                Err(Error::LimitReached) => {}
                Err(error) => panic!("{error}"),
            }
        }
        // The limit is of all processes of the user together.
        assert!(taken.len() <= 10, "{taken:?}");
        for value in taken {
            assert_eq!(signals.recv().expect("receive").value, Some(value));
        }
        assert!(matches!(signals.try_recv(), Err(Error::WouldBlock)));
    });
}

/// G3: of 100,000 values at the limit, each arrives once and in order, or its sender was told.
#[test]
fn every_value_arrives_or_is_refused() {
    const COUNT: i32 = 100_000;
    let mix = |sum: u64, value: i32| {
        sum.wrapping_mul(0x0100_0000_01b3).wrapping_add(u64::from(value.unsigned_abs()))
    };
    Blocking(&crate::realtime()).two_process(
        "limit::every_value_arrives_or_is_refused",
        |mut child| {
            watchdog::limit(std::time::Duration::from_secs(30));
            assert_eq!(child.hear(), "ready");
            let process = Process::open(child.raw_pid().unsigned_abs()).expect("open");
            let (mut taken, mut refused, mut sum) = (0, 0, 0);
            for value in 0..COUNT {
                match process.queue(Signal::rt(0), value) {
                    Ok(()) => {
                        taken += 1;
                        sum = mix(sum, value);
                    }
                    Err(Error::LimitReached) => refused += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            // Taken last: real-time signals of a lower number come first.
            while let Err(Error::LimitReached) = process.queue(Signal::rt(1), 0) {
                std::thread::yield_now();
            }
            assert_eq!(child.hear(), format!("{taken} {sum}"));
            assert_eq!(taken + refused, COUNT);
        },
        |mut parent| {
            limit_pending(200);
            let mut signals = Signals::new(Signal::rt(0) | Signal::rt(1)).expect("create");
            parent.tell("ready");
            let (mut got, mut sum) = (0, 0);
            loop {
                let info = signals.recv().expect("receive");
                if info.signal == Signal::rt(1) {
                    break;
                }
                got += 1;
                sum = mix(sum, info.value.expect("a value"));
            }
            parent.tell(&format!("{got} {sum}"));
        },
    );
}

/// A standard signal is not queued: its value could be lost without a word.
#[test]
fn a_standard_signal_is_not_queued() {
    Blocking(&[Signal::USR1.as_raw()]).alone("limit::a_standard_signal_is_not_queued", || {
        let mut signals = Signals::new(Signal::USR1).expect("create");
        assert!(matches!(crate::me().queue(Signal::USR1, 1), Err(Error::Coalesces { .. })));
        for value in 1..3 {
            crate::me().queue_merging(Signal::USR1, value).expect("queue");
        }
        assert_eq!(signals.recv().expect("receive").value, Some(1));
        assert!(matches!(signals.try_recv(), Err(Error::WouldBlock)), "the second was swallowed");
    });
}
