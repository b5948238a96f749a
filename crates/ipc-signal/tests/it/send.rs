//! Sending inside the process and to groups.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use ipc_devkit::{Blocking, alone};
use ipc_signal::{Error, Mask, Signal, raise, send_group, send_thread, thread_id, try_wait_for};

/// A thread's signal is pending for it alone.
#[test]
fn a_threads_signal_is_its_own() {
    Blocking(&crate::realtime()).alone("send::a_threads_signal_is_its_own", || {
        let (told, tell) = std::sync::mpsc::channel();
        let (go, wait) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            told.send(thread_id()).expect("tell");
            wait.recv().expect("told");
            try_wait_for(Signal::rt(0)).expect("it is here").signal
        });
        let tid = tell.recv().expect("its number");
        send_thread(tid, Signal::rt(0)).expect("send");
        assert!(matches!(try_wait_for(Signal::rt(0)), Err(Error::WouldBlock)));
        go.send(()).expect("go");
        assert_eq!(thread.join().expect("join"), Signal::rt(0));
        // The kernel lets the number go a moment after the thread was joined.
        let gone = loop {
            match send_thread(tid, Signal::rt(0)) {
                Ok(()) => std::thread::yield_now(),
                Err(error) => break error,
            }
        };
        assert!(matches!(gone, Error::NotFound { .. }), "{gone}");
    });
}

/// A group's signal reaches all of it.
#[test]
fn a_group_is_reached() {
    alone("send::a_group_is_reached", || {
        let spawn =
            |group| Command::new("sleep").arg("100").process_group(group).spawn().expect("sleep");
        let mut leader = spawn(0);
        let mut other = spawn(i32::try_from(leader.id()).expect("small"));
        send_group(leader.id(), Signal::KILL).expect("send");
        let ended = [&mut leader, &mut other].map(|child| {
            std::os::unix::process::ExitStatusExt::signal(&child.wait().expect("wait"))
        });
        assert_eq!(ended, [Some(9), Some(9)]);
        assert!(matches!(send_group(leader.id(), Signal::KILL), Err(Error::NotFound { .. })));
    });
}

/// A raised signal that is blocked waits in this thread.
#[test]
fn a_raised_signal_waits() {
    alone("send::a_raised_signal_waits", || {
        let mask = Mask::block(Signal::rt(3)).expect("block");
        raise(Signal::rt(3)).expect("raise");
        raise(Signal::rt(3)).expect("raise");
        for _ in 0..2 {
            assert_eq!(try_wait_for(Signal::rt(3)).expect("take").pid, Some(std::process::id()));
        }
        drop(mask);
    });
}
