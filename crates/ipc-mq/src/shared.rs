//! Message queues in shared memory: by priority and by type, as long and as deep as memory allows, and
//! every message is acknowledged.
//!
//! ```
//! use ipc_mq::shared::{Envelope, Filter, Queue};
//! # fn main() -> Result<(), ipc_mq::Error> {
//! # let name = format!("ipc-mq-doc-shared-{}", std::process::id());
//! let jobs = Queue::create(&name)?;
//! jobs.send(3, b"soon")?;
//! jobs.send(Envelope::new().priority(9).kind(7), b"now")?;
//!
//! // Any process that opened the queue:
//! let job = jobs.recv()?;
//! assert_eq!((&job.bytes[..], job.kind), (&b"now"[..], 7));
//! job.ack()?; // done; had this process died before, another would get the message, marked
//!
//! let soon = jobs.only(Filter::Except(7)).recv_now()?;
//! assert_eq!(soon.bytes, b"soon");
//! # Queue::unlink(&name)
//! # }
//! ```
//!
//! # When a process dies
//!
//! | who | what the others see |
//! |---|---|
//! | a sender, inside `send` | all of the message or nothing of it; no slot is lost |
//! | a receiver, before `ack` | the message comes again, at its old place, `redelivered` |
//! | a receiver, inside `recv_now` | the message is still there, or is gone |
//! | anybody, while others wait | they go on waiting, for the others |
//! | all | the messages stay until the name is removed and the last process is gone |
//!
//! A *paused* process is not dead: what it holds stays its own, and if it was paused inside the queue's
//! lock, the others wait for it. Receivers take that lock for about a hundred nanoseconds a message.
//! Senders take it once in up to 64 messages, or when the queue is nearly full.
//!
//! # Room and pauses
//!
//! A queue holds as many messages as it has room for, whoever sends them. Slots are lent to senders in
//! advance, but who needs one takes back what others do not use yet.
//!
//! A receiver that finds nothing after a run of messages looks again about a microsecond later, before
//! it says so; a sender to a queue that is nearly full waits as long for a few more slots. Both get more
//! done that way than if they met in every message.
//!
//! # Trust
//!
//! All who use a queue write to the same memory: they trust each other not to write nonsense. They may
//! crash at any instruction. Messages are copied in and out.

mod batch;
mod delivery;
mod envelope;
mod options;
mod queue;
mod select;
mod stat;

mod bell;
mod claim;
mod drain;
mod follow;
mod held;
mod index;
mod lane;
mod layout;
mod node;
mod order;
mod recover;
mod shape;
mod state;
mod store;
mod wait;

/// The atomics of what is modelled: `tests/loom.rs` puts loom's in their place.
mod atomic {
    pub(super) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
}
/// Likewise the wake-ups.
mod futex {
    pub(super) use ipc_core::life::sleep::{wake_all, wake_one};
}

pub use crate::sysv::Filter;
pub use delivery::{Delivery, Message};
pub use envelope::Envelope;
pub use options::QueueOptions;
pub use queue::Queue;
pub use select::Select;
pub use stat::{Peer, Stat};
