//! Choices at create and open.

use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use ipc_devkit::{alone, fault, processes, scratch};
use ipc_mq::{Error, posix, sysv};
use rustix::fs::{Mode, fstat};
use rustix::process::umask;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::{Gone, small};

/// X10: the mode is exactly as asked whatever the umask, and never wider.
#[test]
fn the_mode_is_exact_under_any_umask() {
    alone("options::the_mode_is_exact_under_any_umask", || {
        for mask in [0, 0o777] {
            umask(Mode::from_raw_mode(mask));
            for mode in [0o600, 0o660, 0o622, 0o444] {
                let name = scratch::name("mode");
                let _gone = Gone(name.clone());
                let queue = posix::QueueOptions::new().mode(mode).create(&name).expect("create");
                assert_eq!(fstat(&queue).expect("stat").st_mode & 0o777, mode);
                let queue = sysv::QueueOptions::new().mode(mode | 0o400).private().expect("create");
                assert_eq!(queue.stat().expect("stat").mode, mode | 0o400);
                queue.remove().expect("remove");
            }
        }
    });
}

/// X10: a second thread that opens the name all the time never sees a wider mode.
#[test]
fn nobody_sees_a_wider_mode() {
    alone("options::nobody_sees_a_wider_mode", || {
        umask(Mode::empty());
        let name = scratch::name("mode");
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    if let Ok(queue) = posix::Queue::open(&name) {
                        assert_eq!(fstat(&queue).expect("stat").st_mode & 0o037, 0);
                    }
                }
            });
            for _ in 0..300 {
                let options = posix::QueueOptions::new().mode(0o640);
                drop(options.create(&name).expect("create"));
                posix::Queue::unlink(&name).expect("unlink");
            }
            done.store(true, Ordering::Relaxed);
        });
    });
}

/// X1: no descriptor of ours survives an exec.
#[test]
fn no_descriptor_reaches_a_child() {
    alone("options::no_descriptor_reaches_a_child", || {
        let listed = || {
            let listed = Command::new("ls").arg("/proc/self/fd").output().expect("run ls");
            String::from_utf8(listed.stdout).expect("text")
        };
        let before = listed();
        let (queue, _gone) = small("q");
        let _canceller = queue.canceller().expect("canceller");
        assert_eq!(listed(), before);
    });
}

/// X13: a queue of somebody else is refused unless that owner is allowed.
#[test]
fn a_foreign_owner_must_be_allowed() {
    alone("options::a_foreign_owner_must_be_allowed", || {
        if !rustix::process::geteuid().is_root() {
            return ipc_devkit::skip("needs root to give a queue away");
        }
        let (queue, gone) = small("q");
        let give = rustix::fs::Uid::from_raw(12345);
        rustix::fs::fchown(&queue, Some(give), None).expect("give away");
        let refused = posix::Queue::open(&gone.0);
        assert!(matches!(refused, Err(Error::WrongOwner { uid: 12345, .. })), "{refused:?}");
        posix::QueueOptions::new().allow_owner(12345).open(&gone.0).expect("allowed");
    });
}

/// X14: users of a queue without a name go on; a new one of the name is another.
#[test]
fn an_unlinked_queue_goes_on() {
    let (queue, gone) = small("q");
    let other = posix::Queue::open(&gone.0).expect("open");
    posix::Queue::unlink(&gone.0).expect("unlink");
    assert!(matches!(posix::Queue::open(&gone.0), Err(Error::NotFound { .. })));
    let new = posix::Queue::create(&gone.0).expect("create again");
    queue.send(0, b"old").expect("send");
    assert_eq!(other.recv().expect("receive").bytes, b"old");
    assert_eq!(new.len().expect("len"), 0);
}

/// X15: the same name and key in another IPC namespace is another queue.
#[test]
fn another_namespace_has_other_queues() {
    alone("options::another_namespace_has_other_queues", || {
        let home = std::fs::File::open("/proc/thread-self/ns/ipc").expect("open the namespace");
        let (queue, gone) = small("q");
        queue.send(0, b"here").expect("send");
        let key = sysv::Key::new(own_number(0)).expect("key");
        if !fault::own_ipc_namespace() {
            return ipc_devkit::skip("needs CAP_SYS_ADMIN for an IPC namespace");
        }
        assert!(matches!(posix::Queue::open(&gone.0), Err(Error::NotFound { .. })));
        let there = posix::Queue::create(&gone.0).expect("create");
        assert_eq!(there.len().expect("len"), 0);
        assert_eq!(queue.len().expect("the old one is still held"), 1);
        sysv::Queue::create(key).expect("no such key here");
        posix::Queue::unlink(&gone.0).expect("unlink");
        drop(there);
        drop(queue);
        let kind = LinkNameSpaceType::InterProcessCommunication;
        move_into_link_name_space(home.as_fd(), Some(kind)).expect("go back");
    });
}

/// X13: of many processes that open or create at once, all have the same queue.
#[test]
fn racing_openers_meet() {
    processes(
        "options::racing_openers_meet",
        4,
        |mut children| {
            let name = scratch::name("race");
            for turn in 0..50 {
                let key = sysv::Key::new(own_number(turn)).expect("key");
                for child in &mut children {
                    child.tell(&key.get().to_string());
                }
                for child in &mut children {
                    assert_eq!(child.hear(), "sent");
                }
                let queue = posix::Queue::open(&name).expect("open");
                assert_eq!(queue.len().expect("len"), 4);
                posix::Queue::unlink(&name).expect("unlink");
                let queue = sysv::Queue::open(key).expect("open");
                assert_eq!(queue.stat().expect("stat").len, 4);
                queue.remove().expect("remove");
                for child in &mut children {
                    child.tell("next");
                }
            }
            for child in &mut children {
                child.tell("end");
            }
        },
        |mut parent, index| {
            let name = scratch::name("race");
            loop {
                let word = parent.hear();
                let Ok(key) = word.parse() else { break };
                let queue = posix::Queue::open_or_create(&name).expect("open or create");
                queue.send(0, &index.to_le_bytes()).expect("send");
                let key = sysv::Key::new(key).expect("key");
                let other = sysv::Queue::open_or_create(key).expect("open or create");
                other.send(1, &index.to_le_bytes()).expect("send");
                parent.tell("sent");
                assert_eq!(parent.hear(), "next");
            }
        },
    );
}

/// A number for a key that no other test has: it carries the process.
fn own_number(turn: i32) -> i32 {
    let [low, high, ..] = std::process::id().to_le_bytes();
    0x2000_0000 | i32::from(u16::from_le_bytes([low, high])) << 8 | turn
}
