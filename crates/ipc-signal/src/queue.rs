//! The queue: every signal of a set, one after the other, from a descriptor.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use ipc_core::watch::{Watch, Woken};
use ipc_core::{Deadline, Wait};
use rustix::event::PollFlags;
use rustix::io::Errno;

use crate::canceller::Canceller;
use crate::error::{Error, Result};
use crate::info::{RECORD, SignalInfo};
use crate::mask::refuse_uncatchable;
use crate::set::SignalSet;
use crate::sys;
use crate::threads;
use crate::wait;

/// How many signals one system call of [`Signals::recv_many`] takes at most.
const BATCH: usize = 32;

/// The signals of a set, taken from a signalfd instead of being delivered to a handler.
///
/// Real-time signals come all of them, lowest number first, and those of one number in the order in
/// which they were sent. A standard signal that was sent several times before it is taken comes
/// once. What was sent before the queue was made, but after the signals were blocked, comes too; what
/// is not taken stays pending when the queue is dropped.
///
/// ```
/// # fn main() -> Result<(), ipc_signal::Error> {
/// use ipc_signal::{Process, Signal, Signals, block_early};
///
/// # if std::fs::read_dir("/proc/self/task").unwrap().count() > 1 { return Ok(()) } // in a test
/// let set = Signal::rt(0) | Signal::rt(1);
/// block_early(set)?;
/// let mut signals = Signals::new(set)?;
/// let me = Process::open(std::process::id())?;
/// for value in 0..50 {
///     me.queue(Signal::rt(1), value)?;
/// }
/// for value in 0..50 {
///     let info = signals.recv()?;
///     assert_eq!((info.value, info.pid), (Some(value), Some(std::process::id())));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "signalfd")]
pub struct Signals {
    fd: OwnedFd,
    set: SignalSet,
    watch: Watch,
}

impl Signals {
    /// Makes a queue of the signals of `set`. They must be blocked in every thread of the process:
    /// see [`block_early`](crate::block_early) and [`spawn_masked`](crate::spawn_masked).
    ///
    /// # Errors
    /// `UnblockedIn { tid }`: that thread has one of them unblocked, and would take it. `Uncatchable`:
    /// SIGKILL or SIGSTOP is in the set. `Limit`: too many descriptors.
    ///
    /// # Linux
    /// [`signalfd(2)`](https://man7.org/linux/man-pages/man2/signalfd.2.html); the masks are read
    /// from `/proc/self/task/*/status`.
    pub fn new(set: impl Into<SignalSet>) -> Result<Self> {
        let set = checked(set.into())?;
        let fd = sys::signalfd(set.bits()).map_err(|errno| Error::os("create signalfd", errno))?;
        Ok(Self { fd, set, watch: Watch::default() })
    }

    /// The signals that come from it.
    #[must_use]
    pub const fn signals(&self) -> SignalSet {
        self.set
    }

    /// From now on the queue is of the signals of `set`. What is pending and no longer in it stays
    /// pending.
    ///
    /// # Errors
    /// As [`new`](Self::new); the set is then as before.
    pub fn set_signals(&mut self, set: impl Into<SignalSet>) -> Result<()> {
        let set = checked(set.into())?;
        sys::set_signalfd(self.fd.as_fd(), set.bits())
            .map_err(|errno| Error::os("change signalfd", errno))?;
        self.set = set;
        Ok(())
    }

    /// Takes the next signal, waiting until there is one.
    ///
    /// # Errors
    /// `Cancelled`: by the [`canceller`](Self::canceller). `Os`: the kernel refuses.
    #[inline]
    pub fn recv(&mut self) -> Result<SignalInfo> {
        self.recv_until(Wait::FOREVER)
    }

    /// Takes the next signal if there is one. Does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: none is pending. `Os`: the kernel refuses.
    #[inline]
    pub fn try_recv(&mut self) -> Result<SignalInfo> {
        let mut record = [0; RECORD];
        match rustix::io::read(&self.fd, &mut record) {
            Ok(RECORD) => Ok(SignalInfo::from_record(&record)),
            // Not in the slow path: who spins on this form is late by what it costs.
            Err(Errno::AGAIN) => Err(Error::WouldBlock),
            other => not_read(other),
        }
    }

