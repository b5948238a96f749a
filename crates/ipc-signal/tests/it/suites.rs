//! Properties that other test suites check.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ipc_devkit::{Blocking, alone, fault, in_fork, in_pid_namespace, skip};
use ipc_signal::{
    Cause, Error, Mask, Process, Signal, Signals, pending, raise, send_thread, thread_id,
    try_wait_for, wait_for, wait_for_timeout,
};
use rustix::event::{PollFd, PollFlags, poll};

/// A queued real-time signal arrives with its value, its sender and the cause "queued".
#[test]
fn posix_sigqueue_4_value_arrives() {
    Blocking(&crate::realtime()).alone("suites::posix_sigqueue_4_value_arrives", || {
        for value in [0, 1, -1, i32::MIN, i32::MAX] {
            crate::me().queue(Signal::rt(0), value).expect("queue");
            let info = wait_for(Signal::rt(0)).expect("take");
            assert_eq!((info.cause, info.value), (Cause::Queue, Some(value)));
            assert_eq!(info.pid, Some(std::process::id()));
        }
    });
}

/// At the limit of queued signals the sender gets an error.
#[test]
fn posix_sigqueue_9_limit_is_an_error() {
    Blocking(&crate::realtime()).alone("suites::posix_sigqueue_9_limit_is_an_error", || {
        let limit = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
        rustix::process::setrlimit(rustix::process::Resource::Sigpending, limit).expect("lower");
        assert!(matches!(crate::me().queue(Signal::rt(0), 1), Err(Error::LimitReached)));
    });
}

/// A thread's real-time signal at the limit is refused, too.
#[test]
fn ltp_tgkill02_limit_is_an_error() {
    Blocking(&crate::realtime()).alone("suites::ltp_tgkill02_limit_is_an_error", || {
        let limit = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
        rustix::process::setrlimit(rustix::process::Resource::Sigpending, limit).expect("lower");
        assert!(matches!(send_thread(thread_id(), Signal::rt(0)), Err(Error::LimitReached)));
    });
}

/// Probing sends nothing.
#[test]
fn posix_sigqueue_2_probe_sends_nothing() {
    Blocking(&crate::realtime()).alone("suites::posix_sigqueue_2_probe_sends_nothing", || {
        crate::me().probe().expect("probe");
        assert!(pending().expect("ask").is_empty());
    });
}

/// A process that is gone is not found, whether opened before or after its end.
#[test]
fn posix_sigqueue_11_missing_process() {
    alone("suites::posix_sigqueue_11_missing_process", || {
        let mut child = std::process::Command::new("true").spawn().expect("spawn");
        let process = Process::from_child(&child).expect("open");
        child.wait().expect("reap");
        assert!(matches!(process.probe(), Err(Error::NotFound { pid }) if pid == child.id()));
        assert!(matches!(process.queue(Signal::rt(0), 1), Err(Error::NotFound { .. })));
        assert!(matches!(Process::open(i32::MAX.unsigned_abs()), Err(Error::NotFound { .. })));
    });
}

/// Exactly the addressed thread runs the handler.
#[test]
fn ltp_tgkill01_only_the_addressed_thread() {
    alone("suites::ltp_tgkill01_only_the_addressed_thread", || {
        static RAN_IN: AtomicU32 = AtomicU32::new(0);
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let note = || {
            RAN_IN.store(thread_id(), Ordering::Relaxed);
            RUNS.fetch_add(1, Ordering::Release);
        };
        fault::signal_handler_calls(Signal::USR1.as_raw(), Box::new(note));
        let (told, tell) = std::sync::mpsc::channel();
        let mut threads = Vec::new();
        for _ in 0..8 {
            let told = told.clone();
            let (end, ended) = std::sync::mpsc::channel::<()>();
            let body = move || {
                told.send(thread_id()).expect("tell");
                let _ = ended.recv();
            };
            threads.push((std::thread::spawn(body), end));
        }
        let tids: Vec<u32> = (0..8).map(|_| tell.recv().expect("a number")).collect();
        for (index, tid) in (1u32..).zip(&tids) {
            send_thread(*tid, Signal::USR1).expect("send");
            while RUNS.load(Ordering::Acquire) < index {
                std::thread::yield_now();
            }
            assert_eq!(RAN_IN.load(Ordering::Relaxed), *tid);
        }
        for (thread, end) in threads {
            drop(end);
            thread.join().expect("join");
        }
        assert_eq!(RUNS.load(Ordering::Acquire), 8);
    });
}

