//! Masks, waits, signalfd and dispositions: the system calls that rustix does not offer.
#![expect(unsafe_code, reason = "the calls of signal(7) have no safe form")]

pub(crate) mod identity;
pub(crate) mod process;

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use libc::{c_int, c_long, c_void};
use rustix::io::Errno;
use rustix::time::Timespec;

/// Bytes of a `siginfo_t`, the same on every 64-bit Linux.
pub(crate) const INFO: usize = 128;
/// A `siginfo_t` as the kernel writes it.
pub(crate) type Info = [u64; INFO / 8];

/// The same bits as a signed number.
pub(crate) const fn signed(bits: u32) -> i32 {
    i32::from_ne_bytes(bits.to_ne_bytes())
}

/// The same bits as an unsigned number.
pub(crate) const fn unsigned(bits: i32) -> u32 {
    u32::from_ne_bytes(bits.to_ne_bytes())
}

/// The lower half of a word of [`Info`].
pub(crate) const fn low(word: u64) -> i32 {
    signed((word & 0xffff_ffff) as u32)
}

/// The size of a signal mask, as the kernel counts it.
const MASK: usize = size_of::<u64>();

/// The error of the call that just failed.
pub(crate) fn last_errno() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// Turns the `-1` convention of C into a result.
pub(crate) fn check(done: c_long) -> Result<c_long, Errno> {
    if done < 0 { Err(last_errno()) } else { Ok(done) }
}

/// The C library's form of a mask.
fn sigset(bits: u64) -> libc::sigset_t {
    // SAFETY: `sigset_t` is an array of integers, for which zeroes are valid.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `sigset_t` is at least 8 bytes, aligned as integers are, and its first word holds
    // signals 1 to 64 on 64-bit Linux, in glibc as in musl.
    unsafe { (&raw mut set).cast::<u64>().write(bits) };
    set
}

/// Changes the calling thread's mask (`libc::SIG_BLOCK` and so on) and returns the former one.
///
/// By the C library, which keeps its own two signals out of it.
pub(crate) fn change_mask(how: c_int, bits: u64) -> Result<u64, Errno> {
    let (set, mut old) = (sigset(bits), sigset(0));
    // SAFETY: `pthread_sigmask` reads one set and writes the other; both are live locals.
    let done = unsafe { libc::pthread_sigmask(how, &raw const set, &raw mut old) };
    if done != 0 {
        return Err(Errno::from_raw_os_error(done));
    }
    // SAFETY: as in `sigset`: the first word of a `sigset_t` is there and initialised.
    Ok(unsafe { (&raw const old).cast::<u64>().read() })
}

/// In the child, just before exec: nothing is blocked.
pub(crate) fn unblock_in_child(command: &mut Command) {
    let unblock = || change_mask(libc::SIG_SETMASK, 0).map(drop).map_err(io::Error::from);
    // SAFETY: between fork and exec only async-signal-safe calls are allowed: the closure makes one
    // (`pthread_sigmask`), allocates nothing, takes no lock and cannot panic.
    unsafe { command.pre_exec(unblock) };
}

/// The calling thread's mask.
pub(crate) fn mask() -> Result<u64, Errno> {
    change_mask(libc::SIG_BLOCK, 0)
}

/// What is pending for the calling thread or its process, and blocked.
pub(crate) fn pending() -> Result<u64, Errno> {
    let mut bits = 0u64;
    // SAFETY: `rt_sigpending` writes as many bytes as its second argument says; `bits` has them.
    check(unsafe { libc::syscall(libc::SYS_rt_sigpending, &raw mut bits, MASK) })?;
    Ok(bits)
}

