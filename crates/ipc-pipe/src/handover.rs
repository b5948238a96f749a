//! Handing an end to a child at a descriptor number of its own.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command};

use rustix::io::{Errno, fcntl_dupfd_cloexec};

use crate::error::{Error, Result};
use crate::pair::{Reader, Writer};
use crate::sys;

/// Gives a child descriptors besides its three standard streams.
///
/// For those three, an end converts into [`Stdio`](std::process::Stdio).
pub trait PassFd {
    /// The child will find `fd` as its descriptor `number`; this process and every other child of
    /// it keep theirs close-on-exec. The command owns `fd` and closes it when it is dropped: a
    /// writing end kept in a `Command` keeps its reader waiting.
    ///
    /// # Errors
    /// `Os` with `EINVAL`: a number below 3 (use `stdin`, `stdout`, `stderr`) or above what
    /// `RLIMIT_NOFILE` allows. `Limit`: too many descriptors.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use ipc_pipe::PassFd;
    /// use std::process::Command;
    ///
    /// let (mut reader, writer) = ipc_pipe::pipe()?;
    /// let mut command = Command::new("sh");
    /// command.args(["-c", "echo hello >&7"]).pass_fd(7, writer)?;
    /// let status = command.status()?;
    /// drop(command); // it owns the writing end
    /// let mut said = String::new();
    /// std::io::Read::read_to_string(&mut reader, &mut said)?;
    /// assert_eq!(said, "hello\n");
    /// # assert!(status.success());
    /// # Ok(())
    /// # }
    /// ```
    fn pass_fd(&mut self, number: RawFd, fd: impl Into<OwnedFd>) -> Result<&mut Self>;
}

impl PassFd for Command {
    fn pass_fd(&mut self, number: RawFd, fd: impl Into<OwnedFd>) -> Result<&mut Self> {
        let op = "pass descriptor to a child";
        if number < 3 {
            return Err(Error::os(op, Errno::INVAL));
        }
        // The first free number from `number` on. If that is `number` itself, it is now reserved:
        // neither std's own pipe to the child nor a later `pass_fd` can get it. If it is a higher
        // one, `number` is taken already and stays so for as long as its owner lives.
        let source =
            fcntl_dupfd_cloexec(fd.into(), number).map_err(|errno| Error::os(op, errno))?;
        debug_assert!(source.as_raw_fd() >= number);
        sys::place_in_child(self, source, number);
        Ok(self)
    }
}

impl From<ChildStdout> for Reader {
    fn from(stdout: ChildStdout) -> Self {
        OwnedFd::from(stdout).into()
    }
}

impl From<ChildStderr> for Reader {
    fn from(stderr: ChildStderr) -> Self {
        OwnedFd::from(stderr).into()
    }
}

impl From<ChildStdin> for Writer {
    fn from(stdin: ChildStdin) -> Self {
        OwnedFd::from(stdin).into()
    }
}
