//! Tests of signals need processes that the harness did not shape: with signals blocked in every
//! thread from the start, with one thread, or in a PID namespace of their own.
#![expect(unsafe_code, reason = "masks, fork and namespaces have no safe form")]

use std::os::unix::process::CommandExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use libc::c_int;

use crate::{Child, Parent};

/// Starts the halves of one test with signals blocked (`libc::SIG*`): every thread of theirs, the
/// test runner's own included, has them blocked from its first instruction.
///
/// # Examples
/// ```no_run
/// ipc_devkit::Blocking(&[libc::SIGUSR1]).alone("queue::takes_it", || { /* ... */ });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Blocking<'a>(pub &'a [i32]);

impl Blocking<'_> {
    /// As [`alone`](crate::alone).
    ///
    /// # Panics
    /// As [`alone`](crate::alone).
    pub fn alone(self, name: &str, body: impl FnOnce()) {
        self.remember();
        crate::alone(name, body);
    }

    /// As [`two_process`](crate::two_process); both halves have the signals blocked.
    ///
    /// # Panics
    /// As [`two_process`](crate::two_process).
    pub fn two_process(self, name: &str, parent: impl FnOnce(Child), child: impl FnOnce(Parent)) {
        self.remember();
        crate::two_process(name, parent, child);
    }

    /// As [`processes`](crate::processes); all halves have the signals blocked.
    ///
    /// # Panics
    /// As [`processes`](crate::processes).
    pub fn processes(
        self,
        name: &str,
        count: usize,
        parent: impl FnOnce(Vec<Child>),
        child: impl FnOnce(Parent, usize),
    ) {
        self.remember();
        crate::processes(name, count, parent, child);
    }

    /// For the processes that the test of this thread starts.
    fn remember(self) {
        ASKED.with_borrow_mut(|signals| *signals = self.0.to_vec());
    }
}

thread_local! {
    /// What the test of this thread asked for: the harness runs several tests on threads.
    static ASKED: std::cell::RefCell<Vec<c_int>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Lets a process start with the signals blocked that its test asked for.
pub(crate) fn apply(command: &mut Command) {
    let signals = ASKED.with_borrow(Clone::clone);
    if signals.is_empty() {
        return;
    }
    let block = move || block(&signals);
    // SAFETY: between fork and exec only async-signal-safe calls are allowed: `block` fills a set on
    // the stack and calls `sigprocmask`; it allocates nothing.
    unsafe { command.pre_exec(block) };
}

fn block(signals: &[c_int]) -> std::io::Result<()> {
    // SAFETY: `sigset_t` is an array of integers, for which zeroes are valid.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    for signal in signals {
        // SAFETY: `sigaddset` changes a live set.
        unsafe { libc::sigaddset(&raw mut set, *signal) };
    }
    // SAFETY: `sigprocmask` reads a live set and takes a null old one.
    match unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// Runs `body` in a forked child: a process with one thread, as a program's `main` has. Returns when
/// the child has ended.
///
/// The child must not print to standard output, whose lock another thread may have held at the fork.
///
/// # Panics
/// If `body` panics or its process dies.
///
/// # Examples
/// ```no_run
/// ipc_devkit::alone("isolated::runs", || ipc_devkit::in_fork(|| { /* one thread here */ }));
/// ```
pub fn in_fork(body: impl FnOnce()) {
    let status = fork_and_wait(body);
    assert!(status == 0, "the forked process failed: status {status:#x}");
}

/// As [`in_fork`], in a new PID namespace: the process has number 1, and those outside have none.
/// False, without running `body`, where that is not allowed.
///
/// # Panics
/// As [`in_fork`].
///
/// # Examples
/// ```no_run
/// let allowed = ipc_devkit::in_pid_namespace(|| assert_eq!(std::process::id(), 1));
/// # let _ = allowed;
/// ```
#[must_use = "false means that nothing ran"]
pub fn in_pid_namespace(body: impl FnOnce()) -> bool {
    let mut allowed = true;
    // A process of its own makes the namespace: the test's later children stay outside.
    let status = fork_and_wait(|| {
        // SAFETY: `unshare` takes flags and touches no memory of ours; a PID namespace is only for
        // the children of this thread.
        if unsafe { libc::unshare(libc::CLONE_NEWPID) } != 0 {
            // SAFETY: `_exit` never returns and runs no destructors, which belong to the parent.
            unsafe { libc::_exit(77) };
        }
        in_fork(body);
    });
    if status == 77 << 8 {
        allowed = false;
    } else {
        assert!(status == 0, "the process in the namespace failed: status {status:#x}");
    }
    allowed
}

fn fork_and_wait(body: impl FnOnce()) -> c_int {
    // SAFETY: glibc makes its heap usable in the child; other locks that threads of this process may
    // hold belong to the test runner, which sleeps, and are not used by `body` (see `in_fork`).
    #[expect(clippy::disallowed_methods, reason = "a copy of this process is the point")]
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork: {}", std::io::Error::last_os_error());
    if pid == 0 {
        // SAFETY: PR_SET_PDEATHSIG takes a signal number and touches no memory of ours.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        let code = catch_unwind(AssertUnwindSafe(body)).map_or(101, |()| 0);
        // SAFETY: `_exit` never returns and runs no destructors, which belong to the parent.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    loop {
        // SAFETY: `waitpid` writes the status to a live local.
        let done = unsafe { libc::waitpid(pid, &raw mut status, 0) };
        if done == pid {
            return status;
        }
        let error = std::io::Error::last_os_error();
        assert!(error.kind() == std::io::ErrorKind::Interrupted, "wait for the fork: {error}");
    }
}
