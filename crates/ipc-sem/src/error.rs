//! What can go wrong with a semaphore or a lock, in the words all the crates share.

use std::fmt;
use std::io;

use ipc_core::errno::describe;
use ipc_core::name::Fault;
use ipc_core::segment::Fault as SegmentFault;
use rustix::io::Errno;

/// What can go wrong with a semaphore or a lock.
///
/// As an [`io::Error`] every variant keeps the error number it stands for.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The deadline passed. Nothing was taken.
    TimedOut,
    /// A `try_` form would have had to wait.
    WouldBlock,
    /// A [`Canceller`](crate::Canceller) ended the wait. Nothing was taken.
    Cancelled,
    /// There is no object of this name, key or number.
    NotFound {
        /// Its name.
        name: String,
    },
    /// An object of this name or key exists already.
    AlreadyExists {
        /// Its name.
        name: String,
    },
    /// The object belongs to a user that was not allowed.
    WrongOwner {
        /// Its name.
        name: String,
        /// The user it belongs to.
        uid: u32,
    },
    /// No object can have this name.
    InvalidName {
        /// The name as it was given.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A value, an index or a count that the object cannot have.
    InvalidArgument {
        /// What is wrong with it.
        what: &'static str,
    },
    /// The value would go beyond the largest that a semaphore can have. It is as it was.
    Overflow {
        /// The semaphore's name.
        name: String,
    },
    /// The set exists, but whoever made it has not given it its first values: it died, or is slow.
    NotInitialised {
        /// Its name.
        name: String,
    },
    /// The key leads to a set that was made for something else.
    KeyCollision {
        /// The key's name.
        name: String,
        /// How one sees it.
        reason: &'static str,
    },
    /// The set was removed, by anybody, before the call or while it waited.
    Removed {
        /// Its name.
        name: String,
    },
    /// An owner died, and a later one unlocked without marking the data consistent.
    NotRecoverable {
        /// The mutex's name.
        name: String,
    },
    /// This thread holds the lock already and would wait for itself.
    Deadlock {
        /// The lock's name.
        name: String,
    },
    /// The object is not what its name promises.
    Corrupt {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The object is shorter than it must be.
    Truncated {
        /// Its name.
        name: String,
        /// Bytes it has.
        got: u64,
        /// Bytes it must have.
        want: u64,
    },
    /// The object is whole, but of another kind, layout, version or byte order.
    Mismatch {
        /// Its name.
        name: String,
        /// What is other about it.
        reason: String,
    },
    /// This process was forked from the one that holds the object: a child owns nothing. Open it anew
    /// after `exec`.
    NotOwner {
        /// The object's name.
        name: String,
    },
    /// The address does not lie in a segment of this process.
    NotInSegment {
        /// What was to be there.
        what: &'static str,
    },
    /// As many live processes use the object as it has places for.
    TooManyPeers {
        /// Its name.
        name: String,
        /// How many places it has.
        slots: usize,
    },
    /// A process that takes part in the barrier died: it opens for nobody any more.
    Broken {
        /// Its name.
        name: String,
    },
    /// Others created and removed the object again and again while this call tried to open it.
    Contended {
        /// Its name.
        name: String,
    },
    /// The file system has no room for it.
    NoSpace {
        /// Its name.
        name: String,
    },
    /// A limit of the system or of this process is reached.
    Limit {
        /// The limit's name or file.
        which: &'static str,
        /// How to raise it.
        raise: &'static str,
        /// The kernel's error number.
        source: io::Error,
    },
    /// The kernel, or what stands behind the name or descriptor, cannot do this.
    Unsupported {
        /// What was asked for.
        what: &'static str,
    },
    /// Anything else the kernel reports.
    Os {
        /// What was being done.
        op: &'static str,
        /// The object it was done to.
        name: String,
        /// The error number.
        source: io::Error,
    },
}

/// The result of this crate's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What `errno` means for `op` on `name`.
    #[cold]
    pub(crate) fn os(op: &'static str, name: &str, errno: Errno) -> Self {
        let name = name.to_owned();
        match errno {
            Errno::NOENT => Self::NotFound { name },
            Errno::EXIST => Self::AlreadyExists { name },
            Errno::NOSPC => Self::NoSpace { name },
            Errno::MFILE => Self::limit(
                errno,
                "RLIMIT_NOFILE (descriptors of this process)",
                "close descriptors, or raise it with `ulimit -n` or setrlimit(2)",
            ),
            Errno::NFILE => Self::limit(
                errno,
                "/proc/sys/fs/file-max (open files of the system)",
                "raise it with sysctl fs.file-max",
            ),
            Errno::NOLCK => Self::limit(
                errno,
                "the file system's memory for locks",
                "release locks, or lock a file on another file system",
            ),
            _ => Self::Os { op, name, source: errno.into() },
        }
    }

    pub(crate) fn limit(errno: Errno, which: &'static str, raise: &'static str) -> Self {
        Self::Limit { which, raise, source: errno.into() }
    }

    /// What is wrong with the segment that `name` lives in.
    #[cold]
    pub(crate) fn segment(op: &'static str, name: &str, fault: SegmentFault) -> Self {
        use SegmentFault as F;
        let name = name.to_owned();
        match fault {
            F::NotFound => Self::NotFound { name },
            F::AlreadyExists => Self::AlreadyExists { name },
            F::NotAFile => Self::Corrupt { name, reason: "it is not a regular file" },
            F::WrongOwner { uid } => Self::WrongOwner { name, uid },
            F::WrongMode { .. } => {
                Self::Corrupt { name, reason: "its mode is none that this crate gives" }
            }
            F::Truncated { size, needed } => Self::Truncated { name, got: size, want: needed },
            F::NotOurs => Self::Corrupt { name, reason: "it does not begin as a segment does" },
            F::Corrupt { what } => Self::Corrupt { name, reason: what },
            F::Endian | F::Version { .. } | F::Kind { .. } | F::Layout { .. } => {
                Self::Mismatch { name, reason: fault.to_string() }
            }
            F::NoSpace => Self::NoSpace { name },
            F::TooLarge => Self::limit(
                Errno::FBIG,
                "RLIMIT_FSIZE (largest file of this process)",
                "raise it with `ulimit -f` or setrlimit(2)",
            ),
            F::TooManyPeers { slots } => Self::TooManyPeers { name, slots },
            F::Contended => Self::Contended { name },
            F::Forked => Self::NotOwner { name },
            F::Os { op: step, errno } => {
                let op = if matches!(errno, Errno::ACCESS | Errno::PERM) { op } else { step };
                Self::os(op, &name, errno)
            }
        }
    }

    pub(crate) fn name(name: &str, fault: Fault) -> Self {
        Self::InvalidName { name: name.to_owned(), reason: fault.to_string() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => write!(f, "wait for lock: the deadline passed (ETIMEDOUT)"),
            Self::WouldBlock => {
                write!(f, "take lock: it is not free, and the call does not wait (EAGAIN)")
            }
            Self::Cancelled => write!(f, "wait for lock: cancelled by its canceller (ECANCELED)"),
            Self::NotFound { name } => write!(f, "open {name}: there is none (ENOENT)"),
            Self::AlreadyExists { name } => {
                write!(f, "create {name}: it exists already; open it, or remove it first (EEXIST)")
            }
            Self::WrongOwner { name, uid } => write!(
                f,
                "open {name}: it belongs to user {uid}; allow_owner({uid}) takes it all the same (EACCES)"
            ),
            Self::InvalidName { name, reason } => {
                write!(f, "name {name:?}: {reason} (EINVAL)")
            }
            Self::InvalidArgument { what } => write!(f, "{what} (EINVAL)"),
            Self::Overflow { name } => {
                write!(f, "release {name}: its value is as large as it can be (EOVERFLOW)")
            }
            Self::NotInitialised { name } => write!(
                f,
                "open {name}: it has no first values yet, its creator died or is slow; \
                 open_or_create takes it over (EAGAIN)"
            ),
            Self::KeyCollision { name, reason } => {
                write!(f, "open {name}: {reason}; choose another key (EEXIST)")
            }
            Self::Removed { name } => write!(f, "use {name}: it was removed (EIDRM)"),
            Self::NotRecoverable { name } => write!(
                f,
                "lock {name}: an owner died and the data was not marked consistent; \
                 make a new mutex (ENOTRECOVERABLE)"
            ),
            Self::Deadlock { name } => {
                write!(f, "lock {name}: this thread holds it already (EDEADLK)")
            }
            Self::Corrupt { name, reason } => write!(f, "open {name}: {reason} (EINVAL)"),
            Self::Truncated { name, got, want } => {
                write!(f, "open {name}: it has {got} bytes, not {want} (EINVAL)")
            }
            Self::Mismatch { name, reason } => {
                write!(f, "open {name}: {reason}; use a program of its version (EPROTOTYPE)")
            }
            Self::NotOwner { name } => write!(
                f,
                "use {name}: this process was forked from the one that opened it; exec, and open it \
                 anew (EPERM)"
            ),
            Self::NotInSegment { what } => write!(
                f,
                "use {what} in memory: the address is not inside a segment of this process (EFAULT)"
            ),
            Self::TooManyPeers { name, slots } => write!(
                f,
                "open {name}: all its {slots} places are taken by live processes; end one (EUSERS)"
            ),
            Self::Broken { name } => {
                write!(f, "wait at {name}: a participant died; make a new barrier (EOWNERDEAD)")
            }
            Self::Contended { name } => {
                write!(f, "open {name}: others create and remove it all the time (EBUSY)")
            }
            Self::NoSpace { name } => {
                write!(f, "create {name}: no room on its file system (ENOSPC)")
            }
            Self::Limit { which, raise, .. } => write!(f, "limit reached: {which}; {raise}"),
            Self::Unsupported { what } => write!(f, "{what}: not supported here (EOPNOTSUPP)"),
            Self::Os { op, name, source } => match Errno::from_io_error(source) {
                Some(errno) => write!(f, "{op} {name}: {}", describe(errno)),
                None => write!(f, "{op} {name}: {source}"),
            },
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Os { source, .. } | Self::Limit { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let errno = match error {
            Error::Os { source, .. } | Error::Limit { source, .. } => return source,
            Error::TimedOut => Errno::TIMEDOUT,
            Error::WouldBlock | Error::NotInitialised { .. } => Errno::AGAIN,
            Error::Cancelled => Errno::CANCELED,
            Error::NotFound { .. } => Errno::NOENT,
            Error::AlreadyExists { .. } | Error::KeyCollision { .. } => Errno::EXIST,
            Error::WrongOwner { .. } => Errno::ACCESS,
            Error::InvalidName { .. }
            | Error::InvalidArgument { .. }
            | Error::Corrupt { .. }
            | Error::Truncated { .. } => Errno::INVAL,
            Error::Overflow { .. } => Errno::OVERFLOW,
            Error::Removed { .. } => Errno::IDRM,
            Error::NotRecoverable { .. } => Errno::NOTRECOVERABLE,
            Error::Mismatch { .. } => Errno::PROTOTYPE,
            Error::NotOwner { .. } => Errno::PERM,
            Error::NotInSegment { .. } => Errno::FAULT,
            Error::TooManyPeers { .. } => Errno::USERS,
            Error::Broken { .. } => Errno::OWNERDEAD,
            Error::Deadlock { .. } => Errno::DEADLK,
            Error::Contended { .. } => Errno::BUSY,
            Error::NoSpace { .. } => Errno::NOSPC,
            Error::Unsupported { .. } => Errno::OPNOTSUPP,
        };
        errno.into()
    }
}
