//! Timers: one that is a descriptor, one that sends a signal with a value.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use ipc_core::deadline::timespec;
use ipc_core::watch::{Watch, Woken};
use ipc_core::{Deadline, Wait};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_gettime, timerfd_settime,
};

use crate::canceller::Canceller;
use crate::error::{Error, Result};
use crate::signal::Signal;
use crate::sys::process as sys;

/// A timer that is waited for: on the monotonic clock, as a descriptor.
///
/// ```
/// # fn main() -> Result<(), ipc_signal::Error> {
/// use std::time::Duration;
/// let mut timer = ipc_signal::Timer::every(Duration::from_millis(2))?;
/// let mut expirations = 0;
/// while expirations < 5 {
///     expirations += timer.wait()?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "timerfd_create")]
#[doc(alias = "alarm")]
pub struct Timer {
    fd: OwnedFd,
    watch: Watch,
}

impl Timer {
    /// Expires once, after `delay`.
    ///
    /// # Errors
    /// `Limit`: too many descriptors.
    ///
    /// # Linux
    /// [`timerfd_create(2)`](https://man7.org/linux/man-pages/man2/timerfd_create.2.html)
    pub fn after(delay: Duration) -> Result<Self> {
        Self::create(delay, Duration::ZERO)
    }

    /// Expires after `interval`, and again every `interval`.
    ///
    /// # Errors
    /// `Limit`: too many descriptors.
    pub fn every(interval: Duration) -> Result<Self> {
        Self::create(interval, interval)
    }

    /// Starts again: first after `delay`, then every `interval` (zero: only once). Expirations that
    /// were not waited for are forgotten.
    ///
    /// # Errors
    /// `Os`: the kernel refuses; none is known to.
    pub fn set(&mut self, delay: Duration, interval: Duration) -> Result<()> {
        // Zero would disarm it: what is due at once is due in a nanosecond.
        let delay = delay.max(Duration::from_nanos(1));
        self.arm(Itimerspec { it_value: timespec(delay), it_interval: timespec(interval) })
    }

    /// Stops it.
    ///
    /// # Errors
    /// `Os`: the kernel refuses; none is known to.
    pub fn disarm(&mut self) -> Result<()> {
        self.arm(Itimerspec { it_value: timespec(Duration::ZERO), it_interval: ZERO })
    }

    /// The time to the next expiration; `None` if it is stopped or has expired for the last time.
    ///
    /// # Errors
    /// `Os`: the kernel refuses; none is known to.
    pub fn remaining(&self) -> Result<Option<Duration>> {
        let setting = timerfd_gettime(&self.fd).map_err(|errno| Error::os("read timer", errno))?;
        Ok(duration(setting.it_value.tv_sec, setting.it_value.tv_nsec))
    }

    /// Waits until it has expired, and returns how often since the last wait: at least 1. A stopped
    /// timer never does.
    ///
    /// # Errors
    /// `Cancelled`: by the [`canceller`](Self::canceller).
    pub fn wait(&mut self) -> Result<u64> {
        self.wait_until(Wait::FOREVER)
    }

    /// How often it expired since the last wait. Does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: it has not.
    pub fn try_wait(&mut self) -> Result<u64> {
        let mut count = [0; 8];
        match rustix::io::read(&self.fd, &mut count) {
            Ok(_) => Ok(u64::from_ne_bytes(count)),
            Err(Errno::AGAIN) => Err(Error::WouldBlock),
            Err(errno) => Err(Error::os("read timer", errno)),
        }
    }

    /// As [`wait`](Self::wait), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`: it has not expired. Otherwise as [`wait`](Self::wait).
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<u64> {
        self.wait_until(Wait::timeout(timeout))
    }

    /// As [`wait`](Self::wait), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`: it has not expired. Otherwise as [`wait`](Self::wait).
    pub fn wait_deadline(&mut self, deadline: Instant) -> Result<u64> {
        self.wait_until(Wait::deadline(deadline))
    }

    /// A handle that ends the current or next waiting call with `Cancelled`.
    ///
    /// # Errors
    /// `Limit`: no descriptor could be had for it.
    pub fn canceller(&mut self) -> Result<Canceller> {
        let made = self.watch.canceller();
        made.map(Canceller).map_err(|errno| Error::os("create canceller", errno))
    }

    fn create(delay: Duration, interval: Duration) -> Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let fd = timerfd_create(TimerfdClockId::Monotonic, flags)
            .map_err(|errno| Error::os("create timer", errno))?;
        let mut timer = Self { fd, watch: Watch::default() };
        timer.set(delay, interval)?;
        Ok(timer)
    }

    fn arm(&mut self, setting: Itimerspec) -> Result<()> {
        timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &setting)
            .map_err(|errno| Error::os("set timer", errno))?;
        Ok(())
    }

    fn wait_until(&mut self, wait: Wait) -> Result<u64> {
        let deadline = match wait {
            Wait::No => Deadline::after(Duration::ZERO),
            Wait::Until(deadline) => deadline,
        };
        loop {
            if self.watch.cancelled() {
                return Err(Error::Cancelled);
            }
            match self.try_wait() {
                Err(Error::WouldBlock) => {}
                done => return done,
            }
            match self.watch.wait(self.fd.as_fd(), PollFlags::IN, deadline) {
                Ok(Woken::Ready) => {}
                Ok(woken) => return Err(Error::woken(woken)),
                Err(errno) => return Err(Error::os("wait for timer", errno)),
            }
        }
    }
}

