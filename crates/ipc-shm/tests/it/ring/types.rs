//! What the types promise to the compiler.

use std::panic::{RefUnwindSafe, UnwindSafe};

use ipc_shm::ring::{Options, Peek, Receiver, Sender, Slot, Wait};
use ipc_shm::{Canceller, Error};

fn send_sync<T: Send + Sync>() {}

/// Ends may be moved to a thread, and looked at from several; what changes them needs `&mut`.
#[test]
fn ends_may_be_moved_to_a_thread() {
    send_sync::<Sender>();
    send_sync::<Receiver>();
    send_sync::<Slot<'_>>();
    send_sync::<Peek<'_>>();
    send_sync::<Options>();
    send_sync::<Canceller>();
    send_sync::<Error>();
    send_sync::<Wait>();
}

/// A panic elsewhere leaves an end as it was.
#[test]
fn options_are_plain_values() {
    fn plain<T: Clone + std::fmt::Debug + UnwindSafe + RefUnwindSafe + 'static>() {}
    plain::<Options>();
    plain::<Wait>();
    assert_eq!(format!("{:?}", Options::new()), format!("{:?}", Options::default()));
}
