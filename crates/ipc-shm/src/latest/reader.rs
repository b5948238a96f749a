//! The end that loads.

use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use ipc_core::Wait as Until;
use ipc_core::safe::ShmSafe;

use crate::Canceller;
use crate::area::Area;
use crate::error::{Error, Result};
use crate::handle::Handle;
use crate::ring::role::Other;
use crate::slots::{CHANGED, Slots, WRITER};
use crate::wait::Wait;

/// How often a load begins again because the value was overwritten under it.
const TRIES: usize = 32;

/// A reader of a [`Latest`](crate::Latest).
#[derive(Debug)]
pub struct LatestReader<T> {
    area: Area,
    slots: Slots,
    handle: Handle,
    seen: u64,
    missed: u64,
    of: PhantomData<fn() -> T>,
}

impl<T: ShmSafe> LatestReader<T> {
    pub(super) fn join(area: Area, slots: Slots, name: &str, wait: Wait) -> Self {
        let (handle, of) = (Handle::new(name, wait), PhantomData);
        Self { area, slots, handle, seen: 0, missed: 0, of }
    }

    /// The newest value, whether it was seen before or not. Does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: nothing was stored yet. `Contended`: the writer overwrote it each time while it was
    /// copied. `NotOwner`: this is a forked child.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_shm::Error> {
    /// let (mut writer, mut reader) = ipc_shm::Latest::<u32>::pair()?;
    /// assert!(matches!(reader.load(), Err(ipc_shm::Error::WouldBlock)));
    /// writer.store(7)?;
    /// assert_eq!(reader.load()?, 7);
    /// assert_eq!(reader.load()?, 7);
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn load(&mut self) -> Result<T> {
        if self.area.me().is_none() {
            return Err(self.handle.not_owner());
        }
        for _ in 0..TRIES {
            let version = Slots::newest(&self.area);
            if version == 0 {
                return Err(Error::WouldBlock);
            }
            let value = self.area.load_value(self.slots.value(version));
            if self.slots.still(&self.area, version) {
                self.note(version);
                return Ok(value);
            }
        }
        Err(self.handle.contended())
    }

    /// As [`load`](Self::load), into a value that is there: one copy less of a large one. Its version.
    ///
    /// # Errors
    /// As [`load`](Self::load). After `Contended`, `value` is a mixture of several.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_shm::Error> {
    /// let (mut writer, mut reader) = ipc_shm::Latest::<[u8; 4096]>::pair()?;
    /// writer.store_from(&[7; 4096])?;
    /// let mut page = [0; 4096];
    /// assert_eq!(reader.load_into(&mut page)?, 1);
    /// assert_eq!(page, [7; 4096]);
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn load_into(&mut self, value: &mut T) -> Result<u64> {
        if self.area.me().is_none() {
            return Err(self.handle.not_owner());
        }
        for _ in 0..TRIES {
            let version = Slots::newest(&self.area);
            if version == 0 {
                return Err(Error::WouldBlock);
            }
            self.area.load_value_into(self.slots.value(version), value);
            if self.slots.still(&self.area, version) {
                self.note(version);
                return Ok(version);
            }
        }
        Err(self.handle.contended())
    }

    /// The version that was loaded last, 0 before the first. Versions count from 1.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.seen
    }

    /// How many versions were stored between the last two loads and never seen; 0 after the first load.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Waits for a version that was not loaded yet; says which one is there. It does not load it.
    ///
    /// # Blocking
    /// Until the writer stores, also for the first writer to come.
    ///
    /// # Errors
    /// `Closed`: there is nothing newer, and the writer died or left. `Cancelled`: see
    /// [`canceller`](Self::canceller). `NotOwner`: this is a forked child.
    pub fn wait(&mut self) -> Result<u64> {
        self.newer(Until::FOREVER)
    }

    /// As [`wait`](Self::wait), if there is one now. Does not block.
    ///
    /// # Errors
    /// `WouldBlock`: there is none. As [`wait`](Self::wait).
    pub fn try_wait(&mut self) -> Result<u64> {
        self.newer(Until::No)
    }

    /// As [`wait`](Self::wait), at most so long.
    ///
    /// # Errors
    /// `TimedOut`: nothing was stored. As [`wait`](Self::wait).
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<u64> {
        self.newer(Until::timeout(timeout))
    }

    /// As [`wait`](Self::wait), until then.
    ///
    /// # Errors
    /// `TimedOut`: nothing was stored. As [`wait`](Self::wait).
    pub fn wait_deadline(&mut self, deadline: Instant) -> Result<u64> {
        self.newer(Until::deadline(deadline))
    }

    /// A descriptor for `poll`, `epoll` and the like: readable when a newer version came
    /// or the writer is gone.
    ///
    /// It is an eventfd of this process, and tells of edges: make the `try_` form return `WouldBlock`
    /// before each wait for it, which also makes it unreadable again. It may be readable for no reason.
    /// Do not read or write it.
    ///
    /// # Errors
    /// `Unsupported`: no `futex_waitv(2)` (kernel 5.16). `Limit`: no descriptor is left. `NotOwner`.
    pub fn ready(&mut self) -> Result<BorrowedFd<'_>> {
        let (area, seen) = (&self.area, self.seen);
        self.handle.event(area, area.bell(CHANGED), || Slots::newest(area) != seen)
    }

    /// Ends the current or the next wait of this reader.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        Canceller::word(self.handle.cancel.clone())
    }

    #[inline]
    fn note(&mut self, version: u64) {
        if version != self.seen {
            let first = self.seen == 0;
            self.missed = if first { 0 } else { version.wrapping_sub(self.seen).wrapping_sub(1) };
            self.seen = version;
        } else {
            self.missed = 0;
        }
    }

    fn newer(&mut self, until: Until) -> Result<u64> {
        let (area, seen) = (&self.area, self.seen);
        let gone = || match area.role(WRITER).other(area.members()) {
            Other::Died => Some(Error::Closed { peer_died: true }),
            Other::Closed => Some(Error::Closed { peer_died: false }),
            Other::Lives | Other::Awaited => None,
        };
        let ready = || Slots::newest(area) != seen;
        self.handle.wait(area, area.bell(CHANGED), until, ready, gone)?;
        Ok(Slots::newest(area))
    }
}

impl<T> Drop for LatestReader<T> {
    fn drop(&mut self) {
        if self.area.me().is_some() {
            self.handle.disarm(&self.area);
        }
    }
}
