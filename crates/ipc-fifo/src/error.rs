//! What can go wrong with a FIFO, in the words all the crates share.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use ipc_core::errno::describe;
use ipc_core::name::Fault;
use ipc_core::pipe_end::Stop;
use rustix::io::Errno;

/// What can go wrong with a FIFO.
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
    /// A `try_open_writer` found nobody with the reading end.
    NoReader,
    /// No such FIFO, or no such directory.
    NotFound {
        /// The path asked for.
        path: PathBuf,
    },
    /// Something has that name already, a FIFO that is in use or anything else.
    AlreadyExists {
        /// The path asked for.
        path: PathBuf,
    },
    /// What has that name is not a FIFO. A symbolic link is none, wherever it leads.
    NotAFifo {
        /// The path asked for.
        path: PathBuf,
    },
    /// The FIFO (or its companion file) belongs to somebody who is not trusted.
    WrongOwner {
        /// The path asked for.
        path: PathBuf,
        /// Whose it is.
        uid: u32,
    },
    /// No FIFO can have this path.
    InvalidName {
        /// The path asked for.
        name: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A mode has only permission bits: 0o777 and less.
    InvalidMode {
        /// The mode asked for.
        mode: u32,
    },
    /// The name was removed, or given to another file: no peer can come to this FIFO by it.
    Removed {
        /// The path it had.
        path: PathBuf,
    },
    /// Others changed what has that name faster than it could be opened.
    Contended {
        /// The path asked for.
        path: PathBuf,
    },
    /// The other end is gone: nobody can read what is written, or (from [`Frames`](crate::Frames))
    /// no message comes any more.
    Closed {
        /// True if the process given to `watch_peer` was seen to exit. False says nothing: a FIFO
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
    /// The FIFO holds more bytes than the capacity asked for.
    CapacityInUse {
        /// The capacity asked for, in bytes.
        asked: usize,
    },
    /// No FIFO can have this capacity.
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
        /// The path of the FIFO; empty for an end that was made of a descriptor.
        name: PathBuf,
        /// The error number.
        source: io::Error,
    },
}

/// The result of this crate's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What `errno` means for `op` on the FIFO at `path`.
    pub(crate) fn os(op: &'static str, path: &Path, errno: Errno) -> Self {
        match errno {
            Errno::NOENT => Self::NotFound { path: path.to_owned() },
            Errno::MFILE => Self::Limit {
                which: "RLIMIT_NOFILE (descriptors of this process)",
                raise: "close descriptors, or raise it with `ulimit -n` or setrlimit(2)",
            },
            Errno::NFILE => Self::Limit {
                which: "/proc/sys/fs/file-max (open files of the system)",
                raise: "raise it with sysctl fs.file-max, or fs.pipe-user-pages-hard for pipes",
            },
            _ => Self::Os { op, name: path.to_owned(), source: errno.into() },
        }
    }

    pub(crate) fn invalid_name(path: &Path, fault: Fault) -> Self {
        Self::InvalidName { name: path.to_owned(), reason: fault.to_string() }
    }

    pub(crate) fn stop(op: &'static str, path: &Path, stop: Stop) -> Self {
        match stop {
            Stop::WouldBlock => Self::WouldBlock,
            Stop::TimedOut => Self::TimedOut,
            Stop::Cancelled => Self::Cancelled,
            Stop::PeerDied => Self::Closed { peer_died: true },
            Stop::Closed => Self::Closed { peer_died: false },
            Stop::Os(errno) => Self::os(op, path, errno),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => write!(f, "wait for FIFO: the deadline passed (ETIMEDOUT)"),
            Self::WouldBlock => {
                write!(f, "use FIFO: it is not ready, and the call does not wait (EAGAIN)")
            }
            Self::Cancelled => write!(f, "wait for FIFO: cancelled by its canceller (ECANCELED)"),
            Self::NoReader => {
                write!(f, "open FIFO for writing: nobody has it open for reading (ENXIO)")
            }
            Self::NotFound { path } => write!(f, "FIFO {path:?}: no such FIFO (ENOENT)"),
            Self::AlreadyExists { path } => {
                write!(f, "create FIFO {path:?}: something has that name already (EEXIST)")
            }
            Self::NotAFifo { path } => {
                write!(f, "open FIFO {path:?}: what has that name is not a FIFO (EINVAL)")
            }
            Self::WrongOwner { path, uid } => {
                write!(f, "open FIFO {path:?}: it belongs to user {uid}; see allow_owner (EACCES)")
            }
            Self::InvalidName { name, reason } => write!(f, "FIFO {name:?}: {reason} (EINVAL)"),
            Self::InvalidMode { mode } => {
                write!(f, "create FIFO with mode {mode:#o}: only 0o777 and less (EINVAL)")
            }
            Self::Removed { path } => {
                write!(f, "open end of FIFO {path:?}: the name was removed or replaced (ENOENT)")
            }
            Self::Contended { path } => {
                write!(f, "open FIFO {path:?}: others keep changing it; try again (EBUSY)")
            }
            Self::Closed { peer_died: true } => {
                write!(f, "use FIFO: the process at the other end died (EPIPE)")
            }
            Self::Closed { peer_died: false } => {
                write!(f, "use FIFO: the other end is closed (EPIPE)")
            }
            Self::Truncated { got, want } => write!(
                f,
                "receive message from FIFO: the stream ended after {got} of {want} bytes; its \
                 sender died or closed too early"
            ),
            Self::MessageTooLong { real, limit } => write!(
                f,
                "message for FIFO: it has {real} bytes, at most {limit} are allowed (EMSGSIZE)"
            ),
            Self::CapacityInUse { asked } => write!(
                f,
                "set capacity of FIFO to {asked} bytes: it holds more than that; read first (EBUSY)"
            ),
            Self::InvalidCapacity { asked } => write!(
                f,
                "set capacity of FIFO to {asked} bytes: it can have at most 2147483648 (EINVAL)"
            ),
            Self::Limit { which, raise } => write!(f, "FIFO: limit reached: {which}; {raise}"),
            Self::Unsupported { what } => write!(f, "{what}: not supported here (EOPNOTSUPP)"),
            Self::Os { op, name, source } => {
                write!(f, "{op}")?;
                if !name.as_os_str().is_empty() {
                    write!(f, " {name:?}")?;
                }
                match Errno::from_io_error(source) {
                    Some(errno) => write!(f, ": {}", describe(errno)),
                    None => write!(f, ": {source}"),
                }
            }
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
            Error::NoReader => Errno::NXIO,
            Error::NotFound { .. } | Error::Removed { .. } => Errno::NOENT,
            Error::AlreadyExists { .. } => Errno::EXIST,
            Error::WrongOwner { .. } => Errno::ACCESS,
            Error::NotAFifo { .. } | Error::InvalidName { .. } | Error::InvalidMode { .. } => {
                Errno::INVAL
            }
            Error::Contended { .. } => Errno::BUSY,
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
