//! The two ends of a pipe.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Stdio;
use std::time::{Duration, Instant};

use ipc_core::Wait;
use ipc_core::pipe_end::PipeEnd;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::canceller::Canceller;
use crate::error::{Error, Result};
use crate::options::{PipeOptions, capacity, set_capacity};

/// Writes up to this many bytes go together or not at all, whoever else writes.
#[doc(alias = "POSIX_PIPE_BUF")]
pub const PIPE_BUF: usize = 4096;

/// Creates a pipe of the system's default capacity (64 KiB). Both ends are close-on-exec.
///
/// # Errors
/// `Limit`: too many descriptors or pipes.
///
/// # Linux
/// [`pipe2(2)`](https://man7.org/linux/man-pages/man2/pipe.2.html)
///
/// # Examples
/// ```
/// # fn main() -> Result<(), ipc_pipe::Error> {
/// let (mut reader, mut writer) = ipc_pipe::pipe()?;
/// writer.write(b"hello")?;
/// drop(writer);
/// let mut buf = [0; 16];
/// assert_eq!(reader.read(&mut buf)?, 5);
/// assert_eq!(reader.read(&mut buf)?, 0); // no writer is left
/// # Ok(())
/// # }
/// ```
#[doc(alias = "pipe2")]
pub fn pipe() -> Result<(Reader, Writer)> {
    PipeOptions::new().create()
}

/// The end of a pipe from which bytes come.
///
/// Dropping it closes the end. As soon as the last reading end in any process is closed, writers
/// get `Closed`.
#[derive(Debug)]
pub struct Reader(PipeEnd);

/// The end of a pipe into which bytes go.
///
/// Dropping it closes the end. As soon as the last writing end in any process is closed, and what
/// was written is read, readers get the end of the stream. No call of this type raises SIGPIPE.
#[derive(Debug)]
pub struct Writer(PipeEnd);

/// Where the failure was: what errors name.
const READ: &str = "read from pipe";
const WRITE: &str = "write to pipe";

impl Reader {
    /// Reads what is there, up to the buffer's length; waits if nothing is.
    ///
    /// Returns 0 when all writing ends are closed and everything was read (or when `buf` is empty).
    ///
    /// # Errors
    /// `Cancelled`, `Closed { peer_died: true }` (see [`watch_peer`](Self::watch_peer)), `Os`.
    #[inline]
    pub fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.read_until(buf, Wait::FOREVER)
    }

    /// As [`read`](Self::read), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: nothing is there. Otherwise as [`read`](Self::read).
    #[inline]
    pub fn try_read(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.read_until(buf, Wait::No)
    }

    /// As [`read`](Self::read), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`read`](Self::read).
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_pipe::Error> {
    /// use std::time::Duration;
    /// let (mut reader, _writer) = ipc_pipe::pipe()?;
    /// let nothing = reader.read_timeout(&mut [0; 8], Duration::from_millis(1));
    /// assert!(matches!(nothing, Err(ipc_pipe::Error::TimedOut)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_timeout(&mut self, buf: &mut [u8], timeout: Duration) -> Result<usize> {
        self.read_until(buf, Wait::timeout(timeout))
    }

    /// As [`read`](Self::read), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`read`](Self::read).
    pub fn read_deadline(&mut self, buf: &mut [u8], deadline: Instant) -> Result<usize> {
        self.read_until(buf, Wait::deadline(deadline))
    }

    #[inline]
    pub(crate) fn read_until(&mut self, buf: &mut [u8], wait: Wait) -> Result<usize> {
        self.0.read(buf, wait).map_err(|stop| Error::stop(READ, stop))
    }

    /// Bytes that can be read without waiting.
    ///
    /// # Errors
    /// `Os`.
    ///
    /// # Linux
    /// `FIONREAD` of [`pipe(7)`](https://man7.org/linux/man-pages/man7/pipe.7.html)
    #[doc(alias = "FIONREAD")]
    pub fn available(&self) -> Result<usize> {
        let bytes = rustix::io::ioctl_fionread(&self.0)
            .map_err(|errno| Error::os("ask how much a pipe holds", errno))?;
        Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
    }
}

impl Writer {
    /// Writes all of `buf`, waiting for room; fewer bytes only if a signal handler, a canceller or
    /// a watched process came in between. The number of bytes written is returned.
    ///
    /// # Errors
    /// `Closed`: no reading end is left, or the watched process died. `Cancelled`, `Os`.
    #[inline]
    pub fn write(&mut self, buf: &[u8]) -> Result<usize> {
        self.write_until(&[IoSlice::new(buf)], Wait::FOREVER)
    }

