//! Deadlines, and what a full or an empty queue does.

use std::time::{Duration, Instant};

use ipc_devkit::{alone, two_process};
use ipc_mq::sysv::{Filter, QueueOptions, Timing};
use ipc_mq::{Error, sysv};

use crate::{Private, SHORT, small};

/// X3: deadlines are kept on the monotonic clock, by a wait for the time that is left.
#[test]
fn posix_deadlines_are_kept() {
    let (queue, _gone) = small("q");
    let start = Instant::now();
    assert!(matches!(queue.recv_timeout(SHORT), Err(Error::TimedOut)));
    assert!(matches!(queue.recv_deadline(Instant::now() + SHORT), Err(Error::TimedOut)));
    assert!(matches!(queue.recv_into_timeout(&mut [0; 64], SHORT), Err(Error::TimedOut)));
    for _ in 0..4 {
        queue.try_send(0, b"x").expect("room");
    }
    assert!(matches!(queue.try_send(0, b"x"), Err(Error::WouldBlock)));
    assert!(matches!(queue.send_timeout(0, b"x", SHORT), Err(Error::TimedOut)));
    assert!(matches!(queue.send_deadline(0, b"x", Instant::now() + SHORT), Err(Error::TimedOut)));
    let spent = start.elapsed();
    assert!(spent >= 5 * SHORT && spent < 5 * SHORT + Duration::from_secs(1), "{spent:?}");
}

/// X3: the kernel's own deadline, on the clock that can be set, is never used for a time to come.
#[test]
fn no_call_waits_on_the_clock_that_can_be_set() {
    alone("waiting::no_call_waits_on_the_clock_that_can_be_set", || {
        let (queue, _gone) = small("q");
        // Were it called with a deadline, the kernel would look at its own clock.
        ipc_devkit::fault::deny_syscall_flags(libc::SYS_mq_timedreceive, 4, u32::MAX, libc::EPERM);
        ipc_devkit::fault::deny_syscall_flags(libc::SYS_mq_timedsend, 4, u32::MAX, libc::EPERM);
        assert!(matches!(queue.recv_timeout(SHORT), Err(Error::TimedOut)));
        queue.send_timeout(0, b"x", SHORT).expect("room");
        assert_eq!(queue.recv_timeout(SHORT).expect("there").bytes, b"x");
    });
}

fn sysv_keeps_deadlines(timing: Timing) {
    let queue = QueueOptions::new().capacity(8).timing(timing).private().expect("create");
    let start = Instant::now();
    assert!(matches!(queue.recv_timeout(Filter::Any, SHORT), Err(Error::TimedOut)));
    let until = Instant::now() + SHORT;
    assert!(matches!(queue.recv_deadline(Filter::Type(3), until), Err(Error::TimedOut)));
    let mut buf = [0; 8];
    assert!(matches!(queue.recv_into_timeout(Filter::Any, &mut buf, SHORT), Err(Error::TimedOut)));
    queue.try_send(1, b"8 bytes!").expect("room");
    assert!(matches!(queue.try_send(1, b"x"), Err(Error::WouldBlock)));
    assert!(matches!(queue.send_timeout(1, b"x", SHORT), Err(Error::TimedOut)));
    let until = Instant::now() + SHORT;
    assert!(matches!(queue.send_deadline(1, b"x", until), Err(Error::TimedOut)));
    let spent = start.elapsed();
    assert!(spent >= 5 * SHORT && spent < 5 * SHORT + Duration::from_secs(1), "{spent:?}");
    queue.remove().expect("remove");
}

/// X3: a thread of ours ends waits that the kernel would never end.
#[test]
fn sysv_deadlines_are_kept_by_signal() {
    alone("waiting::sysv_deadlines_are_kept_by_signal", || sysv_keeps_deadlines(Timing::Signal));
}

/// X3: the same without any signal.
#[test]
fn sysv_deadlines_are_kept_by_polling() {
    alone("waiting::sysv_deadlines_are_kept_by_polling", || {
        sysv_keeps_deadlines(Timing::Polling);
        let threads = std::fs::read_dir("/proc/self/task").expect("list threads").count();
        // libtest's main thread and this one.
        assert_eq!(threads, 2, "polling starts no thread");
    });
}

/// X3: where every real-time signal is taken, waits poll.
#[test]
fn sysv_deadlines_are_kept_without_a_free_signal() {
    alone("waiting::sysv_deadlines_are_kept_without_a_free_signal", || {
        for signal in libc::SIGRTMIN()..=libc::SIGRTMAX() {
            ipc_devkit::fault::signal_handler_calls(signal, Box::new(|| {}));
        }
        sysv_keeps_deadlines(Timing::Signal);
    });
}

