//! Rings between processes that do not trust each other.
//!
//! The peer may write anything at any time, and may stop, lie or die: what comes of it is an error, a
//! deadline, or a message whose content is the peer's affair. It is never a crash, a hang or a read outside
//! of a message. How that is reached stands in `docs/safety.md`; in short:
//!
//! - Each side makes the memory that it alone writes, seals it, and hands it over by a Unix socket. What
//!   comes from the other side is mapped for reading, after its seals, size and kind were checked.
//! - No reference to shared memory exists. Each word is loaded once, checked, and used from a register;
//!   messages are copied out, then belong to you.
//! - Who the peer is and that it lives is told by the kernel through the socket, never by the memory.
//!
//! [`offer`] and [`accept`] make a channel of any connected Unix stream socket: one that was accepted from
//! a listener, or half of a pair that a parent gave its child. The channel keeps the socket.
//!
//! ```
//! use std::os::fd::OwnedFd;
//! use std::os::unix::net::UnixStream;
//! use ipc_shm::ring::untrusted;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Two threads for brevity; in earnest these are two processes.
//! let (here, there) = UnixStream::pair()?;
//! let server = std::thread::spawn(move || -> ipc_shm::Result<()> {
//!     let (mut sender, mut receiver) = untrusted::accept(OwnedFd::from(there))?;
//!     let question = receiver.recv()?;
//!     sender.send(&question.to_ascii_uppercase())
//! });
//! let (mut sender, mut receiver) = untrusted::offer(OwnedFd::from(here))?;
//! sender.send(b"hello")?;
//! assert_eq!(receiver.recv()?, b"HELLO");
//! server.join().unwrap()?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it costs
//!
//! Of each channel, on each side: three descriptors (the socket, an eventfd for each end; one more for
//! each `ready` that was asked for), both rings and two pages mapped, and a page that tells a fork.
//! No thread. The peer's death is noticed when the last copy of its socket is closed: a child that it
//! forked and that did not exec holds it open.
//!
//! # The types
//!
//! | | `Sender`, `Receiver` |
//! |---|---|
//! | `Send` | yes: each end can have its own thread |
//! | `Sync` | yes, though every call that does something takes `&mut self` |
//! | a fork's child | every call is `NotOwner`; dropping does nothing to the channel |
//! | `exec` | all descriptors are closed: the peer is told |
//! | async-signal-safe | only [`Canceller::cancel`](crate::Canceller::cancel) |
//! | order of dropping | any |

mod credentials;
mod handshake;
mod layout;
mod link;
mod memfd;
mod memory;
mod options;
mod receiver;
mod seat;
mod sender;
mod sys;

use std::os::fd::OwnedFd;

pub use credentials::Credentials;
pub use options::Options;
pub use receiver::Receiver;
pub use sender::Sender;

use crate::error::{Error, Result};

/// What stands in messages for the name that a peer has not.
const PEER: &str = "(untrusted peer)";

/// Makes a channel to the process at the other end of `socket`, which calls [`accept`].
///
/// The socket is a connected Unix stream socket with nothing unread in it. It belongs to the channel from
/// here on, and is closed if this fails.
///
/// # Blocking
/// Until the peer has answered, at most 5 s ([`Options::timeout`]).
///
/// # Errors
/// `TimedOut`: the peer has not answered in time. `Closed`: it hung up. `Corrupt`: it sent something else than
/// memory that it cannot hurt us by; `Limit`: more than [`Options::max_capacity_of_peer`], or no descriptor
/// could be had. `InvalidInput`: not a Unix stream socket. `NoSpace`: no memory for the ring.
/// `Unsupported`: the kernel cannot seal memory as needed; there is no weaker form.
///
/// # Linux
/// [`memfd_create(2)`](https://man7.org/linux/man-pages/man2/memfd_create.2.html) with `F_SEAL_FUTURE_WRITE`:
/// kernel 5.1.
///
/// # Examples
/// See the [module](self).
pub fn offer(socket: OwnedFd) -> Result<(Sender, Receiver)> {
    Options::new().offer(socket)
}

/// Makes a channel to the process at the other end of `socket`, which calls [`offer`].
///
/// The offer is checked before this side answers.
///
/// # Blocking
/// Until the peer has offered, at most 5 s ([`Options::timeout`]).
///
/// # Errors
/// Those of [`offer`].
///
/// # Examples
/// See the [module](self).
pub fn accept(socket: OwnedFd) -> Result<(Sender, Receiver)> {
    Options::new().accept(socket)
}

/// What the peer wrote makes no sense, and `broken` remembers it: that is told once.
#[cold]
fn corrupt(broken: &mut Option<&'static str>, what: &'static str) -> Error {
    if broken.replace(what).is_none() {
        crate::log::warn(format_args!("an untrusted peer wrote what cannot be: {what}"));
    }
    Error::Corrupt { name: PEER.to_owned(), what }
}
