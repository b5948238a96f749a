//! Choices that are made when a queue is created or opened.

use ipc_core::name::{NAME_MAX, Name};
use ipc_core::owner::Refused;
use libc::{O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_WRONLY, c_int};
use rustix::fs::{Mode, fchmod, fstat};
use rustix::io::Errno;

use super::limits::{failure, setting};
use super::queue::Queue;
use super::seat::{self, Seat};
use crate::error::{Error, Result};
use crate::sys::mq;

/// What a handle may do with its queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Send and receive.
    #[default]
    Both,
    /// Only send: needs the right to write.
    Send,
    /// Only receive: needs the right to read.
    Receive,
}

/// Choices for a POSIX queue.
///
/// ```
/// # fn main() -> Result<(), ipc_mq::Error> {
/// # let name = &format!("/ipc-doc-{}-options", std::process::id());
/// use ipc_mq::posix::{Queue, QueueOptions};
/// let queue = QueueOptions::new().mode(0o660).capacity(4).message_size(128).create(name)?;
/// assert_eq!(queue.attributes()?.capacity, 4);
/// Queue::unlink(name)
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct QueueOptions {
    mode: u32,
    capacity: Option<usize>,
    message_size: Option<usize>,
    access: Access,
    owners: Vec<u32>,
    reclaim: bool,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            mode: 0o600,
            capacity: None,
            message_size: None,
            access: Access::Both,
            owners: Vec::new(),
            reclaim: false,
        }
    }
}

const CREATE: &str = "create message queue";
const OPEN: &str = "open message queue";
/// How often two racing openers may miss each other.
const TURNS: usize = 100;

impl QueueOptions {
    /// Mode 0600, the system's default sizes, to send and to receive.
    pub fn new() -> Self {
        Self::default()
    }

