//! The system calls, with nothing around them.
#![expect(unsafe_code, reason = "the raw calls are what ours is compared with")]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use ipc_devkit::bench::{Pair, Turns};
use ipc_signal::{Process, Signal};
use libc::{c_int, c_long};

use super::{Ends, Form, same};

/// What a mask is to the kernel.
const MASK: usize = 8;

/// The cheapest calls that never hit a recycled number.
pub(super) fn ends(form: Form) -> Ends {
    Ends { sender: by_pidfd, receiver: receiver(form) }
}

/// `sigqueue` to a number, which may have become somebody else's.
pub(super) fn plain(form: Form) -> Ends {
    Ends { sender: by_number, receiver: receiver(form) }
}

fn check(done: c_long) -> io::Result<c_long> {
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(done) }
}

fn signal() -> c_int {
    Signal::rt(0).as_raw()
}

fn by_pidfd(pid: u32) -> io::Result<super::Send> {
    let pidfd = OwnedFd::from(Process::open(pid)?);
    let (me, signal) = (u64::from(std::process::id()), signal());
    // SAFETY: `getuid` takes nothing and cannot fail.
    let uid = u64::from(unsafe { libc::getuid() });
    Ok(Box::new(move |value| {
        let mut info = [0u64; 16];
        info[0] = u64::from(signal.unsigned_abs());
        info[1] = 0xffff_ffff; // SI_QUEUE
        info[2] = me | uid << 32;
        info[3] = u64::from(value.unsigned_abs());
        // SAFETY: the kernel reads 128 bytes, which `info` has; the descriptor is open.
        check(unsafe {
            let fd = pidfd.as_raw_fd();
            libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, &raw const info, 0)
        })?;
        Ok(())
    }))
}

fn by_number(pid: u32) -> io::Result<super::Send> {
    let (pid, signal) = (libc::pid_t::try_from(pid).map_err(io::Error::other)?, signal());
    Ok(Box::new(move |value| {
        let bits = usize::try_from(value).map_err(io::Error::other)?;
        let value = libc::sigval { sival_ptr: std::ptr::without_provenance_mut(bits) };
        // SAFETY: `sigqueue` takes numbers and a value, and touches no memory of ours.
        check(unsafe { libc::sigqueue(pid, signal, value) }.into())?;
        Ok(())
    }))
}

fn receiver(form: Form) -> super::OpenReceiver {
    match form {
        Form::Signalfd => by_signalfd,
        Form::Sigwait => by_sigtimedwait,
    }
}

fn by_signalfd(busy: bool) -> io::Result<super::Receive> {
    let mask = 1u64 << (signal() - 1);
    let flags = libc::SFD_CLOEXEC | if busy { libc::SFD_NONBLOCK } else { 0 };
    // SAFETY: the kernel reads a mask of 8 bytes; -1 makes a new descriptor.
    let fd =
        check(unsafe { libc::syscall(libc::SYS_signalfd4, -1, &raw const mask, MASK, flags) })?;
    let fd = c_int::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the call succeeded, so `fd` is open and nobody else's.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    Ok(Box::new(move || {
        let mut record = [0u8; 128];
        loop {
            match rustix::io::read(&fd, &mut record) {
                Err(rustix::io::Errno::AGAIN) => {}
                done => {
                    done?;
                    break;
                }
            }
        }
        Ok(i32::from_ne_bytes([record[44], record[45], record[46], record[47]]))
    }))
}

fn by_sigtimedwait(busy: bool) -> io::Result<super::Receive> {
    let mask = 1u64 << (signal() - 1);
    let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    Ok(Box::new(move || {
        let mut info = [0i32; 32];
        let timeout = if busy { &raw const now } else { std::ptr::null() };
        loop {
            // SAFETY: the kernel reads a mask of 8 bytes and a timespec or null, and writes 128 bytes.
            let done = check(unsafe {
                libc::syscall(
                    libc::SYS_rt_sigtimedwait,
                    &raw const mask,
                    &raw mut info,
                    timeout,
                    MASK,
                )
            });
            match done {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => {
                    done?;
                    break;
                }
            }
        }
        Ok(info[6])
    }))
}

/// What the handlers below count. Written by them only, read when they have run.
static COUNT: AtomicU64 = AtomicU64::new(0);

extern "C" fn count(_: c_int) {
    COUNT.fetch_add(1, Ordering::Release);
}

/// A handler of our own.
pub(super) fn count_by_sigaction() -> io::Result<()> {
    // SAFETY: `sigaction` is a C struct of integers and an optional function: zeroes are valid.
    let mut new: libc::sigaction = unsafe { std::mem::zeroed() };
    new.sa_sigaction = count as *const () as libc::sighandler_t;
    new.sa_flags = libc::SA_RESTART;
    // SAFETY: `sigaction` reads a live struct; the handler is async-signal-safe: one addition.
    check(unsafe { libc::sigaction(libc::SIGUSR1, &raw const new, std::ptr::null_mut()) }.into())?;
    Ok(())
}

/// signal-hook's registry, as `signal_hook::flag` and its like use it.
pub(super) fn count_by_signal_hook() -> io::Result<()> {
    let count = || {
        COUNT.fetch_add(1, Ordering::Release);
    };
    // SAFETY: the action is async-signal-safe: one addition.
    unsafe { signal_hook_registry::register(libc::SIGUSR1, count) }?;
    Ok(())
}

/// Raises SIGUSR1 again and again; `install` puts the handler there on the first turn.
pub(super) fn handler(install: fn() -> io::Result<()>) -> io::Result<Pair> {
    let mut installed = None;
    Ok(Pair::alone(move |turns: Turns| {
        super::opened(&mut installed, install)?;
        let before = COUNT.load(Ordering::Acquire);
        let (pid, mut raised) = (std::process::id(), 0);
        for _ in turns.sequence() {
            let tid = ipc_signal::thread_id();
            // SAFETY: `tgkill` takes three numbers and touches no memory of ours.
            check(unsafe { libc::syscall(libc::SYS_tgkill, pid, tid, libc::SIGUSR1) })?;
            raised += 1;
        }
        same(COUNT.load(Ordering::Acquire) - before, raised)
    }))
}
