//! What both ends of a side share: the two memories, and the socket that is bell and proof of life.
//!
//! The socket never makes us wait: a byte is sent to a peer that sleeps, and if there is no room for one
//! more, so many are there already that it wakes anyway. Its end is the peer's death.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ipc_core::cancel::Canceller;
use ipc_core::deadline::timespec;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::layout::{GONE, RECEIVER, SENDER};
use super::memory::{Foreign, ForkMark, Own};
use super::{Credentials, PEER, sys};
use crate::error::{Error, Result};

/// One of the two ends of a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Sender,
    Receiver,
}

impl End {
    /// Where this end's state word is, in our memory and in the peer's for its end of this kind.
    pub(super) const fn state(self) -> usize {
        match self {
            Self::Sender => SENDER,
            Self::Receiver => RECEIVER,
        }
    }

    /// The end of the other kind: on the peer's side, what this one talks to.
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Sender => Self::Receiver,
            Self::Receiver => Self::Sender,
        }
    }

    /// The byte on the socket that wakes an end of this kind.
    const fn byte(self) -> u8 {
        match self {
            Self::Sender => b's',
            Self::Receiver => b'r',
        }
    }
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) own: Own,
    pub(super) foreign: Foreign,
    pub(super) peer: Credentials,
    forks: ForkMark,
    socket: OwnedFd,
    /// Each end's canceller. Its eventfd is also the nudge of our own other end: the socket has one stream for
    /// both, and who reads a byte that is meant for the other hands it on by this.
    cancellers: [Canceller; 2],
    /// Set once the socket has ended; never cleared. Decides nothing but when to look.
    dead: AtomicBool,
}

impl Link {
    pub(super) fn new(
        own: Own,
        foreign: Foreign,
        socket: OwnedFd,
        forks: ForkMark,
        peer: Credentials,
    ) -> Result<Self> {
        let canceller =
            || Canceller::new().map_err(|errno| Error::os("make an eventfd", PEER, errno));
        let cancellers = [canceller()?, canceller()?];
        Ok(Self { own, foreign, peer, forks, socket, cancellers, dead: AtomicBool::new(false) })
    }

    /// Refuses a forked child, whose parent uses the channel.
    #[inline]
    pub(super) fn check_fork(&self) -> Result<()> {
        if self.forked() { Err(Error::NotOwner { name: PEER.to_owned() }) } else { Ok(()) }
    }

    #[inline]
    pub(super) fn forked(&self) -> bool {
        self.forks.forked()
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    pub(super) fn canceller(&self, end: End) -> &Canceller {
        &self.cancellers[end as usize]
    }

    /// Makes an end of ours look, or whoever polls for it.
    pub(super) fn nudge(&self, end: End) {
        // A full counter is readable, which is all that it is for.
        let _ = rustix::io::write(self.canceller(end), &1_u64.to_ne_bytes());
    }

    /// Wakes the peer's end of this kind. False: there is nobody any more.
    #[cold]
    pub(super) fn wake(&self, end: End) -> bool {
        // A full socket (EAGAIN) is readable at its other end, which is all that a byte is for.
        let sent = sys::send(self.socket(), &[end.byte()], None);
        let alive = !matches!(sent, Err(Errno::PIPE | Errno::CONNRESET));
        if !alive {
            self.dead.store(true, Ordering::Relaxed);
        }
        alive
    }

    /// Reads what rang. `end` reads; what is for our other end is handed on.
    pub(super) fn drain(&self, end: End) {
        let mut bytes = [0; 256];
        match sys::read(self.socket(), &mut bytes) {
            Ok(0) => self.dead.store(true, Ordering::Relaxed),
            Ok(len) => {
                let other = end.other();
                if bytes[..len].contains(&other.byte()) {
                    self.nudge(other);
                }
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.dead.store(true, Ordering::Relaxed),
        }
    }

    /// What `poll` said about the socket, to `end`.
    pub(super) fn heard(&self, end: End, events: PollFlags) {
        if events.intersects(PollFlags::IN) {
            self.drain(end);
        }
        if events.intersects(PollFlags::HUP | PollFlags::RDHUP | PollFlags::ERR) {
            self.dead.store(true, Ordering::Relaxed);
        }
    }

    /// Looks whether the socket has ended. Does not wait, and reads nothing.
    pub(super) fn look(&self) {
        let mut entry = [PollFd::new(&self.socket, PollFlags::RDHUP)];
        if poll(&mut entry, Some(&timespec(Duration::ZERO))).is_ok_and(|ready| ready > 0) {
            self.dead.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the peer's end that `end` talks to is gone, as far as we know: the error that says so.
    ///
    /// Whoever waits for the other side's messages looks for one more after this: they were sent before.
    pub(super) fn gone(&self, end: End) -> Option<Error> {
        let closed = self.foreign.load(end.other().state()) & GONE != 0;
        let dead = self.dead.load(Ordering::Relaxed);
        (dead || closed).then_some(Error::Closed { peer_died: !closed })
    }

    /// Whether [`gone`](Self::gone) has an error.
    #[inline]
    pub(super) fn is_gone(&self, end: End) -> bool {
        self.foreign.load(end.other().state()) & GONE != 0 || self.dead.load(Ordering::Relaxed)
    }
}
