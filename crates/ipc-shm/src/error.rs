//! What can go wrong with shared memory, in the words all the crates share.

use std::fmt;
use std::io;

use ipc_core::errno::describe;
use ipc_core::life::sleep::Stop;
use ipc_core::segment::Fault;
use rustix::io::Errno;

/// What can go wrong with shared memory and what lives in it.
///
/// As an [`io::Error`] every variant keeps the error number it stands for.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The deadline passed. Nothing was sent or received by the call that reports it.
    TimedOut,
    /// A `try_` form would have had to wait.
    WouldBlock,
    /// A [`Canceller`](crate::Canceller) ended the wait.
    Cancelled,
    /// The other side is gone. What it had sent was received before.
    Closed {
        /// It died, or ended without closing; otherwise it closed its end.
        peer_died: bool,
    },
    /// There is no object of this name or key.
    NotFound {
        /// The object.
        name: String,
    },
    /// There is one already; of an end or a writer: a live process has that place.
    AlreadyExists {
        /// The object.
        name: String,
    },
    /// It belongs to somebody else than our effective user or root.
    WrongOwner {
        /// The object.
        name: String,
        /// The owner it has.
        uid: u32,
    },
    /// No object can have this name.
    InvalidName {
        /// The name that was given.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is not enough memory. Nothing was created.
    NoSpace {
        /// The object.
        name: String,
    },
    /// A limit of the system or of this process is reached.
    Limit {
        /// The limit's name or file.
        which: &'static str,
        /// How to raise it.
        raise: &'static str,
    },
    /// What lies there is not what it should be, or its memory is damaged.
    Corrupt {
        /// The object.
        name: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Somebody shortened the file behind the memory.
    Truncated {
        /// The object.
        name: String,
    },
    /// Others changed it all the time while this call tried.
    Contended {
        /// The object.
        name: String,
    },
    /// This process is a forked child of the one that opened it.
    NotOwner {
        /// The object.
        name: String,
    },
    /// The System V segment was removed.
    Removed {
        /// The object.
        name: String,
    },
    /// All places in it are taken by live processes.
    TooManyPeers {
        /// The object.
        name: String,
        /// How many places it has.
        slots: usize,
    },
    /// Another process took this end's place after it had been evicted. Nothing was sent or received.
    Evicted {
        /// The object.
        name: String,
    },
    /// A message is longer than the object takes. Nothing was sent.
    MessageTooLong {
        /// The length it has, in bytes.
        real: usize,
        /// The length allowed, in bytes.
        limit: usize,
    },
    /// A message is longer than the buffer given for it. It was not received.
    BufferTooShort {
        /// Bytes of the buffer.
        len: usize,
        /// Bytes of the message.
        needed: usize,
    },
    /// An argument that cannot be.
    InvalidInput {
        /// What is wrong with it.
        what: &'static str,
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
        /// The object.
        name: String,
        /// The error number.
        source: io::Error,
    },
}

/// The result of this crate's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A value that was not sent, and why.
///
/// There is no `From` to [`Error`]: a `?` must not drop the value. Take `error` or `value` out of it.
#[derive(Debug)]
pub struct Rejected<T> {
    /// What was to be sent.
    pub value: T,
    /// Why it was not.
    pub error: Error,
}

impl<T> fmt::Display for Rejected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T: fmt::Debug> std::error::Error for Rejected<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// The limit on descriptors.
const NOFILE: (&str, &str) = (
    "RLIMIT_NOFILE (descriptors of this process)",
    "close descriptors, or raise it with `ulimit -n` or setrlimit(2)",
);
/// The limit on sizes.
const FSIZE: (&str, &str) = (
    "RLIMIT_FSIZE (size of a file, or the address space)",
    "ask for less, or raise it with `ulimit -f` or setrlimit(2)",
);
/// The limit on open files of all.
const FILES: (&str, &str) =
    ("/proc/sys/fs/file-max (open files of the system)", "raise it with sysctl fs.file-max");

impl Error {
    /// What `errno` means for `op` on `name`, as far as all calls agree.
    #[cold]
    pub(crate) fn os(op: &'static str, name: &str, errno: Errno) -> Self {
        let name = || name.to_owned();
        match errno {
            Errno::NOENT => Self::NotFound { name: name() },
            Errno::EXIST => Self::AlreadyExists { name: name() },
            Errno::NOSPC => Self::NoSpace { name: name() },
            Errno::IDRM => Self::Removed { name: name() },
            Errno::MFILE => Self::limit(NOFILE),
            Errno::NFILE => Self::limit(FILES),
            Errno::FBIG => Self::limit(FSIZE),
            Errno::NOSYS => Self::Unsupported { what: op },
            _ => Self::Os { op, name: name(), source: errno.into() },
        }
    }

    pub(crate) fn limit((which, raise): (&'static str, &'static str)) -> Self {
        Self::Limit { which, raise }
    }

    /// What ipc-core says about a segment.
    #[cold]
    pub(crate) fn segment(op: &'static str, name: &str, fault: Fault) -> Self {
        let name = name.to_owned();
        let corrupt = |name, what| Self::Corrupt { name, what };
        match fault {
            Fault::NotFound => Self::NotFound { name },
            Fault::AlreadyExists => Self::AlreadyExists { name },
            Fault::WrongOwner { uid } => Self::WrongOwner { name, uid },
            Fault::NotAFile => corrupt(name, "it is not a regular file"),
            Fault::WrongMode { .. } => corrupt(name, "its mode is none that we give"),
            Fault::Truncated { .. } => Self::Truncated { name },
            Fault::NotOurs => corrupt(name, "it is not a segment of ipc"),
            Fault::Endian => corrupt(name, "it is of the other byte order"),
            Fault::Version { .. } => corrupt(name, "its header has another version"),
            Fault::Kind { .. } => corrupt(name, "something else lives in it"),
            Fault::Layout { .. } => corrupt(name, "its content has another layout or version"),
            Fault::Corrupt { what } => corrupt(name, what),
            Fault::NoSpace => Self::NoSpace { name },
            Fault::TooLarge => Self::limit(FSIZE),
            Fault::TooManyPeers { slots } => Self::TooManyPeers { name, slots },
            Fault::Contended => Self::Contended { name },
            Fault::Forked => Self::NotOwner { name },
            Fault::Os { errno, .. } => Self::os(op, &name, errno),
        }
    }

    /// Why a wait ended.
    #[cold]
    pub(crate) fn stop(name: &str, stop: Stop) -> Self {
        match stop {
            Stop::WouldBlock => Self::WouldBlock,
            Stop::TimedOut => Self::TimedOut,
            Stop::Cancelled => Self::Cancelled,
            Stop::Forked => Self::NotOwner { name: name.to_owned() },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => write!(f, "wait in shared memory: the deadline passed (ETIMEDOUT)"),
            Self::WouldBlock => {
                write!(
                    f,
                    "use shared memory: it would have to wait, and the call does not (EAGAIN)"
                )
            }
            Self::Cancelled => {
                write!(f, "wait in shared memory: cancelled by its canceller (ECANCELED)")
            }
            Self::Closed { peer_died: true } => {
                write!(f, "use shared memory: the other side died (EPIPE)")
            }
            Self::Closed { peer_died: false } => {
                write!(f, "use shared memory: the other side closed its end (EPIPE)")
            }
            Self::NotFound { name } => {
                write!(f, "open shared memory {name:?}: no such object (ENOENT)")
            }
            Self::AlreadyExists { name } => write!(
                f,
                "create or join shared memory {name:?}: it exists, or a live process has that \
                 place; open it, unlink it, or use reclaim_stale if nobody uses it (EEXIST)"
            ),
            Self::WrongOwner { name, uid } => write!(
                f,
                "open shared memory {name:?}: it belongs to user {uid}; allow_owner({uid}) accepts \
                 that (EACCES)"
            ),
            Self::InvalidName { name, reason } => {
                write!(f, "name shared memory {name:?}: {reason} (EINVAL)")
            }
            Self::NoSpace { name } => write!(
                f,
                "create shared memory {name:?}: no memory is left for it; make room, or ask for \
                 less (ENOSPC)"
            ),
            Self::Limit { which, raise } => {
                write!(f, "shared memory: limit reached: {which}; {raise}")
            }
            Self::Corrupt { name, what } => {
                write!(f, "use shared memory {name:?}: not sound: {what} (EBADMSG)")
            }
            Self::Truncated { name } => write!(
                f,
                "use shared memory {name:?}: somebody shortened its file; make it anew (ENODATA)"
            ),
            Self::Contended { name } => write!(
                f,
                "use shared memory {name:?}: others change it all the time; try again (EAGAIN)"
            ),
            Self::NotOwner { name } => write!(
                f,
                "use shared memory {name:?}: this process was forked from the one that opened it; \
                 start it with exec and open it again (EPERM)"
            ),
            Self::Removed { name } => {
                write!(f, "use shared memory {name:?}: it was removed (EIDRM)")
            }
            Self::TooManyPeers { name, slots } => write!(
                f,
                "open shared memory {name:?}: all its {slots} places are taken; make it with more \
                 (EUSERS)"
            ),
            Self::Evicted { name } => write!(
                f,
                "use shared memory {name:?}: another process took this place; open it again (ESTALE)"
            ),
            Self::MessageTooLong { real, limit } => write!(
                f,
                "send in shared memory: the message has {real} bytes, at most {limit} fit; make it \
                 with a larger capacity (EMSGSIZE)"
            ),
            Self::BufferTooShort { len, needed } => write!(
                f,
                "receive from shared memory: the message has {needed} bytes, the buffer {len}; it \
                 was not received (EMSGSIZE)"
            ),
            Self::InvalidInput { what } => write!(f, "use shared memory: {what} (EINVAL)"),
            Self::Unsupported { what } => write!(f, "{what}: not supported here (EOPNOTSUPP)"),
            Self::Os { op, name, source } => match Errno::from_io_error(source) {
                Some(errno) => write!(f, "{op} {name:?}: {}", describe(errno)),
                None => write!(f, "{op} {name:?}: {source}"),
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
            Error::TimedOut => Errno::TIMEDOUT,
            Error::WouldBlock | Error::Contended { .. } => Errno::AGAIN,
            Error::Cancelled => Errno::CANCELED,
            Error::Closed { .. } => Errno::PIPE,
            Error::NotFound { .. } => Errno::NOENT,
            Error::AlreadyExists { .. } => Errno::EXIST,
            Error::WrongOwner { .. } => Errno::ACCESS,
            Error::InvalidName { .. } | Error::InvalidInput { .. } => Errno::INVAL,
            Error::NoSpace { .. } => Errno::NOSPC,
            Error::Limit { which, .. } if which == NOFILE.0 => Errno::MFILE,
            Error::Limit { which, .. } if which == FILES.0 => Errno::NFILE,
            Error::Limit { which, .. } if which == FSIZE.0 => Errno::FBIG,
            Error::Limit { .. } => Errno::NOSPC,
            Error::Corrupt { .. } => Errno::BADMSG,
            Error::Truncated { .. } => Errno::NODATA,
            Error::NotOwner { .. } => Errno::PERM,
            Error::Removed { .. } => Errno::IDRM,
            Error::TooManyPeers { .. } => Errno::USERS,
            Error::Evicted { .. } => Errno::STALE,
            Error::MessageTooLong { .. } | Error::BufferTooShort { .. } => Errno::MSGSIZE,
            Error::Unsupported { .. } => Errno::OPNOTSUPP,
        };
        errno.into()
    }
}
