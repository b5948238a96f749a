//! The system calls of the test half that rustix does not offer, each wrapped in a safe function.
#![expect(unsafe_code, reason = "signal handlers, seccomp filters and fork have no safe form")]

use std::io;
use std::time::Duration;

use libc::{c_int, c_long, sock_filter};
use rustix::process::{Pid, Signal, getppid};

/// Turns the `-1` convention of C into a result.
fn check(result: c_int) -> io::Result<c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Sends `signal` to the calling thread.
pub(crate) fn raise(signal: c_int) -> io::Result<()> {
    // SAFETY: `raise` takes a number and touches no memory of ours.
    let result = unsafe { libc::raise(signal) };
    if result == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::EINVAL)) }
}

/// Gives `signal` its default action.
pub(crate) fn set_default_action(signal: c_int) -> io::Result<()> {
    set_action(signal, libc::SIG_DFL)
}

/// Makes `handler` the action of `signal`, without SA_RESTART: it interrupts what waits.
pub(crate) fn set_handler(signal: c_int, handler: extern "C" fn(c_int)) -> io::Result<()> {
    set_action(signal, handler as *const () as libc::sighandler_t)
}

fn set_action(signal: c_int, action: libc::sighandler_t) -> io::Result<()> {
    // SAFETY: `sigaction` is a C struct of numbers and an optional function: zero bytes are a value of it.
    let mut new: libc::sigaction = unsafe { std::mem::zeroed() };
    new.sa_sigaction = action;
    // SAFETY: `sigaction` reads `new`, which is alive, and allows a null pointer for the old action. The
    // handler is `SIG_DFL` or a function that takes the signal number: the only two callers above.
    check(unsafe { libc::sigaction(signal, &raw const new, std::ptr::null_mut()) })?;
    Ok(())
}

/// A timer that interrupts one thread again and again.
#[derive(Debug)]
pub(crate) struct ThreadTimer(libc::timer_t);

impl ThreadTimer {
    /// Sends SIGALRM to the calling thread every `interval`, until dropped.
    pub(crate) fn start(interval: Duration) -> io::Result<Self> {
        // SAFETY: `sigevent` is a C struct of numbers and a pointer: zero bytes are a value of it.
        let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = libc::SIGALRM;
        event.sigev_notify_thread_id = rustix::thread::gettid().as_raw_nonzero().get();
        let mut timer = std::ptr::null_mut();
        // SAFETY: `timer_create` reads `event` and writes the new timer to `timer`; both are alive.
        check(unsafe {
            libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer)
        })?;
        let timer = Self(timer);

        let period = libc::timespec {
            tv_sec: libc::time_t::try_from(interval.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: libc::c_long::from(interval.subsec_nanos()),
        };
        let setting = libc::itimerspec { it_interval: period, it_value: period };
        // SAFETY: the timer exists until `timer` is dropped, `setting` is alive, and a null pointer for the
        // old setting is allowed.
        check(unsafe {
            libc::timer_settime(timer.0, 0, &raw const setting, std::ptr::null_mut())
        })?;
        Ok(timer)
    }
}

impl Drop for ThreadTimer {
    fn drop(&mut self) {
        // SAFETY: `start` created the timer, and only this deletes it.
        unsafe { libc::timer_delete(self.0) };
    }
}

/// Gives the calling thread an IPC namespace of its own.
pub(crate) fn unshare_ipc() -> io::Result<()> {
    // SAFETY: `unshare` takes flags; a new IPC namespace changes which objects names and keys find, and
    // no memory or descriptor that anybody holds.
    check(unsafe { libc::unshare(libc::CLONE_NEWIPC) }).map(drop)
}

/// Forks a child that waits for signals and nothing else; it dies with this process.
pub(crate) fn fork_pausing() -> io::Result<Pid> {
    fork_any(|| {
        loop {
            // SAFETY: `pause` takes nothing and touches no memory of ours.
            unsafe { libc::pause() };
        }
    })
}

/// Forks a child that runs `child` and ends with the status that it returns; it dies with this process.
///
/// Only for a program with one thread, and refused in any other: another thread might hold a lock, the
/// allocator's for example, that nobody would ever release in the child.
pub(crate) fn fork(child: impl FnOnce() -> c_int) -> io::Result<Pid> {
    if std::fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other("a program with several threads cannot be forked"));
    }
    fork_any(child)
}

