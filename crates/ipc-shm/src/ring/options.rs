//! Making and opening a ring.

use std::os::fd::OwnedFd;

use ipc_core::segment::{Segment, Spec};

use super::end::{End, Side};
use super::memory::{HEAD, Memory};
use super::receiver::Receiver;
use super::record::ring_size;
use super::sender::Sender;
use crate::error::{Error, Result};
use crate::named::{ANONYMOUS, Place, anonymous, check_peers, from_fd};
use crate::wait::Wait;

/// The largest difference between the size of a ring and its capacity.
#[cfg(feature = "shared_memory")]
const RECORD_SLACK: usize = 3 * super::record::LINE;

/// What lives in the segment, and the version of its layout.
const KIND: u32 = u32::from_le_bytes(*b"RING");
const LAYOUT: u64 = 1;

/// How a ring is made or opened. Which end is taken follows from the type that is asked for.
///
/// ```
/// # fn main() -> Result<(), ipc_shm::Error> {
/// # let name = format!("ipc-shm-doc-options-{}", std::process::id());
/// use ipc_shm::ring::{Options, Receiver, Sender};
/// let mut receiver: Receiver = Options::new().capacity(1 << 20).create(&name)?;
/// let mut sender: Sender = Options::new().open(&name)?;
/// sender.send(b"hello")?;
/// assert_eq!(receiver.recv()?, b"hello");
/// Sender::unlink(&name)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    pub(super) place: Place,
    pub(super) capacity: usize,
    pub(super) wait: Wait,
    pub(super) peers: usize,
}

/// An end of a ring: [`Sender`] or [`Receiver`].
pub trait RingEnd: Sized + sealed::Sealed {}

impl RingEnd for Sender {}
impl RingEnd for Receiver {}

mod sealed {
    use super::{End, Receiver, Result, Sender, Side};

    pub trait Sealed: Sized {
        #[doc(hidden)]
        const SIDE: Which;
        #[doc(hidden)]
        fn join(end: Taken) -> Result<Self>;
    }

    /// Hides a private type in a public trait that nobody else can name.
    #[derive(Debug)]
    pub struct Taken(pub(super) End);
    #[derive(Debug)]
    pub struct Which(pub(super) Side);

    impl Sealed for Sender {
        const SIDE: Which = Which(Side::Sender);
        fn join(end: Taken) -> Result<Self> {
            Self::join(end.0)
        }
    }

    impl Sealed for Receiver {
        const SIDE: Which = Which(Side::Receiver);
        fn join(end: Taken) -> Result<Self> {
            Self::join(end.0)
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// A ring for 64 KiB, mode 0600, that sleeps when it waits.
    #[must_use]
    pub fn new() -> Self {
        Self { place: Place::default(), capacity: 64 << 10, wait: Wait::Block, peers: 60 }
    }

    /// Bytes of a new ring: the longest message, and how much it holds, headers included. A message of up to 56
    /// bytes takes 64, one of up to 1 KiB 8 more than it has (rounded up to 8), a longer one at most 128 more. What stays inside
    /// the second-level cache of a processor (below 1 MiB) is fastest.
    ///
    /// Messages lie in one piece. One of more than half the capacity may find room only once the receiver
    /// has looked again after the one before, though the ring is empty: give a ring at least twice its
    /// longest message.
    #[must_use]
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    /// How this end waits. It is a choice of each end.
    #[must_use]
    pub fn wait(mut self, wait: Wait) -> Self {
        self.wait = wait;
        self
    }

    /// Permissions of a new ring, exactly, whatever the umask.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.place.access.mode = mode & 0o666;
        self
    }

    /// Accepts a ring that belongs to this user, too.
    #[must_use]
    pub fn allow_owner(mut self, uid: u32) -> Self {
        self.place.access.owners.push(uid);
        self
    }

    /// Replaces a ring of this name in which no process lives any more. What was in it is lost.
    #[must_use]
    pub fn reclaim_stale(mut self, reclaim: bool) -> Self {
        self.place.reclaim_stale = reclaim;
        self
    }

    /// How many processes a new ring has places for: 1 to 240, 60 if nothing is said. Only two use it at a
    /// time; the others are those who try, and those that take over.
    #[must_use]
    pub fn peers(mut self, peers: usize) -> Self {
        self.peers = peers;
        self
    }

    /// Makes a new ring and takes an end of it. It does not wait.
    ///
    /// # Errors
    /// `AlreadyExists`: there is an object of this name (with [`reclaim_stale`](Self::reclaim_stale): and
    /// somebody lives in it). `InvalidName`. `InvalidInput`: a capacity of 0 or above 2^46, or a number of
    /// peers that cannot be. `NoSpace`: `/dev/shm` is full. `Limit`: RLIMIT_FSIZE or RLIMIT_NOFILE.
    ///
    /// # Linux
    /// A file in `/dev/shm`: see [`shm_overview(7)`](https://man7.org/linux/man-pages/man7/shm_overview.7.html).
    pub fn create<E: RingEnd>(&self, name: &str) -> Result<E> {
        let segment = self.place.create(name, &self.spec()?, self.init())?;
        self.join(segment, name)
    }

