//! Both ends are gone, and come again in any order.

use ipc_devkit::{scratch, two_process};
use ipc_shm::Error;
use ipc_shm::ring::{Receiver, Sender};

/// S11: after a death of both, whichever end comes first waits for the other, and nothing is lost.
#[test]
fn either_end_may_come_first_after_both_died() {
    two_process(
        "ring::restart::either_end_may_come_first_after_both_died",
        |mut child| {
            let name = scratch::name("restart");
            child.tell(&name);
            assert_eq!(child.hear(), "both");
            child.kill();
            // The sender first: nobody receives yet, and nobody is gone for it.
            let mut sender = Sender::open(&name).expect("the dead sender's place");
            assert!(!sender.is_closed());
            sender.send(b"two").expect("kept for the next receiver");
            drop(sender);
            // The receiver first: it gets what is left, and then the end that was closed.
            let mut receiver = Receiver::open(&name).expect("the dead receiver's place");
            assert_eq!(receiver.recv().expect("of the dead"), b"one");
            assert_eq!(receiver.recv().expect("of its successor"), b"two");
            let end = receiver.try_recv();
            assert!(matches!(end, Err(Error::Closed { peer_died: false })), "{end:?}");
            // A sender that comes goes on.
            let mut sender = Sender::open(&name).expect("again");
            sender.send(b"three").expect("send");
            assert_eq!(receiver.recv().expect("receive"), b"three");
            Sender::unlink(&name).expect("unlink");
        },
        |mut parent| {
            let name = parent.hear();
            let mut sender = Sender::create(&name).expect("create");
            let _receiver = Receiver::open(&name).expect("open");
            sender.send(b"one").expect("send");
            parent.tell("both");
            // It is killed here.
            let _ = parent.hear();
        },
    );
}

/// A receiver that comes after a sender died waits for the next one, with a deadline.
#[test]
fn a_receiver_waits_for_the_successor_of_the_dead() {
    two_process(
        "ring::restart::a_receiver_waits_for_the_successor_of_the_dead",
        |mut child| {
            let name = scratch::name("restart");
            child.tell(&name);
            assert_eq!(child.hear(), "there");
            child.kill();
            let mut receiver = Receiver::open(&name).expect("open");
            assert!(matches!(receiver.try_recv(), Err(Error::WouldBlock)));
            let waited = receiver.recv_timeout(crate::SHORT);
            assert!(matches!(waited, Err(Error::TimedOut)), "{waited:?}");
            let mut sender = Sender::open(&name).expect("the successor");
            sender.send(b"hello").expect("send");
            assert_eq!(receiver.recv().expect("receive"), b"hello");
            Sender::unlink(&name).expect("unlink");
        },
        |mut parent| {
            let _sender = Sender::create(&parent.hear()).expect("create");
            parent.tell("there");
            // It is killed here.
            let _ = parent.hear();
        },
    );
}

/// S5: what the machine has not is refused before it is taken, without a name too.
#[test]
fn more_memory_than_there_is_is_refused() {
    ipc_devkit::alone("ring::restart::more_memory_than_there_is_is_refused", || {
        let made = ipc_shm::ring::Options::new().capacity(1 << 46).anonymous::<Sender>();
        assert!(matches!(made, Err(Error::NoSpace { .. } | Error::Limit { .. })), "{made:?}");
    });
}