/// Of two threads that wait, one gets the signal.
#[test]
fn posix_sigwait_6_one_of_two_threads() {
    Blocking(&crate::realtime()).alone("suites::posix_sigwait_6_one_of_two_threads", || {
        let wait = || wait_for_timeout(Signal::rt(0), Duration::from_millis(300)).is_ok();
        let threads = [std::thread::spawn(wait), std::thread::spawn(wait)];
        crate::me().queue(Signal::rt(0), 1).expect("queue");
        let got = threads.map(|thread| usize::from(thread.join().expect("join")));
        assert_eq!(got.iter().sum::<usize>(), 1);
    });
}

/// A zero timeout returns at once.
#[test]
fn posix_sigtimedwait_2_zero_timeout() {
    Blocking(&crate::realtime()).alone("suites::posix_sigtimedwait_2_zero_timeout", || {
        let start = Instant::now();
        assert!(matches!(try_wait_for(Signal::rt(0)), Err(Error::WouldBlock)));
        let zero = wait_for_timeout(Signal::rt(0), Duration::ZERO);
        assert!(matches!(zero, Err(Error::TimedOut)));
        assert!(start.elapsed() < Duration::from_millis(100));
        crate::me().queue(Signal::rt(0), 6).expect("queue");
        let zero = wait_for_timeout(Signal::rt(0), Duration::ZERO);
        assert_eq!(zero.expect("it is pending").value, Some(6));
    });
}

/// Without a signal the wait lasts as long as it was told, and then says so.
#[test]
fn posix_sigtimedwait_6_timeout_passes() {
    Blocking(&crate::realtime()).alone("suites::posix_sigtimedwait_6_timeout_passes", || {
        let (wait, start) = (Duration::from_millis(50), Instant::now());
        assert!(matches!(wait_for_timeout(Signal::rt(0), wait), Err(Error::TimedOut)));
        assert!(start.elapsed() >= wait);
    });
}

/// A pending signal is delivered before unblocking returns.
#[test]
fn posix_pthread_sigmask_9_delivered_before_return() {
    alone("suites::posix_pthread_sigmask_9_delivered_before_return", || {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let note = || {
            RUNS.fetch_add(1, Ordering::Relaxed);
        };
        fault::signal_handler_calls(Signal::USR1.as_raw(), Box::new(note));
        for round in 1..100 {
            let mask = Mask::block(Signal::USR1).expect("block");
            raise(Signal::USR1).expect("raise");
            assert_eq!(RUNS.load(Ordering::Relaxed), round - 1);
            drop(mask);
            assert_eq!(RUNS.load(Ordering::Relaxed), round);
        }
    });
}

/// The descriptor of a process becomes readable at its end.
#[test]
fn ltp_pidfd_open03_poll_reports_exit() {
    alone("suites::ltp_pidfd_open03_poll_reports_exit", || {
        let orphan = fault::fork_orphan();
        let process = Process::open(orphan.pid().unsigned_abs()).expect("open");
        let ready = |seconds| {
            let timeout = rustix::event::Timespec { tv_sec: seconds, tv_nsec: 0 };
            poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&timeout)).expect("poll")
        };
        assert_eq!(ready(0), 0);
        process.send(Signal::KILL).expect("kill");
        assert_eq!(ready(5), 1);
    });
}

/// Asking for the status of a process that runs does not wait.
#[test]
fn ltp_pidfd_open04_running_would_block() {
    alone("suites::ltp_pidfd_open04_running_would_block", || {
        let orphan = fault::fork_orphan();
        let mut process = Process::open(orphan.pid().unsigned_abs()).expect("open");
        assert!(matches!(process.try_wait(), Err(Error::WouldBlock)));
        assert!(matches!(process.reap(), Err(Error::WouldBlock)));
        process.send(Signal::KILL).expect("kill");
        process.wait().expect("wait");
        assert_eq!(process.reap().expect("reap").signal(), Some(Signal::KILL));
    });
}

