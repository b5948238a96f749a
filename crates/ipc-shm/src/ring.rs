//! Rings: messages from one sender to one receiver, at the speed at which cache lines move.
//!
//! ```
//! # fn main() -> Result<(), ipc_shm::Error> {
//! # let name = format!("ipc-shm-doc-ring-{}", std::process::id());
//! use ipc_shm::ring::{Receiver, Sender};
//! let mut sender = Sender::create(&name)?; // in one process
//! let mut receiver = Receiver::open(&name)?; // in another
//! sender.send(b"hello")?;
//! assert_eq!(receiver.recv()?, b"hello");
//! # Sender::unlink(&name)
//! # }
//! ```

#[cfg(not(loom))]
mod batch;
#[cfg(not(loom))]
mod copy;
#[cfg(not(loom))]
mod end;
pub(crate) mod flow;
#[cfg(not(loom))]
pub(crate) mod memory;
#[cfg(loom)]
#[doc(hidden)]
pub mod model;
#[cfg(not(loom))]
mod options;
#[cfg(not(loom))]
mod peek;
#[cfg(not(loom))]
mod receiver;
pub(crate) mod record;
#[cfg(not(loom))]
pub(crate) mod role;
#[cfg(not(loom))]
mod sender;
#[cfg(not(loom))]
mod slot;
mod slots;
#[cfg(not(loom))]
mod stream;
#[cfg(not(loom))]
pub mod typed;
#[cfg(not(loom))]
pub mod untrusted;

#[cfg(not(loom))]
pub use self::{
    options::{Options, RingEnd},
    peek::Peek,
    receiver::Receiver,
    sender::Sender,
    slot::Slot,
};
#[cfg(not(loom))]
pub use crate::wait::Wait;

/// Makes a ring of 64 KiB without a name, with both ends in this process: for two threads.
///
/// # Errors
/// As [`Options::create`].
#[cfg(not(loom))]
pub fn pair() -> crate::Result<(Sender, Receiver)> {
    Options::new().pair()
}

/// A ring of values of one type: [`typed::Sender`] and [`typed::Receiver`] are its ends. They are faster than
/// [`Sender`] and [`Receiver`] for short messages of one size.
///
/// ```
/// # fn main() -> Result<(), ipc_shm::Error> {
/// use ipc_shm::ring;
/// ipc_shm::shm_safe! {
///     #[derive(Clone, Copy, Debug, PartialEq)]
///     pub struct Tick { pub instrument: u64, pub price: f64 }
/// }
/// # let name = format!("ipc-shm-doc-of-{}", std::process::id());
/// let mut sender: ring::typed::Sender<Tick> = ring::of().capacity(256).create(&name)?;
/// let mut receiver: ring::typed::Receiver<Tick> = ring::of().open(&name)?;
/// sender.send(Tick { instrument: 7, price: 9.5 }).map_err(|rejected| rejected.error)?;
/// assert_eq!(receiver.recv()?.price, 9.5);
/// # ring::Sender::unlink(&name)
/// # }
/// ```
#[cfg(not(loom))]
#[must_use]
pub fn of<T: ipc_core::safe::ShmSafe>() -> typed::Options<T> {
    typed::Options::new()
}
