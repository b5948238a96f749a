//! System V message queues: whole messages by type, by key.
//!
//! ```
//! use ipc_mq::sysv::{Filter, Queue};
//! # fn main() -> Result<(), ipc_mq::Error> {
//! let queue = Queue::private()?;
//! queue.send(7, b"seven")?;
//! queue.send(3, b"three")?;
//! assert_eq!(queue.recv(Filter::Type(3))?.bytes, b"three");
//! assert_eq!(queue.recv(Filter::Any)?.kind, 7);
//! queue.remove()
//! # }
//! ```
//!
//! The kernel has no deadlines here and no descriptor to poll. See [`Timing`] for how waits end in time all
//! the same.

mod key;
mod options;
mod queue;
mod recv;

mod filter;
mod identity;
mod stat;

mod helper;
mod wait;

pub use filter::Filter;
pub use key::Key;
pub use options::{QueueOptions, Timing};
pub use queue::Queue;
pub use recv::{Message, Received};
pub use stat::{Limits, Stat, limits};
pub(crate) use wait::Asked;
