//! Corners where something was once missed.

use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ipc_devkit::{alone, in_fork};
use ipc_shm::{Error, fan_in, ring};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{LONG, SHORT, small};

fn readable(fd: &OwnedFd) -> bool {
    let within = Timespec::try_from(LONG).expect("short");
    poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&within)).expect("poll") == 1
}

/// S7: a ring of values whose `taken` cannot be is an error in each form of a send, not a loop.
#[test]
fn values_beside_a_taken_that_cannot_be() {
    alone("ring::corners::values_beside_a_taken_that_cannot_be", || {
        for taken in [5_u64, 1 << 62, 1 << 63, u64::MAX] {
            let options = ring::of::<u64>().capacity(4);
            let (mut sender, fd) = options.anonymous::<ring::typed::Sender<u64>>().expect("make");
            // What a peer may do to it.
            let file = std::fs::File::from(fd);
            for value in 0..4 {
                sender.try_send(value).expect("room");
            }
            let word = 1280 + 256;
            file.write_all_at(&taken.to_le_bytes(), word).expect("scribble");
            let sent = sender.try_send(9).expect_err("full").error;
            assert!(matches!(sent, Error::Corrupt { .. }), "{taken:#x}: {sent}");
            let sent = sender.send_timeout(9, SHORT).expect_err("full").error;
            assert!(matches!(sent, Error::Corrupt { .. }), "{taken:#x}: {sent}");
        }
    });
}

/// A sender that waits by descriptor for the room of padding hears of it.
#[test]
fn the_room_of_padding_is_an_event() {
    alone("ring::corners::the_room_of_padding_is_an_event", || {
        let options = fan_in::Options::new().capacity(4096);
        let (mut sender, mut receiver) = options.pair().expect("make");
        let ready = sender.ready().expect("a descriptor").try_clone_to_owned().expect("dup");
        sender.send(&[1; 2400]).expect("send");
        assert_eq!(receiver.recv().expect("receive").bytes.len(), 2400);
        assert!(matches!(sender.try_send(&[2; 3000]), Err(Error::WouldBlock)));
        while !matches!(receiver.try_recv(), Err(Error::WouldBlock)) {}
        assert!(readable(&ready), "the room came and nobody said so");
        sender.try_send(&[2; 3000]).expect("the lane is empty");
    });
}

/// X4: what a forked child does to a guard that it has a copy of reaches nobody.
#[test]
fn a_child_cannot_commit_or_release() {
    alone("ring::corners::a_child_cannot_commit_or_release", || {
        let (mut sender, mut receiver) = small().pair().expect("make");
        sender.send(b"one").expect("send");
        let mut slot = Some(sender.reserve(3).expect("room"));
        let mut look = Some(receiver.peek().expect("there"));
        in_fork(|| {
            slot.take().expect("a copy").commit();
            look.take().expect("a copy").release();
        });
        assert_eq!(&**look.as_ref().expect("ours"), b"one");
        assert_eq!(receiver.recv().expect("still there"), b"one");
        assert!(matches!(receiver.try_recv(), Err(Error::WouldBlock)));
    });
}

/// What was handled before a panic in `drain` does not come again.
#[test]
fn a_panic_in_drain_keeps_what_was_handled() {
    alone("ring::corners::a_panic_in_drain_keeps_what_was_handled", || {
        let (mut sender, mut receiver) = small().pair().expect("make");
        for message in ["one", "two", "three"] {
            sender.send(message.as_bytes()).expect("send");
        }
        let drained = catch_unwind(AssertUnwindSafe(|| {
            receiver.drain(9, |message| assert_ne!(message, b"two", "as planned"))
        }));
        assert!(drained.is_err());
        assert_eq!(receiver.recv().expect("not handled yet"), b"two");
    });
}
