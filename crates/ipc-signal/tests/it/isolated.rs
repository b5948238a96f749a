//! A closure in a forked child cannot kill its caller.

use std::time::{Duration, Instant};

use ipc_devkit::{alone, in_fork};
use ipc_signal::{
    Error, Signal, ignore, raise, run_isolated, run_isolated_deadline, run_isolated_timeout,
};

/// Its bytes come back, however many, also those of what it captured.
#[test]
fn bytes_come_back() {
    alone("isolated::bytes_come_back", || {
        in_fork(|| {
            let word = String::from("captured");
            assert_eq!(run_isolated(|| word.clone().into_bytes()).expect("run"), b"captured");
            assert_eq!(run_isolated(Vec::new).expect("run"), b"");
            assert_eq!(run_isolated(|| vec![7; 3_000_000]).expect("run"), vec![7; 3_000_000]);
            let _guard = ignore(Signal::CHLD).expect("ignore");
            assert_eq!(run_isolated(|| vec![1]).expect("without a status"), [1]);
        });
    });
}

/// X5: a process with other threads is not forked.
#[test]
fn threads_are_refused() {
    alone("isolated::threads_are_refused", || {
        assert!(matches!(run_isolated(|| panic!("not run")), Err(Error::Threads)));
    });
}

/// What kills it is told, with the address if it was a fault.
#[test]
fn what_killed_it_is_told() {
    alone("isolated::what_killed_it_is_told", || {
        in_fork(|| {
            let killed = |f: fn()| {
                let run = run_isolated(|| {
                    f();
                    Vec::new()
                });
                match run {
                    Err(Error::Killed { signal, code, address }) => {
                        (signal, code.map(ipc_signal::fault::FaultCode::name), address)
                    }
                    other => panic!("{other:?}"),
                }
            };
            assert_eq!(
                killed(crate::fault::bad_access),
                (Signal::SEGV, Some("SEGV_MAPERR"), Some(0x10))
            );
            #[cfg(target_arch = "x86_64")]
            {
                let (signal, code, address) = killed(crate::fault::divide_by_zero);
                assert_eq!((signal, code), (Signal::FPE, Some("FPE_INTDIV")));
                assert!(address.is_some_and(|address| address > 4096));
            }
            let by = |signal| (signal, None, None);
            assert_eq!(killed(|| raise(Signal::KILL).expect("raise")), by(Signal::KILL));
            assert_eq!(killed(|| std::process::abort()), by(Signal::ABRT));
            assert_eq!(killed(|| raise(Signal::SEGV).expect("raise")), by(Signal::SEGV));
        });
    });
}

/// A panic and an exit are failures, not results.
#[test]
fn panics_and_exits_are_failures() {
    alone("isolated::panics_and_exits_are_failures", || {
        in_fork(|| {
            let run = run_isolated(|| panic!("this panic is part of the test"));
            assert!(matches!(run, Err(Error::Failed { code: 101 })), "{run:?}");
            let run = run_isolated(|| std::process::exit(0));
            assert!(matches!(run, Err(Error::Failed { code: 0 })), "{run:?}");
        });
    });
}

/// A closure that does not end is killed at the deadline; one that leaves the pipe open is not waited for.
#[test]
fn the_deadline_is_kept() {
    alone("isolated::the_deadline_is_kept", || {
        in_fork(|| {
            let forever = || -> Vec<u8> {
                loop {
                    std::thread::park();
                }
            };
            let (wait, start) = (Duration::from_millis(50), Instant::now());
            assert!(matches!(run_isolated_timeout(forever, wait), Err(Error::TimedOut)));
            assert!(start.elapsed() >= wait);
            let run = run_isolated_deadline(forever, Instant::now() + wait);
            assert!(matches!(run, Err(Error::TimedOut)));
            assert_eq!(run_isolated_timeout(|| vec![3], Duration::MAX).expect("run"), [3]);
            let run = run_isolated(|| {
                std::mem::forget(ipc_devkit::fault::fork_orphan());
                vec![4]
            });
            assert_eq!(run.expect("run"), [4]);
        });
    });
}
