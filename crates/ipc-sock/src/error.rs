//! What can go wrong with a socket, in the words all the crates share.

use std::fmt;
use std::io;

use ipc_core::errno::describe;
use rustix::io::Errno;

/// What can go wrong with a socket.
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
    /// The other side has closed its end: nothing can be sent, or no message comes any more.
    Closed {
        /// True if the process given to `watch_peer` was seen to exit. False says nothing: a socket
        /// does not tell an end that was closed from one whose process died.
        peer_died: bool,
    },
    /// The other side is gone and what we had sent to it was not all read (a Unix socket), or the
    /// connection was broken off (TCP). Unlike `Closed`, something was lost.
    PeerReset,
    /// Nobody listens there.
    Refused {
        /// Where.
        name: String,
    },
    /// There is nothing of that name.
    NotFound {
        /// The name.
        name: String,
    },
    /// The name is taken: by somebody who lives, or by something that cannot be known to be stale.
    AlreadyExists {
        /// The name.
        name: String,
    },
    /// It belongs to somebody who is neither our effective user, nor root, nor allowed by
    /// `allow_owner`.
    WrongOwner {
        /// The owner it has.
        uid: u32,
    },
    /// The address cannot be one.
    InvalidName {
        /// The address as it was given.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A stream ended inside a message: its sender died or closed too early.
    Truncated {
        /// Bytes of the message that came, its length field included.
        got: usize,
        /// Bytes it should have had.
        want: usize,
    },
    /// A message does not fit: into the buffer it was to be received in (it is lost then), into the
    /// send buffer, or into the limit of [`Frames`](crate::Frames).
    MessageTooLong {
        /// The length it has, in bytes.
        real: usize,
        /// The length that fits, in bytes.
        limit: usize,
    },
    /// An empty message over a connection that keeps boundaries: the receiver could take it for the
    /// end.
    EmptyMessage,
    /// Descriptors or identities came beside the message, but not all of them could be taken (more
    /// than `pass_fds` allows, the limit of descriptors, a security module), or none was asked for.
    /// The message is dropped and every descriptor that came is closed.
    AncillaryTruncated,
    /// More descriptors than one message can carry.
    TooManyFds {
        /// How many were given.
        asked: usize,
    },
    /// Too many descriptors of this user are under way in sockets, sent and not yet received. Wait
    /// until some are, and try again.
    TooManyInFlight,
    /// The receiver takes no descriptors: it was created without `pass_fds`.
    FdsRefused,
    /// A limit of the system or of this process is reached.
    Limit {
        /// The limit's name or file.
        which: &'static str,
        /// How to raise it.
        raise: &'static str,
    },
    /// The kernel, or this handle as it was created, cannot do this.
    Unsupported {
        /// What was asked for.
        what: &'static str,
    },
    /// Anything else the kernel reports.
    Os {
        /// What was being done.
        op: &'static str,
        /// What it was done to, if it has a name.
        name: String,
        /// The error number.
        source: io::Error,
    },
}