    /// As [`recv`](Self::recv), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`: none came. Otherwise as [`recv`](Self::recv).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<SignalInfo> {
        self.recv_until(Wait::timeout(timeout))
    }

    /// As [`recv`](Self::recv), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`: none came. Otherwise as [`recv`](Self::recv).
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<SignalInfo> {
        self.recv_until(Wait::deadline(deadline))
    }

    /// Waits for a signal and takes up to 32 that are pending with one system call, which is several
    /// times as fast a signal; they are added to `infos`. Returns how many.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_many(&mut self, infos: &mut Vec<SignalInfo>) -> Result<usize> {
        loop {
            match self.try_recv_many(infos) {
                Err(Error::WouldBlock) => self.sleep(Deadline::NEVER)?,
                done => return done,
            }
        }
    }

    /// As [`recv_many`](Self::recv_many), but does not wait.
    ///
    /// # Errors
    /// As [`try_recv`](Self::try_recv).
    pub fn try_recv_many(&mut self, infos: &mut Vec<SignalInfo>) -> Result<usize> {
        let mut records = [[0; RECORD]; BATCH];
        let read = match rustix::io::read(&self.fd, records.as_flattened_mut()) {
            Ok(read @ RECORD..) => read / RECORD,
            other => return not_read(other).map(|_| 0),
        };
        infos.extend(records[..read].iter().map(SignalInfo::from_record));
        Ok(read)
    }

    /// A handle that ends the current or next waiting call (`recv` and its like) with `Cancelled`.
    ///
    /// It may be called from another thread or from a signal handler. From the first call on, waits
    /// cost one system call more, and the queue holds one more descriptor.
    ///
    /// # Errors
    /// `Limit`: no descriptor could be had for it.
    pub fn canceller(&mut self) -> Result<Canceller> {
        let made = self.watch.canceller();
        made.map(Canceller).map_err(|errno| Error::os("create canceller", errno))
    }

    #[inline]
    pub(crate) fn recv_until(&mut self, wait: Wait) -> Result<SignalInfo> {
        if self.watch.is_empty() {
            // Nothing else can end the wait, so one call does all: it takes from the same queue.
            return wait::take(self.set, wait);
        }
        let Wait::Until(deadline) = wait else { return self.try_recv() };
        loop {
            if self.watch.cancelled() {
                return Err(Error::Cancelled);
            }
            match self.try_recv() {
                Err(Error::WouldBlock) => self.sleep(deadline)?,
                done => return done,
            }
        }
    }

    #[cold]
    fn sleep(&self, deadline: Deadline) -> Result<()> {
        match self.watch.wait(self.fd.as_fd(), PollFlags::IN, deadline) {
            Ok(Woken::Ready) => Ok(()),
            Ok(woken) => Err(Error::woken(woken)),
            Err(errno) => Err(Error::os("wait for signal", errno)),
        }
    }
}

/// Each item is [`Signals::recv`]; a cancellation ends the iteration.
impl Iterator for Signals {
    type Item = Result<SignalInfo>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.recv() {
            Err(Error::Cancelled) => None,
            item => Some(item),
        }
    }
}

/// Readable while a signal of the set is pending for the process or for the thread that asks.
impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The signalfd. Signals that are not taken stay pending.
impl From<Signals> for OwnedFd {
    fn from(signals: Signals) -> Self {
        signals.fd
    }
}

fn checked(set: SignalSet) -> Result<SignalSet> {
    refuse_uncatchable(set)?;
    threads::all_block(set)?;
    Ok(set)
}

#[cold]
fn not_read(read: Result<usize, Errno>) -> Result<SignalInfo> {
    match read {
        Err(Errno::AGAIN) => Err(Error::WouldBlock),
        Err(errno) => Err(Error::os("read signalfd", errno)),
        // It gives whole records only.
        Ok(_) => Err(Error::os("read signalfd", Errno::IO)),
    }
}
