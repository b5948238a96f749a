//! Waiting for a descriptor, and for what else ends the wait: deadline, cancellation, a death.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::cancel::Canceller;
use crate::deadline::{Deadline, timespec};

/// What a handle listens to besides its own descriptor.
#[derive(Debug, Default)]
pub struct Watch {
    canceller: Option<Canceller>,
    /// pidfd of the process at the other end: readable once it has exited.
    peer: Option<OwnedFd>,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// The descriptor is ready, or in an error that the next call on it reports.
    Ready,
    /// The deadline passed.
    TimedOut,
    /// Somebody asked the wait to end.
    Cancelled,
    /// The watched process exited and the descriptor is not ready.
    PeerDied,
}

impl Watch {
    /// Whether nothing but the descriptor itself can end a wait.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.canceller.is_none() && self.peer.is_none()
    }

    /// The canceller of this handle; made at the first call.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`, `ENOMEM`: no descriptor could be had.
    pub fn canceller(&mut self) -> Result<Canceller, Errno> {
        if let Some(canceller) = &self.canceller {
            return Ok(canceller.clone());
        }
        let made = Canceller::new()?;
        Ok(self.canceller.insert(made).clone())
    }

    /// From now on, waits also end when the process behind `pidfd` exits.
    pub fn set_peer(&mut self, pidfd: OwnedFd) {
        self.peer = Some(pidfd);
    }

    /// Takes a cancellation that was asked for before the wait began.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.canceller.as_ref().is_some_and(Canceller::take)
    }

    /// Whether the watched process has exited. Does not wait; false if none is watched.
    ///
    /// # Errors
    /// What `poll(2)` reports.
    pub fn peer_exited(&self) -> Result<bool, Errno> {
        let Some(pidfd) = &self.peer else { return Ok(false) };
        let mut entry = [PollFd::new(pidfd, PollFlags::IN)];
        rustix::io::retry_on_intr(|| poll(&mut entry, Some(&timespec(Duration::ZERO))))
            .map(|ready| ready > 0)
    }

    /// Sleeps until `fd` is ready for `events` or something else ends the wait. A signal handler
    /// that runs meanwhile does not: the wait goes on with the time that is left.
    ///
    /// # Errors
    /// What `poll(2)` reports, except `EINTR`.
    pub fn wait(
        &self,
        fd: BorrowedFd<'_>,
        events: PollFlags,
        deadline: Deadline,
    ) -> Result<Woken, Errno> {
        let entry = |fd, events| PollFd::from_borrowed_fd(fd, events);
        let mut entries = [entry(fd, events), entry(fd, events), entry(fd, events)];
        let mut used = 1;
        let mut add = |fd| {
            entries[used] = PollFd::from_borrowed_fd(fd, PollFlags::IN);
            used += 1;
            used - 1
        };
        let cancel = self.canceller.as_ref().map(|c| (c, add(c.as_fd())));
        let peer = self.peer.as_ref().map(|pidfd| add(pidfd.as_fd()));
        loop {
            for entry in &mut entries {
                entry.clear_revents();
            }
            match poll(&mut entries[..used], deadline.timespec().as_ref()) {
                Ok(0) if deadline.passed() => return Ok(Woken::TimedOut),
                Ok(0) | Err(Errno::INTR) => continue,
                Ok(_) => {}
                Err(errno) => return Err(errno),
            }
            if let Some((canceller, at)) = cancel {
                if !entries[at].revents().is_empty() {
                    if canceller.take() {
                        return Ok(Woken::Cancelled);
                    }
                    canceller.silence();
                }
            }
            if !entries[0].revents().is_empty() {
                return Ok(Woken::Ready);
            }
            if peer.is_some_and(|at| !entries[at].revents().is_empty()) {
                return Ok(Woken::PeerDied);
            }
        }
    }
}
