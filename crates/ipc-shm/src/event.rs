//! An eventfd of this process that becomes readable when a bell is rung: see `ready` of the rings.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use ipc_core::life::Membership;
use ipc_core::wait::Bell;
use rustix::event::{EventfdFlags, eventfd};

use crate::error::{Error, Result};

/// The eventfd of one end.
#[derive(Debug)]
pub(crate) struct Event(Arc<OwnedFd>);

impl Event {
    pub(crate) fn new(name: &str) -> Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let event = eventfd(0, flags).map_err(|errno| Error::os("make an eventfd", name, errno))?;
        Ok(Self(Arc::new(event)))
    }

    /// Makes it unreadable until `ready`, the next ring, or somebody's death.
    pub(crate) fn arm(
        &self,
        members: &Membership,
        bell: &Bell,
        ready: impl Fn() -> bool,
    ) -> Result<()> {
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
        // Read before the look: a death that is reported later changes it.
        let deaths = members.deaths();
        let nap = bell.announce();
        if ready() {
            self.set();
            Ok(())
        } else if members.arm(bell.word(), nap.value(), deaths, nap.longest(), &self.0) {
            Ok(())
        } else {
            Err(Error::Unsupported { what: "wait for shared memory by descriptor (futex_waitv)" })
        }
    }

    /// Makes it readable.
    pub(crate) fn set(&self) {
        // A full counter (EAGAIN) is readable already.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    pub(crate) fn disarm(&self, members: &Membership) {
        members.disarm(&self.0);
    }
}

impl AsFd for Event {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
