//! Choices that are made when a queue is created or opened.

use libc::{IPC_CREAT, IPC_EXCL, IPC_PRIVATE, c_int};
use rustix::io::Errno;

use super::key::Key;
use super::queue::Queue;
use crate::error::{Error, Result};
use crate::sys::msg;

/// How waits end at a deadline, or by a canceller, although the kernel offers neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timing {
    /// By a signal. One thread a process (`ipc-mq-helper`, started by the first wait that is not satisfied
    /// at once) sends the waiting thread a real-time signal, below `SIGRTMAX`, that had its default action
    /// before and now has a handler that does nothing. Where there is none, waits poll.
    #[default]
    Signal,
    /// By asking again and again, with sleeps from 50 us growing to 5 ms: for programs that refuse signals.
    /// A message is seen up to 5 ms late.
    Polling,
}

/// Choices for a System V queue.
///
/// ```
/// # fn main() -> Result<(), ipc_mq::Error> {
/// use ipc_mq::sysv::{QueueOptions, Timing};
/// let queue = QueueOptions::new().capacity(4096).timing(Timing::Polling).private()?;
/// assert_eq!(queue.stat()?.capacity, 4096);
/// # queue.remove()
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct QueueOptions {
    mode: u32,
    capacity: Option<usize>,
    owners: Vec<u32>,
    timing: Timing,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self { mode: 0o600, capacity: None, owners: Vec::new(), timing: Timing::Signal }
    }
}

const CREATE: &str = "create message queue";
const OPEN: &str = "open message queue";
/// How often two racing openers may miss each other.
const TURNS: usize = 100;

impl QueueOptions {
    /// Mode 0600, the system's default capacity.
    pub fn new() -> Self {
        Self::default()
    }

    /// The permissions of a new queue. The umask does not apply to System V objects.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode & 0o777;
        self
    }

    /// Bytes that a new queue can hold. The default is `/proc/sys/kernel/msgmnb`.
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = Some(bytes);
        self
    }

    /// Also opens a queue that belongs to this user. Without it only queues of our effective user
    /// and of root are opened.
    pub fn allow_owner(mut self, uid: u32) -> Self {
        self.owners.push(uid);
        self
    }

    /// How waits on this handle end in time.
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Creates a queue. Of racing callers exactly one succeeds.
    ///
    /// # Errors
    /// `AlreadyExists`, `Limit` (`msgmni`; `msgmnb` for the capacity), `Os`.
    ///
    /// # Linux
    /// [`msgget(2)`](https://man7.org/linux/man-pages/man2/msgget.2.html)
    #[doc(alias = "msgget")]
    pub fn create(&self, key: Key) -> Result<Queue> {
        self.make(key.get())
    }

    /// Creates a queue without a key: found only by its id ([`Queue::id`], [`from_id`](Self::from_id)).
    ///
    /// # Errors
    /// As [`create`](Self::create).
    #[doc(alias = "IPC_PRIVATE")]
    pub fn private(&self) -> Result<Queue> {
        self.make(IPC_PRIVATE)
    }

    /// Opens a queue.
    ///
    /// # Errors
    /// `NotFound`, `WrongOwner`, `Os` (`EACCES`: its mode forbids to read it).
    ///
    /// # Linux
    /// [`msgget(2)`](https://man7.org/linux/man-pages/man2/msgget.2.html)
    #[doc(alias = "msgget")]
    pub fn open(&self, key: Key) -> Result<Queue> {
        let id = msg::get(key.get(), 0).map_err(|e| Error::os(OPEN, &key.to_string(), e))?;
        let queue = self.attach(id)?;
        // Removed and its id given away between the two calls.
        if queue.key() != Some(key) {
            return Err(Error::NotFound { name: key.to_string() });
        }
        Ok(queue)
    }

    /// Opens a queue by the id that its creator was given.
    ///
    /// # Errors
    /// `NotFound`, `WrongOwner`, `Os` (`EACCES`: its mode forbids to read it).
    pub fn from_id(&self, id: i32) -> Result<Queue> {
        self.attach(id)
    }

    /// Opens the queue if there is one, otherwise creates it; of racing callers one creates.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`create`](Self::create). `Contended`: others made and removed it
    /// a hundred times meanwhile.
    pub fn open_or_create(&self, key: Key) -> Result<Queue> {
        for _ in 0..TURNS {
            match self.open(key) {
                Err(Error::NotFound { .. }) => {}
                opened => return opened,
            }
            match self.create(key) {
                Err(Error::AlreadyExists { .. }) => {}
                created => return created,
            }
        }
        Err(Error::Contended { name: key.to_string() })
    }

    fn make(&self, key: c_int) -> Result<Queue> {
        let mode = c_int::try_from(self.mode).unwrap_or(0o600);
        let id = msg::get(key, IPC_CREAT | IPC_EXCL | mode).map_err(|errno| match errno {
            Errno::NOSPC => Error::limit((
                "/proc/sys/kernel/msgmni (queues of this IPC namespace)",
                "remove queues, or raise it with sysctl kernel.msgmni",
            )),
            errno => Error::os(CREATE, &format!("{key:#010x}"), errno),
        })?;
        // A mode that keeps even us out: then nothing can be looked at, or set.
        let queue = self.attach(id);
        let done = queue.and_then(|queue| match self.capacity {
            Some(bytes) => queue.set_capacity(bytes).map(|()| queue),
            None => Ok(queue),
        });
        if done.is_err() {
            // Nobody knows it yet but by its key; they get `Removed`.
            let _ = msg::remove(id);
        }
        done
    }

    fn attach(&self, id: c_int) -> Result<Queue> {
        let name = || format!("id {id}");
        let data = msg::stat(id).map_err(|errno| match errno {
            Errno::INVAL | Errno::IDRM => Error::NotFound { name: name() },
            errno => Error::os(OPEN, &name(), errno),
        })?;
        let uid = data.msg_perm.uid;
        let ours = uid == 0 || uid == rustix::process::geteuid().as_raw();
        if !ours && !self.owners.contains(&uid) {
            return Err(Error::WrongOwner { name: name(), uid });
        }
        Ok(Queue::new(id, &data, self.timing))
    }
}
