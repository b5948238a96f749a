//! The parent half's power over its children: kill, stop, continue, wait.

use std::os::unix::process::ExitStatusExt as _;

use ipc_devkit::two_process;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

#[test]
fn a_killed_child_is_gone_and_no_failure() {
    two_process(
        "control::a_killed_child_is_gone_and_no_failure",
        |mut child| {
            let pidfd = child.pidfd();
            child.kill();
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            assert_eq!(poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&now)), Ok(1));
            assert!(rustix::process::test_kill_process(child.pid()).is_err());
        },
        |mut parent| drop(parent.hear()),
    );
}

#[test]
fn a_stopped_child_stands_still_until_it_goes_on() {
    two_process(
        "control::a_stopped_child_stands_still_until_it_goes_on",
        |mut child| {
            for round in ["first", "second"] {
                child.stop();
                let stat =
                    std::fs::read_to_string(format!("/proc/{}/stat", child.raw_pid())).unwrap();
                assert!(stat.contains(") T "), "{stat}");
                child.tell(round);
                child.cont();
                assert_eq!(child.hear(), round);
            }
        },
        |mut parent| {
            for _ in 0..2 {
                let text = parent.hear();
                parent.tell(&text);
            }
        },
    );
}

#[test]
fn a_status_that_was_looked_at_is_judged_by_the_test() {
    two_process(
        "control::a_status_that_was_looked_at_is_judged_by_the_test",
        |mut child| assert_eq!(child.wait().code(), Some(7)),
        |_| std::process::exit(7),
    );
}

#[test]
fn an_announced_death_is_no_failure() {
    two_process(
        "control::an_announced_death_is_no_failure",
        |mut child| {
            child.expect_death();
            assert_eq!(child.wait().signal(), Some(libc::SIGABRT));
        },
        |_| std::process::abort(),
    );
}

#[test]
fn an_unread_message_is_no_failure() {
    two_process("control::an_unread_message_is_no_failure", drop, |mut parent| {
        parent.tell("nobody listens");
    });
}
