//! A daemon is asked, forced, told to reload, and learns of its children, and of no others.

use std::process::{Command, Stdio};
use std::time::Duration;

use ipc_devkit::Blocking;
use ipc_signal::graceful::{Event, Graceful};
use ipc_signal::{Error, Process, Signal};

fn blocked() -> [i32; 4] {
    [Signal::INT, Signal::TERM, Signal::HUP, Signal::CHLD].map(Signal::as_raw)
}

/// The first stop asks, every further one forces, SIGHUP reloads.
#[test]
fn the_second_stop_forces() {
    Blocking(&blocked()).two_process(
        "graceful::the_second_stop_forces",
        |mut child| {
            assert_eq!(child.hear(), "ready");
            let daemon = Process::open(child.raw_pid().unsigned_abs()).expect("open");
            for (signal, event) in [
                (Signal::HUP, "Reload"),
                (Signal::TERM, "Stop"),
                (Signal::INT, "Force"),
                (Signal::TERM, "Force"),
                (Signal::HUP, "Reload"),
            ] {
                daemon.send(signal).expect("send");
                assert_eq!(child.hear(), event);
            }
        },
        |mut parent| {
            let mut daemon = Graceful::new().expect("create");
            assert!(matches!(daemon.try_recv(), Err(Error::WouldBlock)));
            parent.tell("ready");
            for _ in 0..5 {
                parent.tell(&format!("{:?}", daemon.recv().expect("an event")));
            }
            assert!(daemon.is_stopping());
            assert!(matches!(daemon.recv_timeout(Duration::from_millis(10)), Err(Error::TimedOut)));
        },
    );
}

/// Asked and forced before the daemon looked: it learns both, in that order, before its children's ends.
#[test]
fn a_stop_comes_first() {
    Blocking(&blocked()).alone("graceful::a_stop_comes_first", || {
        let mut daemon = Graceful::new().expect("create");
        let mut child = Command::new("true").spawn().expect("spawn");
        child.wait().expect("wait");
        daemon.adopt(child);
        crate::me().send(Signal::HUP).expect("send");
        crate::me().send(Signal::TERM).expect("send");
        crate::me().send(Signal::INT).expect("send");
        assert_eq!(daemon.recv().expect("event"), Event::Stop);
        assert_eq!(daemon.recv().expect("event"), Event::Force);
    });
}

/// Children that were adopted are reaped, many at once; others are left to whoever waits for them.
#[test]
fn only_its_own_children_are_reaped() {
    Blocking(&blocked()).alone("graceful::only_its_own_children_are_reaped", || {
        let mut daemon = Graceful::new().expect("create");
        let mut pids = Vec::new();
        let mut pipes = Vec::new();
        for code in 0..20 {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("read x; exit {code}")]).stdin(Stdio::piped());
            let mut child = command.spawn().expect("spawn");
            pipes.push(child.stdin.take());
            pids.push((child.id(), Some(code)));
            daemon.adopt(child);
        }
        let mut stranger = Command::new("sh").args(["-c", "exit 99"]).spawn().expect("spawn");
        assert_eq!(daemon.children().len(), 20);
        drop(pipes);
        let mut ended = Vec::new();
        while ended.len() < 20 {
            match daemon.recv().expect("event") {
                Event::ChildEnded { pid, exit } => ended.push((pid, exit.code())),
                other => panic!("{other:?}"),
            }
        }
        ended.sort_unstable();
        pids.sort_unstable();
        assert_eq!(ended, pids);
        assert!(daemon.children().is_empty());
        assert_eq!(stranger.wait().expect("it is still ours").code(), Some(99));
    });
}

/// A thread that would take the signals is found.
#[test]
fn it_must_come_before_threads() {
    ipc_devkit::alone("graceful::it_must_come_before_threads", || {
        assert!(matches!(Graceful::new(), Err(Error::UnblockedIn { .. })));
    });
}
