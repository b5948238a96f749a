//! Why a segment was not had.

use std::fmt;

use rustix::io::Errno;

use crate::errno::describe;

/// Why a segment was not created or opened. Display tells the cause only: the crate above names the
/// operation and the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing has this name.
    NotFound,
    /// Something has this name already; when replacing: somebody lives in it.
    AlreadyExists,
    /// It is not a regular file.
    NotAFile,
    /// It belongs to somebody who is not accepted.
    WrongOwner {
        /// The owner it has.
        uid: u32,
    },
    /// Its permissions are none that we ever give.
    WrongMode {
        /// The permissions it has.
        mode: u32,
    },
    /// The file ends before the segment does.
    Truncated {
        /// Bytes it has.
        size: u64,
        /// Bytes it should have.
        needed: u64,
    },
    /// It does not begin as a segment does.
    NotOurs,
    /// It was made by a machine of the other byte order.
    Endian,
    /// It was made for another version of the header.
    Version {
        /// The version it has.
        found: u32,
    },
    /// Something else lives in it.
    Kind {
        /// The kind it has.
        found: u32,
    },
    /// What lives in it has another layout.
    Layout {
        /// The hash it has.
        found: u64,
    },
    /// The header contradicts itself.
    Corrupt {
        /// Which part of it.
        what: &'static str,
    },
    /// The memory is not to be had.
    NoSpace,
    /// Larger than a process may map, or than its limit of file sizes.
    TooLarge,
    /// All slots of the life table are taken by live processes.
    TooManyPeers {
        /// How many slots there are.
        slots: usize,
    },
    /// Another process was attaching all the time.
    Contended,
    /// This process is the forked child of one that uses segments.
    Forked,
    /// Anything else the kernel reports.
    Os {
        /// What was tried.
        op: &'static str,
        /// What the kernel said.
        errno: Errno,
    },
}

impl Fault {
    /// Makes a fault of what the kernel said to `op`.
    pub(super) fn of(op: &'static str) -> impl Fn(Errno) -> Self {
        move |errno| match errno {
            Errno::NOENT => Self::NotFound,
            Errno::EXIST => Self::AlreadyExists,
            Errno::LOOP | Errno::NXIO | Errno::ISDIR => Self::NotAFile,
            Errno::NOSPC => Self::NoSpace,
            Errno::FBIG => Self::TooLarge,
            errno => Self::Os { op, errno },
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => write!(f, "nothing has this name (ENOENT)"),
            Self::AlreadyExists => write!(f, "it exists already (EEXIST)"),
            Self::NotAFile => write!(f, "it is not a regular file"),
            Self::WrongOwner { uid } => {
                write!(f, "it belongs to user {uid}, who is not accepted: allow that owner")
            }
            Self::WrongMode { mode } => write!(f, "its mode is {mode:o}"),
            Self::Truncated { size, needed } => write!(f, "it has {size} bytes of {needed}"),
            Self::NotOurs => write!(f, "it is not a segment of ipc"),
            Self::Endian => write!(f, "it is of the other byte order"),
            Self::Version { found } => write!(f, "its header has version {found}"),
            Self::Kind { found } => write!(f, "it holds something else (kind {found:#x})"),
            Self::Layout { found } => write!(f, "its content has another layout ({found:#x})"),
            Self::Corrupt { what } => write!(f, "its header is damaged: {what}"),
            Self::NoSpace => write!(f, "no memory is left for it (ENOSPC): make room in /dev/shm"),
            Self::TooLarge => write!(f, "it is too large (EFBIG): see RLIMIT_FSIZE"),
            Self::TooManyPeers { slots } => write!(f, "all its {slots} places are taken"),
            Self::Contended => write!(f, "another process kept it locked while attaching"),
            Self::Forked => write!(f, "this process was forked from one that uses it"),
            Self::Os { op, errno } => write!(f, "{op}: {}", describe(*errno)),
        }
    }
}