/// The result of this crate's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What `errno` means for `op` on something without a name.
    #[cold]
    pub(crate) fn os(op: &'static str, errno: Errno) -> Self {
        Self::named(op, &"", errno)
    }

    /// What `errno` means for `op` on `name`.
    #[cold]
    pub(crate) fn named(op: &'static str, name: &dyn fmt::Display, errno: Errno) -> Self {
        match errno {
            Errno::MFILE => Self::Limit {
                which: "RLIMIT_NOFILE (descriptors of this process)",
                raise: "close descriptors, or raise it with `ulimit -n` or setrlimit(2)",
            },
            Errno::NFILE => Self::Limit {
                which: "/proc/sys/fs/file-max (open files of the system)",
                raise: "raise it with sysctl fs.file-max",
            },
            Errno::TOOMANYREFS => Self::TooManyInFlight,
            Errno::CONNREFUSED => Self::Refused { name: name.to_string() },
            Errno::NOENT => Self::NotFound { name: name.to_string() },
            Errno::ADDRINUSE | Errno::EXIST => Self::AlreadyExists { name: name.to_string() },
            Errno::PIPE => Self::Closed { peer_died: false },
            Errno::CONNRESET => Self::PeerReset,
            _ => Self::Os { op, name: name.to_string(), source: errno.into() },
        }
    }

    pub(crate) fn closed() -> Self {
        Self::Closed { peer_died: false }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => write!(f, "wait for socket: the deadline passed (ETIMEDOUT)"),
            Self::WouldBlock => {
                write!(f, "use socket: it is not ready, and the call does not wait (EAGAIN)")
            }
            Self::Cancelled => write!(f, "wait for socket: cancelled by its canceller (ECANCELED)"),
            Self::Closed { peer_died: true } => {
                write!(f, "use socket: the process at the other end died (EPIPE)")
            }
            Self::Closed { peer_died: false } => {
                write!(f, "use socket: the other side has closed it (EPIPE)")
            }
            Self::PeerReset => write!(
                f,
                "use socket: the other side is gone without having read all it was sent (ECONNRESET)"
            ),
            Self::Refused { name } => {
                write!(f, "connect to {name}: nobody listens there (ECONNREFUSED)")
            }
            Self::NotFound { name } => write!(f, "find {name}: no such socket (ENOENT)"),
            Self::AlreadyExists { name } => write!(
                f,
                "bind {name}: the name is in use; choose another, or reclaim_stale if its owner is \
                 gone (EADDRINUSE)"
            ),
            Self::WrongOwner { uid } => write!(
                f,
                "trust socket: it belongs to uid {uid}; allow_owner({uid}) would accept it (EACCES)"
            ),
            Self::InvalidName { name, reason } => {
                write!(f, "use {name:?} as an address: {reason} (EINVAL)")
            }
            Self::Truncated { got, want } => write!(
                f,
                "receive message from socket: the stream ended after {got} of {want} bytes; its \
                 sender died or closed too early"
            ),
            Self::MessageTooLong { real, limit } => write!(
                f,
                "message over socket: it has {real} bytes, {limit} fit; give a larger buffer (EMSGSIZE)"
            ),
            Self::EmptyMessage => write!(
                f,
                "send message: an empty one would look like the end of the connection (EINVAL)"
            ),
            Self::AncillaryTruncated => write!(
                f,
                "receive descriptors from socket: not all could be taken; the message is dropped and \
                 all are closed; raise pass_fds or RLIMIT_NOFILE (EMFILE)"
            ),
            Self::TooManyFds { asked } => {
                write!(f, "send {asked} descriptors: one message carries at most 253 (EINVAL)")
            }
            Self::TooManyInFlight => write!(
                f,
                "send descriptors: too many of this user's are sent and not yet received; try again \
                 later, or raise RLIMIT_NOFILE (ETOOMANYREFS)"
            ),
            Self::FdsRefused => write!(
                f,
                "send descriptors: the receiver takes none; create it with pass_fds (EPERM)"
            ),
            Self::Limit { which, raise } => write!(f, "socket: limit reached: {which}; {raise}"),
            Self::Unsupported { what } => write!(f, "{what}: not supported here (EOPNOTSUPP)"),
            Self::Os { op, name, source } => {
                write!(f, "{op}{}{name}: ", if name.is_empty() { "" } else { " " })?;
                match Errno::from_io_error(source) {
                    Some(errno) => write!(f, "{}", describe(errno)),
                    None => write!(f, "{source}"),
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
            Error::Truncated { .. } => return Self::new(io::ErrorKind::UnexpectedEof, error),
            Error::TimedOut => Errno::TIMEDOUT,
            Error::WouldBlock => Errno::AGAIN,
            Error::Cancelled => Errno::CANCELED,
            Error::Closed { .. } => Errno::PIPE,
            Error::PeerReset => Errno::CONNRESET,
            Error::Refused { .. } => Errno::CONNREFUSED,
            Error::NotFound { .. } => Errno::NOENT,
            Error::AlreadyExists { .. } => Errno::ADDRINUSE,
            Error::WrongOwner { .. } => Errno::ACCESS,
            Error::MessageTooLong { .. } => Errno::MSGSIZE,
            Error::InvalidName { .. } | Error::EmptyMessage | Error::TooManyFds { .. } => {
                Errno::INVAL
            }
            Error::AncillaryTruncated => Errno::MFILE,
            Error::TooManyInFlight => Errno::TOOMANYREFS,
            Error::FdsRefused => Errno::PERM,
            Error::Limit { which, .. } if which.starts_with("RLIMIT") => Errno::MFILE,
            Error::Limit { which, .. } if which.contains("file-max") => Errno::NFILE,
            Error::Limit { .. } => Errno::PERM,
            Error::Unsupported { .. } => Errno::OPNOTSUPP,
        };
        errno.into()
    }
}
