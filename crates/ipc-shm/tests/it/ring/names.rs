//! Names, permissions, descriptors and users.

use std::os::unix::fs::PermissionsExt;

use ipc_devkit::{alone, in_fork, two_process};
use ipc_shm::Error;
use ipc_shm::ring::{Options, Receiver, Sender, pair};

use super::{Gone, LONG, small};

/// X9: names are checked before anything else.
#[test]
fn names_are_checked() {
    let (long, longest) =
        ("x".repeat(256), format!("ipc-t-{}-{}", std::process::id(), "x".repeat(230)));
    for name in ["", "/", "a/b", ".", "..", "a\0b", "//", &long] {
        let invalid = |error: Error| matches!(error, Error::InvalidName { .. });
        assert!(Sender::create(name).is_err_and(invalid), "{name:?}");
        assert!(Sender::open(name).is_err_and(invalid), "{name:?}");
        assert!(Receiver::open_or_create(name).is_err_and(invalid), "{name:?}");
        assert!(Sender::unlink(name).is_err_and(invalid), "{name:?}");
        assert!(Receiver::unlink(name).is_err_and(invalid), "{name:?}");
    }
    let gone = Gone(longest);
    Sender::create(&gone.0).expect("a long name").send(b"x").expect("send");
    let other = Gone::new("none");
    assert!(matches!(Sender::open(&other.0), Err(Error::NotFound { .. })));
    assert!(matches!(Sender::unlink(&other.0), Err(Error::NotFound { .. })));
}

/// X10: the mode is exactly as asked, whatever the umask.
#[test]
fn the_mode_is_as_asked() {
    alone("ring::names::the_mode_is_as_asked", || {
        for umask in [0o000, 0o777, 0o022] {
            rustix::process::umask(rustix::fs::Mode::from_raw_mode(umask));
            for (asked, mode) in [(None, 0o600), (Some(0o640), 0o640), (Some(0o666), 0o666)] {
                let gone = Gone::new("mode");
                let options = asked.map_or(small(), |mode| small().mode(mode));
                let _sender: Sender = options.open_or_create(&gone.0).expect("create");
                let path = format!("/dev/shm/{}", gone.0);
                let found = std::fs::metadata(path).expect("stat").permissions().mode();
                assert_eq!(found & 0o7777, mode, "umask {umask:o}");
            }
        }
    });
}

/// X14: without its name, a ring works on; the name is free for another one.
#[test]
fn a_ring_outlives_its_name() {
    two_process(
        "ring::names::a_ring_outlives_its_name",
        |mut child| {
            let gone = Gone::new("ring");
            let mut sender = Sender::create(&gone.0).expect("create");
            child.tell(&gone.0);
            assert_eq!(child.hear(), "attached");
            Sender::unlink(&gone.0).expect("unlink");
            assert!(matches!(Receiver::open(&gone.0), Err(Error::NotFound { .. })));
            let mut other = Sender::create(&gone.0).expect("the name is free");
            other.send(b"of the other ring").expect("send");
            sender.send(b"of the first").expect("send");
            assert!(child.wait().success());
        },
        |mut parent| {
            let mut receiver = Receiver::open(&parent.hear()).expect("open");
            parent.tell("attached");
            assert_eq!(receiver.recv_timeout(LONG).expect("a message"), b"of the first");
        },
    );
}

/// X13: a ring that somebody uses is not replaced; one that nobody uses is.
#[test]
fn only_a_stale_ring_is_replaced() {
    two_process(
        "ring::names::only_a_stale_ring_is_replaced",
        |mut child| {
            let gone = Gone::new("ring");
            child.tell(&gone.0);
            assert_eq!(child.hear(), "sent");
            let options = small().reclaim_stale(true);
            let taken = options.create::<Receiver>(&gone.0);
            assert!(matches!(taken, Err(Error::AlreadyExists { .. })), "{taken:?}");
            child.kill();
            let plain = small().create::<Receiver>(&gone.0);
            assert!(matches!(plain, Err(Error::AlreadyExists { .. })), "not unless asked for");
            let mut fresh: Receiver = options.create(&gone.0).expect("nobody is left");
            assert!(matches!(fresh.try_recv(), Err(Error::WouldBlock)));
        },
        |mut parent| {
            let mut sender = Sender::create(&parent.hear()).expect("create");
            sender.send(b"lost").expect("send");
            parent.tell("sent");
            let _ = parent.hear();
        },
    );
}

/// X1: no descriptor of ours reaches another program.
#[test]
fn no_descriptor_reaches_another_program() {
    alone("ring::names::no_descriptor_reaches_another_program", || {
        let inherited = || {
            let listed = std::process::Command::new("ls").arg("/proc/self/fd").output();
            listed.expect("run ls").stdout
        };
        let before = inherited();
        let gone = Gone::new("fd");
        let sender = Sender::create(&gone.0).expect("create");
        let receiver = Receiver::open(&gone.0).expect("open");
        let (nameless, fd) = Options::new().anonymous::<Sender>().expect("create");
        let passed = Receiver::from_fd(fd.try_clone().expect("dup")).expect("open");
        let pair = pair().expect("make");
        let cancellers = (receiver.canceller(), passed.canceller());
        assert_eq!(inherited(), before);
        drop((sender, receiver, nameless, fd, passed, pair, cancellers));
    });
}

/// X19: a process that changes its user goes on with what it has, and is noticed when it dies.
#[test]
fn another_user_goes_on_with_what_it_has() {
    two_process(
        "ring::names::another_user_goes_on_with_what_it_has",
        |mut child| {
            let gone = Gone::new("ring");
            let mut receiver: Receiver = small().create(&gone.0).expect("create");
            child.tell(&gone.0);
            assert_eq!(receiver.recv_timeout(LONG).expect("a message"), b"as another user");
            let end = receiver.recv_timeout(LONG);
            assert!(matches!(end, Err(Error::Closed { peer_died: true })), "{end:?}");
            assert_eq!(child.hear(), "ended");
        },
        |mut parent| {
            let name = parent.hear();
            // Of its own: a process that changed its user may not look at itself in /proc.
            in_fork(|| {
                let mut sender = Sender::open(&name).expect("open");
                let root = rustix::process::geteuid().is_root();
                set_user(if root { 12345 } else { rustix::process::getuid().as_raw() });
                sender.send(b"as another user").expect("send");
                if root {
                    assert!(Receiver::open(&name).is_err(), "it is not this user's");
                }
                std::process::exit(0);
            });
            parent.tell("ended");
        },
    );
}

/// Calls the C library's `setuid`, which reaches every thread.
fn set_user(user: u32) {
    // SAFETY: it takes a number.
    assert_eq!(unsafe { libc::setuid(user) }, 0);
}
