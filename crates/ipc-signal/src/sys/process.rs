//! Sending, timers of POSIX, and what a pidfd tells: more calls that rustix does not offer.
#![expect(unsafe_code, reason = "the calls of sigqueue(3) and timer_create(2) have no safe form")]

use std::os::fd::{AsRawFd, BorrowedFd};

use libc::{c_int, c_long};
use rustix::io::Errno;

use super::{INFO, Info, check, low, unsigned};

/// Sends `signal` (0: none, only look) to the process behind `pidfd`.
#[inline]
pub(crate) fn send(pidfd: BorrowedFd<'_>, signal: c_int) -> Result<(), Errno> {
    let none: *const Info = std::ptr::null();
    // SAFETY: `pidfd_send_signal` takes a null info; the descriptor is borrowed, so open.
    check(unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, none, 0 as c_int)
    })?;
    Ok(())
}

/// Queues `signal` with `value` for the process behind `pidfd`.
#[inline]
pub(crate) fn queue(
    pidfd: BorrowedFd<'_>,
    signal: c_int,
    value: i32,
    from: (u32, u32),
) -> Result<(), Errno> {
    let info = queued(signal, value, from);
    // SAFETY: `pidfd_send_signal` reads `INFO` bytes, a live local; the descriptor is borrowed.
    check(unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            &raw const info,
            0 as c_int,
        )
    })?;
    Ok(())
}

/// The `siginfo_t` of a queued signal: number, error 0, code, then sender and value.
const fn queued(signal: c_int, value: i32, (pid, uid): (u32, u32)) -> Info {
    let mut info = [0; INFO / 8];
    info[0] = unsigned(signal) as u64;
    info[1] = unsigned(libc::SI_QUEUE) as u64;
    info[2] = pid as u64 | (uid as u64) << 32;
    info[3] = unsigned(value) as u64;
    info
}

/// Sends `signal` to one thread of this process.
pub(crate) fn send_thread(pid: u32, tid: u32, signal: c_int) -> Result<(), Errno> {
    // SAFETY: `tgkill` takes three numbers and touches no memory of ours.
    check(unsafe { libc::syscall(libc::SYS_tgkill, pid, tid, signal) })?;
    Ok(())
}

/// Sends `signal` to a process group; the caller has checked that `group` is above 1.
pub(crate) fn send_group(group: c_int, signal: c_int) -> Result<(), Errno> {
    // SAFETY: `kill` takes two numbers and touches no memory of ours.
    check(unsafe { libc::kill(-group, signal) }.into())?;
    Ok(())
}

/// `struct pidfd_info` in its first version, 64 bytes: a mask, then ids, then the exit status.
const PIDFD_INFO: usize = 64;
/// `PIDFD_GET_INFO`: `_IOWR(0xFF, 11, struct pidfd_info)`.
const PIDFD_GET_INFO: libc::Ioctl =
    (3 << 30) | ((PIDFD_INFO as libc::Ioctl) << 16) | (0xff << 8) | 11;
/// The exit status is asked for, or was told (Linux 6.15).
const PIDFD_INFO_EXIT: u64 = 1 << 3;

/// The exit status of an ended process as `wait(2)` would report it, whoever reaped it. `None` if
/// the kernel does not know it, or is too old to tell.
pub(crate) fn exit_status(pidfd: BorrowedFd<'_>) -> Option<c_int> {
    let mut info = [0u64; PIDFD_INFO / 8];
    info[0] = PIDFD_INFO_EXIT;
    // SAFETY: the request carries its size, 64 bytes, which `info` has; the descriptor is borrowed.
    let done = unsafe { libc::ioctl(pidfd.as_raw_fd(), PIDFD_GET_INFO, &raw mut info) };
    // The last four of the 64 bytes.
    let status = info[PIDFD_INFO / 8 - 1] >> 32;
    (done == 0 && info[0] & PIDFD_INFO_EXIT != 0).then(|| low(status))
}

/// Whether the kernel knows `PIDFD_INFO_EXIT`: it ignores what it does not know, so the version says.
pub(crate) fn tells_exit(release: &str) -> bool {
    let mut numbers = release.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(6), Some(15))
}

/// A timer of `timer_create(2)` that sends `signal` with `value`; its number.
pub(crate) fn create_timer(signal: c_int, value: i32, tid: Option<c_int>) -> Result<c_int, Errno> {
    // SAFETY: `sigevent` is a C struct of numbers and a pointer: zeroes are valid.
    let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
    event.sigev_signo = signal;
    event.sigev_notify = libc::SIGEV_SIGNAL;
    if let Some(tid) = tid {
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_notify_thread_id = tid;
    }
    // `sigval` is a union; the bindings have only its pointer, whose low half is the integer.
    event.sigev_value.sival_ptr = std::ptr::without_provenance_mut(unsigned(value) as usize);
    let mut id: c_int = 0;
    // SAFETY: the kernel reads `event` (glibc's layout is the kernel's) and writes an int to `id`.
    check(unsafe {
        libc::syscall(libc::SYS_timer_create, libc::CLOCK_MONOTONIC, &raw const event, &raw mut id)
    })?;
    Ok(id)
}

/// Arms timer `id`: first after `value`, then every `interval`; zeroes disarm it.
pub(crate) fn set_timer(id: c_int, setting: &libc::itimerspec) -> Result<(), Errno> {
    let none: *mut libc::itimerspec = std::ptr::null_mut();
    // SAFETY: the kernel reads `setting`, which is live, and takes a null old setting.
    check(unsafe {
        libc::syscall(libc::SYS_timer_settime, id, 0 as c_int, std::ptr::from_ref(setting), none)
    })?;
    Ok(())
}

/// The time to the next expiration of timer `id`; zero if it is disarmed.
pub(crate) fn timer_left(id: c_int) -> Result<libc::timespec, Errno> {
    let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let mut setting = libc::itimerspec { it_interval: zero, it_value: zero };
    // SAFETY: the kernel writes an `itimerspec`, a live local.
    check(unsafe { libc::syscall(libc::SYS_timer_gettime, id, &raw mut setting) })?;
    Ok(setting.it_value)
}

/// Expirations of timer `id` that its last signal stands for, beside the first.
pub(crate) fn timer_overrun(id: c_int) -> Result<c_long, Errno> {
    // SAFETY: `timer_getoverrun` takes a number and touches no memory of ours.
    check(unsafe { libc::syscall(libc::SYS_timer_getoverrun, id) })
}

/// Deletes timer `id`.
pub(crate) fn delete_timer(id: c_int) {
    // SAFETY: `timer_delete` takes a number; the caller owns the timer.
    unsafe { libc::syscall(libc::SYS_timer_delete, id) };
}