/// The fork of both. What `child` may do depends on how many threads there are: see the callers.
fn fork_any(child: impl FnOnce() -> c_int) -> io::Result<Pid> {
    let parent = rustix::process::getpid();
    // SAFETY: with one thread, the child may do anything. With several it may only call what is
    // async-signal-safe: `fork_pausing` calls `pause`, and the lines below are bare system calls.
    #[expect(clippy::disallowed_methods, reason = "the point is a child that inherits everything")]
    let pid = check(unsafe { libc::fork() })?;
    if let Some(pid) = Pid::from_raw(pid) {
        return Ok(pid);
    }
    let tied = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    // The parent may have died before it was tied to this process.
    let status = if tied.is_ok() && getppid() == Some(parent) { child() } else { 1 };
    // SAFETY: `_exit` never returns and runs no destructors, which belong to the parent.
    unsafe { libc::_exit(status) }
}

/// A seccomp program: `number` fails with `errno`, always or when argument `.0` shares a bit with `.1`.
pub(crate) fn filter(number: c_long, flags: Option<(u32, u32)>, errno: c_int) -> Vec<sock_filter> {
    /// Where `struct seccomp_data` keeps the system call's number and its arguments, 8 bytes each.
    const NUMBER: u32 = 0;
    const ARGUMENTS: u32 = 16;

    const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const IF_ANY_BIT: u32 = libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K;
    const RETURN: u32 = libc::BPF_RET | libc::BPF_K;

    let step = |code: u32, k: u32, skip_if_true: u8, skip_if_false: u8| sock_filter {
        code: u16::try_from(code).expect("an instruction has 16 bits"),
        jt: skip_if_true,
        jf: skip_if_false,
        k,
    };
    let number = u32::try_from(number).expect("a system call's number is small and positive");
    let errno = u32::try_from(errno).expect("an error number is positive");
    let allow = step(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0);
    let deny = step(RETURN, libc::SECCOMP_RET_ERRNO | errno, 0, 0);
    match flags {
        None => vec![step(LOAD, NUMBER, 0, 0), step(IF_EQUAL, number, 0, 1), deny, allow],
        Some((index, mask)) => vec![
            step(LOAD, NUMBER, 0, 0),
            step(IF_EQUAL, number, 0, 3),
            // Little-endian: the low half of the argument comes first.
            step(LOAD, ARGUMENTS + 8 * index, 0, 0),
            step(IF_ANY_BIT, mask, 0, 1),
            deny,
            allow,
        ],
    }
}

/// Lets `filter` judge every system call of every thread of this process from now on.
pub(crate) fn install_filter(filter: &[sock_filter]) -> io::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).expect("a filter is a few instructions"),
        // The kernel only reads the program, whatever the type in C says.
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: SECCOMP_SET_MODE_FILTER reads `program` and the `len` instructions it points to; both are
    // alive until the call returns, and the kernel keeps its own copy.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_TSYNC,
            &raw const program,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Runs `child` in a forked child and returns its exit status as `waitpid(2)` has it.
pub(crate) fn fork_and_wait(child: impl FnOnce() -> bool) -> io::Result<c_int> {
    // SAFETY: the callers promise that `child` does only what a forked child may.
    #[expect(clippy::disallowed_methods, reason = "the point is a child that inherits everything")]
    let pid = check(unsafe { libc::fork() })?;
    if pid == 0 {
        let done = child();
        // SAFETY: `_exit` never returns and runs no destructors, which belong to the parent.
        unsafe { libc::_exit(c_int::from(!done)) }
    }
    let mut status = 0;
    // SAFETY: `waitpid` writes the status, which is live.
    check(unsafe { libc::waitpid(pid, &raw mut status, 0) })?;
    Ok(status)
}

/// A request of `ptrace(2)` that takes no address: `data` is a number.
pub(crate) fn ptrace(request: libc::c_uint, tid: libc::pid_t, data: usize) -> io::Result<()> {
    let none = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: the requests of `step` (seize, continue, step) touch no memory of this process.
    let done = unsafe { libc::ptrace(request, tid, none, data) };
    if done == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Waits for the next stop, or the end, of a traced thread.
pub(crate) fn wait_thread(tid: libc::pid_t) -> io::Result<c_int> {
    let mut status = 0;
    loop {
        // SAFETY: `waitpid` writes the status, which is live.
        let done = unsafe { libc::waitpid(tid, &raw mut status, libc::__WALL) };
        match check(done) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done.map(|_| status),
        }
    }
}
