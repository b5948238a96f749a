//! What can go wrong with signals, in the words all the crates share.

use std::fmt;
use std::io;

use ipc_core::errno::describe;
use ipc_core::watch::Woken;
use rustix::io::Errno;

use crate::fault::FaultCode;
use crate::signal::Signal;

/// What can go wrong with signals.
///
/// As an [`io::Error`] every variant keeps the error number it stands for.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The deadline passed.
    TimedOut,
    /// A `try_` form would have had to wait.
    WouldBlock,
    /// A [`Canceller`](crate::Canceller) ended the wait.
    Cancelled,
    /// There is no such process or thread any more.
    NotFound {
        /// The number that was looked for.
        pid: u32,
    },
    /// The process behind the handle has ended.
    Closed {
        /// Always true: a process that ends is dead.
        peer_died: bool,
    },
    /// No signal that a program may use.
    InvalidSignal {
        /// What was given instead of one.
        given: String,
    },
    /// SIGKILL and SIGSTOP cannot be caught, blocked or ignored.
    Uncatchable,
    /// A thread of this process would take signals of the set away from the queue.
    UnblockedIn {
        /// The thread's number, as [`thread_id`](crate::thread_id) gives it.
        tid: u32,
    },
    /// The receiver has as many queued signals as `RLIMIT_SIGPENDING` allows. Nothing was sent.
    LimitReached,
    /// A standard signal cannot be queued: it merges with one that is pending, value and all.
    Coalesces {
        /// The signal.
        signal: Signal,
    },
    /// The process has more threads than this one, so it cannot be forked safely.
    Threads,
    /// A signal ended the isolated closure.
    Killed {
        /// The signal.
        signal: Signal,
        /// What the hardware or the kernel reported, if it was a fault.
        code: Option<FaultCode>,
        /// The address that was accessed, or of the instruction (SIGFPE, SIGILL, SIGTRAP).
        address: Option<usize>,
    },
    /// The isolated closure panicked, or ended its process itself.
    Failed {
        /// The exit code of its process; 101 after a panic.
        code: i32,
    },
    /// There is one already, and the process can have only one.
    AlreadyExists,
    /// A limit of the system or of this process is reached.
    Limit {
        /// The limit's name or file.
        which: &'static str,
        /// How to raise it.
        raise: &'static str,
    },
    /// The kernel, or what stands behind a descriptor, cannot do this.
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
                raise: "raise it with sysctl fs.file-max",
            },
            _ => Self::Os { op, source: errno.into() },
        }
    }

    /// What `errno` means for sending to `pid`.
    #[cold]
    pub(crate) fn sending(op: &'static str, pid: u32, errno: Errno) -> Self {
        match errno {
            Errno::AGAIN => Self::LimitReached,
            Errno::SRCH => Self::NotFound { pid },
            _ => Self::os(op, errno),
        }
    }

    /// Why a wait ended without what was waited for.
    #[cold]
    pub(crate) fn woken(woken: Woken) -> Self {
        match woken {
            Woken::Cancelled => Self::Cancelled,
            Woken::PeerDied => Self::Closed { peer_died: true },
            Woken::TimedOut | Woken::Ready => Self::TimedOut,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => write!(f, "wait for signal: the deadline passed (ETIMEDOUT)"),
            Self::WouldBlock => {
                write!(f, "take signal: none is pending, and the call does not wait (EAGAIN)")
            }
            Self::Cancelled => write!(f, "wait for signal: cancelled by its canceller (ECANCELED)"),
            Self::NotFound { pid } => {
                write!(f, "send signal to {pid}: no such process or thread (ESRCH)")
            }
            Self::Closed { .. } => write!(f, "use process: it has ended (ESRCH)"),
            Self::InvalidSignal { given } => write!(
                f,
                "use signal {given:?}: there is none, or the C library keeps it for itself (EINVAL)"
            ),
            Self::Uncatchable => write!(
                f,
                "set up signal: SIGKILL and SIGSTOP cannot be caught, blocked or ignored (EINVAL)"
            ),
            Self::UnblockedIn { tid } => write!(
                f,
                "queue signals: thread {tid} has one of them unblocked and would take it; block \
                 them before starting threads (block_early, spawn_masked) (EBUSY)"
            ),
            Self::LimitReached => write!(
                f,
                "queue signal: the receiver has as many pending as RLIMIT_SIGPENDING allows; try \
                 again, or raise it with `ulimit -i` (EAGAIN)"
            ),
            Self::Coalesces { signal } => write!(
                f,
                "queue {signal}: a standard signal merges with one that is pending, and its value \
                 is lost; use Signal::rt (EINVAL)"
            ),
            Self::Threads => write!(
                f,
                "run isolated: this process has several threads, and a fork would copy one and \
                 all the others' locks; call it before starting threads (EBUSY)"
            ),
            Self::Killed { signal, code, address } => {
                write!(f, "run isolated: ended by {signal}")?;
                if let Some(code) = code {
                    write!(f, ", {code}")?;
                }
                if let Some(address) = address {
                    write!(f, ", address {address:#x}")?;
                }
                Ok(())
            }
            Self::Failed { code: 101 } => write!(f, "run isolated: the closure panicked"),
            Self::Failed { code } => write!(f, "run isolated: its process ended with code {code}"),
            Self::AlreadyExists => {
                write!(f, "report faults: this process has a reporter already (EEXIST)")
            }
            Self::Limit { which, raise } => write!(f, "signal: limit reached: {which}; {raise}"),
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
            // The kernel has no number for them.
            Error::Killed { .. } | Error::Failed { .. } => return Self::other(error),
            Error::TimedOut => Errno::TIMEDOUT,
            Error::WouldBlock | Error::LimitReached => Errno::AGAIN,
            Error::Cancelled => Errno::CANCELED,
            Error::NotFound { .. } | Error::Closed { .. } => Errno::SRCH,
            Error::InvalidSignal { .. } | Error::Uncatchable | Error::Coalesces { .. } => {
                Errno::INVAL
            }
            Error::UnblockedIn { .. } | Error::Threads => Errno::BUSY,
            Error::AlreadyExists => Errno::EXIST,
            Error::Limit { which, .. } if which.starts_with("RLIMIT") => Errno::MFILE,
            Error::Limit { .. } => Errno::NFILE,
            Error::Unsupported { .. } => Errno::OPNOTSUPP,
        };
        errno.into()
    }
}
