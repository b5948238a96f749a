//! Making and opening a broadcast.

use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;

use ipc_core::segment::{Segment, Spec};

use super::flow::{CAPACITY, CURSORS, DELIVERY, FIRST_CURSOR, SIZE, Shape};
use super::{Receiver, Sender};
use crate::area::Area;
use crate::error::{Error, Result};
use crate::memory::Memory as _;
use crate::named::{ANONYMOUS, Place, anonymous, check_peers, from_fd};
use crate::wait::Wait;

/// What lives in the segment.
const KIND: u32 = u32::from_le_bytes(*b"SBRO");
/// Version of the layout in `flow.rs`.
const LAYOUT: u64 = 1;

/// What happens to a receiver that is too slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// The sender waits for it.
    #[default]
    Lossless,
    /// It loses the oldest messages.
    Lossy,
}

/// How a broadcast is made or opened. Which end is made follows from the type that is asked for.
///
/// ```
/// # fn main() -> Result<(), ipc_shm::Error> {
/// # let name = format!("ipc-shm-doc-broadcast-options-{}", std::process::id());
/// use ipc_shm::broadcast::{Delivery, Options, Receiver, Sender};
/// let options = Options::new().delivery(Delivery::Lossy).capacity(1 << 20);
/// let mut sender: Sender = options.create(&name)?;
/// let mut receiver: Receiver = Options::new().open(&name)?;
/// sender.send(b"hello")?;
/// assert_eq!(receiver.recv()?.bytes, b"hello");
/// # Sender::unlink(&name)
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    place: Place,
    capacity: usize,
    delivery: Delivery,
    receivers: usize,
    wait: Wait,
}

/// An end of a broadcast: [`Sender`] or [`Receiver`].
pub trait BroadcastEnd: sealed::Sealed {}

impl BroadcastEnd for Sender {}
impl BroadcastEnd for Receiver {}

pub(super) mod sealed {
    use super::{Area, Result, Shape, Wait};

    /// What an end is made of. Nobody else can name it.
    #[derive(Debug)]
    pub struct Opened {
        pub(in crate::broadcast) area: Area,
        pub(in crate::broadcast) shape: Shape,
        pub(in crate::broadcast) wait: Wait,
        pub(in crate::broadcast) name: String,
    }

    pub trait Sealed: Sized {
        #[doc(hidden)]
        fn join(opened: Opened) -> Result<Self>;
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// Lossless, 64 KiB, up to 32 receivers, mode 0600.
    pub fn new() -> Self {
        let (place, delivery) = (Place::default(), Delivery::Lossless);
        Self { place, capacity: 64 << 10, delivery, receivers: 32, wait: Wait::Block }
    }

    /// Bytes of a new broadcast: the longest message, and how much it holds, with 16 to 31 bytes beside
    /// each message.
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    /// What happens in a new broadcast to a receiver that is too slow.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// How many receivers a new broadcast may have at the same time: 1 to 236.
    pub fn receivers(mut self, receivers: usize) -> Self {
        self.receivers = receivers;
        self
    }

    /// How this end waits. It is a choice of each end.
    pub fn wait(mut self, wait: Wait) -> Self {
        self.wait = wait;
        self
    }

    /// Permissions of a new broadcast, exactly, whatever the umask. Receivers need the right to write, too.
    pub fn mode(mut self, mode: u32) -> Self {
        self.place.access.mode = mode & 0o666;
        self
    }

    /// Accepts a broadcast that belongs to this user, besides those of our effective user and of root.
    pub fn allow_owner(mut self, uid: u32) -> Self {
        self.place.access.owners.push(uid);
        self
    }

    /// Lets [`create`](Self::create) replace a broadcast of this name that nobody uses any more.
    pub fn reclaim_stale(mut self, reclaim: bool) -> Self {
        self.place.reclaim_stale = reclaim;
        self
    }

    /// Makes a new broadcast; an end of it.
    ///
    /// # Errors
    /// `AlreadyExists`: the name is taken; with [`reclaim_stale`](Self::reclaim_stale): and in use.
    /// `InvalidName`, `InvalidInput`, `NoSpace`, `Limit`, `NotOwner`.
    pub fn create<E: BroadcastEnd>(&self, name: &str) -> Result<E> {
        let segment = self.place.create(name, &self.spec()?, self.init()?)?;
        self.join(segment, name)
    }