/// Readable once it has expired.
impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl From<Timer> for OwnedFd {
    fn from(timer: Timer) -> Self {
        timer.fd
    }
}

/// A timer that sends a signal with a value of its own, to this process or to one of its threads.
///
/// While one of its signals is pending, further expirations are counted, not queued:
/// [`SignalInfo::overrun`](crate::SignalInfo::overrun) has the number.
///
/// ```
/// # fn main() -> Result<(), ipc_signal::Error> {
/// use ipc_signal::{Mask, Signal, SignalTimer, wait_for};
/// use std::time::Duration;
///
/// let _mask = Mask::block(Signal::rt(2))?;
/// let mut timer = SignalTimer::for_thread(Signal::rt(2), 7, ipc_signal::thread_id())?;
/// timer.after(Duration::from_millis(1))?;
/// assert_eq!(wait_for(Signal::rt(2))?.value, Some(7));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "timer_create")]
pub struct SignalTimer {
    id: i32,
    /// The process it belongs to: a forked child has none of its parent's timers.
    owner: u32,
}

impl SignalTimer {
    /// A stopped timer that will send `signal` with `value` to this process.
    ///
    /// # Errors
    /// `LimitReached`: each timer takes a place of `RLIMIT_SIGPENDING`.
    ///
    /// # Linux
    /// [`timer_create(2)`](https://man7.org/linux/man-pages/man2/timer_create.2.html)
    pub fn new(signal: Signal, value: i32) -> Result<Self> {
        Self::create(signal, value, None)
    }

    /// As [`new`](Self::new), but it sends to the thread `tid` of this process.
    ///
    /// # Errors
    /// `NotFound`: there is no such thread. Otherwise as [`new`](Self::new).
    pub fn for_thread(signal: Signal, value: i32, tid: u32) -> Result<Self> {
        Self::create(signal, value, Some(tid))
    }

    /// Sends once, after `delay`.
    ///
    /// # Errors
    /// `Os`: the kernel refuses; none is known to.
    pub fn after(&mut self, delay: Duration) -> Result<()> {
        self.set(delay, Duration::ZERO)
    }

    /// Sends after `interval`, and again every `interval`.
    ///
    /// # Errors
    /// `Os`: the kernel refuses; none is known to.
    pub fn every(&mut self, interval: Duration) -> Result<()> {
        self.set(interval, interval)
    }

    /// Sends first after `delay`, then every `interval` (zero: only once).
    ///
    /// # Errors
    /// `Os`: the kernel refuses; none is known to.
    pub fn set(&mut self, delay: Duration, interval: Duration) -> Result<()> {
        self.arm(delay.max(Duration::from_nanos(1)), interval)
    }

    /// Stops it. A signal that is pending then is taken back by Linux 6.13 and later, not by earlier.
    ///
    /// # Errors
    /// `Os`: the kernel refuses; none is known to.
    pub fn disarm(&mut self) -> Result<()> {
        self.arm(Duration::ZERO, Duration::ZERO)
    }

    /// The time to the next expiration; `None` if it is stopped or has expired for the last time.
    ///
    /// # Errors
    /// `Os`: the kernel refuses; none is known to.
    pub fn remaining(&self) -> Result<Option<Duration>> {
        let left = sys::timer_left(self.id).map_err(|errno| Error::os("read timer", errno))?;
        Ok(duration(left.tv_sec, left.tv_nsec))
    }

    /// Expirations that the last delivered signal stood for, beside the first.
    ///
    /// # Errors
    /// `Os`: the kernel refuses; none is known to.
    #[doc(alias = "timer_getoverrun")]
    pub fn overrun(&self) -> Result<u32> {
        let count = sys::timer_overrun(self.id).map_err(|errno| Error::os("read timer", errno))?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    fn create(signal: Signal, value: i32, tid: Option<u32>) -> Result<Self> {
        let pid = tid.unwrap_or_else(std::process::id);
        let thread = match tid.map(i32::try_from) {
            Some(Err(_)) => return Err(Error::NotFound { pid }),
            Some(Ok(tid)) => Some(tid),
            None => None,
        };
        let id =
            sys::create_timer(signal.as_raw(), value, thread).map_err(|errno| match errno {
                // The signal is one, so it is the thread that is not.
                Errno::INVAL if tid.is_some() => Error::NotFound { pid },
                errno => Error::sending("create timer", pid, errno),
            })?;
        Ok(Self { id, owner: std::process::id() })
    }

    fn arm(&mut self, delay: Duration, interval: Duration) -> Result<()> {
        let spec = |duration: Duration| {
            let Timespec { tv_sec, tv_nsec } = timespec(duration);
            libc::timespec { tv_sec, tv_nsec }
        };
        let setting = libc::itimerspec { it_value: spec(delay), it_interval: spec(interval) };
        sys::set_timer(self.id, &setting).map_err(|errno| Error::os("set timer", errno))
    }
}

impl Drop for SignalTimer {
    fn drop(&mut self) {
        if self.owner == std::process::id() {
            sys::delete_timer(self.id);
        }
    }
}

const ZERO: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

fn duration(seconds: i64, nanos: i64) -> Option<Duration> {
    let left = Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanos).ok()?);
    (!left.is_zero()).then_some(left)
}
