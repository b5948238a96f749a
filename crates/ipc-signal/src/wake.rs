//! Waking whoever waits on a descriptor, from inside a signal handler: never waits, never raises.

use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use ipc_core::pipe_end::has_nosignal;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{FileType, fstat};
use rustix::io::{Errno, ReadWriteFlags, fcntl_dupfd_cloexec, pwritev2, write};

use crate::error::Error;
use crate::signal::Signal;
use crate::sys;

/// `RWF_NOSIGNAL`, which the bindings lack.
const NOSIGNAL: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x100);
/// "At the current position": the offset of streams in `pwritev2(2)`.
const CURRENT: u64 = u64::MAX;

/// A descriptor that becomes readable when a signal is delivered.
///
/// ```
/// # fn main() -> Result<(), ipc_signal::Error> {
/// use ipc_signal::{Signal, Wake, handle, raise};
/// use std::io::Read;
///
/// let (wake, bell) = Wake::eventfd()?;
/// let registration = handle(Signal::WINCH, wake)?;
/// raise(Signal::WINCH)?;
/// let mut count = [0; 8];
/// std::fs::File::from(bell).read_exact(&mut count).unwrap();
/// assert_eq!(u64::from_ne_bytes(count), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Wake(Target);

#[derive(Debug)]
enum Target {
    Event(OwnedFd),
    /// `no_signal`: the kernel has `RWF_NOSIGNAL`. Asked here, since the handler must not.
    Pipe {
        fd: OwnedFd,
        no_signal: bool,
    },
    Socket(OwnedFd),
}

impl Wake {
    /// A new eventfd: one end for the handler, one to poll and to read the number of signals from.
    /// The reading one never blocks.
    ///
    /// # Errors
    /// `Limit`: too many descriptors.
    pub fn eventfd() -> Result<(Self, OwnedFd), Error> {
        let failed = |errno| Error::os("create eventfd", errno);
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(failed)?;
        let copy = fcntl_dupfd_cloexec(&bell, 0).map_err(failed)?;
        Ok((Self(Target::Event(copy)), bell))
    }

    /// Wakes through what `fd` is: an eventfd (adds one), a pipe or a socket (sends one byte; one that
    /// is full is readable already).
    ///
    /// # Errors
    /// `Unsupported`: anything else, whose writes might wait.
    pub fn new(fd: impl Into<OwnedFd>) -> Result<Self, Error> {
        let fd = fd.into();
        let failed = |errno| Error::os("look at descriptor", errno);
        let mode = fstat(&fd).map_err(failed)?.st_mode;
        match FileType::from_raw_mode(mode) {
            FileType::Fifo => {
                crate::log::fallbacks();
                Ok(Self(Target::Pipe { fd, no_signal: has_nosignal() }))
            }
            FileType::Socket => Ok(Self(Target::Socket(fd))),
            _ if is_eventfd(&fd) => Ok(Self(Target::Event(fd))),
            _ => {
                Err(Error::Unsupported { what: "wake through what is no eventfd, pipe or socket" })
            }
        }
    }

    /// Makes the descriptor readable. System calls only: no lock, no allocation, no SIGPIPE.
    pub(crate) fn wake(&self) {
        match &self.0 {
            // A full counter (EAGAIN) is readable, which is all that is wanted. One that blocks does
            // so after 2^64 - 2 signals.
            Target::Event(fd) => {
                let _ = write(fd, &1u64.to_ne_bytes());
            }
            Target::Pipe { fd, no_signal: true } => {
                let flags = ReadWriteFlags::NOWAIT | NOSIGNAL;
                let _ = pwritev2(fd, &[IoSlice::new(&[0])], CURRENT, flags);
            }
            Target::Pipe { fd, no_signal: false } => without_sigpipe(|| {
                pwritev2(fd, &[IoSlice::new(&[0])], CURRENT, ReadWriteFlags::NOWAIT)
            }),
            Target::Socket(fd) => sys::send_byte(fd.as_fd()),
        }
    }
}

/// Writes with SIGPIPE blocked in this thread, and takes back one that the write raised.
/// Async-signal-safe.
pub(crate) fn without_sigpipe(write: impl FnOnce() -> Result<usize, Errno>) {
    let pipe = Signal::PIPE.bit();
    let Ok(before) = sys::change_mask(libc::SIG_BLOCK, pipe) else { return };
    let was_pending = sys::pending().is_ok_and(|pending| pending & pipe != 0);
    if write() == Err(Errno::PIPE) && !was_pending {
        let now = rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 };
        let _ = sys::take_pending(pipe, Some(&now));
    }
    let _ = sys::change_mask(libc::SIG_SETMASK, before);
}

fn is_eventfd(fd: &OwnedFd) -> bool {
    std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()))
        .is_ok_and(|target| target.as_os_str() == "anon_inode:[eventfd]")
}