/// X2: a thread that blocks every signal still keeps its deadlines, and its mask.
#[test]
fn blocked_signals_hide_no_deadline() {
    alone("waiting::blocked_signals_hide_no_deadline", || {
        let blocked = || {
            let status = std::fs::read_to_string("/proc/thread-self/status").expect("status");
            let fields = ["SigBlk:", "SigPnd:"].map(|field| {
                status.lines().find(|line| line.starts_with(field)).expect("field").to_owned()
            });
            fields.join(" ")
        };
        std::thread::spawn(move || {
            let before = blocked();
            for _ in 0..20 {
                let queue = Private::new();
                let wait = Duration::from_millis(1);
                assert!(matches!(queue.0.recv_timeout(Filter::Any, wait), Err(Error::TimedOut)));
            }
            assert_eq!(blocked(), before);
        })
        .join()
        .expect("no panic");
    });
}

#[test]
fn many_threads_wait_at_once_each_to_its_own_deadline() {
    alone("waiting::many_threads_wait_at_once_each_to_its_own_deadline", || {
        let queue = Private::new();
        std::thread::scope(|scope| {
            for number in 1..=8 {
                let queue = &queue.0;
                scope.spawn(move || {
                    let wait = Duration::from_millis(10) * number;
                    let start = Instant::now();
                    let kind = i64::from(number);
                    let waited = queue.recv_timeout(Filter::Type(kind), wait);
                    assert!(matches!(waited, Err(Error::TimedOut)));
                    let spent = start.elapsed();
                    assert!(spent >= wait && spent < wait + Duration::from_millis(500));
                });
            }
        });
    });
}

#[test]
fn a_waiting_receiver_gets_what_comes() {
    two_process(
        "waiting::a_waiting_receiver_gets_what_comes",
        |mut child| {
            let (queue, gone) = small("q");
            let other = Private::new();
            child.tell(&gone.0);
            child.tell(&other.0.id().to_string());
            for number in 0..200_u32 {
                queue.send(0, &number.to_le_bytes()).expect("send");
                other.0.send(1 + i64::from(number % 3), &number.to_le_bytes()).expect("send");
            }
            assert_eq!(child.hear(), "done");
        },
        |mut parent| {
            let queue = ipc_mq::posix::Queue::open(&parent.hear()).expect("open");
            let other = sysv::Queue::from_id(parent.hear().parse().expect("id")).expect("open");
            for number in 0..200_u32 {
                let bytes = queue.recv_timeout(crate::LONG).expect("receive").bytes;
                assert_eq!(bytes, number.to_le_bytes());
                let wanted = Filter::Type(1 + i64::from(number % 3));
                let bytes = other.recv_timeout(wanted, crate::LONG).expect("receive").bytes;
                assert_eq!(bytes, number.to_le_bytes());
            }
            parent.tell("done");
        },
    );
}

/// A message longer than the queue is refused; the kernel would let its sender wait for ever.
#[test]
fn what_never_fits_is_refused() {
    for timing in [Timing::Signal, Timing::Polling] {
        let queue = QueueOptions::new().capacity(10).timing(timing).private().expect("create");
        let refused = [queue.send(1, &[0; 11]), queue.try_send(1, &[0; 11])];
        queue.remove().expect("remove");
        for refused in refused {
            let Err(Error::MessageTooLong { real: 11, limit: 10 }) = refused else {
                panic!("{refused:?}");
            };
        }
    }
    let (queue, _gone) = small("q");
    let refused = queue.send(0, &[0; 65]);
    assert!(matches!(refused, Err(Error::MessageTooLong { real: 65, limit: 64 })));
}

/// Q1: a short buffer is an error, and the message stays.
#[test]
fn a_short_buffer_takes_nothing() {
    let (queue, _gone) = small("q");
    queue.send(3, b"message").expect("send");
    let short = queue.recv_into(&mut [0; 63]);
    assert!(matches!(short, Err(Error::BufferTooShort { len: 63, needed: Some(64) })));
    let mut buf = [0; 64];
    let got = queue.recv_into(&mut buf).expect("receive");
    assert_eq!((got.priority, &buf[..got.len]), (3, &b"message"[..]));
}

/// X8: flags of a description that came from elsewhere are never changed, and do not matter.
#[test]
fn a_foreign_descriptor_works_with_either_flag() {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    use std::os::fd::OwnedFd;
    for flags in [OFlags::empty(), OFlags::NONBLOCK] {
        let (queue, gone) = small("q");
        fcntl_setfl(&queue, flags).expect("set flags");
        let queue = ipc_mq::posix::Queue::from(OwnedFd::from(queue));
        let before = fcntl_getfl(&queue).expect("flags");
        assert!(matches!(queue.try_recv(), Err(Error::WouldBlock)));
        assert!(matches!(queue.recv_timeout(SHORT), Err(Error::TimedOut)));
        while queue.try_send(0, b"x").is_ok() {}
        assert!(matches!(queue.send_timeout(0, b"x", SHORT), Err(Error::TimedOut)));
        assert_eq!(queue.recv().expect("receive").bytes, b"x");
        assert_eq!(fcntl_getfl(&queue).expect("flags"), before);
        drop(gone);
    }
    let pipe = std::io::pipe().expect("pipe").0;
    let queue = ipc_mq::posix::Queue::from(OwnedFd::from(pipe));
    assert!(matches!(queue.try_recv(), Err(Error::Os { .. })), "no queue: an error, no panic");
}
