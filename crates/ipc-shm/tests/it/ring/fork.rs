//! What a forked child may do to its parent's rings: nothing.

use ipc_devkit::{alone, fault};
use ipc_shm::ring::{Options, Receiver, Sender};
use ipc_shm::{Error, Result};

use super::{Gone, LONG, small};

fn refused<T>(done: Result<T>) -> bool {
    matches!(done, Err(Error::NotOwner { .. }))
}

/// X4: in a forked child every call is refused, and Drop does nothing; the parent goes on.
#[test]
fn a_forked_child_owns_nothing() {
    alone("ring::fork::a_forked_child_owns_nothing", || {
        for wait in [ipc_shm::Wait::Block, ipc_shm::Wait::Spin] {
            let gone = Gone::new("ring");
            let mut sender: Sender = small().wait(wait).create(&gone.0).expect("create");
            let mut receiver: Receiver = Options::new().wait(wait).open(&gone.0).expect("open");
            sender.send(b"mine").expect("send");
            let mut ends = Some((sender, receiver));
            let right = fault::in_fork(|| {
                let Some((mut sender, mut receiver)) = ends.take() else { return false };
                let mut buf = [0; 9];
                let right = refused(sender.send(b"x"))
                    && refused(sender.try_send(b"x"))
                    && refused(sender.send_timeout(b"x", LONG))
                    && refused(sender.reserve(1).map(drop))
                    && refused(sender.try_reserve(1).map(drop))
                    && refused(sender.try_send_many(&[b"x"]))
                    && refused(sender.send_many(&[b"x"]).map_err(|rejected| rejected.error))
                    && refused(receiver.recv())
                    && refused(receiver.try_recv())
                    && refused(receiver.recv_timeout(LONG))
                    && refused(receiver.recv_into(&mut buf))
                    && refused(receiver.peek().map(drop))
                    && refused(receiver.try_peek().map(drop))
                    && refused(receiver.drain(9, |_| {}));
                let closed = (sender.is_closed(), receiver.is_closed()) == (false, false);
                drop((sender, receiver));
                right && closed && refused(Sender::open(&gone.0))
            });
            assert!(right, "every call is NotOwner");
            (sender, receiver) = ends.take().expect("still ours");
            assert!(!sender.is_closed() && !receiver.is_closed());
            assert!(matches!(Sender::open(&gone.0), Err(Error::AlreadyExists { .. })));
            sender.send(b"more").expect("send");
            assert_eq!(receiver.drain(9, |_| {}).expect("ours"), 2);
            drop(sender);
            assert!(matches!(receiver.recv(), Err(Error::Closed { peer_died: false })));
        }
    });
}

/// X4: a message that is being written, or looked at, at the fork is the parent's alone.
#[test]
fn a_fork_inside_a_guard_changes_nothing() {
    alone("ring::fork::a_fork_inside_a_guard_changes_nothing", || {
        let (mut sender, mut receiver) = small().pair().expect("make");
        sender.send(b"first").expect("send");
        let mut slot = sender.reserve(6).expect("room");
        let look = receiver.peek().expect("there");
        drop(fault::fork_orphan());
        slot.copy_from_slice(b"second");
        slot.commit();
        look.release();
        assert_eq!(receiver.recv().expect("it"), b"second");
    });
}
