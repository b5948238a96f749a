//! The queue: everything that is sent, in order, to one place.

use std::os::fd::{AsFd, OwnedFd};

use ipc_devkit::{Blocking, alone, in_fork, in_pid_namespace, skip};
use ipc_signal::{
    Cause, Error, Mask, Process, Signal, SignalSet, Signals, block_early, pending, raise,
    send_thread, spawn_masked, thread_id,
};
use rustix::event::{PollFd, PollFlags, poll};

fn readable(fd: impl AsFd) -> bool {
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&now)).expect("poll") > 0
}

/// G2: standard signals merge while pending; real-time signals all come, lowest number first, in order.
#[test]
fn realtime_signals_queue_and_standard_ones_merge() {
    let blocked = [libc_usr1(), Signal::rt(0).as_raw(), Signal::rt(1).as_raw()];
    Blocking(&blocked).alone("queue::realtime_signals_queue_and_standard_ones_merge", || {
        let me = crate::me();
        let mut signals =
            Signals::new(Signal::USR1 | Signal::rt(0) | Signal::rt(1)).expect("create");
        for value in 0..5 {
            me.send(Signal::USR1).expect("send");
            me.queue(Signal::rt(1), value).expect("queue");
            me.queue(Signal::rt(0), value + 100).expect("queue");
        }
        let mut got = Vec::new();
        while let Ok(info) = signals.try_recv() {
            got.push((info.signal, info.value));
        }
        let queued = |signal, from| (from..from + 5).map(move |value| (signal, Some(value)));
        let expected: Vec<_> = std::iter::once((Signal::USR1, None))
            .chain(queued(Signal::rt(0), 100))
            .chain(queued(Signal::rt(1), 0))
            .collect();
        assert_eq!(got, expected);
    });
}

fn libc_usr1() -> i32 {
    Signal::USR1.as_raw()
}

/// G2: many at once come by one call, in the same order.
#[test]
fn many_come_at_once() {
    Blocking(&crate::realtime()).alone("queue::many_come_at_once", || {
        let me = crate::me();
        let mut signals = Signals::new(Signal::rt(0)).expect("create");
        for value in 0..100 {
            me.queue(Signal::rt(0), value).expect("queue");
        }
        let mut infos = Vec::new();
        assert_eq!(signals.recv_many(&mut infos).expect("receive"), 32);
        while infos.len() < 100 {
            signals.recv_many(&mut infos).expect("receive");
        }
        assert!(matches!(signals.try_recv_many(&mut infos), Err(Error::WouldBlock)));
        assert!(infos.iter().map(|info| info.value).eq((0..100).map(Some)));
    });
}

/// G4: a queue is refused while any thread has one of its signals unblocked, and the thread is named.
#[test]
fn an_unblocked_thread_is_found() {
    alone("queue::an_unblocked_thread_is_found", || {
        // The test runner's own thread has everything unblocked.
        let mask = Mask::block(Signal::rt(0)).expect("block");
        let tid = match Signals::new(Signal::rt(0)) {
            Err(Error::UnblockedIn { tid }) => tid,
            other => panic!("{other:?}"),
        };
        assert_eq!(tid, std::process::id());
        assert!(matches!(block_early(Signal::rt(1)), Err(Error::UnblockedIn { .. })));
        assert!(!Mask::current().expect("mask").contains(Signal::rt(1)), "the mask is as before");
        drop(mask);
    });
}

