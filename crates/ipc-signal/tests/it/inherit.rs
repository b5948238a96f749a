//! What a fork's child and an exec'd program get.

use std::process::Command;

use ipc_devkit::{Blocking, in_fork};
use ipc_signal::{Process, Signal, SignalTimer, Signals, Timer, Wake};

/// G4: a program inherits the mask, unless asked not to, and never a handler of ours.
#[test]
fn a_program_can_start_with_an_empty_mask() {
    Blocking(&crate::realtime()).alone("inherit::a_program_can_start_with_an_empty_mask", || {
        let flag = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let registration = ipc_signal::handle(Signal::USR1, flag).expect("handle");
        let mut command = Command::new("cat");
        command.arg("/proc/self/status");
        let mut status = |field| {
            let output = command.output().expect("cat");
            let text = String::from_utf8(output.stdout).expect("text");
            let line = text.lines().find_map(|line| line.strip_prefix(field));
            let value = line.expect("field").trim().to_owned();
            ipc_signal::unblock_in_child(&mut command);
            value
        };
        assert_eq!(status("SigBlk:"), crate::status("SigBlk:"));
        assert_eq!(status("SigBlk:"), "0000000000000000");
        assert_eq!(status("SigCgt:"), "0000000000000000");
        drop(registration);
    });
}

/// X1: no descriptor of ours is inherited over exec.
#[test]
fn no_descriptor_is_inherited() {
    Blocking(&crate::realtime()).alone("inherit::no_descriptor_is_inherited", || {
        let listed = || {
            let output = Command::new("ls").arg("/proc/self/fd").output().expect("ls");
            String::from_utf8(output.stdout).expect("numbers")
        };
        let before = listed();
        let mut signals = Signals::new(Signal::rt(0)).expect("create");
        let canceller = signals.canceller().expect("canceller");
        assert_eq!(listed(), before);
        let process = crate::me();
        assert_eq!(listed(), before);
        let timer = Timer::after(std::time::Duration::from_secs(9)).expect("timer");
        assert_eq!(listed(), before);
        let (wake, bell) = Wake::eventfd().expect("eventfd");
        assert_eq!(listed(), before);
        drop((signals, canceller, process, timer, wake, bell));
    });
}

/// X4: what a forked child drops leaves the parent's signals, timers and processes as they were.
#[test]
fn a_forked_child_takes_nothing_with_it() {
    Blocking(&crate::realtime()).alone("inherit::a_forked_child_takes_nothing_with_it", || {
        let mut signals = Signals::new(Signal::rt(0) | Signal::rt(1)).expect("create");
        let mut timer = SignalTimer::new(Signal::rt(1), 3).expect("timer");
        timer.after(std::time::Duration::from_millis(30)).expect("arm");
        crate::me().queue(Signal::rt(0), 9).expect("queue");
        let process: Process = crate::me();
        let mut inherited = Some((signals, timer, process));
        in_fork(|| drop(inherited.take()));
        // The fork had a copy of the box, too.
        let (taken, timer, process) = inherited.expect("ours is still here");
        signals = taken;
        assert_eq!(signals.recv().expect("receive").value, Some(9));
        assert_eq!(signals.recv().expect("the timer is still armed").value, Some(3));
        assert!(process.is_alive().expect("ask"));
        drop(timer);
    });
}

/// X4: what a fork's child queues names the child as its sender, also by a handle of its parent.
#[test]
fn a_forked_child_sends_as_itself() {
    Blocking(&crate::realtime()).alone("inherit::a_forked_child_sends_as_itself", || {
        let process = crate::me();
        process.queue(Signal::rt(0), 0).expect("queue");
        in_fork(|| {
            process.queue(Signal::rt(0), 1).expect("queue");
            let own = crate::me();
            own.queue(Signal::rt(1), 2).expect("queue");
            let info = ipc_signal::wait_for(Signal::rt(1)).expect("take");
            assert_eq!(info.pid, Some(std::process::id()));
        });
        let senders = [0, 1].map(|_| ipc_signal::wait_for(Signal::rt(0)).expect("take").pid);
        assert_eq!(senders[0], Some(std::process::id()));
        assert_ne!(senders[1], Some(std::process::id()));
    });
}
