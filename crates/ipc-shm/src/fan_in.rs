//! Messages from many senders to one receiver.
//!
//! Each sender has a ring of its own, its *lane*, so a sender that is stopped or killed holds up nobody else.
//! The receiver takes turns with the lanes that have something. Senders come and go; the lane of one that
//! left or died is used again once what it had sent was received.
//!
//! ```
//! # fn main() -> Result<(), ipc_shm::Error> {
//! # let name = format!("ipc-shm-doc-fan-in-{}", std::process::id());
//! use ipc_shm::fan_in::{Receiver, Sender};
//!
//! let mut receiver = Receiver::create(&name)?;
//! // In other processes:
//! let mut one = Sender::open(&name)?;
//! let mut two = Sender::open(&name)?;
//! one.send(b"from one")?;
//! two.send(b"from two")?;
//!
//! for _ in 0..2 {
//!     let got = receiver.recv()?;
//!     let expected: &[u8] = if got.from == one.id() { b"from one" } else { b"from two" };
//!     assert_eq!(got.bytes, expected);
//! }
//! drop((one, two));
//! assert!(matches!(receiver.recv(), Err(ipc_shm::Error::Closed { peer_died: false })));
//! # Sender::unlink(&name)
//! # }
//! ```
//!
//! Messages of one sender arrive in order; between those of two there is none. Only cooperating processes may
//! write to a fan-in.
//!
//! | | |
//! |---|---|
//! | `Send`, `Sync` | both; sending and receiving take `&mut self` |
//! | a fork's child | everything is `NotOwner`; dropping does nothing |
//! | exec | nothing survives; open it again |
//! | in a signal handler | [`Canceller::cancel`](crate::Canceller::cancel) only |
//! | cost | a thread and a mapping a handle; no descriptor; the capacity, and 512 bytes more, for each sender that there may be |

mod layout;
mod options;
mod receiver;
mod sender;
mod turns;

pub use self::{
    layout::SenderId,
    options::{FanInEnd, Options},
    receiver::{Copied, Received, Receiver},
    sender::Sender,
};
