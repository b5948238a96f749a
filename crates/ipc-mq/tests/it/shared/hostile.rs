//! What lies under the name is not what it should be.

use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};

use ipc_devkit::scratch;
use ipc_mq::Error;
use ipc_mq::shared::{Filter, Queue, QueueOptions};

/// Where the body of a queue with 60 places begins, and its slots' region is somewhere behind.
const BODY: u64 = 1280;

fn file(name: &str) -> std::fs::File {
    let path = format!("/dev/shm/{name}");
    std::fs::File::options().read(true).write(true).open(path).expect("the queue's file")
}

fn made(name: &str) -> Queue {
    QueueOptions::new().capacity(4).message_size(64).create(name).expect("create")
}

/// X9: names are checked before anything else.
#[test]
fn names_are_checked() {
    let long = "x".repeat(256);
    for name in ["", "/", "a/b", "..", "a\0b", &long] {
        assert!(matches!(Queue::create(name), Err(Error::InvalidName { .. })), "{name:?}");
        assert!(matches!(Queue::open(name), Err(Error::InvalidName { .. })), "{name:?}");
        assert!(matches!(Queue::unlink(name), Err(Error::InvalidName { .. })), "{name:?}");
    }
}

/// X10: the mode is exactly as asked.
#[test]
fn the_mode_is_as_asked() {
    let name = scratch::name("mqsh-mode");
    let _queue = QueueOptions::new().mode(0o640).capacity(1).create(&name).expect("create");
    let mode = file(&name).metadata().expect("stat").permissions().mode();
    assert_eq!(mode & 0o7777, 0o640);
    Queue::unlink(&name).expect("unlink");
}

/// X13: sizes that cannot be are refused, before anything is reserved.
#[test]
fn sizes_that_cannot_be_are_refused() {
    let options = QueueOptions::new();
    for options in [
        options.clone().capacity(0),
        options.clone().capacity(usize::MAX),
        options.clone().message_size(usize::MAX),
        options.clone().peers(0),
        options.clone().peers(241),
    ] {
        assert!(matches!(options.anonymous(), Err(Error::InvalidInput { .. })), "{options:?}");
    }
    let huge = options.capacity(1 << 29).message_size(1 << 30).create(&scratch::name("mqsh-huge"));
    assert!(matches!(huge, Err(Error::NoSpace { .. } | Error::Limit { .. })), "{huge:?}");
}

/// X13, S7: a file that is no queue, or one with other sizes than it can hold, is refused.
#[test]
fn foreign_files_are_refused() {
    let name = scratch::name("mqsh-foreign");
    let path = format!("/dev/shm/{name}");
    let mut options = std::fs::File::options();
    options.write(true).create_new(true).mode(0o600).open(&path).expect("make a file");
    std::fs::write(&path, [7; 5000]).expect("write");
    assert!(matches!(Queue::open(&name), Err(Error::Corrupt { .. })));
    std::fs::remove_file(&path).expect("remove");

    for (at, bytes) in [
        (BODY, 5_u64.to_le_bytes()),
        (BODY, 0_u64.to_le_bytes()),
        (BODY, u64::from(u32::MAX).to_le_bytes()),
        (BODY + 8, 4096_u64.to_le_bytes()),
        (BODY + 8, u64::MAX.to_le_bytes()),
    ] {
        let queue = made(&name);
        file(&name).write_all_at(&bytes, at).expect("write");
        let opened = Queue::open(&name);
        assert!(matches!(opened, Err(Error::Corrupt { .. })), "{at} {bytes:?} {opened:?}");
        queue.send(0, b"private sizes").expect("who has it open keeps what it read");
        Queue::unlink(&name).expect("unlink");
    }
}

/// X17, S7: whatever is scribbled over the changing part of a queue, each call ends, without a panic.
#[test]
fn scribbled_memory_is_an_error() {
    let name = scratch::name("mqsh-scribble");
    let size = file_size(&name);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut corrupt = 0;
    for round in 0..600 {
        let queue = made(&name);
        for number in 0..3 {
            queue.send(number, &[7; 20]).expect("send");
        }
        let file = file(&name);
        for _ in 0..8 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            // Behind the lock's word: a lock that nobody ever gives back is waited for, by design.
            let at = BODY + 132 + (random >> 33) % (size - BODY - 132 - 8);
            let value = if round % 2 == 0 { random >> 7 } else { (random >> 20) % 9 };
            file.write_all_at(&value.to_le_bytes()[..4], at & !3).expect("write");
        }
        for filter in [Filter::Type(1), Filter::Any, Filter::Except(1), Filter::AtMost(9)] {
            let _ = queue.try_send(3, b"more");
            let got = queue.only(filter).try_recv();
            corrupt += usize::from(matches!(got, Err(Error::Corrupt { .. })));
            drop(got);
            let _ = queue.only(filter).try_recv_now();
            let _ = queue.stat();
        }
        Queue::unlink(&name).expect("unlink");
    }
    assert!(corrupt > 20, "{corrupt} of 2400 calls noticed");
}

fn file_size(name: &str) -> u64 {
    let _queue = made(name);
    let size = file(name).metadata().expect("stat").len();
    Queue::unlink(name).expect("unlink");
    size
}
