//! What can go wrong with a message queue, in the words all the crates share.

use std::fmt;
use std::io;

use ipc_core::errno::describe;
use rustix::io::Errno;

/// What can go wrong with a message queue.
///
/// As an [`io::Error`] every variant keeps the error number it stands for.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The deadline passed. Nothing was sent or received by the call that reports it.
    TimedOut,
    /// A `try_` form would have had to wait: the queue is full, or holds nothing that is wanted.
    WouldBlock,
    /// A [`Canceller`](crate::Canceller) ended the wait.
    Cancelled,
    /// There is no queue of this name or key.
    NotFound {
        /// The queue.
        name: String,
    },
    /// There is one already; with `reclaim_stale`, one that is in use or may be.
    AlreadyExists {
        /// The queue.
        name: String,
    },
    /// It belongs to somebody else than our effective user or root.
    WrongOwner {
        /// The queue.
        name: String,
        /// The owner it has.
        uid: u32,
    },
    /// No queue can have this name.
    InvalidName {
        /// The name that was given.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A limit of the system or of this process is reached.
    Limit {
        /// The limit's name or file.
        which: &'static str,
        /// How to raise it.
        raise: &'static str,
    },
    /// The System V queue was removed, also while the call waited.
    Removed {
        /// The queue.
        name: String,
    },
    /// A message is longer than the queue takes. Nothing was sent.
    MessageTooLong {
        /// The length it has, in bytes.
        real: usize,
        /// The length allowed, in bytes.
        limit: usize,
    },
    /// A message is longer than the buffer given for it, or may be. It stays in the queue.
    BufferTooShort {
        /// Bytes of the buffer.
        len: usize,
        /// Bytes it must have, where the queue tells: a POSIX queue wants room for its longest message.
        needed: Option<usize>,
    },
    /// An argument that no queue takes: a priority, a type, a size, a signal.
    InvalidInput {
        /// What is wrong with it.
        what: &'static str,
    },
    /// Another process, or another handle, is registered to be notified by this queue.
    NotifyBusy,
    /// The bytes of a message are not of the type expected. The message was taken from the queue.
    Decode {
        /// What is wrong with them.
        reason: String,
    },
    /// A value cannot be written as bytes. Nothing was sent.
    Encode {
        /// Why not.
        reason: String,
    },
    /// Others made and removed the same queue again and again while this call tried.
    Contended {
        /// The queue.
        name: String,
    },
    /// What lies under the name is no queue of ours, or its memory is damaged.
    Corrupt {
        /// The queue.
        name: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// All places for processes in the queue are taken by live ones.
    TooManyPeers {
        /// The queue.
        name: String,
        /// How many places it has.
        slots: usize,
    },
    /// There is not enough memory for the queue.
    NoSpace {
        /// The queue.
        name: String,
    },
    /// This process is a forked child of the one that opened the queue or received the message.
    NotOwner {
        /// The queue.
        name: String,
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
        /// The queue.
        name: String,
        /// The error number.
        source: io::Error,
    },
}

/// The result of this crate's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The limit on descriptors, as a queue meets it too.
pub(crate) const NOFILE: (&str, &str) = (
    "RLIMIT_NOFILE (descriptors of this process)",
    "close descriptors, or raise it with `ulimit -n` or setrlimit(2)",
);

impl Error {
    /// What `errno` means for `op` on `name`, as far as all calls agree.
    #[cold]
    pub(crate) fn os(op: &'static str, name: &str, errno: Errno) -> Self {
        let name = || name.to_owned();
        match errno {
            Errno::NOENT => Self::NotFound { name: name() },
            Errno::EXIST => Self::AlreadyExists { name: name() },
            Errno::IDRM => Self::Removed { name: name() },
            Errno::MFILE => Self::limit(NOFILE),
            Errno::NFILE => Self::limit((
                "/proc/sys/fs/file-max (open files of the system)",
                "raise it with sysctl fs.file-max",
            )),
            Errno::NOSYS => Self::Unsupported { what: op },
            _ => Self::Os { op, name: name(), source: errno.into() },
        }
    }

    pub(crate) fn limit((which, raise): (&'static str, &'static str)) -> Self {
        Self::Limit { which, raise }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => write!(f, "wait for message queue: the deadline passed (ETIMEDOUT)"),
            Self::WouldBlock => write!(
                f,
                "use message queue: it is full or has no such message, and the call does not wait \
                 (EAGAIN)"
            ),
            Self::Cancelled => {
                write!(f, "wait for message queue: cancelled by its canceller (ECANCELED)")
            }
            Self::NotFound { name } => {
                write!(f, "open message queue {name:?}: no such queue (ENOENT)")
            }
            Self::AlreadyExists { name } => write!(
                f,
                "create message queue {name:?}: it exists; open it, unlink it, or use reclaim_stale \
                 if nobody uses it (EEXIST)"
            ),
            Self::WrongOwner { name, uid } => write!(
                f,
                "open message queue {name:?}: it belongs to user {uid}; allow_owner({uid}) accepts \
                 that (EACCES)"
            ),
            Self::InvalidName { name, reason } => {
                write!(f, "name message queue {name:?}: {reason} (EINVAL)")
            }
            Self::Limit { which, raise } => {
                write!(f, "message queue: limit reached: {which}; {raise}")
            }
            Self::Removed { name } => {
                write!(f, "use message queue {name:?}: it was removed (EIDRM)")
            }
            Self::MessageTooLong { real, limit } => write!(
                f,
                "send to message queue: the message has {real} bytes, at most {limit} are allowed \
                 (EMSGSIZE)"
            ),
            Self::BufferTooShort { len, needed: Some(needed) } => write!(
                f,
                "receive from message queue: the buffer has {len} bytes, its messages may have \
                 {needed} (EMSGSIZE)"
            ),
            Self::BufferTooShort { len, needed: None } => write!(
                f,
                "receive from message queue: the message is longer than the buffer of {len} bytes; \
                 it stays in the queue (E2BIG)"
            ),
            Self::InvalidInput { what } => write!(f, "use message queue: {what} (EINVAL)"),
            Self::NotifyBusy => {
                write!(f, "ask message queue for a signal: somebody else is registered (EBUSY)")
            }
            Self::Decode { reason } => write!(f, "decode message: {reason}"),
            Self::Encode { reason } => write!(f, "encode message: {reason}"),
            Self::Contended { name } => write!(
                f,
                "open or create message queue {name:?}: others make and remove it all the time \
                 (EAGAIN)"
            ),
            Self::Corrupt { name, what } => {
                write!(f, "use message queue {name:?}: not a sound queue: {what} (EBADMSG)")
            }
            Self::TooManyPeers { name, slots } => write!(
                f,
                "open message queue {name:?}: all its {slots} places are taken; make it with more \
                 peers (EUSERS)"
            ),
            Self::NoSpace { name } => write!(
                f,
                "create message queue {name:?}: no memory is left for it; make room in /dev/shm, or \
                 ask for less (ENOSPC)"
            ),
            Self::NotOwner { name } => write!(
                f,
                "use message queue {name:?}: this process was forked from the one that opened it; \
                 open it again (EPERM)"
            ),
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
            // The kernel has no number for these; std has a kind.
            Error::Decode { .. } => return Self::new(io::ErrorKind::InvalidData, error),
            Error::Encode { .. } => return Self::new(io::ErrorKind::InvalidInput, error),
            Error::TimedOut => Errno::TIMEDOUT,
            Error::WouldBlock | Error::Contended { .. } => Errno::AGAIN,
            Error::Cancelled => Errno::CANCELED,
            Error::NotFound { .. } => Errno::NOENT,
            Error::AlreadyExists { .. } => Errno::EXIST,
            Error::WrongOwner { .. } => Errno::ACCESS,
            Error::InvalidName { .. } | Error::InvalidInput { .. } => Errno::INVAL,
            Error::Limit { which, .. } => limit_errno(which),
            Error::Removed { .. } => Errno::IDRM,
            Error::MessageTooLong { .. } | Error::BufferTooShort { needed: Some(_), .. } => {
                Errno::MSGSIZE
            }
            Error::BufferTooShort { needed: None, .. } => Errno::TOOBIG,
            Error::NotifyBusy => Errno::BUSY,
            Error::Corrupt { .. } => Errno::BADMSG,
            Error::TooManyPeers { .. } => Errno::USERS,
            Error::NoSpace { .. } => Errno::NOSPC,
            Error::NotOwner { .. } => Errno::PERM,
            Error::Unsupported { .. } => Errno::OPNOTSUPP,
        };
        errno.into()
    }
}

/// The number with which the kernel reports each limit.
fn limit_errno(which: &str) -> Errno {
    let starts = |start| which.starts_with(start);
    if starts("RLIMIT_NOFILE") || starts("RLIMIT_MSGQUEUE") {
        Errno::MFILE
    } else if starts("/proc/sys/fs/file-max") {
        Errno::NFILE
    } else if starts("/proc/sys/fs/mqueue/queues_max") || starts("/proc/sys/kernel/msgmni") {
        Errno::NOSPC
    } else if starts("/proc/sys/kernel/msgmnb") {
        Errno::PERM
    } else {
        Errno::INVAL
    }
}