    /// Takes an end of a ring that exists. It does not wait.
    ///
    /// # Errors
    /// `NotFound`; `AlreadyExists`: a live process has this end; `WrongOwner`: see
    /// [`allow_owner`](Self::allow_owner); `Corrupt`: it is not a ring of ours, or a damaged one;
    /// `TooManyPeers`: no place is left in it; `NotOwner`: this process was forked from one that uses
    /// shared memory, without `exec`.
    pub fn open<E: RingEnd>(&self, name: &str) -> Result<E> {
        self.join(self.place.open(name, &any())?, name)
    }

    /// Takes an end of the ring, or makes it if there is none. It does not wait.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`create`](Self::create).
    pub fn open_or_create<E: RingEnd>(&self, name: &str) -> Result<E> {
        let segment = self.place.open_or_create(name, &any(), &self.spec()?, self.init())?;
        self.join(segment, name)
    }

    /// Makes a ring without a name and takes an end of it. Pass the descriptor on, to be opened with
    /// [`from_fd`](Self::from_fd).
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn anonymous<E: RingEnd>(&self) -> Result<(E, OwnedFd)> {
        let (segment, fd) = anonymous(&self.spec()?, self.init())?;
        Ok((self.join(segment, ANONYMOUS)?, fd))
    }

    /// Takes an end of the ring behind a descriptor of [`anonymous`](Self::anonymous), which is closed
    /// then. Whoever gave it vouches for its owner.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_fd<E: RingEnd>(&self, fd: OwnedFd) -> Result<E> {
        self.join(from_fd(fd, &any())?, ANONYMOUS)
    }

    /// Takes an end of the ring in the memory of a `Shmem`, which goes with it. If the memory begins with
    /// zeroes, as new memory does, a ring as large as fits is laid into it, whatever the capacity asked for.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use ipc_shm::ring::{Options, Receiver, Sender};
    /// let ours = shared_memory::ShmemConf::new().size(1 << 16).create()?;
    /// let theirs = shared_memory::ShmemConf::new().os_id(ours.get_os_id()).open()?; // elsewhere
    /// let mut sender: Sender = Options::new().over(ours)?;
    /// let mut receiver: Receiver = Options::new().over(theirs)?;
    /// sender.send(b"hello")?;
    /// assert_eq!(receiver.recv()?, b"hello");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open). `Truncated` or `Corrupt`: it is too small for a ring, or something else is in
    /// it.
    #[cfg(feature = "shared_memory")]
    pub fn over<E: RingEnd>(&self, shmem: shared_memory::Shmem) -> Result<E> {
        let name = shmem.get_os_id().to_owned();
        let init = |segment: &Segment| {
            let capacity = segment.body_size().saturating_sub(HEAD + RECORD_SLACK);
            Memory::init(segment, 0, ring_size(capacity).unwrap_or(0), capacity);
        };
        let (segment, _file) =
            crate::segment::shmem::over(shmem, &any(), &self.place.access, init)?;
        self.join(segment, &name)
    }

    /// Makes a ring without a name, with both ends in this process: for two threads.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn pair(&self) -> Result<(Sender, Receiver)> {
        let (segment, _fd) = anonymous(&self.spec()?, self.init())?;
        Ok((self.join(segment.clone(), ANONYMOUS)?, self.join(segment, ANONYMOUS)?))
    }

    fn spec(&self) -> Result<Spec> {
        check_peers(self.peers)?;
        let Some(size) = ring_size(self.capacity) else {
            return Err(Error::InvalidInput { what: "the capacity of a ring is 1 to 2^46 bytes" });
        };
        Ok(Spec { slots: self.peers, ..Spec::new(KIND, LAYOUT, Memory::bytes(size)) })
    }

    fn init(&self) -> impl Fn(&Segment) {
        let capacity = self.capacity;
        move |segment| Memory::init(segment, 0, ring_size(capacity).unwrap_or(0), capacity)
    }

    fn join<E: RingEnd>(&self, segment: Segment, name: &str) -> Result<E> {
        let Some(memory) = Memory::new(segment, 0, ring_size) else {
            return Err(Error::Corrupt { name: name.to_owned(), what: "its sizes" });
        };
        E::join(sealed::Taken(End::take(memory, E::SIDE.0, self.wait, name)?))
    }
}

/// Any ring's segment.
fn any() -> Spec {
    Spec::new(KIND, LAYOUT, HEAD)
}
