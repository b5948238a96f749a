//! What can go wrong with a pipe, in the words all the crates share.

use std::fmt;
use std::io;

use ipc_core::errno::describe;
use ipc_core::pipe_end::Stop;
use rustix::io::Errno;

/// What can go wrong with a pipe.
///
/// As an [`io::Error`] every variant keeps the error number it stands for.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The deadline passed. Nothing was read or written by the call that reports it.
    TimedOut,
    /// A `try_` form would have had to wait.
    WouldBlock,
    /// A [`Canceller`](crate::Canceller) ended the wait.
    Cancelled,
    /// The other end is gone: nobody can read what is written, or (from [`Frames`](crate::Frames))
    /// no message comes any more.
    Closed {
        /// True if the process given to `watch_peer` was seen to exit. False says nothing: a pipe
        /// does not tell an end that was closed from one whose process died.
        peer_died: bool,
    },
    /// The stream ended inside a message: its sender died or closed its end too early.
    Truncated {
        /// Bytes of the message that came, its length field included.
        got: usize,
        /// Bytes it should have had.
        want: usize,
    },
    /// A message or an atomic write is longer than allowed.
    MessageTooLong {
        /// The length it has, in bytes.
        real: usize,
        /// The length allowed, in bytes.
        limit: usize,
    },
    /// The pipe holds more bytes than the capacity asked for.
    CapacityInUse {
        /// The capacity asked for, in bytes.
        asked: usize,
    },
    /// No pipe can have this capacity.
    InvalidCapacity {
        /// The capacity asked for, in bytes.
        asked: usize,
    },
    /// A limit of the system or of this process is reached.
    Limit {
        /// The limit's name or file.
        which: &'static str,
        /// How to raise it.
        raise: &'static str,
    },
    /// The kernel, or what stands behind the descriptor, cannot do this.
    Unsupported {
        /// What was asked for.
        what: &'static str,
    },
    /// Anything else the kernel reports.
    Os {
        /// What was being done.
        op: &'static str,
        /// The error number.
        source: io::Error,
    },
}

/// The result of this crate's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What `errno` means for `op`.
    #[cold]
    pub(crate) fn os(op: &'static str, errno: Errno) -> Self {
        match errno {
            Errno::MFILE => Self::Limit {
                which: "RLIMIT_NOFILE (descriptors of this process)",
                raise: "close descriptors, or raise it with `ulimit -n` or setrlimit(2)",
            },
            Errno::NFILE => Self::Limit {
                which: "/proc/sys/fs/file-max (open files of the system)",
                raise: "raise it with sysctl fs.file-max, or fs.pipe-user-pages-hard for pipes",
            },
            _ => Self::Os { op, source: errno.into() },
        }
    }

    #[inline]
    pub(crate) fn stop(op: &'static str, stop: Stop) -> Self {
        match stop {
            Stop::WouldBlock => Self::WouldBlock,
            Stop::TimedOut => Self::TimedOut,
            Stop::Cancelled => Self::Cancelled,
            Stop::PeerDied => Self::Closed { peer_died: true },
            Stop::Closed => Self::Closed { peer_died: false },
            Stop::Os(errno) => Self::os(op, errno),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => write!(f, "wait for pipe: the deadline passed (ETIMEDOUT)"),
            Self::WouldBlock => {
                write!(f, "use pipe: it is not ready, and the call does not wait (EAGAIN)")
            }
            Self::Cancelled => write!(f, "wait for pipe: cancelled by its canceller (ECANCELED)"),
            Self::Closed { peer_died: true } => {
                write!(f, "use pipe: the process at the other end died (EPIPE)")
            }
            Self::Closed { peer_died: false } => {
                write!(f, "use pipe: the other end is closed (EPIPE)")
            }
            Self::Truncated { got, want } => write!(
                f,
                "receive message from pipe: the stream ended after {got} of {want} bytes; its \
                 sender died or closed too early"
            ),
            Self::MessageTooLong { real, limit } => {
                write!(
                    f,
                    "message for pipe: it has {real} bytes, at most {limit} are allowed (EMSGSIZE)"
                )
            }
            Self::CapacityInUse { asked } => write!(
                f,
                "set capacity of pipe to {asked} bytes: it holds more than that; read first (EBUSY)"
            ),
            Self::InvalidCapacity { asked } => {
                write!(
                    f,
                    "set capacity of pipe to {asked} bytes: a pipe can have at most 2147483648 (EINVAL)"
                )
            }
            Self::Limit { which, raise } => write!(f, "pipe: limit reached: {which}; {raise}"),
            Self::Unsupported { what } => write!(f, "{what}: not supported here (EOPNOTSUPP)"),
            Self::Os { op, source } => match Errno::from_io_error(source) {
                Some(errno) => write!(f, "{op}: {}", describe(errno)),
                None => write!(f, "{op}: {source}"),
            },
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Os { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let errno = match error {
            Error::Os { source, .. } => return source,
            // The kernel has no number for it; std has a kind.
            Error::Truncated { .. } => {
                return Self::new(io::ErrorKind::UnexpectedEof, error);
            }
            Error::TimedOut => Errno::TIMEDOUT,
            Error::WouldBlock => Errno::AGAIN,
            Error::Cancelled => Errno::CANCELED,
            Error::Closed { .. } => Errno::PIPE,
            Error::MessageTooLong { .. } => Errno::MSGSIZE,
            Error::CapacityInUse { .. } => Errno::BUSY,
            Error::InvalidCapacity { .. } => Errno::INVAL,
            Error::Limit { which, .. } if which.starts_with("RLIMIT") => Errno::MFILE,
            Error::Limit { which, .. } if which.contains("file-max") => Errno::NFILE,
            Error::Limit { .. } => Errno::PERM,
            Error::Unsupported { .. } => Errno::OPNOTSUPP,
        };
        errno.into()
    }
}
