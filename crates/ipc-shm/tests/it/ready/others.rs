//! Waiting by descriptor for cells, broadcasts and fan-ins.

use std::os::fd::{BorrowedFd, OwnedFd};

use ipc_devkit::{Child, Parent, alone, scratch, two_process};
use ipc_shm::{Error, Latest, LatestOptions, Result, broadcast, fan_in};

use super::{LONG, readable, would_block};
use std::time::Duration;

fn keep(ready: Result<BorrowedFd<'_>>) -> OwnedFd {
    ready.expect("a descriptor").try_clone_to_owned().expect("dup")
}

/// Tries until it succeeds or is closed, waiting for the descriptor in between.
fn by_descriptor<T>(ready: &OwnedFd, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match attempt() {
            Err(Error::WouldBlock) => assert!(readable(ready, LONG), "nobody said so"),
            other => return other,
        }
    }
}

/// The parent half: 100 messages, each asked for when there is none, then the death of who sends them.
fn receive<T>(
    mut child: Child,
    name: &str,
    ready: &OwnedFd,
    mut attempt: impl FnMut() -> Result<T>,
) {
    child.tell(name);
    assert_eq!(child.hear(), "opened");
    for _ in 0..100 {
        assert!(would_block(&attempt()));
        child.tell("go");
        assert!(by_descriptor(ready, &mut attempt).is_ok());
    }
    assert!(would_block(&attempt()));
    child.kill();
    let end = by_descriptor(ready, &mut attempt);
    assert!(matches!(end, Err(Error::Closed { peer_died: true })));
}

/// The child half.
fn send(mut parent: Parent, mut send: impl FnMut()) {
    parent.tell("opened");
    loop {
        assert_eq!(parent.hear(), "go");
        send();
    }
}

/// A newer value of another process is an event, and so is the writer's death.
#[test]
fn latest_values() {
    two_process(
        "ready::others::latest_values",
        |child| {
            let name = scratch::name("ready");
            let mut reader = LatestOptions::new().reader_or_create::<u64>(&name).expect("make");
            let ready = keep(reader.ready());
            receive(child, &name, &ready, || {
                reader.try_wait()?;
                reader.load()
            });
            Latest::<u64>::unlink(&name).expect("unlink");
        },
        |mut parent| {
            let mut writer = Latest::<u64>::writer(&parent.hear()).expect("open");
            send(parent, || drop(writer.store(1)));
        },
    );
}

/// A message of a broadcast is an event, and so is the sender's death.
#[test]
fn broadcasts() {
    two_process(
        "ready::others::broadcasts",
        |child| {
            let name = scratch::name("ready");
            let mut receiver = broadcast::Receiver::create(&name).expect("make");
            let ready = keep(receiver.ready());
            receive(child, &name, &ready, || receiver.try_recv());
            broadcast::Sender::unlink(&name).expect("unlink");
        },
        |mut parent| {
            let mut sender = broadcast::Sender::open(&parent.hear()).expect("open");
            send(parent, || sender.send(b"x").expect("send"));
        },
    );
}

/// A message of any sender is an event, and so is the death of the last.
#[test]
fn fan_ins() {
    two_process(
        "ready::others::fan_ins",
        |child| {
            let name = scratch::name("ready");
            let mut receiver = fan_in::Receiver::create(&name).expect("make");
            let ready = keep(receiver.ready());
            receive(child, &name, &ready, || receiver.try_recv());
            fan_in::Sender::unlink(&name).expect("unlink");
        },
        |mut parent| {
            let mut sender = fan_in::Sender::open(&parent.hear()).expect("open");
            send(parent, || sender.send(b"x").expect("send"));
        },
    );
}

/// Room is an event for who sends.
#[test]
fn room() {
    alone("ready::others::room", || {
        let (mut sender, mut receiver) =
            broadcast::Options::new().capacity(128).pair().expect("make");
        let ready = keep(sender.ready());
        while sender.try_send(&[1; 40]).is_ok() {}
        assert!(!readable(&ready, Duration::ZERO));
        receiver.recv().expect("receive");
        by_descriptor(&ready, || sender.try_send(&[2; 40])).expect("room");

        let (mut sender, mut receiver) = fan_in::Options::new().capacity(256).pair().expect("make");
        let ready = keep(sender.ready());
        while sender.try_send(&[1; 40]).is_ok() {}
        assert!(!readable(&ready, Duration::ZERO));
        while receiver.try_recv().is_ok() {}
        by_descriptor(&ready, || sender.try_send(&[2; 40])).expect("room");
    });
}
