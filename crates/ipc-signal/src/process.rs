//! A process as something to send to and to wait for: a pidfd, which no other process can come to own.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use ipc_core::watch::{Watch, Woken};
use ipc_core::{Deadline, Wait};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, WaitId, WaitIdOptions, WaitIdStatus, getuid, pidfd_open, waitid,
};

use crate::canceller::Canceller;
use crate::error::{Error, Result};
use crate::signal::Signal;
use crate::sys::{identity, process as sys};

/// A process, whichever it is: once opened, the handle never means another one, even when the number
/// is used again.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_signal::{Process, Signal};
///
/// let mut child = std::process::Command::new("sleep").arg("1000").spawn()?;
/// let mut process = Process::from_child(&child)?;
/// process.send(Signal::TERM)?;
/// assert_eq!(process.wait()?.signal(), Some(Signal::TERM));
/// assert!(!process.is_alive()?);
/// child.wait()?; // reaping it stays with who started it
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "pidfd_open")]
pub struct Process {
    fd: OwnedFd,
    pid: u32,
    /// Who says to be the sender of what is queued: our user when the handle was made.
    uid: u32,
    watch: Watch,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(Option<ExitStatus>);

impl Process {
    /// Opens the process with this number.
    ///
    /// Whether it is the one you mean, the caller must know: the number of a child that was not
    /// waited for, and of this process's parent as long as it lives, cannot have passed to a stranger.
    ///
    /// # Errors
    /// `NotFound`: there is none. `Limit`: too many descriptors. `Os`: the number of a thread that
    /// is not a process (`EINVAL` or `ENOENT`).
    ///
    /// # Linux
    /// [`pidfd_open(2)`](https://man7.org/linux/man-pages/man2/pidfd_open.2.html), Linux 5.3
    pub fn open(pid: u32) -> Result<Self> {
        let raw = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let raw = raw.ok_or(Error::NotFound { pid })?;
        let fd = pidfd_open(raw, PidfdFlags::empty())
            .map_err(|errno| Error::sending("open process", pid, errno))?;
        Ok(Self::new(fd, pid))
    }

    /// Opens a child that this process started and has not waited for: never a stranger.
    ///
    /// # Errors
    /// `NotFound`: the child was waited for already, or SIGCHLD is ignored and it has ended.
    /// `Limit`: too many descriptors.
    pub fn from_child(child: &std::process::Child) -> Result<Self> {
        Self::open(child.id())
    }

    fn new(fd: OwnedFd, pid: u32) -> Self {
        Self { fd, pid, uid: getuid().as_raw(), watch: Watch::default() }
    }

    /// Its number.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends `signal`. A standard signal that is pending already swallows it.
    ///
    /// # Errors
    /// `NotFound`: the process has ended and was waited for. `LimitReached`: a real-time signal, and
    /// the receiver's queue is full. `Os` with `EPERM`: it belongs to another user.
    ///
    /// # Linux
    /// [`pidfd_send_signal(2)`](https://man7.org/linux/man-pages/man2/pidfd_send_signal.2.html)
    #[doc(alias = "kill")]
    #[doc(alias = "pidfd_send_signal")]
    #[inline]
    pub fn send(&self, signal: Signal) -> Result<()> {
        sys::send(self.fd.as_fd(), signal.as_raw())
            .map_err(|errno| Error::sending("send signal", self.pid, errno))
    }

    /// Queues a real-time signal with a value. It arrives exactly once, in order, unless the receiver
    /// ignores the signal. The user it names as its sender is ours when the handle was opened.
    ///
    /// # Errors
    /// `LimitReached`: the receiver's user has as many signals pending as `RLIMIT_SIGPENDING` allows;
    /// nothing was sent. `Coalesces`: a standard signal, whose value could be lost without a word; see
    /// [`queue_merging`](Self::queue_merging). `NotFound`: the process has ended and was waited for.
    ///
    /// # Linux
    /// [`pidfd_send_signal(2)`](https://man7.org/linux/man-pages/man2/pidfd_send_signal.2.html) with
    /// what [`sigqueue(3)`](https://man7.org/linux/man-pages/man3/sigqueue.3.html) fills in.
    #[doc(alias = "sigqueue")]
    #[doc(alias = "rt_sigqueueinfo")]
    #[inline]
    pub fn queue(&self, signal: Signal, value: i32) -> Result<()> {
        if !signal.is_realtime() {
            return Err(Error::Coalesces { signal });
        }
        self.queue_merging(signal, value)
    }

