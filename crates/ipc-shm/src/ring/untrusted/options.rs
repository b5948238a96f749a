//! How a side of a channel between untrusted processes is set up.

use std::os::fd::OwnedFd;
use std::time::Duration;

use super::handshake::{Role, shake};
use super::layout::CAPACITY_MAX;
use super::{Receiver, Sender};
use crate::error::Result;

/// How much memory this side makes, how much it takes, and how long it waits for the other side.
///
/// ```
/// use std::os::fd::OwnedFd;
/// use std::os::unix::net::UnixStream;
/// use std::time::Duration;
/// use ipc_shm::ring::untrusted::{self, Options};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (here, there) = UnixStream::pair()?;
/// let other = std::thread::spawn(move || untrusted::accept(OwnedFd::from(there)));
/// let options = Options::new()
///     .capacity(1 << 20)
///     .max_capacity_of_peer(1 << 20)
///     .timeout(Duration::from_secs(1));
/// let (sender, _receiver) = options.offer(OwnedFd::from(here))?;
/// assert_eq!(sender.capacity(), 1 << 20);
/// # other.join().unwrap()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    pub(super) capacity: usize,
    pub(super) max_capacity_of_peer: usize,
    pub(super) timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            capacity: 128 << 10,
            max_capacity_of_peer: 16 << 20,
            timeout: Duration::from_secs(5),
        }
    }
}

impl Options {
    /// 128 KiB for each direction, a peer's ring of up to 16 MiB, 5 s for the handshake.
    pub fn new() -> Self {
        Self::default()
    }

    /// The ring for what this side sends, in bytes: rounded up to a power of two, at least a page, at most
    /// 1 GiB. The longest message is 128 bytes shorter.
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    /// The largest ring of the peer that this side maps. It is also the most that
    /// [`Receiver::recv`] allocates for a message, whatever the peer says.
    pub fn max_capacity_of_peer(mut self, bytes: usize) -> Self {
        self.max_capacity_of_peer = bytes;
        self
    }

    /// How long the handshake may take as a whole.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// As [`offer`](super::offer), with these options.
    ///
    /// # Errors
    /// Those of [`offer`](super::offer).
    pub fn offer(&self, socket: OwnedFd) -> Result<(Sender, Receiver)> {
        shake(self, socket, Role::Offers)
    }

    /// As [`accept`](super::accept), with these options.
    ///
    /// # Errors
    /// Those of [`accept`](super::accept).
    pub fn accept(&self, socket: OwnedFd) -> Result<(Sender, Receiver)> {
        shake(self, socket, Role::Accepts)
    }

    pub(super) fn most_of_peer(&self) -> u64 {
        u64::try_from(self.max_capacity_of_peer).map_or(CAPACITY_MAX, |most| most.min(CAPACITY_MAX))
    }
}
