//! Faults that a test can inject into its own process: refused system calls, signals, exhausted limits.
//!
//! What they change holds for the whole process, so use them only inside [`crate::alone`] or a half of
//! [`crate::two_process`].

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal};

use crate::sys::{self, ThreadTimer};

/// Makes a system call (`libc::SYS_*`) fail with `errno` (`libc::E*`) from now on, in every thread.
///
/// # Panics
/// If the kernel refuses the seccomp filter.
///
/// # Examples
/// ```
/// ipc_devkit::fault::deny_syscall(libc::SYS_getppid, libc::ENOSYS);
/// # let _ = std::process::id();
/// ```
pub fn deny_syscall(number: libc::c_long, errno: i32) {
    sys::install_filter(&sys::filter(number, None, errno)).expect("install a seccomp filter");
}

/// Makes a system call fail with `errno` when the low 32 bits of its argument `index` (0 to 5) share a bit
/// with `mask`, as a kernel does that does not know a flag.
///
/// # Panics
/// If there is no such argument, or the kernel refuses the seccomp filter.
///
/// # Examples
/// ```
/// // A kernel without RWF_NOWAIT:
/// ipc_devkit::fault::deny_syscall_flags(libc::SYS_preadv2, 5, 0x8, libc::EOPNOTSUPP);
/// ```
pub fn deny_syscall_flags(number: libc::c_long, index: u32, mask: u32, errno: i32) {
    assert!(index < 6, "a system call has six arguments");
    let filter = sys::filter(number, Some((index, mask)), errno);
    sys::install_filter(&filter).expect("install a seccomp filter");
}

/// Gives SIGPIPE back its default action, which ends the process; Rust programs start with it ignored.
///
/// # Panics
/// If the kernel refuses.
pub fn set_sigpipe_default() {
    sys::set_default_action(libc::SIGPIPE).expect("restore the action of SIGPIPE");
}

/// Sends `signal` (`libc::SIG*`) to the calling thread; its handler has run when this returns.
///
/// # Panics
/// If there is no such signal.
pub fn raise(signal: i32) {
    sys::raise(signal).expect("raise a signal");
}

/// Calls `action` in the handler of `signal` (`libc::SIG*`), installed without SA_RESTART.
///
/// `action` runs in a signal handler: it may only do what is async-signal-safe, and must not panic.
///
/// # Panics
/// If the signal has such an action already, or is none that can be handled.
///
/// # Examples
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// static SEEN: AtomicU32 = AtomicU32::new(0);
///
/// ipc_devkit::fault::signal_handler_calls(libc::SIGUSR1, Box::new(|| {
///     SEEN.fetch_add(1, Ordering::Relaxed);
/// }));
/// ipc_devkit::fault::raise(libc::SIGUSR1);
/// assert_eq!(SEEN.load(Ordering::Relaxed), 1);
/// ```
pub fn signal_handler_calls(signal: i32, action: Box<dyn Fn() + Send + Sync>) {
    let slot = usize::try_from(signal).ok().and_then(|number| ACTIONS.get(number));
    let slot = slot.unwrap_or_else(|| panic!("there is no signal {signal}"));
    assert!(slot.set(action).is_ok(), "signal {signal} has an action already");
    sys::set_handler(signal, call_action).expect("install a signal handler");
}

/// The action of each signal number; a handler only loads from it, which is async-signal-safe.
static ACTIONS: [OnceLock<Box<dyn Fn() + Send + Sync>>; 65] = [const { OnceLock::new() }; 65];

extern "C" fn call_action(signal: i32) {
    let slot = usize::try_from(signal).ok().and_then(|number| ACTIONS.get(number));
    if let Some(action) = slot.and_then(OnceLock::get) {
        action();
    }
}

/// Interrupts the calling thread with SIGALRM every `interval`, by a handler without SA_RESTART that only
/// counts.
///
/// # Panics
/// If the kernel refuses the timer.
///
/// # Examples
/// ```
/// let storm = ipc_devkit::fault::alarm_storm(std::time::Duration::from_micros(100));
/// while storm.count() < 3 {}
/// ```
#[must_use = "the storm ends when this is dropped"]
pub fn alarm_storm(interval: Duration) -> AlarmStorm {
    sys::set_handler(libc::SIGALRM, count_alarm).expect("install the handler of SIGALRM");
    let _timer = ThreadTimer::start(interval).expect("start the timer");
    AlarmStorm { before: ALARMS.load(Ordering::Relaxed), _timer }
}

