//! System V semaphore sets: several semaphores changed in one step, and undone when a process dies.
//!
//! A set that this crate makes carries two more semaphores than asked for, after the others:
//!
//! | index | holds |
//! |---|---|
//! | count | a tag that comes from the key: who meets it under the same key for another file sees it |
//! | count + 1 | a random number, 0 until the first values are set |
//!
//! The first values are set by one `semop` that begins with "the random number is 0". So a set is
//! initialised exactly once, however many try, and whoever died between `semget` and that `semop`
//! is simply replaced. Every later group begins with "take the random number, there must be 0 left,
//! put it back", in the same system call: a handle never changes a set that has taken the place and
//! the number of its own. C programs see a set that is larger than they asked for, which `semget`
//! allows. Sets made by others, and by [`SysvOptions::plain`], have neither.

mod key;
mod open;
mod ops;
mod state;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ipc_core::{Deadline, Wait};
use rustix::io::Errno;

use crate::canceller::{Cancel, Canceller, over};
use crate::error::{Error, Result};
use crate::sys::sysv::{self, Op};

pub use key::Key;
pub use open::SysvOptions;
pub use ops::Ops;
pub use state::Stat;

const NOWAIT: i16 = 0o4000;

/// A set of semaphores in the kernel, known by a key or a number.
///
/// It stays until [`remove`](Self::remove); dropping a handle changes nothing. Waiting neither
/// allocates nor holds a descriptor. A fork's child may use the handle; what the parent may undo
/// stays the parent's.
///
/// # Linux
/// [`sysvipc(7)`](https://man7.org/linux/man-pages/man7/sysvipc.7.html). Limits:
/// `/proc/sys/kernel/sem` (SEMMSL, SEMMNS, SEMOPM, SEMMNI). A key means something only inside one
/// IPC namespace.
///
/// # Examples
/// ```
/// use ipc_sem::{Ops, SysvSet};
///
/// # fn main() -> Result<(), ipc_sem::Error> {
/// let forks = SysvSet::private(&[1, 1])?; // anybody who is told its id() may open it
/// // Both or none; put back by the kernel if this process dies.
/// forks.apply(&Ops::new().p(0, 1).undo().p(1, 1).undo())?;
/// assert_eq!(forks.values()?, [0, 0]);
/// assert!(matches!(forks.try_acquire(0), Err(ipc_sem::Error::WouldBlock)));
/// forks.apply(&Ops::new().v(0, 1).undo().v(1, 1).undo())?;
/// forks.remove()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "semget")]
pub struct SysvSet {
    id: i32,
    key: i32,
    /// Semaphores of the user's.
    count: u16,
    guard: Option<Guard>,
    /// true: the kernel said once that the set is gone; its number may mean another one since.
    /// Written and read Relaxed: nothing is ordered by it.
    removed: AtomicBool,
    cancel: Cancel,
    shown: String,
}

/// What the two semaphores behind the others hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Guard {
    tag: u16,
    nonce: u16,
}

impl SysvSet {
    /// The largest value of a semaphore, `SEMVMX`.
    pub const MAX: u16 = 32767;

    /// Takes one unit of a semaphore, waiting until there is one (`P`).
    ///
    /// # Errors
    /// `Removed`, `Cancelled`, `InvalidArgument` (no such semaphore), `Os` with `EACCES`.
    #[inline]
    pub fn acquire(&self, index: u16) -> Result<()> {
        self.run(&[ops::op(index, -1)], Wait::FOREVER)
    }

    /// Takes one unit if there is one. Does not block.
    ///
    /// # Errors
    /// `WouldBlock`; otherwise as [`acquire`](Self::acquire).
    #[inline]
    pub fn try_acquire(&self, index: u16) -> Result<()> {
        self.run(&[ops::op(index, -1)], Wait::No)
    }

    /// Takes one unit, waiting at most for `timeout`.
    ///
    /// # Errors
    /// `TimedOut`; otherwise as [`acquire`](Self::acquire).
    pub fn acquire_timeout(&self, index: u16, timeout: Duration) -> Result<()> {
        self.run(&[ops::op(index, -1)], Wait::timeout(timeout))
    }

    /// Takes one unit, waiting at most until `deadline`.
    ///
    /// # Errors
    /// `TimedOut`; otherwise as [`acquire`](Self::acquire).
    pub fn acquire_deadline(&self, index: u16, deadline: Instant) -> Result<()> {
        self.run(&[ops::op(index, -1)], Wait::deadline(deadline))
    }

    /// Gives one unit back (`V`). Does not block.
    ///
    /// # Errors
    /// `Overflow`: the value is [`MAX`](Self::MAX) already. `Removed`, `InvalidArgument`, `Os`.
    #[inline]
    pub fn release(&self, index: u16) -> Result<()> {
        self.run(&[ops::op(index, 1)], Wait::No)
    }

    /// Does all operations of the group in one step, waiting until that can be done.
    ///
    /// # Errors
    /// `Overflow`, `Removed`, `Cancelled`, `InvalidArgument` (no such semaphore, an empty group),
    /// `Limit` (more operations than SEMOPM, values to undo), `Os` with `EACCES`.
    #[doc(alias = "semop")]
    pub fn apply(&self, ops: &Ops) -> Result<()> {
        self.run(ops.valid()?, Wait::FOREVER)
    }

