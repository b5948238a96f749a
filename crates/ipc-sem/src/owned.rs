//! The semaphore whose permits come back when their holder dies: one cell a permit, with its owner's id.
//!
//! A cell is 0 (free) or an owner id. Taking one is a single compare-and-swap of a cell that is free or
//! whose owner is dead, so there is no instruction at which a killed process loses a permit.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ipc_core::Wait;
use ipc_core::life::OwnerId;
use ipc_core::life::sleep::Stop;

use crate::canceller::Canceller;
use crate::error::{Error, Result};
use crate::shared::layout::{OwnedBody, PERMITS};
use crate::shared::{Form, ObjectOptions, Shared, unlink};

/// Choices for an [`OwnedSemaphore`].
pub type OwnedSemaphoreOptions = ObjectOptions<OwnedSemaphore>;

/// A semaphore of at most 64 permits; those of a process that died are free again.
///
/// `acquire` gives a [`Permit`] that gives itself back when it is dropped. Finding a free one takes time
/// in proportion to the number of permits. Nobody is told that a permit came from a dead process: where
/// that matters, use a [`Mutex`](crate::Mutex).
///
/// # Linux
/// By name, it is a file in `/dev/shm`; sleeping is `futex_waitv(2)` (5.16), or `futex(2)`.
///
/// # Examples
/// ```
/// use ipc_sem::OwnedSemaphore;
///
/// # fn main() -> Result<(), ipc_sem::Error> {
/// # let name = format!("/ipc-t-{}-doc-owned", std::process::id());
/// let workers = OwnedSemaphore::create(&name, 2)?;
/// let permit = workers.acquire()?;
/// assert_eq!(workers.free(), 1);
/// drop(permit);
/// assert_eq!(workers.free(), 2);
/// OwnedSemaphore::unlink(&name)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct OwnedSemaphore {
    pub(crate) shared: Shared<OwnedBody>,
}

/// A permit of an [`OwnedSemaphore`]; dropping it gives it back. It may move to another thread. In a
/// forked child, dropping a copy does nothing: the permit is the parent's.
#[derive(Debug)]
#[must_use = "dropping the permit gives it back"]
pub struct Permit<'a> {
    semaphore: &'a OwnedSemaphore,
    cell: usize,
}

impl Permit<'_> {
    /// Which of the permits it is, from 0: nobody else has this number meanwhile.
    #[must_use]
    pub fn index(&self) -> usize {
        self.cell
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        let (shared, body) = (&self.semaphore.shared, self.semaphore.shared.body());
        if let (Ok(_), Some(cell)) = (shared.me(), body.cells.get(self.cell)) {
            cell.swap(0, Ordering::SeqCst);
            body.bell.ring();
        }
    }
}

/// Checks a number of permits.
fn check(permits: usize) -> Result<u32> {
    match u32::try_from(permits) {
        Ok(count) if (1..=PERMITS).contains(&permits) => Ok(count),
        _ => Err(Error::InvalidArgument { what: "create owned semaphore: it has 1 to 64 permits" }),
    }
}

impl OwnedSemaphore {
    /// The most permits that one can have.
    pub const MAX: usize = PERMITS;

    /// Creates a semaphore with 1 to 64 permits, all free, for this user only. Does not block.
    ///
    /// # Errors
    /// `AlreadyExists`, `InvalidName`, `InvalidArgument`, `NoSpace`, `Limit`. `NotOwner`: this is a fork's child.
    pub fn create(name: &str, permits: usize) -> Result<Self> {
        OwnedSemaphoreOptions::new().create(name, permits)
    }

    /// Opens one that exists. Does not block. It states that only cooperating processes write to it.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, `Limit`. `WrongOwner`: it belongs neither to this user nor to root.
    /// `Corrupt`, `Truncated`, `Mismatch`: it is something else. `TooManyPeers`: 60 processes use it.
    /// `Contended`: others come and go all the time. `NotOwner`: this is a fork's child.
    pub fn open(name: &str) -> Result<Self> {
        OwnedSemaphoreOptions::new().open(name)
    }

    /// Opens it, or creates it. Does not block.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`open`](Self::open).
    pub fn open_or_create(name: &str, permits: usize) -> Result<Self> {
        OwnedSemaphoreOptions::new().open_or_create(name, permits)
    }

    /// Removes the name. Who has it open goes on using it. Does not block.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, or what `unlink(2)` reports.
    pub fn unlink(name: &str) -> Result<()> {
        unlink::<OwnedBody>(name)
    }

    /// Creates one without a name, and the descriptor by which a relative opens it. Does not block.
    ///
    /// # Errors
    /// `InvalidArgument`, `NoSpace`, `Limit`, `NotOwner`.
    pub fn anonymous(permits: usize) -> Result<(Self, OwnedFd)> {
        let permits = check(permits)?;
        let (shared, fd) =
            Shared::anonymous(|body: &OwnedBody| body.permits.store(permits, Ordering::Release))?;
        Ok((Self { shared }, fd))
    }