/// How many SIGALRM arrived in this process. Written by the handler only; nothing is ordered by it.
static ALARMS: AtomicU64 = AtomicU64::new(0);

extern "C" fn count_alarm(_: i32) {
    ALARMS.fetch_add(1, Ordering::Relaxed);
}

/// A running [`alarm_storm`]; dropping it stops the timer.
///
/// The handler stays: an alarm that is pending at that moment would end the process without it.
#[derive(Debug)]
pub struct AlarmStorm {
    before: u64,
    _timer: ThreadTimer,
}

impl AlarmStorm {
    /// How many interruptions there were so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        ALARMS.load(Ordering::Relaxed) - self.before
    }
}

/// Lowers the number of descriptors that this process may hold to `limit` until the guard is dropped.
///
/// # Panics
/// If the kernel refuses.
#[must_use = "the limit ends when this is dropped"]
pub fn limit_nofile(limit: u64) -> NofileLimit {
    let before = rustix::process::getrlimit(Resource::Nofile);
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: Some(limit), ..before })
        .expect("lower the limit of descriptors");
    NofileLimit { before }
}

/// A lowered limit of descriptors; dropping it restores the former one.
#[derive(Debug)]
pub struct NofileLimit {
    before: Rlimit,
}

impl Drop for NofileLimit {
    fn drop(&mut self) {
        rustix::process::setrlimit(Resource::Nofile, self.before)
            .expect("restore the limit of descriptors");
    }
}

/// Runs `child` in a forked child, which ends with it; true if it returned true.
///
/// The other threads do not exist there: `child` may only do what is async-signal-safe. No allocation,
/// no lock, no panic.
///
/// # Panics
/// If the kernel refuses, or a signal ended the child.
///
/// # Examples
/// ```
/// let parent = std::process::id();
/// assert!(ipc_devkit::fault::in_fork(|| std::process::id() != parent));
/// ```
#[must_use]
pub fn in_fork(child: impl FnOnce() -> bool) -> bool {
    let status = sys::fork_and_wait(child).unwrap_or_else(|error| panic!("fork: {error}"));
    assert!(libc::WIFEXITED(status), "a signal ended the forked child: {status:#x}");
    libc::WEXITSTATUS(status) == 0
}

/// Moves the calling thread, and what it starts from now on, into a new IPC namespace: no message queue,
/// semaphore or segment is in it, and its limits under `/proc/sys` are its own. False: not permitted here.
///
/// Other threads stay where they are.
///
/// # Panics
/// If the kernel refuses for another reason than a missing right.
///
/// # Examples
/// ```no_run
/// if !ipc_devkit::fault::own_ipc_namespace() {
///     return ipc_devkit::skip("needs CAP_SYS_ADMIN for an IPC namespace");
/// }
/// ```
#[must_use = "without the right, the limits are everybody's"]
pub fn own_ipc_namespace() -> bool {
    match sys::unshare_ipc() {
        Ok(()) => true,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => false,
        Err(error) => panic!("enter a new IPC namespace: {error}"),
    }
}

/// Forks a child that does nothing but hold a copy of every descriptor and mapping of this process.
///
/// # Panics
/// If the kernel refuses.
///
/// # Examples
/// ```
/// let orphan = ipc_devkit::fault::fork_orphan();
/// assert!(orphan.pid() > 0);
/// ```
#[must_use = "the child is killed when this is dropped"]
pub fn fork_orphan() -> Orphan {
    Orphan { pid: sys::fork_pausing().expect("fork") }
}

/// A forked child that holds what its parent held; dropping it kills and reaps it.
#[derive(Debug)]
pub struct Orphan {
    pid: Pid,
}

impl Orphan {
    /// The process number.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        // A child that the test killed or reaped itself needs neither.
        let _ = rustix::process::kill_process(self.pid, Signal::KILL);
        let options = rustix::process::WaitOptions::empty();
        let _ = rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(self.pid), options));
    }
}