    /// The permissions of a new queue: exactly these when `create` returns, whatever the umask, and
    /// never wider before.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode & 0o777;
        self
    }

    /// Messages that a new queue can hold. The default is `/proc/sys/fs/mqueue/msg_default`.
    pub fn capacity(mut self, messages: usize) -> Self {
        self.capacity = Some(messages);
        self
    }

    /// Bytes that a message of a new queue can have. The default is
    /// `/proc/sys/fs/mqueue/msgsize_default`.
    pub fn message_size(mut self, bytes: usize) -> Self {
        self.message_size = Some(bytes);
        self
    }

    /// What the handle may do.
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Also opens a queue that belongs to this user. Without it only queues of our effective user
    /// and of root are opened.
    pub fn allow_owner(mut self, uid: u32) -> Self {
        self.owners.push(uid);
        self
    }

    /// Whether [`create`](Self::create) replaces a queue that no live process of ours has open. What
    /// it held is lost. Programs that do not use this crate cannot be seen.
    pub fn reclaim_stale(mut self, reclaim: bool) -> Self {
        self.reclaim = reclaim;
        self
    }

    /// Creates a queue. Does not wait, except for a take-over of the same name in progress (1 s).
    ///
    /// # Errors
    /// `AlreadyExists`, `InvalidName`, `InvalidInput` (a size of 0, or too large to be counted),
    /// `Limit`: `RLIMIT_MSGQUEUE`, `RLIMIT_NOFILE`, or one of the files below. `WrongOwner`: the stale
    /// queue, or its companion, is somebody else's.
    ///
    /// # Linux
    /// [`mq_open(3)`](https://man7.org/linux/man-pages/man3/mq_open.3.html);
    /// `/proc/sys/fs/mqueue/{msg_max,msgsize_max,queues_max}`.
    #[doc(alias = "mq_open")]
    pub fn create(&self, name: &str) -> Result<Queue> {
        let name = check(name)?;
        if self.reclaim {
            match seat::take_over(&name) {
                Ok(taken) => {
                    self.remove_stale(&name)?;
                    let queue = self.make(&name)?;
                    let seat = Seat::of_taker(&name, taken)
                        .map_err(|errno| Error::os(CREATE, &name.slashed(), errno))?;
                    return Queue::new(queue, name.slashed(), Some(seat));
                }
                // Without one nobody can tell; with users it lives. Either way a free name is free.
                Err(Refused::NoCompanion | Refused::InUse) => {}
                Err(refused) => return Err(refusal(CREATE, &name, refused)),
            }
        }
        let known = seat::has_companion(&name);
        let seat = Seat::take(&name, self.mode).map_err(|why| refusal(CREATE, &name, why))?;
        match self.make(&name) {
            Ok(queue) => Queue::new(queue, name.slashed(), Some(seat)),
            Err(error) => {
                // The companion that we just made would tell lies about a queue that is not ours.
                drop(if known { seat } else { seat.at_foreign() });
                Err(error)
            }
        }
    }

    /// Opens a queue.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, `WrongOwner`, `Limit`, `Os` (`EACCES`: its mode forbids it).
    ///
    /// # Linux
    /// [`mq_open(3)`](https://man7.org/linux/man-pages/man3/mq_open.3.html)
    #[doc(alias = "mq_open")]
    pub fn open(&self, name: &str) -> Result<Queue> {
        let name = check(name)?;
        let known = seat::has_companion(&name);
        let seat = match Seat::take(&name, 0o600) {
            Ok(seat) if known => Some(seat),
            Ok(seat) => Some(seat.at_foreign()),
            // Somebody else's companion cannot be joined. Their queue can be used, unseen.
            Err(Refused::WrongOwner { uid }) if self.allows(uid) => None,
            Err(Refused::Os(Errno::ACCESS | Errno::PERM)) => None,
            Err(refused) => return Err(refusal(OPEN, &name, refused)),
        };
        let queue = mq::open(&seat::c_name(&name), self.flags(), 0, None)
            .map_err(|errno| Error::os(OPEN, &name.slashed(), errno))?;
        let uid = fstat(&queue).map_err(|e| Error::os(OPEN, &name.slashed(), e))?.st_uid;
        if !self.allows(uid) {
            return Err(Error::WrongOwner { name: name.slashed(), uid });
        }
        Queue::new(queue, name.slashed(), seat)
    }

    /// Opens the queue if there is one, otherwise creates it; of racing callers one creates.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`create`](Self::create). `Contended`: others made and removed it
    /// a hundred times meanwhile. A stale queue is opened, not replaced.
    pub fn open_or_create(&self, name: &str) -> Result<Queue> {
        let plain = Self { reclaim: false, ..self.clone() };
        for _ in 0..TURNS {
            match plain.open(name) {
                Err(Error::NotFound { .. }) => {}
                opened => return opened,
            }
            match plain.create(name) {
                Err(Error::AlreadyExists { .. }) => {}
                created => return created,
            }
        }
        Err(Error::Contended { name: name.to_owned() })
    }

    fn flags(&self) -> c_int {
        match self.access {
            Access::Both => O_RDWR,
            Access::Send => O_WRONLY,
            Access::Receive => O_RDONLY,
        }
    }

    fn allows(&self, uid: u32) -> bool {
        uid == 0 || uid == rustix::process::geteuid().as_raw() || self.owners.contains(&uid)
    }

    /// Makes the queue: born with the owner's rights at most, then exactly as asked.
    fn make(&self, name: &Name) -> Result<std::os::fd::OwnedFd> {
        let sizes = self.sizes()?;
        let flags = self.flags() | O_CREAT | O_EXCL;
        let failed =
            |errno| failure(CREATE, &name.slashed(), self.capacity, self.message_size, errno);
        let path = seat::c_name(name);
        let queue = mq::open(&path, flags, self.mode & 0o700, sizes).map_err(failed)?;
        if let Err(errno) = fchmod(&queue, Mode::from_raw_mode(self.mode)) {
            let _ = mq::unlink(&path);
            return Err(failed(errno));
        }
        Ok(queue)
    }

    /// The sizes to ask for; if only one was chosen, the other is the system's default.
    fn sizes(&self) -> Result<Option<(i64, i64)>> {
        if self.capacity.is_none() && self.message_size.is_none() {
            return Ok(None);
        }
        let checked = |asked: Option<usize>, default: i64, what| match asked.map(i64::try_from) {
            None => Ok(default),
            Some(Ok(asked)) if asked > 0 => Ok(asked),
            Some(_) => Err(Error::InvalidInput { what }),
        };
        let capacity = checked(
            self.capacity,
            setting("msg_default").unwrap_or(10),
            "the capacity must be at least one message, and a number the kernel can hold",
        )?;
        let size = checked(
            self.message_size,
            setting("msgsize_default").unwrap_or(8192),
            "the message size must be at least one byte, and a number the kernel can hold",
        )?;
        Ok(Some((capacity, size)))
    }

    /// Removes a queue that nobody of ours uses; its companion is locked.
    fn remove_stale(&self, name: &Name) -> Result<()> {
        let path = seat::c_name(name);
        let failed = |errno| Error::os(CREATE, &name.slashed(), errno);
        match mq::open(&path, O_RDONLY, 0, None) {
            Err(Errno::NOENT) => return Ok(()),
            // Its mode does not let us look; whether we may remove it, the kernel decides.
            Err(Errno::ACCESS) => {}
            Err(errno) => return Err(failed(errno)),
            Ok(stale) => {
                let uid = fstat(&stale).map_err(failed)?.st_uid;
                if !self.allows(uid) {
                    return Err(Error::WrongOwner { name: name.slashed(), uid });
                }
            }
        }
        crate::log::warn(format_args!("message queue {:?} is stale: replaced", name.slashed()));
        match mq::unlink(&path) {
            Err(Errno::NOENT) => Ok(()),
            done => done.map_err(failed),
        }
    }
}

pub(super) fn check(name: &str) -> Result<Name> {
    Name::new(name, NAME_MAX)
        .map_err(|fault| Error::InvalidName { name: name.to_owned(), reason: fault.to_string() })
}

fn refusal(op: &'static str, name: &Name, refused: Refused) -> Error {
    let name = name.slashed();
    match refused {
        Refused::WrongOwner { uid } => Error::WrongOwner { name, uid },
        Refused::InUse => Error::AlreadyExists { name },
        Refused::Os(errno) => Error::os(op, &name, errno),
        Refused::NoCompanion | Refused::NotAFile => Error::Os {
            op,
            name,
            source: std::io::Error::other("its companion in /dev/shm is not a regular file"),
        },
    }
}