/// G4: one thread of several is found, wherever it is in the list, and only for its own signals.
#[test]
fn a_later_thread_is_found() {
    Blocking(&crate::realtime()).alone("queue::a_later_thread_is_found", || {
        drop(Signals::new(Signal::rt(0)).expect("all have it blocked"));
        let (told, tell) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let _open = Mask::unblock(Signal::rt(1)).expect("unblock");
            told.send(thread_id()).expect("tell");
            let _ = ended.recv();
        });
        let tid = tell.recv().expect("its number");
        match Signals::new(Signal::rt(0) | Signal::rt(1)) {
            Err(Error::UnblockedIn { tid: found }) => assert_eq!(found, tid),
            other => panic!("{other:?}"),
        }
        let mut signals = Signals::new(Signal::rt(0)).expect("that one is blocked everywhere");
        assert!(matches!(signals.set_signals(Signal::rt(1)), Err(Error::UnblockedIn { .. })));
        assert_eq!(signals.signals(), SignalSet::from(Signal::rt(0)));
        drop(end);
        thread.join().expect("join");
        signals.set_signals(Signal::rt(0) | Signal::rt(1)).expect("now it is blocked everywhere");
    });
}

/// G4: blocked early in a process of one thread, inherited by every thread, seen by the queue.
#[test]
fn blocking_early_covers_later_threads() {
    alone("queue::blocking_early_covers_later_threads", || {
        in_fork(|| {
            block_early(Signal::TERM | Signal::rt(0)).expect("one thread");
            let (end, ended) = std::sync::mpsc::channel::<()>();
            let thread = std::thread::spawn(move || ended.recv().is_err());
            let mut signals = Signals::new(Signal::TERM | Signal::rt(0)).expect("create");
            crate::me().send(Signal::TERM).expect("send");
            assert_eq!(signals.recv().expect("receive").signal, Signal::TERM);
            drop(end);
            thread.join().expect("join");
            let builder = std::thread::Builder::new();
            let mask = spawn_masked(Signal::USR2, builder, Mask::current).expect("spawn");
            let mask = mask.join().expect("join").expect("mask");
            assert!(mask.contains(Signal::USR2) && mask.contains(Signal::TERM));
            assert!(!Mask::current().expect("mask").contains(Signal::USR2));
        });
    });
}

/// G4: nothing is lost that was sent between blocking and the first read, nor when a queue is dropped.
#[test]
fn nothing_is_lost_before_or_after_a_queue() {
    Blocking(&crate::realtime()).alone("queue::nothing_is_lost_before_or_after_a_queue", || {
        let me = crate::me();
        me.queue(Signal::rt(2), 1).expect("queue");
        let mut signals = Signals::new(Signal::rt(2)).expect("create");
        me.queue(Signal::rt(2), 2).expect("queue");
        assert_eq!(signals.recv().expect("receive").value, Some(1));
        drop(signals);
        assert!(pending().expect("pending").contains(Signal::rt(2)));
        let mut signals = Signals::new(Signal::rt(2)).expect("create");
        assert_eq!(signals.recv().expect("receive").value, Some(2));
    });
}

/// G2: changed while signals are pending, the queue gives what is in the new set; the rest waits.
#[test]
fn the_set_changes_live() {
    Blocking(&crate::realtime()).alone("queue::the_set_changes_live", || {
        let me = crate::me();
        let mut signals = Signals::new(Signal::rt(0)).expect("create");
        me.queue(Signal::rt(0), 1).expect("queue");
        me.queue(Signal::rt(1), 2).expect("queue");
        assert!(readable(&signals));
        signals.set_signals(Signal::rt(1)).expect("change");
        assert_eq!(signals.recv().expect("receive").value, Some(2));
        assert!(!readable(&signals));
        assert!(matches!(signals.try_recv(), Err(Error::WouldBlock)));
        signals.set_signals(Signal::rt(0) | Signal::rt(1)).expect("change");
        assert_eq!(signals.next().expect("an item").expect("receive").value, Some(1));
    });
}

/// The descriptor is readable while something is there, and outlives the handle.
#[test]
fn the_descriptor_can_be_polled() {
    Blocking(&crate::realtime()).alone("queue::the_descriptor_can_be_polled", || {
        let signals = Signals::new(Signal::rt(3)).expect("create");
        assert!(!readable(&signals));
        crate::me().queue(Signal::rt(3), 0).expect("queue");
        assert!(readable(&signals));
        let fd = OwnedFd::from(signals);
        let mut record = [0; 128];
        assert_eq!(rustix::io::read(&fd, &mut record).expect("read"), 128);
    });
}