    /// As [`queue`](Self::queue), for any signal. A standard signal that is pending already swallows
    /// this one, and a full queue its value, without an error: no kernel call tells.
    ///
    /// # Errors
    /// As [`queue`](Self::queue), without `Coalesces`.
    #[inline]
    pub fn queue_merging(&self, signal: Signal, value: i32) -> Result<()> {
        let from = (identity::pid(), self.uid);
        sys::queue(self.fd.as_fd(), signal.as_raw(), value, from)
            .map_err(|errno| Error::sending("queue signal", self.pid, errno))
    }

    /// Whether a signal could be sent to it now; sends none. A zombie can be sent to.
    ///
    /// # Errors
    /// `NotFound`: it has ended and was waited for. `Os` with `EPERM`: it belongs to another user.
    pub fn probe(&self) -> Result<()> {
        sys::send(self.fd.as_fd(), 0)
            .map_err(|errno| Error::sending("probe process", self.pid, errno))
    }

    /// Whether it still runs. A zombie does not, and a stopped process does. Does not wait.
    ///
    /// # Errors
    /// `Os`: what `poll(2)` reports.
    pub fn is_alive(&self) -> Result<bool> {
        self.ended(Deadline::after(Duration::ZERO), &Watch::default()).map(|ended| !ended)
    }

    /// Waits until it has ended. It is not reaped: `Child::wait` still works, and a child of ours
    /// stays a zombie until its owner waits or [`reap`](Self::reap) is called.
    ///
    /// # Errors
    /// `Cancelled`: by the [`canceller`](Self::canceller). `Os`: the kernel refuses.
    ///
    /// # Linux
    /// `poll(2)` of the pidfd, then [`waitid(2)`](https://man7.org/linux/man-pages/man2/waitid.2.html)
    /// with `P_PIDFD` and `WNOWAIT` (Linux 5.4).
    #[doc(alias = "waitpid")]
    #[doc(alias = "waitid")]
    pub fn wait(&mut self) -> Result<Exit> {
        self.wait_until(Wait::FOREVER)
    }

    /// How it ended, if it has. Does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: it still runs.
    pub fn try_wait(&mut self) -> Result<Exit> {
        self.wait_until(Wait::No)
    }

    /// As [`wait`](Self::wait), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`: it still runs. Otherwise as [`wait`](Self::wait).
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Exit> {
        self.wait_until(Wait::timeout(timeout))
    }

    /// As [`wait`](Self::wait), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`: it still runs. Otherwise as [`wait`](Self::wait).
    pub fn wait_deadline(&mut self, deadline: Instant) -> Result<Exit> {
        self.wait_until(Wait::deadline(deadline))
    }

    /// Takes the exit status of a child that has ended, so that it is no longer a zombie. Does not
    /// wait. Only for children that no `std::process::Child` stands for: that one would wait in vain.
    ///
    /// # Errors
    /// `WouldBlock`: it still runs. `Os` with `ECHILD`: no child of ours, or reaped already.
    pub fn reap(&mut self) -> Result<Exit> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        match self.waitid(options) {
            Ok(Some(status)) => Ok(Exit::of(&status)),
            Ok(None) => Err(Error::WouldBlock),
            Err(errno) => Err(Error::os("reap child", errno)),
        }
    }

    /// A handle that ends the current or next waiting call with `Cancelled`.
    ///
    /// # Errors
    /// `Limit`: no descriptor could be had for it.
    pub fn canceller(&mut self) -> Result<Canceller> {
        let made = self.watch.canceller();
        made.map(Canceller).map_err(|errno| Error::os("create canceller", errno))
    }