    /// Opens the one behind a descriptor that [`anonymous`](Self::anonymous) gave. Does not block.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        Ok(Self { shared: Shared::from_fd(fd)? })
    }

    /// Takes a permit, waiting until that can be done.
    ///
    /// # Errors
    /// `Cancelled`; `NotOwner`: this is a fork's child.
    #[inline]
    pub fn acquire(&self) -> Result<Permit<'_>> {
        self.acquire_within(Wait::FOREVER)
    }

    /// Takes a permit if that can be done at once. Does not block.
    ///
    /// # Errors
    /// `WouldBlock`; otherwise as [`acquire`](Self::acquire).
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<'_>> {
        self.acquire_within(Wait::No)
    }

    /// Takes a permit, waiting at most for `timeout`.
    ///
    /// # Errors
    /// `TimedOut`; otherwise as [`acquire`](Self::acquire).
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<Permit<'_>> {
        self.acquire_within(Wait::timeout(timeout))
    }

    /// Takes a permit, waiting at most until `deadline`.
    ///
    /// # Errors
    /// `TimedOut`; otherwise as [`acquire`](Self::acquire).
    pub fn acquire_deadline(&self, deadline: Instant) -> Result<Permit<'_>> {
        self.acquire_within(Wait::deadline(deadline))
    }

    /// Sets the number of permits of one that lies [in memory](Self::at), before the first use.
    ///
    /// # Errors
    /// `InvalidArgument`: not 1 to 64. `NotOwner`: this is a fork's child.
    pub fn set_permits(&self, permits: usize) -> Result<()> {
        self.shared.me()?;
        self.shared.body().permits.store(check(permits)?, Ordering::SeqCst);
        self.shared.body().bell.ring();
        Ok(())
    }

    /// How many permits there are.
    #[must_use]
    pub fn permits(&self) -> usize {
        self.cells().len()
    }

    /// How many are free at this moment, those of the dead included.
    #[must_use]
    pub fn free(&self) -> usize {
        self.cells().iter().filter(|cell| self.is_free(cell.load(Ordering::Relaxed))).count()
    }

    /// A handle that ends the current or the next wait of this one.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.shared.canceller()
    }

    fn cells(&self) -> &[AtomicU32] {
        let body = self.shared.body();
        let permits = body.permits.load(Ordering::Relaxed);
        let permits = usize::try_from(permits).unwrap_or(PERMITS).min(PERMITS);
        &body.cells[..permits]
    }

    fn is_free(&self, seen: u32) -> bool {
        OwnerId::from_bits(seen).is_none_or(|owner| !self.shared.members().is_alive(owner))
    }

    #[inline]
    fn acquire_within(&self, wait: Wait) -> Result<Permit<'_>> {
        let me = self.shared.me()?;
        match self.grab(me) {
            Some(permit) => Ok(permit),
            None => self.contend(me, wait),
        }
    }

    /// Takes the first cell that is free, beginning at one that other processes do not begin at.
    #[inline]
    fn grab(&self, me: OwnerId) -> Option<Permit<'_>> {
        let cells = self.cells();
        let start = me.slot().checked_rem(cells.len())?;
        (start..cells.len()).chain(0..start).find_map(|cell| {
            let seen = cells[cell].load(Ordering::SeqCst);
            let order = (Ordering::SeqCst, Ordering::Relaxed);
            let free = seen == 0 || self.is_free(seen);
            let taken =
                free && cells[cell].compare_exchange(seen, me.bits(), order.0, order.1).is_ok();
            // Lazily: a permit that is made and dropped would give the cell back.
            taken.then(|| Permit { semaphore: self, cell })
        })
    }

    #[cold]
    fn contend(&self, me: OwnerId, wait: Wait) -> Result<Permit<'_>> {
        if wait == Wait::No {
            return Err(self.shared.stopped(Stop::WouldBlock));
        }
        let bell = &self.shared.body().bell;
        self.shared
            .spin(wait, || self.cells().iter().any(|cell| cell.load(Ordering::Relaxed) == 0));
        let mut sleeper = self.shared.sleeper(wait);
        loop {
            sleeper.look();
            let heard = bell.announce();
            if let Some(permit) = self.grab(me) {
                return Ok(permit);
            }
            sleeper.sleep(bell.word(), heard).map_err(|stop| self.shared.stopped(stop))?;
        }
    }
}

impl ObjectOptions<OwnedSemaphore> {
    /// As [`OwnedSemaphore::create`].
    ///
    /// # Errors
    /// As there.
    pub fn create(&self, name: &str, permits: usize) -> Result<OwnedSemaphore> {
        let permits = check(permits)?;
        Ok(OwnedSemaphore {
            shared: self.make(Form::Create, name, |body: &OwnedBody| {
                body.permits.store(permits, Ordering::Release)
            })?,
        })
    }

    /// As [`OwnedSemaphore::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(&self, name: &str) -> Result<OwnedSemaphore> {
        Ok(OwnedSemaphore { shared: self.make(Form::Open, name, |_| {})? })
    }

    /// As [`OwnedSemaphore::open_or_create`].
    ///
    /// # Errors
    /// As there.
    pub fn open_or_create(&self, name: &str, permits: usize) -> Result<OwnedSemaphore> {
        let permits = check(permits)?;
        Ok(OwnedSemaphore {
            shared: self.make(Form::OpenOrCreate, name, |body: &OwnedBody| {
                body.permits.store(permits, Ordering::Release)
            })?,
        })
    }
}
