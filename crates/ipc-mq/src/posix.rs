//! POSIX message queues: whole messages by priority, between strangers, by name.
//!
//! ```
//! use ipc_mq::posix::Queue;
//! # fn main() -> Result<(), ipc_mq::Error> {
//! # let name = &format!("/ipc-doc-{}-posix", std::process::id());
//! let queue = Queue::create(name)?;
//! queue.send(1, b"later")?;
//! queue.send(9, b"first")?;
//! assert_eq!(queue.recv()?.bytes, b"first");
//! Queue::unlink(name)
//! # }
//! ```
//!
//! Waits are polls of the queue for the time that is left on the monotonic clock, and calls that do not
//! wait: a step of the system's clock neither prolongs a deadline nor shortens it.

mod options;
mod queue;
mod recv;

mod attributes;
mod limits;
mod notify;
mod seat;

pub use attributes::Attributes;
pub use notify::{Notification, Notify};
pub use options::{Access, QueueOptions};
pub use queue::{PRIORITIES, Queue};
pub use recv::{Message, Received};
pub(crate) use seat::COMPANIONS;
