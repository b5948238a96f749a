//! The handler of the five fault signals: writes a line, puts the former action back, lets it happen.
#![expect(unsafe_code, reason = "a fault handler reads what the kernel points it to")]

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};
use std::time::Duration;

use ipc_core::deadline::timespec;
use libc::{c_int, c_void, siginfo_t};
use rustix::event::{PollFd, PollFlags, poll};

use super::Fault;
use super::line::Line;
use crate::error::{Error, Result};
use crate::signal::Signal;
use crate::sys::{self, Info, Installed};
use crate::wake::without_sigpipe;

const FAULTS: [Signal; 5] = [Signal::SEGV, Signal::BUS, Signal::FPE, Signal::ILL, Signal::TRAP];
/// No reporter.
const NONE: i32 = -1;
/// A reporter is being made.
const BUSY: i32 = -2;

/// The descriptor that reports go to, `NONE` or `BUSY`. `report_to` takes it from `NONE` to `BUSY`,
/// `publish` stores the descriptor (Release), `Drop` stores `NONE`; the handler loads it (Acquire).
static TARGET: AtomicI32 = AtomicI32::new(NONE);

/// What stood before ours, for each of `FAULTS`. Set before our handler is, and never freed: a
/// handler may be reading it on another thread. One small box a signal and reporter.
static FORMER: [AtomicPtr<Installed>; 5] = [const { AtomicPtr::new(std::ptr::null_mut()) }; 5];

/// A reporter of faults; dropping it puts the former actions back where ours still stand.
#[derive(Debug)]
#[must_use = "faults are reported until this is dropped"]
pub struct Reporter {
    fd: i32,
}

/// From now on a fault of any thread of this process is reported to `fd` in one line
/// ([`Fault`] reads it), before the process dies of it.
///
/// The handler makes only system calls, on the alternate stack that std gives each thread
/// ([`AltStack`](super::AltStack) gives one to threads that C code started). A descriptor that takes
/// nothing is waited for at most a second. Then what stood there before the reporter is back, for
/// good, and the faulting instruction runs again: std's message about a stack overflow, a core dump
/// and the exit status are as without it. A fault signal that a process sent ends this one.
///
/// # Errors
/// `AlreadyExists`: this process has a reporter.
///
/// # Linux
/// [`sigaction(2)`](https://man7.org/linux/man-pages/man2/sigaction.2.html) with `SA_SIGINFO` and
/// `SA_ONSTACK`.
///
/// # Examples
/// See the [module](super).
pub fn report_to(fd: impl Into<OwnedFd>) -> Result<Reporter> {
    let claimed = TARGET.compare_exchange(NONE, BUSY, Ordering::Acquire, Ordering::Relaxed);
    claimed.map_err(|_| Error::AlreadyExists)?;
    // Its drop undoes what `publish` did before it failed.
    let reporter = Reporter { fd: fd.into().into_raw_fd() };
    publish(reporter.fd)?;
    Ok(reporter)
}

/// For a forked child with one thread: reports go to `fd`, whether or not the parent has a reporter.
pub(crate) fn report_in_child(fd: &OwnedFd) -> Result<()> {
    publish(fd.as_raw_fd())
}

fn publish(fd: i32) -> Result<()> {
    let failed = |errno| Error::os("report faults", errno);
    let ours = Installed::handler(on_fault);
    TARGET.store(fd, Ordering::Release);
    for (signal, former) in FAULTS.iter().zip(&FORMER) {
        let before = sys::installed(signal.as_raw()).map_err(failed)?;
        if before.action() == ours.action() {
            continue;
        }
        former.store(Box::into_raw(Box::new(before)), Ordering::Release);
        sys::install(signal.as_raw(), &ours).map_err(failed)?;
    }
    Ok(())
}

impl Drop for Reporter {
    fn drop(&mut self) {
        let ours = Installed::handler(on_fault).action();
        for signal in FAULTS {
            let now = sys::installed(signal.as_raw());
            if now.is_ok_and(|now| now.action() == ours) {
                restore(signal.as_raw());
            }
        }
        TARGET.store(NONE, Ordering::Release);
        // SAFETY: `report_to` took the descriptor from its owner, and only this gives it up.
        drop(unsafe { OwnedFd::from_raw_fd(self.fd) });
    }
}

/// Async-signal-safe: system calls, atomics and the stack.
extern "C" fn on_fault(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel calls a `SA_SIGINFO` handler with a `siginfo_t` of 128 bytes, aligned to 8.
    let words = unsafe { info.cast::<Info>().read() };
    let target = TARGET.load(Ordering::Acquire);
    if target >= 0 {
        let mut line = Line::new();
        line.fault(&Fault::from_info(&words, instruction(context)));
        tell(target, &line);
    }
    let sent = sys::low(words[1]) <= 0;
    if sent {
        // std's handler takes a sent signal for a fault that will come again, and swallows it.
        let _ = sys::install(signal, &Installed::plain(libc::SIG_DFL));
    } else {
        restore(signal);
    }
    // A fault of the hardware comes again when the instruction does; a breakpoint does not, nor does
    // what a process sent.
    if sent || signal == libc::SIGTRAP {
        let (pid, tid) = (std::process::id(), crate::thread_id());
        // SAFETY: `rt_tgsigqueueinfo` reads a `siginfo_t`, which is the kernel's own. The signal is
        // blocked until this handler returns.
        unsafe { libc::syscall(libc::SYS_rt_tgsigqueueinfo, pid, tid, signal, info) };
    }
}

fn tell(target: i32, line: &Line) {
    // SAFETY: the descriptor belongs to the `Reporter` that stored it, which closes it only when the
    // former actions are back; for a fault in another thread just then, the write fails at worst.
    let fd = unsafe { BorrowedFd::borrow_raw(target) };
    let mut room = [PollFd::new(&fd, PollFlags::OUT)];
    if poll(&mut room, Some(&timespec(Duration::from_secs(1)))).is_ok_and(|ready| ready > 0) {
        without_sigpipe(|| rustix::io::write(fd, line.as_bytes()));
    }
}

/// Puts back what stood before our handler. Async-signal-safe.
fn restore(signal: c_int) {
    let at = FAULTS.iter().position(|fault| fault.as_raw() == signal);
    let former = at.map_or(std::ptr::null_mut(), |at| FORMER[at].load(Ordering::Acquire));
    // SAFETY: null, or a box that `publish` leaked: alive for ever and never written again.
    let former = unsafe { former.as_ref() };
    let plain = Installed::plain(libc::SIG_DFL);
    let _ = sys::install(signal, former.unwrap_or(&plain));
}

/// The instruction at which the signal came.
fn instruction(context: *mut c_void) -> Option<usize> {
    let context = context.cast::<libc::ucontext_t>();
    // SAFETY: the kernel calls a `SA_SIGINFO` handler with a `ucontext_t` as the third argument.
    let context = unsafe { context.as_ref() }?;
    #[cfg(target_arch = "x86_64")]
    let at = {
        let register = context.uc_mcontext.gregs.get(usize::try_from(libc::REG_RIP).ok()?)?;
        u64::from_ne_bytes(register.to_ne_bytes())
    };
    #[cfg(target_arch = "aarch64")]
    let at = context.uc_mcontext.pc;
    #[cfg(target_arch = "riscv64")]
    let at = context.uc_mcontext.__gregs[0];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
    let at = {
        let _ = context;
        return None;
    };
    usize::try_from(at).ok()
}
