//! What runs between fork and exec: all unsafe code of this crate.
#![expect(unsafe_code, reason = "the one file of this crate that talks to libc")]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// In the child, just before exec: descriptor `number` becomes `source` and survives the exec.
pub(crate) fn place_in_child(command: &mut Command, source: OwnedFd, number: RawFd) {
    let place = move || {
        if source.as_raw_fd() == number {
            // SAFETY: `fcntl` with `F_SETFD` takes an integer; `source` is open, the closure owns it.
            check(unsafe { libc::fcntl(number, libc::F_SETFD, 0) })
        } else {
            // SAFETY: `dup2` takes two numbers; `source` is open, the closure owns it. What stood at
            // `number` in the child is replaced, which is what the caller asked for.
            check(unsafe { libc::dup2(source.as_raw_fd(), number) })
        }
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed: the closure makes one
    // system call (`fcntl` or `dup2`, both listed in signal-safety(7)) and reads `errno`; it
    // allocates nothing (`from_raw_os_error` does not), takes no lock and cannot panic.
    unsafe { command.pre_exec(place) };
}

fn check(done: libc::c_int) -> io::Result<()> {
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