/// Takes one pending signal of the mask, waiting at most `timeout` (`None`: for ever).
#[inline]
pub(crate) fn take_pending(bits: u64, timeout: Option<&Timespec>) -> Result<Info, Errno> {
    let mut info: Info = [0; INFO / 8];
    let timeout = timeout.map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `rt_sigtimedwait` reads a mask of `MASK` bytes and a `timespec` or null, and writes a
    // `siginfo_t`, which is `INFO` bytes; all are live. rustix's `Timespec` is the kernel's.
    check(unsafe {
        libc::syscall(libc::SYS_rt_sigtimedwait, &raw const bits, &raw mut info, timeout, MASK)
    })?;
    Ok(info)
}

/// Makes a signalfd that never blocks, or changes the mask of `fd`.
pub(crate) fn signalfd(bits: u64) -> Result<OwnedFd, Errno> {
    let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
    // SAFETY: `signalfd4` reads a mask of `MASK` bytes, which is a live local; -1 makes a new one.
    let fd = check(unsafe {
        libc::syscall(libc::SYS_signalfd4, -1 as c_int, &raw const bits, MASK, flags)
    })?;
    let fd = c_int::try_from(fd).map_err(|_| Errno::BADF)?;
    // SAFETY: the call above succeeded, so `fd` is an open descriptor that nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Changes the mask of a signalfd.
pub(crate) fn set_signalfd(fd: BorrowedFd<'_>, bits: u64) -> Result<(), Errno> {
    // SAFETY: as in `signalfd`; the descriptor is borrowed, so open.
    check(unsafe {
        libc::syscall(libc::SYS_signalfd4, fd.as_raw_fd(), &raw const bits, MASK, 0 as c_int)
    })?;
    Ok(())
}

/// The number of a signal's action: `SIG_DFL`, `SIG_IGN` or the address of a handler.
#[derive(Clone, Copy)]
pub(crate) struct Installed(libc::sigaction);

impl Installed {
    /// The action `SIG_DFL` or `SIG_IGN`.
    pub(crate) fn plain(action: libc::sighandler_t) -> Self {
        // SAFETY: `sigaction` is a C struct of integers and an optional function: zeroes are valid.
        let mut new: libc::sigaction = unsafe { std::mem::zeroed() };
        new.sa_sigaction = action;
        Self(new)
    }

    /// A handler on the alternate stack, with all details; blocks nothing but its own signal.
    pub(crate) fn handler(
        handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void),
    ) -> Self {
        let mut new = Self::plain(handler as *const () as libc::sighandler_t);
        new.0.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        new
    }

    /// `SIG_DFL`, `SIG_IGN` or an address.
    pub(crate) const fn action(&self) -> libc::sighandler_t {
        self.0.sa_sigaction
    }
}

/// What stands as the action of `signal` now.
pub(crate) fn installed(signal: c_int) -> Result<Installed, Errno> {
    let mut old = MaybeUninit::uninit();
    // SAFETY: with a null new action `sigaction` only writes the old one, to a live local.
    check(unsafe { libc::sigaction(signal, std::ptr::null(), old.as_mut_ptr()) }.into())?;
    // SAFETY: the call succeeded, so it wrote the whole struct.
    Ok(Installed(unsafe { old.assume_init() }))
}

/// Makes `new` the action of `signal`; returns what stood there. Async-signal-safe.
pub(crate) fn install(signal: c_int, new: &Installed) -> Result<Installed, Errno> {
    let mut old = MaybeUninit::uninit();
    // SAFETY: `sigaction` reads one live struct and writes another. The action is `SIG_DFL`,
    // `SIG_IGN`, what the kernel gave us, or a function of this crate with that signature.
    check(unsafe { libc::sigaction(signal, &raw const new.0, old.as_mut_ptr()) }.into())?;
    // SAFETY: the call succeeded, so it wrote the whole struct.
    Ok(Installed(unsafe { old.assume_init() }))
}

/// Sends the one byte `bytes` into a socket without waiting and without SIGPIPE.
pub(crate) fn send_byte(fd: BorrowedFd<'_>) {
    let byte = 0u8;
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: `send` reads one byte, a live local; the descriptor is borrowed, so open.
    unsafe { libc::send(fd.as_raw_fd(), (&raw const byte).cast(), 1, flags) };
}
