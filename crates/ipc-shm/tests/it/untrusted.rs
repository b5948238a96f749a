//! The ring between processes that do not trust each other.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the crate is for 64-bit targets, and the numbers here are small"
)]

mod rogue;

mod smoke;

mod death;
mod handles;
mod lies;
mod scribble;
mod steps;
mod types;
mod users;
mod waits;

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use ipc_shm::ring::untrusted::{Options, Receiver, Sender, accept, offer};

/// A channel within this process: what the first side has, and the second.
fn both(options: &Options) -> ((Sender, Receiver), (Sender, Receiver)) {
    let (here, there) = sockets();
    let other = options.clone();
    let accepting = std::thread::spawn(move || other.accept(there).expect("accept"));
    let first = options.offer(here).expect("offer");
    (first, accepting.join().expect("the other side"))
}

/// Two connected sockets.
fn sockets() -> (OwnedFd, OwnedFd) {
    let (here, there) = UnixStream::pair().expect("a pair of sockets");
    (here.into(), there.into())
}

/// Gives one half of a pair to a child half and makes the channel to it.
fn offer_to(child: &mut ipc_devkit::Child) -> (Sender, Receiver) {
    let (here, there) = sockets();
    child.give(&there);
    drop(there);
    offer(here).expect("offer to the child half")
}

/// The child half's side of [`offer_to`].
fn accept_from(parent: &mut ipc_devkit::Parent) -> (Sender, Receiver) {
    accept(parent.take()).expect("accept from the parent half")
}

/// A message whose bytes tell its number and length.
fn message(number: usize, len: usize) -> Vec<u8> {
    (0..len).map(|at| (number.wrapping_mul(31) ^ at ^ (at >> 8)) as u8).collect()
}
