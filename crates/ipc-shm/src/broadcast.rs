//! Messages from one sender to many receivers, each of which gets all of them.
//!
//! *Lossless*: the sender waits for the slowest receiver; one that is dead holds nobody back, and one that is
//! alive but stopped can be [evicted](Sender::evict). *Lossy*: the sender never waits; who is too slow
//! loses the oldest messages and learns how many. A receiver gets what is sent after it joined.
//!
//! ```
//! # fn main() -> Result<(), ipc_shm::Error> {
//! # let name = format!("ipc-shm-doc-broadcast-{}", std::process::id());
//! use ipc_shm::broadcast::{Receiver, Sender};
//!
//! let mut sender = Sender::create(&name)?;
//! // In other processes:
//! let mut one = Receiver::open(&name)?;
//! let mut two = Receiver::open(&name)?;
//! sender.send(b"hello")?;
//! assert_eq!(one.recv()?.bytes, b"hello");
//! assert_eq!(two.recv()?.bytes, b"hello");
//! # Sender::unlink(&name)
//! # }
//! ```
//!
//! A slow receiver of a lossy broadcast:
//!
//! ```
//! # fn main() -> Result<(), ipc_shm::Error> {
//! use ipc_shm::broadcast::{Delivery, Options};
//! let options = Options::new().delivery(Delivery::Lossy).capacity(1000);
//! let (mut sender, mut receiver) = options.pair()?;
//! for number in 0..1000_u32 {
//!     sender.send(&number.to_le_bytes())?;
//! }
//! let first = receiver.recv()?;
//! assert!(first.missed > 0);
//! assert_eq!(first.bytes, u32::try_from(first.missed).unwrap().to_le_bytes());
//! # Ok(())
//! # }
//! ```
//!
//! When the sender dies, what it had sent is still received, then [`Closed`](crate::Error::Closed); the next
//! sender of that name goes on behind it. Only cooperating processes may write to a broadcast.
//!
//! | | |
//! |---|---|
//! | `Send`, `Sync` | both; sending and receiving take `&mut self` |
//! | a fork's child | everything is `NotOwner`; dropping does nothing |
//! | exec | nothing survives; open it again |
//! | in a signal handler | [`Canceller::cancel`](crate::Canceller::cancel) only |
//! | cost | a thread and a mapping a handle; no descriptor; the capacity and 128 bytes a receiver |

#[doc(hidden)]
pub mod flow;

#[cfg(not(loom))]
mod cursors;
#[cfg(not(loom))]
mod options;
#[cfg(not(loom))]
mod receiver;
#[cfg(not(loom))]
mod sender;

#[cfg(not(loom))]
pub use self::{
    cursors::{Follower, ReceiverId},
    options::{BroadcastEnd, Delivery, Options},
    receiver::{Copied, Received, Receiver},
    sender::Sender,
};

/// Makes a lossless broadcast of 64 KiB without a name, with the sender and one receiver in this process.
///
/// # Errors
/// As [`Options::create`].
#[cfg(not(loom))]
pub fn pair() -> crate::Result<(Sender, Receiver)> {
    Options::new().pair()
}