    /// Does all operations in one step if that can be done now. Does not block.
    ///
    /// # Errors
    /// `WouldBlock`; otherwise as [`apply`](Self::apply).
    pub fn try_apply(&self, ops: &Ops) -> Result<()> {
        self.run(ops.valid()?, Wait::No)
    }

    /// Does all operations in one step, waiting at most for `timeout`.
    ///
    /// # Errors
    /// `TimedOut`; otherwise as [`apply`](Self::apply).
    #[doc(alias = "semtimedop")]
    pub fn apply_timeout(&self, ops: &Ops, timeout: Duration) -> Result<()> {
        self.run(ops.valid()?, Wait::timeout(timeout))
    }

    /// Does all operations in one step, waiting at most until `deadline`.
    ///
    /// # Errors
    /// `TimedOut`; otherwise as [`apply`](Self::apply).
    pub fn apply_deadline(&self, ops: &Ops, deadline: Instant) -> Result<()> {
        self.run(ops.valid()?, Wait::deadline(deadline))
    }

    /// A handle that ends the current or the next wait of this one.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.cancel.canceller()
    }

    #[inline(always)]
    fn run(&self, ops: &[Op], wait: Wait) -> Result<()> {
        // Inlined with all it calls: after a system call each return to a caller costs some 20 ns.
        if ops.iter().any(|op| op.sem_num >= self.count) {
            return Err(Error::InvalidArgument { what: "use semaphore set: no such semaphore" });
        }
        let front = self.guard.map(|guard| guard.check(self.count));
        let front = front.as_ref().map_or(&[][..], |front| front);
        let len = front.len() + ops.len();
        let mut few = [ops::op(0, 0); 8];
        let mut many = Vec::new();
        let group = if let Some(group) = few.get_mut(..len) {
            group
        } else {
            many.resize(len, ops::op(0, 0));
            &mut many[..]
        };
        group[..front.len()].copy_from_slice(front);
        group[front.len()..].copy_from_slice(ops);
        self.alive()?;
        if wait != Wait::No && self.cancel.take() {
            return Err(Error::Cancelled);
        }
        // First without waiting: that is the cheaper call where nobody has to.
        for op in group[front.len()..].iter_mut() {
            op.sem_flg |= NOWAIT;
        }
        match (sysv::apply_now(self.id, group), wait) {
            (Ok(()), _) => Ok(()),
            (Err(Errno::AGAIN), Wait::No) => Err(self.same().err().unwrap_or(Error::WouldBlock)),
            (Err(Errno::AGAIN), Wait::Until(deadline)) => {
                // Where both sides share a processor, this is where the other one releases.
                rustix::thread::sched_yield();
                match sysv::apply_now(self.id, group) {
                    Ok(()) => Ok(()),
                    Err(_) => self.sleep(group, front.len(), deadline),
                }
            }
            (Err(errno), _) => Err(self.refused(errno)),
        }
    }

    #[cold]
    fn sleep(&self, group: &mut [Op], front: usize, deadline: Deadline) -> Result<()> {
        for op in group[front..].iter_mut() {
            op.sem_flg &= !NOWAIT;
        }
        loop {
            match sysv::apply(self.id, group, deadline.slice(self.cancel.slice())) {
                Ok(()) => return Ok(()),
                // The slice is over, or the set is another one by now.
                Err(Errno::AGAIN) => self.same()?,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(self.refused(errno)),
            }
            if let Some(error) = over(&self.cancel, deadline) {
                return Err(error);
            }
        }
    }

    #[inline]
    fn alive(&self) -> Result<()> {
        if self.removed.load(Ordering::Relaxed) { Err(self.gone()) } else { Ok(()) }
    }

    /// Marks this handle: the number is not ours any more.
    #[cold]
    fn gone(&self) -> Error {
        self.removed.store(true, Ordering::Relaxed);
        Error::Removed { name: self.shown.clone() }
    }

    #[cold]
    fn refused(&self, errno: Errno) -> Error {
        match errno {
            // Number and count were checked: with EINVAL or EFBIG it is not our set any more.
            Errno::IDRM | Errno::INVAL | Errno::FBIG => self.gone(),
            Errno::RANGE => Error::Overflow { name: self.shown.clone() },
            Errno::TOOBIG => Error::limit(
                errno,
                "/proc/sys/kernel/sem, third number (SEMOPM, operations of one group)",
                "make smaller groups (3 of each are this crate's), or raise it with sysctl kernel.sem",
            ),
            Errno::NOMEM | Errno::NOSPC => Error::limit(
                errno,
                "the kernel's memory for values to undo",
                "undo fewer semaphores at a time",
            ),
            _ => Error::os("use", &self.shown, errno),
        }
    }
}

impl Guard {
    /// "The random number is this one", in one step with what follows.
    fn check(self, count: u16) -> [Op; 3] {
        let at = count + 1;
        let nonce = ops::amount(self.nonce);
        let mut check = [ops::op(at, -nonce), ops::op(at, 0), ops::op(at, nonce)];
        for op in &mut check {
            op.sem_flg = NOWAIT;
        }
        check
    }

    /// "Nobody has set the first values", and from now on the set is ours.
    fn begin(self, count: u16) -> [Op; 3] {
        let (tag, nonce) = (ops::amount(self.tag), ops::amount(self.nonce));
        let mut begin = [ops::op(count + 1, 0), ops::op(count, tag), ops::op(count + 1, nonce)];
        for op in &mut begin {
            op.sem_flg = NOWAIT;
        }
        begin
    }
}