    fn wait_until(&self, wait: Wait) -> Result<Exit> {
        let (deadline, watch) = match wait {
            Wait::No => (Deadline::after(Duration::ZERO), &Watch::default()),
            Wait::Until(deadline) => (deadline, &self.watch),
        };
        if watch.cancelled() {
            return Err(Error::Cancelled);
        }
        match self.ended(deadline, watch)? {
            true => self.exit(),
            false if wait == Wait::No => Err(Error::WouldBlock),
            false => Err(Error::TimedOut),
        }
    }

    fn ended(&self, deadline: Deadline, watch: &Watch) -> Result<bool> {
        match watch.wait(self.fd.as_fd(), PollFlags::IN, deadline) {
            Ok(Woken::Ready) => Ok(true),
            Ok(Woken::TimedOut) => Ok(false),
            Ok(woken) => Err(Error::woken(woken)),
            Err(errno) => Err(Error::os("wait for process", errno)),
        }
    }

    /// How it ended; it has.
    fn exit(&self) -> Result<Exit> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        match self.waitid(options) {
            Ok(Some(status)) => Ok(Exit::of(&status)),
            // Not our child, or its parent was first: the kernel may still tell.
            Ok(None) | Err(Errno::CHILD) => {
                crate::log::fallbacks();
                Ok(Exit(sys::exit_status(self.fd.as_fd()).map(ExitStatus::from_raw)))
            }
            Err(errno) => Err(Error::os("read exit status", errno)),
        }
    }

    fn waitid(&self, options: WaitIdOptions) -> Result<Option<WaitIdStatus>, Errno> {
        rustix::io::retry_on_intr(|| waitid(WaitId::PidFd(self.fd.as_fd()), options))
    }
}

impl Exit {
    /// Ended, nobody knows how.
    pub(crate) const UNKNOWN: Self = Self(None);

    /// From what `waitid` says, in the form of `wait(2)`.
    fn of(status: &WaitIdStatus) -> Self {
        let core = if status.dumped() { 0x80 } else { 0 };
        let raw = match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Some((code & 0xff) << 8),
            (None, Some(signal)) => Some(signal | core),
            (None, None) => None,
        };
        Self(raw.map(ExitStatus::from_raw))
    }

    /// The status in std's form. `None` if it cannot be known: somebody else's child on a kernel
    /// before Linux 6.15, or one whose parent has not reaped it yet.
    #[must_use]
    pub const fn status(&self) -> Option<ExitStatus> {
        self.0
    }

    /// The exit code, if it ended by itself.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.0.and_then(|status| status.code())
    }

    /// The signal that ended it, if one did.
    #[must_use]
    pub fn signal(&self) -> Option<Signal> {
        let number = self.0.and_then(|status| status.signal());
        number.and_then(|number| Signal::from_raw(number).ok())
    }

    /// Whether it left a core dump.
    #[must_use]
    pub fn core_dumped(&self) -> bool {
        self.0.is_some_and(|status| status.core_dumped())
    }

    /// Whether it ended by itself with code 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.0.is_some_and(|status| status.success())
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        Self(Some(status))
    }
}

/// Readable once the process has ended.
impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl From<Process> for OwnedFd {
    fn from(process: Process) -> Self {
        process.fd
    }
}

/// Takes a pidfd; its number is read from `/proc/self/fdinfo`.
impl TryFrom<OwnedFd> for Process {
    type Error = Error;

    fn try_from(fd: OwnedFd) -> Result<Self> {
        use std::os::fd::AsRawFd;
        let not_one =
            Error::Unsupported { what: "take a descriptor that is no pidfd as a process" };
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd()))
            .map_err(|source| Error::Os { op: "read pidfd", source })?;
        let pid = info.lines().find_map(|line| line.strip_prefix("Pid:"));
        // -1: it was reaped; 0: it has no number in this PID namespace.
        let Some(pid) = pid.and_then(|pid| pid.trim().parse::<i64>().ok()) else {
            return Err(not_one);
        };
        Ok(Self::new(fd, u32::try_from(pid).unwrap_or(0)))
    }
}
