//! Running a closure in a forked child: what kills the child does not kill the caller.
#![expect(unsafe_code, reason = "fork has no safe form")]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use ipc_core::Deadline;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

use crate::error::{Error, Result};
use crate::fault::{Fault, reporter};
use crate::process::{Exit, Process};
use crate::signal::Signal;
use crate::{sys, threads};

/// The last byte of a whole result; without it the closure did not return.
const DONE: u8 = 1;
/// What a Rust program exits with after a panic.
const PANICKED: i32 = 101;

/// Runs `f` in a forked child and returns its bytes, whatever `f` does to its process.
///
/// The child has a copy of everything this process has. It ends with the closure: nothing is flushed
/// and no destructor of the caller's runs there. It is killed if the calling thread dies first.
/// What it leaves running may hold the pipe: the result does not wait for that.
///
/// # Errors
/// `Threads`: this process has other threads, whose locks a fork would copy locked. `Killed { signal,
/// code, address }`: a signal ended the child; code and address are there if it was a fault. `Failed`:
/// it panicked or exited. `Limit`, `Os`: no process or descriptor could be had.
///
/// # Linux
/// [`fork(2)`](https://man7.org/linux/man-pages/man2/fork.2.html)
///
/// # Examples
/// ```no_run
/// use ipc_signal::{Error, Signal, run_isolated};
///
/// match run_isolated(|| std::fs::read("input").unwrap_or_default()) {
///     Ok(bytes) => println!("{} bytes", bytes.len()),
///     Err(Error::Killed { signal: Signal::BUS, address, .. }) => println!("truncated: {address:?}"),
///     Err(error) => println!("{error}"),
/// }
/// ```
#[doc(alias = "fork")]
pub fn run_isolated(f: impl FnOnce() -> Vec<u8>) -> Result<Vec<u8>> {
    run(f, Deadline::NEVER)
}

/// As [`run_isolated`], but kills the child when `timeout` has passed.
///
/// # Errors
/// `TimedOut`: it was killed. Otherwise as [`run_isolated`].
pub fn run_isolated_timeout(f: impl FnOnce() -> Vec<u8>, timeout: Duration) -> Result<Vec<u8>> {
    run(f, Deadline::after(timeout))
}

/// As [`run_isolated`], but kills the child at `deadline`.
///
/// # Errors
/// `TimedOut`: it was killed. Otherwise as [`run_isolated`].
pub fn run_isolated_deadline(f: impl FnOnce() -> Vec<u8>, deadline: Instant) -> Result<Vec<u8>> {
    run(f, Deadline::at(deadline))
}

fn run(f: impl FnOnce() -> Vec<u8>, deadline: Deadline) -> Result<Vec<u8>> {
    const OP: &str = "run isolated";
    let failed = |errno| Error::os(OP, errno);
    if threads::count().map_err(|source| Error::Os { op: OP, source })? != 1 {
        return Err(Error::Threads);
    }
    let (result, result_in) = pipe_with(PipeFlags::CLOEXEC).map_err(failed)?;
    let (report, report_in) = pipe_with(PipeFlags::CLOEXEC).map_err(failed)?;
    let (gate, gate_in) = pipe_with(PipeFlags::CLOEXEC).map_err(failed)?;
    let parent = rustix::process::getpid();
    // SAFETY: this process has one thread, checked above, so no lock is held by a thread that the child
    // lacks: the child may do whatever the parent may.
    #[expect(clippy::disallowed_methods, reason = "a copy of this process is the point")]
    let pid = sys::check(unsafe { libc::fork() }.into()).map_err(failed)?;
    if pid == 0 {
        drop((result, report, gate_in));
        // Until the parent has our descriptor, we must not end: with SIGCHLD ignored our number would be
        // free at once. The end of the pipe says that it has.
        let _ = rustix::io::retry_on_intr(|| rustix::io::read(&gate, &mut [0]));
        child(f, parent, result_in, &report_in);
    }
    drop((result_in, report_in));
    let mut child = Process::open(u32::try_from(pid).unwrap_or(0))?;
    drop((gate, gate_in));
    let collected = collect(&child, &result, deadline).map_err(failed)?;
    let Some(mut bytes) = collected else {
        let _ = child.send(Signal::KILL);
        let _ = child.wait();
        let _ = child.reap();
        return Err(Error::TimedOut);
    };
    let exit = child.wait()?;
    // With SIGCHLD ignored there is no zombie to take.
    let _ = child.reap();
    if bytes.last() == Some(&DONE) && exit.code().is_none_or(|code| code == 0) {
        bytes.pop();
        return Ok(bytes);
    }
    Err(why(exit, report))
}