/// SIGKILL and SIGSTOP cannot be queued.
#[test]
fn uncatchable_signals_are_refused() {
    alone("queue::uncatchable_signals_are_refused", || {
        for signal in [Signal::KILL, Signal::STOP] {
            assert!(matches!(Signals::new(signal | Signal::USR1), Err(Error::Uncatchable)));
            assert!(matches!(block_early(signal), Err(Error::Uncatchable)));
            assert!(matches!(Mask::block(signal), Err(Error::Uncatchable)));
            assert!(matches!(ipc_signal::wait_for(signal), Err(Error::Uncatchable)));
        }
    });
}

/// Each cause is told with what belongs to it, by the queue as by the plain wait.
#[test]
fn causes_are_told() {
    Blocking(&[libc_usr1(), Signal::CHLD.as_raw()]).alone("queue::causes_are_told", || {
        let mut signals = Signals::new(Signal::USR1 | Signal::CHLD).expect("create");
        let pid = Some(std::process::id());
        for by_wait in [false, true] {
            let mut next = || match by_wait {
                false => signals.try_recv().expect("receive"),
                true => ipc_signal::try_wait_for(Signal::USR1 | Signal::CHLD).expect("receive"),
            };
            crate::me().send(Signal::USR1).expect("send");
            let info = next();
            assert_eq!((info.cause, info.pid, info.value), (Cause::Kill, pid, None));
            raise(Signal::USR1).expect("raise");
            let info = next();
            assert_eq!((info.cause, info.pid), (Cause::Thread, pid));
            send_thread(thread_id(), Signal::USR1).expect("send");
            assert_eq!(next().cause, Cause::Thread);
            crate::me().queue_merging(Signal::USR1, -7).expect("queue");
            let info = next();
            assert_eq!((info.cause, info.pid, info.value), (Cause::Queue, pid, Some(-7)));

            let mut child =
                std::process::Command::new("sh").args(["-c", "exit 3"]).spawn().expect("sh");
            child.wait().expect("wait");
            let info = next();
            assert_eq!(info.cause, Cause::Child(ipc_signal::ChildEvent::Exited));
            assert_eq!((info.pid, info.status), (Some(child.id()), Some(3)));
        }
    });
}

/// G6: a sender outside our PID namespace has no number, and is not process 0.
#[test]
fn a_sender_outside_the_namespace_has_no_number() {
    alone("queue::a_sender_outside_the_namespace_has_no_number", || {
        let (mut ready, told) = std::os::unix::net::UnixStream::pair().expect("pair");
        let outside = std::process::id();
        let sender = std::thread::spawn(move || {
            use std::io::Read as _;
            let mut byte = [0];
            if ready.read_exact(&mut byte).is_err() {
                return;
            }
            // The receiver is a grandchild of this process; only its descriptor is known here.
            let inner = grandchild(outside);
            Process::open(inner).expect("open").queue(Signal::rt(0), 5).expect("queue");
        });
        let allowed = in_pid_namespace(|| {
            use std::io::Write as _;
            assert_eq!(std::process::id(), 1);
            block_early(Signal::rt(0)).expect("one thread");
            let mut signals = Signals::new(Signal::rt(0)).expect("create");
            (&told).write_all(b"x").expect("tell");
            let info = signals.recv().expect("receive");
            assert_eq!((info.pid, info.value), (None, Some(5)));
        });
        drop(told);
        sender.join().expect("the sender");
        if !allowed {
            skip("PID namespaces are not allowed here");
        }
    });
}

/// The child of the child of a process that was forked last.
fn grandchild(pid: u32) -> u32 {
    let child = |pid: u32| -> u32 {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("tasks");
        let children = tasks.flat_map(|task| {
            std::fs::read_to_string(task.expect("task").path().join("children"))
                .expect("children")
                .split_whitespace()
                .map(|pid| pid.parse().expect("a number"))
                .collect::<Vec<u32>>()
        });
        children.max().expect("it has a child")
    };
    child(child(pid))
}
