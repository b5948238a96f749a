//! A signal that only ends a system call: claimed once a process, sent to one thread.
#![expect(unsafe_code, reason = "handlers, masks and tgkill have no safe form")]

use std::mem::MaybeUninit;
use std::ptr;

use libc::{c_int, sigset_t};
use rustix::io::Errno;
use rustix::thread::Pid;

use super::last_error;

extern "C" fn do_nothing(_: c_int) {}

/// Finds a real-time signal that nobody in this process handles, from the last but one downwards, and
/// gives it a handler that does nothing. The one that was claimed before, if it still is ours.
pub(crate) fn claim() -> Option<c_int> {
    // The last one is left alone: by habit it belongs to applications.
    (libc::SIGRTMIN()..libc::SIGRTMAX()).rev().find(|signal| claim_one(*signal))
}

fn claim_one(signal: c_int) -> bool {
    let ours = do_nothing as *const () as libc::sighandler_t;
    // SAFETY: `sigaction` is a C struct of numbers and an optional function: zeroes are a value of it.
    let mut now: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: with a null new action `sigaction` only writes the old one, which is live.
    let known = unsafe { libc::sigaction(signal, ptr::null(), &raw mut now) } == 0;
    if !known || (now.sa_sigaction != libc::SIG_DFL && now.sa_sigaction != ours) {
        return false;
    }
    // `msgsnd` and `msgrcv` end with EINTR even so (signal(7)); other calls are not disturbed.
    now.sa_flags = libc::SA_RESTART;
    now.sa_sigaction = ours;
    // SAFETY: `sigaction` reads the new action, which is live; the handler takes the signal number and
    // does nothing, so it is async-signal-safe; a null old action is allowed.
    unsafe { libc::sigaction(signal, &raw const now, ptr::null_mut()) == 0 }
}

/// The number of a thread of this process.
pub(crate) fn this_thread() -> Pid {
    rustix::thread::gettid()
}

/// Sends `signal` to one thread of this process.
pub(crate) fn nudge(thread: Pid, signal: c_int) -> Result<(), Errno> {
    let process = rustix::process::getpid().as_raw_nonzero().get();
    let thread = thread.as_raw_nonzero().get();
    // SAFETY: `tgkill` takes three numbers and touches no memory of ours.
    let done = unsafe { libc::syscall(libc::SYS_tgkill, process, thread, signal) };
    if done < 0 { Err(last_error()) } else { Ok(()) }
}

/// A thread's signal mask, put back when this is dropped.
pub(crate) struct Mask {
    before: sigset_t,
    /// False: the change changed nothing.
    changed: bool,
}

impl Mask {
    /// Lets `signal` through to the calling thread.
    pub(crate) fn unblock(signal: c_int) -> Self {
        let mut set = empty();
        // SAFETY: `sigaddset` changes an initialised set.
        unsafe { libc::sigaddset(&raw mut set, signal) };
        let mut mask = Self::change(libc::SIG_UNBLOCK, set);
        // SAFETY: `sigismember` reads an initialised set: `change` wrote it.
        mask.changed = unsafe { libc::sigismember(&raw const mask.before, signal) } == 1;
        mask
    }

    /// Keeps all signals from the calling thread, except those the C library needs.
    pub(crate) fn block_all() -> Self {
        let mut set = empty();
        // SAFETY: `sigfillset` writes the whole set, which is live.
        unsafe { libc::sigfillset(&raw mut set) };
        Self::change(libc::SIG_BLOCK, set)
    }

    fn change(how: c_int, set: sigset_t) -> Self {
        let mut before = empty();
        // SAFETY: `pthread_sigmask` reads the first set and writes the second; both are live.
        unsafe { libc::pthread_sigmask(how, &raw const set, &raw mut before) };
        Self { before, changed: true }
    }
}

impl Drop for Mask {
    fn drop(&mut self) {
        if self.changed {
            let before = &raw const self.before;
            // SAFETY: `pthread_sigmask` reads a set that it wrote itself; a null old set is allowed.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, ptr::null_mut()) };
        }
    }
}

fn empty() -> sigset_t {
    let mut set = MaybeUninit::<sigset_t>::uninit();
    // SAFETY: `sigemptyset` writes the whole set it is given; it is live.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: `sigemptyset` initialised it.
    unsafe { set.assume_init() }
}
