//! Waiting for a ring by descriptor.

mod others;

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use ipc_devkit::{scratch, two_process};
use ipc_shm::Error;
use ipc_shm::ring::{Options, Receiver, Sender};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

const LONG: Duration = Duration::from_secs(5);

/// Waits until it is readable; false if it is not within this time.
fn readable(fd: &OwnedFd, within: Duration) -> bool {
    let within = Timespec::try_from(within).expect("short");
    poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&within)).expect("poll") == 1
}

fn would_block<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::WouldBlock))
}

/// X18 and the like wait by descriptor: a message from another process makes it readable, once it was
/// looked for in vain.
#[test]
fn a_message_of_another_process_is_an_event() {
    two_process(
        "ready::a_message_of_another_process_is_an_event",
        |mut child| {
            let name = scratch::name("ready");
            let mut receiver = Receiver::create(&name).expect("create");
            let ready = receiver.ready().expect("a descriptor").try_clone_to_owned().expect("dup");
            child.tell(&name);
            assert_eq!(child.hear(), "opened");
            for round in 0..100_u32 {
                // Whatever it says now: after a look in vain it says nothing until something comes.
                while !would_block(&receiver.try_recv()) {}
                child.tell("go");
                let message = loop {
                    assert!(readable(&ready, LONG), "a message came and nobody said so");
                    match receiver.try_recv() {
                        Ok(message) => break message,
                        Err(error) => assert!(matches!(error, Error::WouldBlock), "{error}"),
                    }
                };
                assert_eq!(message, round.to_le_bytes());
            }
            child.tell("end");
            Sender::unlink(&name).expect("unlink");
        },
        |mut parent| {
            let mut sender = Sender::open(&parent.hear()).expect("open");
            parent.tell("opened");
            let mut round = 0_u32;
            while parent.hear() == "go" {
                sender.send(&round.to_le_bytes()).expect("send");
                round += 1;
            }
        },
    );
}

/// The death of the sender is an event, too.
#[test]
fn a_death_is_an_event() {
    two_process(
        "ready::a_death_is_an_event",
        |mut child| {
            let name = scratch::name("ready");
            let mut receiver = Receiver::create(&name).expect("create");
            child.tell(&name);
            assert_eq!(child.hear(), "opened");
            let ready = receiver.ready().expect("a descriptor").try_clone_to_owned().expect("dup");
            while !would_block(&receiver.try_recv()) {}
            child.kill();
            let start = Instant::now();
            loop {
                assert!(readable(&ready, LONG), "a death and nobody said so");
                match receiver.try_recv() {
                    Err(Error::WouldBlock) => {}
                    Err(Error::Closed { peer_died: true }) => break,
                    other => panic!("{other:?}"),
                }
            }
            assert!(start.elapsed() < LONG);
            Sender::unlink(&name).expect("unlink");
        },
        |mut parent| {
            let _sender = Sender::open(&parent.hear()).expect("open");
            parent.tell("opened");
            // It is killed while it waits for a word that never comes.
            let _ = parent.hear();
        },
    );
}

/// Room in a full ring is an event for its sender; before that, nothing is.
#[test]
fn room_is_an_event() {
    ipc_devkit::alone("ready::room_is_an_event", || {
        let (mut sender, mut receiver) = Options::new().capacity(128).pair().expect("make");
        let ready = sender.ready().expect("a descriptor").try_clone_to_owned().expect("dup");
        while sender.try_send(&[1; 40]).is_ok() {}
        assert!(!readable(&ready, Duration::ZERO));
        receiver.recv().expect("receive");
        assert!(readable(&ready, LONG));
        sender.try_send(&[2; 40]).expect("there is room");
    });
}

/// X1: the descriptor does not survive an exec.
#[test]
fn the_descriptor_is_closed_on_exec() {
    ipc_devkit::alone("ready::the_descriptor_is_closed_on_exec", || {
        let (_sender, mut receiver) = ipc_shm::ring::pair().expect("make");
        let ready = receiver.ready().expect("a descriptor");
        let flags = rustix::io::fcntl_getfd(ready.as_fd()).expect("ask");
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    });
}
