//! Processes: opened once, never mistaken for another.

use std::io::{BufRead as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ipc_devkit::{alone, in_pid_namespace, skip};
use ipc_signal::{Error, Process, Signal, ignore};

/// The exit status is told in every form of the wait, and is left for the child's owner.
#[test]
fn exit_statuses_are_told() {
    alone("process::exit_statuses_are_told", || {
        let mut child = Command::new("sh").args(["-c", "exit 7"]).spawn().expect("spawn");
        let mut process = Process::from_child(&child).expect("open");
        let exit = process.wait().expect("wait");
        assert_eq!((exit.code(), exit.signal(), exit.success()), (Some(7), None, false));
        assert_eq!(process.try_wait().expect("again"), exit);
        assert_eq!(child.wait().expect("reap").code(), Some(7));
        assert_eq!(exit.status().expect("known").code(), Some(7));

        let mut child = Command::new("sleep").arg("100").spawn().expect("spawn");
        let mut process = Process::from_child(&child).expect("open");
        assert!(process.is_alive().expect("ask"));
        process.probe().expect("it can be sent to");
        assert!(matches!(process.try_wait(), Err(Error::WouldBlock)));
        let start = Instant::now();
        let wait = Duration::from_millis(30);
        assert!(matches!(process.wait_timeout(wait), Err(Error::TimedOut)));
        assert!(start.elapsed() >= wait);
        assert!(matches!(process.wait_deadline(Instant::now()), Err(Error::TimedOut)));
        process.send(Signal::STOP).expect("stop");
        assert!(process.is_alive().expect("ask"), "stopped is not dead");
        process.send(Signal::KILL).expect("kill");
        let exit = process.wait_timeout(Duration::from_secs(5)).expect("wait");
        assert_eq!((exit.code(), exit.signal()), (None, Some(Signal::KILL)));
        assert!(!process.is_alive().expect("ask"), "a zombie is dead");
        child.wait().expect("reap");
    });
}

/// The status of a process that is not our child is told where the kernel knows it.
#[test]
fn a_strangers_exit_status_is_told() {
    alone("process::a_strangers_exit_status_is_told", || {
        let script = "exec 3<&0; sh -c 'read x; exit 9' <&3 & echo $!; wait $!";
        let mut shell = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("spawn");
        let mut line = String::new();
        let mut output = std::io::BufReader::new(shell.stdout.take().expect("piped"));
        output.read_line(&mut line).expect("a number");
        let mut process = Process::open(line.trim().parse().expect("a number")).expect("open");
        assert!(process.is_alive().expect("ask"));
        shell.stdin.take().expect("piped").write_all(b"go\n").expect("write");
        shell.wait().expect("wait");
        let exit = process.wait().expect("wait");
        if ipc_signal::features().exit_status {
            assert_eq!(exit.code(), Some(9), "{exit:?}");
        } else {
            assert_eq!(exit.status(), None);
        }
        assert!(matches!(process.send(Signal::TERM), Err(Error::NotFound { .. })));
        assert!(matches!(process.reap(), Err(Error::Os { .. })));
    });
}

/// G5: a number used again is not the process that had it, three times.
#[test]
fn a_number_used_again_is_another_process() {
    alone("process::a_number_used_again_is_another_process", || {
        let allowed = in_pid_namespace(|| {
            for _ in 0..3 {
                let mut child = Command::new("true").spawn().expect("spawn");
                let mut old = Process::from_child(&child).expect("open");
                old.wait().expect("wait");
                child.wait().expect("reap");
                let number = child.id();
                std::fs::write("/proc/sys/kernel/ns_last_pid", (number - 1).to_string())
                    .expect("choose the next number");
                let mut stranger = Command::new("sleep").arg("100").spawn().expect("spawn");
                assert_eq!(stranger.id(), number, "the number is used again");
                assert!(matches!(old.send(Signal::KILL), Err(Error::NotFound { .. })));
                assert!(matches!(old.queue(Signal::rt(0), 1), Err(Error::NotFound { .. })));
                assert!(!old.is_alive().expect("ask"));
                let new = Process::from_child(&stranger).expect("open");
                assert!(new.is_alive().expect("ask"), "the stranger was not hit");
                new.send(Signal::KILL).expect("kill");
                stranger.wait().expect("reap");
            }
        });
        if !allowed {
            skip("PID namespaces are not allowed here");
        }
    });
}

/// G5: with SIGCHLD ignored a child that ended is gone, and nobody else is hit.
#[test]
fn an_ignored_child_is_gone() {
    alone("process::an_ignored_child_is_gone", || {
        let guard = ignore(Signal::CHLD).expect("ignore");
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("spawn");
        let mut process = Process::from_child(&child).expect("open");
        drop(child.stdin.take());
        process.wait().expect("wait");
        // The kernel reaps it a moment after it has ended.
        let gone = || matches!(process.send(Signal::KILL), Err(Error::NotFound { .. }));
        let start = Instant::now();
        while !gone() {
            assert!(start.elapsed() < Duration::from_secs(5), "still a zombie");
            std::thread::yield_now();
        }
        assert!(child.wait().is_err(), "there is nothing to reap");
        drop(guard);
    });
}

/// A pidfd from elsewhere is taken, with its number; anything else is refused.
#[test]
fn pidfds_are_taken() {
    alone("process::pidfds_are_taken", || {
        let fd = std::os::fd::OwnedFd::from(crate::me());
        assert_eq!(Process::try_from(fd).expect("a pidfd").pid(), std::process::id());
        let file = std::fs::File::open("/dev/null").expect("open");
        assert!(matches!(
            Process::try_from(std::os::fd::OwnedFd::from(file)),
            Err(Error::Unsupported { .. })
        ));
    });
}
