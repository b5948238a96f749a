//! One-time initialisation between processes.
//!
//! A [`RawLock`](ipc_core::lock::RawLock), and a word that is 1 when the work is done. The word is stored
//! before the lock is let go; a dead initialiser leaves a lock that the next caller takes over.

use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ipc_core::Wait;
use ipc_core::lock::{LockFault, Locked};

use crate::canceller::Canceller;
use crate::error::{Error, Result};
use crate::shared::layout::OnceBody;
use crate::shared::{Form, ObjectOptions, Shared, unlink};

/// Choices for a [`Once`].
pub type OnceOptions = ObjectOptions<Once>;

/// Something that is done once for all processes. If the process that does it dies or panics in it, the
/// next caller does it again, from the start.
///
/// # Linux
/// By name, it is a file in `/dev/shm`; sleeping is `futex_waitv(2)` (5.16), or `futex(2)`.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), ipc_sem::Error> {
/// # let name = format!("/ipc-t-{}-doc-once", std::process::id());
/// let once = ipc_sem::Once::open_or_create(&name)?;
/// assert!(once.call_once(|| println!("only in one process"))?);
/// assert!(!once.call_once(|| unreachable!())?);
/// ipc_sem::Once::unlink(&name)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "pthread_once_t")]
pub struct Once {
    pub(crate) shared: Shared<OnceBody>,
}

/// Lets go of the lock, also when the work panics.
struct Running<'a>(&'a Once);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.shared.body().lock.unlock(self.0.shared.members());
    }
}

impl Once {
    /// Creates one that has not run, for this user only. Does not block.
    ///
    /// # Errors
    /// `AlreadyExists`, `InvalidName`, `NoSpace`, `Limit`. `NotOwner`: this is a fork's child.
    pub fn create(name: &str) -> Result<Self> {
        OnceOptions::new().create(name)
    }

    /// Opens one that exists. Does not block. It states that only cooperating processes write to it.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, `Limit`. `WrongOwner`: it belongs neither to this user nor to root.
    /// `Corrupt`, `Truncated`, `Mismatch`: it is something else. `TooManyPeers`: 60 processes use it.
    /// `Contended`: others come and go all the time. `NotOwner`: this is a fork's child.
    pub fn open(name: &str) -> Result<Self> {
        OnceOptions::new().open(name)
    }

    /// Opens it, or creates it. Does not block.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`open`](Self::open).
    pub fn open_or_create(name: &str) -> Result<Self> {
        OnceOptions::new().open_or_create(name)
    }

    /// Removes the name. Who has it open goes on using it. Does not block.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, or what `unlink(2)` reports.
    pub fn unlink(name: &str) -> Result<()> {
        unlink::<OnceBody>(name)
    }

    /// Creates one without a name, and the descriptor by which a relative opens it. Does not block.
    ///
    /// # Errors
    /// `NoSpace`, `Limit`, `NotOwner`.
    pub fn anonymous() -> Result<(Self, OwnedFd)> {
        let (shared, fd) = Shared::anonymous(|_| {})?;
        Ok((Self { shared }, fd))
    }

    /// Opens the one behind a descriptor that [`anonymous`](Self::anonymous) gave. Does not block.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        Ok(Self { shared: Shared::from_fd(fd)? })
    }

    /// Calls `work` unless that was done already; waits while another process does it. True: it was done
    /// here. When this returns, what the work stored is visible.
    ///
    /// # Errors
    /// `Cancelled`; `NotOwner`: this is a fork's child.
    #[inline]
    #[doc(alias = "pthread_once")]
    pub fn call_once(&self, work: impl FnOnce()) -> Result<bool> {
        self.call_within(Wait::FOREVER, work)
    }

    /// The same if nobody is at it. Does not block, unless `work` does.
    ///
    /// # Errors
    /// `WouldBlock`: another process is at it. Otherwise as [`call_once`](Self::call_once).
    pub fn try_call_once(&self, work: impl FnOnce()) -> Result<bool> {
        self.call_within(Wait::No, work)
    }

    /// The same, waiting at most for `timeout` for another that is at it.
    ///
    /// # Errors
    /// `TimedOut`; otherwise as [`call_once`](Self::call_once).
    pub fn call_once_timeout(&self, timeout: Duration, work: impl FnOnce()) -> Result<bool> {
        self.call_within(Wait::timeout(timeout), work)
    }

    /// The same, waiting at most until `deadline` for another that is at it.
    ///
    /// # Errors
    /// `TimedOut`; otherwise as [`call_once`](Self::call_once).
    pub fn call_once_deadline(&self, deadline: Instant, work: impl FnOnce()) -> Result<bool> {
        self.call_within(Wait::deadline(deadline), work)
    }

    /// Whether it was done.
    #[must_use]
    pub fn is_completed(&self) -> bool {
        self.shared.body().done.load(Ordering::Acquire) == 1
    }

    /// A handle that ends the current or the next wait of this one.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.shared.canceller()
    }

    #[inline]
    fn call_within(&self, wait: Wait, work: impl FnOnce()) -> Result<bool> {
        self.shared.me()?;
        if self.is_completed() { Ok(false) } else { self.run(wait, work) }
    }

    #[cold]
    fn run(&self, wait: Wait, work: impl FnOnce()) -> Result<bool> {
        let (shared, body) = (&self.shared, self.shared.body());
        match body.lock.lock(shared.members(), wait, shared.cancel().word()) {
            Ok(Locked::Clean) => {}
            Ok(Locked::OwnerDied(_)) => {
                crate::log::warn(format_args!("{}: who ran it died", shared.shown()));
            }
            Err(LockFault::Stop(stop)) => return Err(shared.stopped(stop)),
            Err(LockFault::NotRecoverable) => {
                return Err(Error::NotRecoverable { name: shared.shown().to_owned() });
            }
        }
        let _running = Running(self);
        if self.is_completed() {
            return Ok(false);
        }
        work();
        // A forked child that comes out of the work has done it for nobody.
        shared.me()?;
        body.done.store(1, Ordering::Release);
        Ok(true)
    }
}

impl ObjectOptions<Once> {
    /// As [`Once::create`].
    ///
    /// # Errors
    /// As there.
    pub fn create(&self, name: &str) -> Result<Once> {
        Ok(Once { shared: self.make(Form::Create, name, |_| {})? })
    }

    /// As [`Once::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(&self, name: &str) -> Result<Once> {
        Ok(Once { shared: self.make(Form::Open, name, |_| {})? })
    }

    /// As [`Once::open_or_create`].
    ///
    /// # Errors
    /// As there.
    pub fn open_or_create(&self, name: &str) -> Result<Once> {
        Ok(Once { shared: self.make(Form::OpenOrCreate, name, |_| {})? })
    }
}