/// Why there is no result.
#[cold]
fn why(exit: Exit, report: OwnedFd) -> Error {
    let Some(signal) = exit.signal() else {
        return Error::Failed { code: exit.code().unwrap_or(0) };
    };
    let mut line = [0; 256];
    let len = match ready(report.as_fd()) {
        true => File::from(report).read(&mut line).unwrap_or(0),
        false => 0,
    };
    let text = std::str::from_utf8(&line[..len]).unwrap_or_default();
    let fault = text.lines().find_map(|line| line.parse::<Fault>().ok());
    let fault = fault.filter(|fault| fault.signal == signal);
    Error::Killed {
        signal,
        code: fault.and_then(|fault| fault.code),
        address: fault.and_then(|fault| fault.address),
    }
}

/// The child's whole life.
fn child(
    f: impl FnOnce() -> Vec<u8>,
    parent: rustix::process::Pid,
    result: OwnedFd,
    report: &OwnedFd,
) -> ! {
    let kill = Some(rustix::process::Signal::KILL);
    let tied = rustix::process::set_parent_process_death_signal(kill);
    // The parent may have died before the line above could tie us to it; then nobody waits.
    let orphaned = rustix::process::getppid() != Some(parent);
    let code = if tied.is_err() || orphaned {
        PANICKED
    } else {
        let run = AssertUnwindSafe(|| {
            // Without it a fault is still seen, but not its address.
            let _ = reporter::report_in_child(report);
            let mut bytes = f();
            bytes.push(DONE);
            // A parent that has given up reads no more; there is nobody to tell.
            let _ = File::from(result).write_all(&bytes);
        });
        catch_unwind(run).map_or(PANICKED, |()| 0)
    };
    // SAFETY: `_exit` never returns and runs no destructors, which belong to the parent.
    unsafe { libc::_exit(code) }
}

/// Reads until the child has ended; `None` at the deadline.
fn collect(
    child: &Process,
    result: &OwnedFd,
    deadline: Deadline,
) -> Result<Option<Vec<u8>>, Errno> {
    let mut bytes = Vec::new();
    let mut buf = [0; 64 * 1024];
    let mut open = true;
    loop {
        let process = PollFd::from_borrowed_fd(child.as_fd(), PollFlags::IN);
        let mut entries = [process, PollFd::new(result, PollFlags::IN)];
        let watched = if open { 2 } else { 1 };
        match poll(&mut entries[..watched], deadline.timespec().as_ref()) {
            Ok(0) if deadline.passed() => return Ok(None),
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            Err(errno) => return Err(errno),
        }
        if !open || entries[1].revents().is_empty() {
            // It ended, and all that it wrote is read; who else holds the pipe does not matter.
            return Ok(Some(bytes));
        }
        match rustix::io::read(result, &mut buf) {
            Ok(0) => open = false,
            Ok(read) => bytes.extend_from_slice(&buf[..read]),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Whether a read would not wait.
fn ready(fd: BorrowedFd<'_>) -> bool {
    let now = ipc_core::deadline::timespec(Duration::ZERO);
    poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], Some(&now)).is_ok_and(|n| n > 0)
}