/// A process with a recycled number is never hit.
#[test]
fn ltp_pidfd_send_signal03_recycled_number() {
    alone("suites::ltp_pidfd_send_signal03_recycled_number", || {
        let allowed = in_pid_namespace(|| {
            let mut child = std::process::Command::new("true").spawn().expect("spawn");
            let old = Process::from_child(&child).expect("open");
            child.wait().expect("reap");
            let before = (child.id() - 1).to_string();
            std::fs::write("/proc/sys/kernel/ns_last_pid", before).expect("choose the number");
            let mut other = std::process::Command::new("cat")
                .stdin(std::process::Stdio::piped())
                .spawn()
                .expect("spawn");
            assert_eq!(other.id(), child.id());
            assert!(matches!(old.send(Signal::KILL), Err(Error::NotFound { .. })));
            drop(other.stdin.take());
            assert!(other.wait().expect("wait").success(), "it was not hit");
        });
        if !allowed {
            skip("PID namespaces are not allowed here");
        }
    });
}

/// Blocked in a PID namespace, a signal from inside is delivered when it is unblocked.
#[test]
fn ltp_pidns20_delivered_on_unblock() {
    alone("suites::ltp_pidns20_delivered_on_unblock", || {
        let allowed = in_pid_namespace(|| {
            static RUNS: AtomicU32 = AtomicU32::new(0);
            let note = || {
                RUNS.fetch_add(1, Ordering::Relaxed);
            };
            let mask = Mask::block(Signal::USR1).expect("block");
            raise(Signal::USR1).expect("raise");
            assert!(pending().expect("ask").contains(Signal::USR1));
            fault::signal_handler_calls(Signal::USR1.as_raw(), Box::new(note));
            assert_eq!(RUNS.load(Ordering::Relaxed), 0);
            drop(mask);
            assert_eq!(RUNS.load(Ordering::Relaxed), 1);
        });
        if !allowed {
            skip("PID namespaces are not allowed here");
        }
    });
}

/// A fork's child starts with no pending signal.
#[test]
fn posix_fork_12_nothing_pending() {
    Blocking(&crate::realtime()).alone("suites::posix_fork_12_nothing_pending", || {
        crate::me().queue(Signal::rt(0), 1).expect("queue");
        raise(Signal::rt(1)).expect("raise");
        in_fork(|| assert!(pending().expect("ask").is_empty()));
        assert_eq!(pending().expect("ask"), Signal::rt(0) | Signal::rt(1));
    });
}

/// Under load no value of a queued signal changes (stress-sigq).
#[test]
fn sn_sigq_values_never_change() {
    load("suites::sn_sigq_values_never_change", 1);
}

/// Under load no value of any real-time signal changes, and each number keeps its order (stress-sigrt).
#[test]
fn sn_sigrt_values_never_change() {
    load("suites::sn_sigrt_values_never_change", 4);
}

/// Two senders, `kinds` signals: each sender's values of each signal arrive in order, none changed.
fn load(name: &str, kinds: u8) {
    const COUNT: i32 = 10_000;
    Blocking(&crate::realtime()).processes(
        name,
        2,
        |mut children| {
            let set = (0..kinds).map(Signal::rt).collect::<ipc_signal::SignalSet>();
            let mut signals = Signals::new(set).expect("create");
            for child in &mut children {
                child.tell("go");
            }
            let mut next = std::collections::BTreeMap::new();
            for _ in 0..2 * COUNT {
                let info = signals.recv().expect("receive");
                let expected = next.entry((info.pid, info.signal)).or_insert(0);
                assert_eq!(info.value, Some(*expected * 3 - 1));
                *expected += 1;
            }
            assert!(matches!(signals.try_recv(), Err(Error::WouldBlock)));
        },
        |mut parent, _| {
            assert_eq!(parent.hear(), "go");
            let process = Process::open(std::os::unix::process::parent_id()).expect("open");
            for number in 0..COUNT {
                let kind = u8::try_from(number % i32::from(kinds)).expect("small");
                let value = number / i32::from(kinds) * 3 - 1;
                while let Err(error) = process.queue(Signal::rt(kind), value) {
                    assert!(matches!(error, Error::LimitReached), "{error}");
                    std::thread::yield_now();
                }
            }
        },
    );
}