    /// An end of a broadcast that exists.
    ///
    /// # Errors
    /// `NotFound`: there is none. `AlreadyExists`: it has a live sender. `TooManyPeers`: all places of
    /// receivers are taken. `WrongOwner`: see [`allow_owner`](Self::allow_owner). `Corrupt`: something else
    /// has this name. `InvalidName`, `NotOwner`.
    pub fn open<E: BroadcastEnd>(&self, name: &str) -> Result<E> {
        self.join(self.place.open(name, &any())?, name)
    }

    /// An end of the broadcast, of a new one if there is none.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`create`](Self::create).
    pub fn open_or_create<E: BroadcastEnd>(&self, name: &str) -> Result<E> {
        let segment = self.place.open_or_create(name, &any(), &self.spec()?, self.init()?)?;
        self.join(segment, name)
    }

    /// Makes a broadcast without a name: an end, and the descriptor by which others open it.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn anonymous<E: BroadcastEnd>(&self) -> Result<(E, OwnedFd)> {
        let (segment, fd) = anonymous(&self.spec()?, self.init()?)?;
        Ok((self.join(segment, ANONYMOUS)?, fd))
    }

    /// An end of the broadcast behind a descriptor. Whoever gave it vouches for its owner.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_fd<E: BroadcastEnd>(&self, fd: OwnedFd) -> Result<E> {
        self.join(from_fd(fd, &any())?, ANONYMOUS)
    }

    /// Makes a broadcast without a name, with the sender and one receiver in this process.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn pair(&self) -> Result<(Sender, Receiver)> {
        let (segment, _fd) = anonymous(&self.spec()?, self.init()?)?;
        Ok((self.join(segment.clone(), ANONYMOUS)?, self.join(segment, ANONYMOUS)?))
    }

    fn shape(&self) -> Result<Shape> {
        // A place for the sender, and some for those who find the others taken.
        check_peers(self.receivers.saturating_add(4))?;
        check_peers(self.receivers)?;
        let lossy = self.delivery == Delivery::Lossy;
        let what = "the capacity of a broadcast is 1 to 2^46 bytes";
        Shape::new(self.capacity, self.receivers, lossy).ok_or(Error::InvalidInput { what })
    }

    fn spec(&self) -> Result<Spec> {
        let spec = Spec::new(KIND, LAYOUT, self.shape()?.end());
        Ok(Spec { slots: spec.slots.max(self.receivers + 4), ..spec })
    }

    fn init(&self) -> Result<impl Fn(&Segment)> {
        let shape = self.shape()?;
        Ok(move |segment: &Segment| {
            let area = Area::new(segment.clone());
            let put = |at, value: usize| area.word(at).store(value as u64, Ordering::Relaxed);
            put(SIZE, shape.size);
            put(DELIVERY, usize::from(shape.lossy));
            put(CURSORS, shape.cursors);
            put(CAPACITY, shape.capacity);
        })
    }

    fn join<E: BroadcastEnd>(&self, segment: Segment, name: &str) -> Result<E> {
        let (area, name) = (Area::new(segment), name.to_owned());
        let Some(shape) = read(&area) else {
            return Err(Error::Corrupt { name, what: "its sizes" });
        };
        E::join(sealed::Opened { area, shape, wait: self.wait, name })
    }
}

/// Any broadcast's segment.
fn any() -> Spec {
    Spec::new(KIND, LAYOUT, FIRST_CURSOR)
}

/// Reads the sizes, once.
fn read(area: &Area) -> Option<Shape> {
    let get = |at| usize::try_from(area.word(at).load(Ordering::Relaxed)).ok();
    let lossy = match get(DELIVERY)? {
        0 => false,
        1 => true,
        _ => return None,
    };
    let shape = Shape::new(get(CAPACITY)?, get(CURSORS)?, lossy)?;
    (get(SIZE)? == shape.size && shape.end() <= area.len()).then_some(shape)
}