    /// Writes what there is room for now. Up to [`PIPE_BUF`] bytes go together or not at all.
    ///
    /// # Errors
    /// `WouldBlock`: there is no room. Otherwise as [`write`](Self::write).
    #[inline]
    pub fn try_write(&mut self, buf: &[u8]) -> Result<usize> {
        self.write_until(&[IoSlice::new(buf)], Wait::No)
    }

    /// Waits for room, no longer than `timeout`, and writes what there is room for.
    ///
    /// # Errors
    /// `TimedOut`: nothing was written. Otherwise as [`write`](Self::write).
    pub fn write_timeout(&mut self, buf: &[u8], timeout: Duration) -> Result<usize> {
        self.write_until(&[IoSlice::new(buf)], Wait::timeout(timeout))
    }

    /// Waits for room, no longer than to `deadline`, and writes what there is room for.
    ///
    /// # Errors
    /// `TimedOut`: nothing was written. Otherwise as [`write`](Self::write).
    pub fn write_deadline(&mut self, buf: &[u8], deadline: Instant) -> Result<usize> {
        self.write_until(&[IoSlice::new(buf)], Wait::deadline(deadline))
    }

    #[inline]
    pub(crate) fn write_until(&mut self, bufs: &[IoSlice<'_>], wait: Wait) -> Result<usize> {
        self.0.write_vectored(bufs, wait).map_err(|stop| Error::stop(WRITE, stop))
    }

    /// Writes all of `buf` in one piece: no other writer's bytes come in between. Waits for room.
    ///
    /// # Errors
    /// `MessageTooLong`: more than [`PIPE_BUF`] bytes, which no kernel keeps together; nothing was
    /// written. Otherwise as [`write`](Self::write).
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_pipe::Error> {
    /// use ipc_pipe::{Error, PIPE_BUF};
    /// let (_reader, mut writer) = ipc_pipe::pipe()?;
    /// writer.write_atomic(b"one line of a log\n")?;
    /// let refused = writer.write_atomic(&[0; PIPE_BUF + 1]);
    /// assert!(matches!(refused, Err(Error::MessageTooLong { .. })));
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn write_atomic(&mut self, buf: &[u8]) -> Result<()> {
        self.write_atomic_until(buf, Wait::FOREVER)
    }

    /// As [`write_atomic`](Self::write_atomic), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: there is not room for all of it. Otherwise as [`write_atomic`](Self::write_atomic).
    #[inline]
    pub fn try_write_atomic(&mut self, buf: &[u8]) -> Result<()> {
        self.write_atomic_until(buf, Wait::No)
    }

    /// As [`write_atomic`](Self::write_atomic), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`: nothing was written. Otherwise as [`write_atomic`](Self::write_atomic).
    pub fn write_atomic_timeout(&mut self, buf: &[u8], timeout: Duration) -> Result<()> {
        self.write_atomic_until(buf, Wait::timeout(timeout))
    }

    /// As [`write_atomic`](Self::write_atomic), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`: nothing was written. Otherwise as [`write_atomic`](Self::write_atomic).
    pub fn write_atomic_deadline(&mut self, buf: &[u8], deadline: Instant) -> Result<()> {
        self.write_atomic_until(buf, Wait::deadline(deadline))
    }

    #[inline]
    fn write_atomic_until(&mut self, buf: &[u8], wait: Wait) -> Result<()> {
        if buf.len() > PIPE_BUF {
            return Err(Error::MessageTooLong { real: buf.len(), limit: PIPE_BUF });
        }
        self.write_until(&[IoSlice::new(buf)], wait).map(drop)
    }
}

/// What both ends have. Written once for each, so that each type's page shows all it can do.
macro_rules! both_ends {
    ($End:ident, $doing:literal, $other:literal) => {
        impl $End {
            #[doc = concat!("A handle that ends this end's current or next waiting call (", $doing, ") with `Cancelled`.")]
            ///
            /// It may be called from another thread or from a signal handler. From the first call
            /// on, waits cost one system call more, and the handle holds one more descriptor.
            ///
            /// # Errors
            /// `Limit`: no descriptor could be had for it.
            pub fn canceller(&mut self) -> Result<Canceller> {
                let made = self.0.watch_mut().canceller();
                made.map(Canceller).map_err(|errno| Error::os("create canceller", errno))
            }

            #[doc = concat!("From now on, waits also end when process `pid`, which has the ", $other, " end, dies: then the result is `Closed { peer_died: true }`.")]
            ///
            /// Without it, a copy of the other end that some third process inherited keeps a wait
            /// going for ever, however dead its first owner is. Bytes that came before the death
            /// are still delivered.
            ///
            /// # Errors
            /// `Closed { peer_died: true }`: there is no such process any more. `Os`: the kernel
            /// refuses (`pidfd_open` needs Linux 5.3). Give the pid of a child that was not
            /// waited for, or of your parent: any other number may belong to a stranger by now.
            ///
            /// # Linux
            /// [`pidfd_open(2)`](https://man7.org/linux/man-pages/man2/pidfd_open.2.html)
            pub fn watch_peer(&mut self, pid: u32) -> Result<()> {
                let op = "watch process at the other end of a pipe";
                let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
                let pid = pid.ok_or_else(|| Error::os(op, Errno::INVAL))?;
                match pidfd_open(pid, PidfdFlags::empty()) {
                    Ok(pidfd) => {
                        self.0.watch_mut().set_peer(pidfd);
                        Ok(())
                    }
                    Err(Errno::SRCH) => Err(Error::Closed { peer_died: true }),
                    Err(errno) => Err(Error::os(op, errno)),
                }
            }

            /// The capacity of the pipe in bytes.
            ///
            /// # Errors
            /// `Unsupported`: the descriptor this end was made of is not a pipe.
            ///
            /// # Linux
            /// `F_GETPIPE_SZ` of [`fcntl(2)`](https://man7.org/linux/man-pages/man2/fcntl.2.html)
            #[doc(alias = "F_GETPIPE_SZ")]
            pub fn capacity(&self) -> Result<usize> {
                capacity(&self.0)
            }

            /// Changes the capacity to at least `bytes`, and returns what it became: a power of two
            /// of pages.
            ///
            /// # Errors
            /// `CapacityInUse`: the pipe holds more. `InvalidCapacity`: more than 2 GiB. `Limit`:
            /// more than `/proc/sys/fs/pipe-max-size` without `CAP_SYS_RESOURCE`.
            ///
            /// # Linux
            /// `F_SETPIPE_SZ` of [`fcntl(2)`](https://man7.org/linux/man-pages/man2/fcntl.2.html)
            #[doc(alias = "F_SETPIPE_SZ")]
            pub fn set_capacity(&mut self, bytes: usize) -> Result<usize> {
                set_capacity(&self.0, bytes)
            }

            /// Another handle of the same end. It has no canceller and watches nobody.
            ///
            /// # Errors
            /// `Limit`: too many descriptors.
            pub fn try_clone(&self) -> Result<Self> {
                let fd = rustix::io::fcntl_dupfd_cloexec(&self.0, 0);
                fd.map(Self::from).map_err(|errno| Error::os("duplicate end of pipe", errno))
            }
        }

        impl AsFd for $End {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.as_fd()
            }
        }

        /// Takes any descriptor as it is. What is not a pipe works as far as the kernel lets it.
        impl From<OwnedFd> for $End {
            fn from(fd: OwnedFd) -> Self {
                Self(PipeEnd::new(fd))
            }
        }

        impl From<$End> for OwnedFd {
            fn from(end: $End) -> Self {
                end.0.into_fd()
            }
        }

        /// The end becomes a standard stream of a child.
        impl From<$End> for Stdio {
            fn from(end: $End) -> Self {
                OwnedFd::from(end).into()
            }
        }
    };
}

both_ends!(Reader, "reading", "writing");
both_ends!(Writer, "writing", "reading");

impl io::Read for Reader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Ok(self.read_until(buf, Wait::FOREVER)?)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let done = self.0.read_vectored(bufs, Wait::FOREVER);
        Ok(done.map_err(|stop| Error::stop(READ, stop))?)
    }
}

impl io::Write for Writer {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(self.write_until(&[IoSlice::new(buf)], Wait::FOREVER)?)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.write_until(bufs, Wait::FOREVER)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl From<std::process::ChildStdout> for Reader {
    fn from(stdout: std::process::ChildStdout) -> Self {
        OwnedFd::from(stdout).into()
    }
}

impl From<std::process::ChildStderr> for Reader {
    fn from(stderr: std::process::ChildStderr) -> Self {
        OwnedFd::from(stderr).into()
    }
}

impl From<std::process::ChildStdin> for Writer {
    fn from(stdin: std::process::ChildStdin) -> Self {
        OwnedFd::from(stdin).into()
    }
}
