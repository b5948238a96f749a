//! Making and opening a queue.

use std::os::fd::OwnedFd;

use ipc_core::name::{NAME_MAX, Name};
use ipc_core::segment::{Access, Fault, Segment};

use super::Queue;
use super::layout::{MOST, Sizes};
use crate::error::{Error, Result};

/// How a queue is made or opened.
///
/// ```
/// # fn main() -> Result<(), ipc_mq::Error> {
/// # let name = format!("ipc-mq-doc-options-{}", std::process::id());
/// let queue = ipc_mq::shared::QueueOptions::new()
///     .mode(0o660)
///     .capacity(10_000)
///     .message_size(256)
///     .create(&name)?;
/// assert_eq!(queue.stat()?.capacity, 10_000);
/// # ipc_mq::shared::Queue::unlink(&name)
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct QueueOptions {
    access: Access,
    capacity: usize,
    message_size: usize,
    peers: usize,
    reclaim_stale: bool,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl QueueOptions {
    /// Mode 0600, 1024 messages of up to 1024 bytes, 60 processes.
    pub fn new() -> Self {
        Self {
            access: Access::default(),
            capacity: 1024,
            message_size: 1024,
            peers: 60,
            reclaim_stale: false,
        }
    }

    /// Permissions of a new queue, exactly, whatever the umask. Whoever may open it may do everything.
    pub fn mode(mut self, mode: u32) -> Self {
        self.access.mode = mode;
        self
    }

    /// How many messages a new queue has room for, those that are held and not acknowledged included.
    pub fn capacity(mut self, messages: usize) -> Self {
        self.capacity = messages;
        self
    }

    /// Bytes of the longest message of a new queue. Each of its messages takes as much memory, in steps of
    /// 64 bytes, and about 120 bytes more.
    pub fn message_size(mut self, bytes: usize) -> Self {
        self.message_size = bytes;
        self
    }

    /// How many processes can use a new queue at the same time: at most 240. Each place takes about 550 bytes.
    pub fn peers(mut self, processes: usize) -> Self {
        self.peers = processes;
        self
    }

    /// Accepts a queue that belongs to this user, besides those of our effective user and of root.
    pub fn allow_owner(mut self, uid: u32) -> Self {
        self.access.owners.push(uid);
        self
    }

    /// Lets [`create`](Self::create) replace a queue of this name that no process uses any more. Its
    /// messages are lost.
    pub fn reclaim_stale(mut self, reclaim: bool) -> Self {
        self.reclaim_stale = reclaim;
        self
    }

    /// Makes a new queue. All of its memory is reserved now.
    ///
    /// # Errors
    /// `AlreadyExists`: the name is taken; with [`reclaim_stale`](Self::reclaim_stale): by a queue that is
    /// in use. `InvalidName`, `InvalidInput`: no queue can be like this. `NoSpace`: there is not so much
    /// memory.
    ///
    /// # Linux
    /// A file in `/dev/shm`: see [`shm_overview(7)`](https://man7.org/linux/man-pages/man7/shm_overview.7.html).
    pub fn create(&self, name: &str) -> Result<Queue> {
        let (checked, sizes) = (check(name)?, self.sizes()?);
        let init = |segment: &Segment| sizes.write(segment);
        let made = if self.reclaim_stale {
            Segment::replace_stale(&checked, &sizes.spec(), &self.access, init)
        } else {
            Segment::create(&checked, &sizes.spec(), &self.access, init)
        };
        Queue::join(made.map_err(|fault| error("create message queue", name, fault))?, name)
    }

    /// Opens a queue that exists, with the sizes it has.
    ///
    /// # Errors
    /// `NotFound`; `WrongOwner`: see [`allow_owner`](Self::allow_owner); `Corrupt`: it is not a queue of
    /// ours, or a damaged one; `TooManyPeers`: no place is left in it.
    pub fn open(&self, name: &str) -> Result<Queue> {
        let checked = check(name)?;
        let opened = Segment::open(&checked, &Sizes::any(), &self.access);
        Queue::join(opened.map_err(|fault| error("open message queue", name, fault))?, name)
    }

    /// Opens the queue, or makes it if there is none.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`create`](Self::create).
    pub fn open_or_create(&self, name: &str) -> Result<Queue> {
        loop {
            match self.open(name) {
                Err(Error::NotFound { .. }) => {}
                opened => return opened,
            }
            let fresh = Self { reclaim_stale: false, ..self.clone() };
            match fresh.create(name) {
                Err(Error::AlreadyExists { .. }) => {}
                created => return created,
            }
        }
    }

    /// Makes a queue without a name. Pass the descriptor on, to be opened with [`Queue::from_fd`].
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn anonymous(&self) -> Result<(Queue, OwnedFd)> {
        let sizes = self.sizes()?;
        let made = Segment::anonymous(&sizes.spec(), |segment| sizes.write(segment));
        let (segment, fd) =
            made.map_err(|fault| error("create message queue", ANONYMOUS, fault))?;
        Ok((Queue::join(segment, ANONYMOUS)?, fd))
    }

    fn sizes(&self) -> Result<Sizes> {
        let what = if !(1..=MOST).contains(&self.capacity) {
            "the capacity of a queue is 1 to 2^30 messages"
        } else if !(1..=ipc_core::segment::MAX_SLOTS).contains(&self.peers) {
            "a queue is for 1 to 240 processes"
        } else {
            "the message size of a queue is at most 4 GiB, and its memory must fit an address space"
        };
        let sizes = Sizes::new(self.capacity, self.message_size, self.peers);
        sizes
            .filter(|_| (1..=ipc_core::segment::MAX_SLOTS).contains(&self.peers))
            .ok_or(Error::InvalidInput { what })
    }
}

/// What stands in messages for the name that a queue has not.
pub(super) const ANONYMOUS: &str = "(anonymous)";

pub(super) fn check(name: &str) -> Result<Name> {
    Name::new(name, NAME_MAX)
        .map_err(|fault| Error::InvalidName { name: name.to_owned(), reason: fault.to_string() })
}

#[cold]
pub(super) fn error(op: &'static str, name: &str, fault: Fault) -> Error {
    let name = name.to_owned();
    match fault {
        Fault::NotFound => Error::NotFound { name },
        Fault::AlreadyExists => Error::AlreadyExists { name },
        Fault::WrongOwner { uid } => Error::WrongOwner { name, uid },
        Fault::NotAFile => Error::Corrupt { name, what: "it is not a regular file" },
        Fault::WrongMode { .. } => Error::Corrupt { name, what: "its mode is none that we give" },
        Fault::Truncated { .. } => Error::Corrupt { name, what: "it ends before its content does" },
        Fault::NotOurs => Error::Corrupt { name, what: "it is not a segment of ipc" },
        Fault::Endian => Error::Corrupt { name, what: "it is of the other byte order" },
        Fault::Version { .. } => Error::Corrupt { name, what: "its header has another version" },
        Fault::Kind { .. } => Error::Corrupt { name, what: "something else lives in it" },
        Fault::Layout { .. } => Error::Corrupt { name, what: "it was made by another version" },
        Fault::Corrupt { what } => Error::Corrupt { name, what },
        Fault::NoSpace => Error::NoSpace { name },
        Fault::TooLarge => Error::Limit {
            which: "RLIMIT_FSIZE (size of a file, or the address space)",
            raise: "ask for less, or raise it with `ulimit -f` or setrlimit(2)",
        },
        Fault::TooManyPeers { slots } => Error::TooManyPeers { name, slots },
        Fault::Contended => Error::Contended { name },
        Fault::Forked => Error::NotOwner { name },
        Fault::Os { errno, .. } => Error::os(op, &name, errno),
    }
}
