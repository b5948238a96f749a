//! Connecting with a deadline. No other process has the socket yet, so its own send timeout can do it.

use std::fmt::Display;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use ipc_core::{Deadline, Wait};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};

use crate::error::{Error, Result};

/// Runs `call`, a `connect(2)`, until it is done or `wait` ends.
pub(crate) fn connect(
    fd: BorrowedFd<'_>,
    wait: Wait,
    name: &dyn Display,
    call: impl Fn() -> Result<(), Errno>,
) -> Result<()> {
    let failed = |errno| match errno {
        // The kernel's own patience ended.
        Errno::TIMEDOUT => Error::TimedOut,
        errno => Error::named("connect to", name, errno),
    };
    match wait {
        Wait::No => {
            let flags = rustix::fs::fcntl_getfl(fd).map_err(failed)?;
            rustix::fs::fcntl_setfl(fd, flags | OFlags::NONBLOCK).map_err(failed)?;
            match call() {
                Ok(()) => {}
                // Under way; within one host it is there by now.
                Err(Errno::INPROGRESS) if writable(fd) => match call() {
                    Ok(()) | Err(Errno::ISCONN) => {}
                    Err(errno) => return Err(failed(errno)),
                },
                Err(Errno::AGAIN | Errno::INPROGRESS) => return Err(Error::WouldBlock),
                Err(errno) => return Err(failed(errno)),
            }
            rustix::fs::fcntl_setfl(fd, flags).map_err(failed)
        }
        Wait::Until(Deadline::NEVER) => turns(&call, || Ok(())).map_err(failed),
        Wait::Until(deadline) => {
            let limit = || {
                let left = deadline.remaining().unwrap_or(Duration::MAX);
                // Zero would mean for ever.
                let left = left.clamp(Duration::from_micros(1), Duration::from_secs(1 << 30));
                set_socket_timeout(fd, Timeout::Send, Some(left))
            };
            match turns(&call, || if deadline.passed() { Err(Errno::AGAIN) } else { limit() }) {
                Err(Errno::AGAIN | Errno::INPROGRESS | Errno::ALREADY) => {
                    return Err(Error::TimedOut);
                }
                done => done.map_err(failed)?,
            }
            set_socket_timeout(fd, Timeout::Send, None).map_err(failed)
        }
    }
}

/// Whether it is connected, or will never be.
fn writable(fd: BorrowedFd<'_>) -> bool {
    let mut entry = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::io::retry_on_intr(|| poll(&mut entry, Some(&now))) == Ok(1)
}

fn turns(
    call: &impl Fn() -> Result<(), Errno>,
    before: impl Fn() -> Result<(), Errno>,
) -> Result<(), Errno> {
    loop {
        before()?;
        match call() {
            // A handler ran: the same call goes on with the connection that is under way.
            Err(Errno::INTR) => {}
            Err(Errno::ISCONN) => return Ok(()),
            done => return done,
        }
    }
}
