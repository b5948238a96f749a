//! Making and opening a fan-in.

use std::os::fd::OwnedFd;

use ipc_core::segment::Segment;

use super::layout::Shape;
use super::{Receiver, Sender};
use crate::area::Area;
use crate::error::{Error, Result};
use crate::named::{ANONYMOUS, Place, anonymous, from_fd};
use crate::wait::Wait;

/// How a fan-in is made or opened. Which end is made follows from the type that is asked for.
///
/// ```
/// # fn main() -> Result<(), ipc_shm::Error> {
/// # let name = format!("ipc-shm-doc-broadcast-options-{}", std::process::id());
/// use ipc_shm::fan_in::{Options, Receiver, Sender};
/// let mut receiver: Receiver = Options::new().capacity(1 << 20).senders(4).create(&name)?;
/// let mut sender: Sender = Options::new().open(&name)?;
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
    senders: usize,
    persistent: bool,
    wait: Wait,
}

/// An end of a fan-in: [`Sender`] or [`Receiver`].
pub trait FanInEnd: sealed::Sealed {}

impl FanInEnd for Sender {}
impl FanInEnd for Receiver {}

pub(super) mod sealed {
    use super::{Area, Result, Segment, Shape, Wait};

    /// What an end is made of. Nobody else can name it.
    #[derive(Debug)]
    pub struct Opened {
        pub(in crate::fan_in) area: Area,
        pub(in crate::fan_in) segment: Segment,
        pub(in crate::fan_in) shape: Shape,
        pub(in crate::fan_in) persistent: bool,
        pub(in crate::fan_in) wait: Wait,
        pub(in crate::fan_in) name: String,
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
    /// Up to 16 senders with 64 KiB each, mode 0600.
    pub fn new() -> Self {
        let (place, wait) = (Place::default(), Wait::Block);
        Self { place, capacity: 64 << 10, senders: 16, persistent: false, wait }
    }

    /// Bytes of each sender's lane in a new fan-in: the longest message, and how much it holds.
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    /// How many senders a new fan-in may have at the same time: 1 to 236.
    pub fn senders(mut self, senders: usize) -> Self {
        self.senders = senders;
        self
    }

    /// Whether this receiver waits for new senders when all have left or died, instead of `Closed`. Before
    /// the first sender it waits in any case.
    pub fn persistent(mut self, persistent: bool) -> Self {
        self.persistent = persistent;
        self
    }

    /// How this end waits. It is a choice of each end.
    pub fn wait(mut self, wait: Wait) -> Self {
        self.wait = wait;
        self
    }

    /// Permissions of a new fan-in, exactly, whatever the umask. Both sides need the right to write.
    pub fn mode(mut self, mode: u32) -> Self {
        self.place.access.mode = mode & 0o666;
        self
    }

    /// Accepts a fan-in that belongs to this user, besides those of our effective user and of root.
    pub fn allow_owner(mut self, uid: u32) -> Self {
        self.place.access.owners.push(uid);
        self
    }

    /// Lets [`create`](Self::create) replace a fan-in of this name that nobody uses any more.
    pub fn reclaim_stale(mut self, reclaim: bool) -> Self {
        self.place.reclaim_stale = reclaim;
        self
    }

    /// Makes a new fan-in; an end of it.
    ///
    /// # Errors
    /// `AlreadyExists`: the name is taken; with [`reclaim_stale`](Self::reclaim_stale): and in use.
    /// `InvalidName`, `InvalidInput`, `NoSpace`, `Limit`, `NotOwner`.
    pub fn create<E: FanInEnd>(&self, name: &str) -> Result<E> {
        let segment = self.place.create(name, &self.shape()?.spec(), self.init()?)?;
        self.join(segment, name)
    }

    /// An end of a fan-in that exists.
    ///
    /// # Errors
    /// `NotFound`: there is none. `AlreadyExists`: it has a live receiver. `TooManyPeers`: all lanes are
    /// taken, or hold messages of senders that are gone. `WrongOwner`: see [`allow_owner`](Self::allow_owner). `Corrupt`: something else
    /// has this name. `InvalidName`, `NotOwner`.
    pub fn open<E: FanInEnd>(&self, name: &str) -> Result<E> {
        self.join(self.place.open(name, &Shape::any())?, name)
    }

    /// An end of the fan-in, of a new one if there is none.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`create`](Self::create).
    pub fn open_or_create<E: FanInEnd>(&self, name: &str) -> Result<E> {
        let segment =
            self.place.open_or_create(name, &Shape::any(), &self.shape()?.spec(), self.init()?)?;
        self.join(segment, name)
    }

    /// Makes a fan-in without a name: an end, and the descriptor by which others open it.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn anonymous<E: FanInEnd>(&self) -> Result<(E, OwnedFd)> {
        let (segment, fd) = anonymous(&self.shape()?.spec(), self.init()?)?;
        Ok((self.join(segment, ANONYMOUS)?, fd))
    }

    /// An end of the fan-in behind a descriptor. Whoever gave it vouches for its owner.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_fd<E: FanInEnd>(&self, fd: OwnedFd) -> Result<E> {
        self.join(from_fd(fd, &Shape::any())?, ANONYMOUS)
    }

    /// Makes a fan-in without a name, with the receiver and one sender in this process.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn pair(&self) -> Result<(Sender, Receiver)> {
        let (segment, _fd) = anonymous(&self.shape()?.spec(), self.init()?)?;
        Ok((self.join(segment.clone(), ANONYMOUS)?, self.join(segment, ANONYMOUS)?))
    }

    fn init(&self) -> Result<impl Fn(&Segment)> {
        let shape = self.shape()?;
        Ok(move |segment: &Segment| shape.write(segment))
    }

    fn shape(&self) -> Result<Shape> {
        let what = "a fan-in is for 1 to 236 senders, with 1 to 2^38 bytes each";
        Shape::new(self.senders, self.capacity).ok_or(Error::InvalidInput { what })
    }

    fn join<E: FanInEnd>(&self, segment: Segment, name: &str) -> Result<E> {
        let (area, name) = (Area::new(segment.clone()), name.to_owned());
        let Some(shape) = Shape::read(&area) else {
            return Err(Error::Corrupt { name, what: "its sizes" });
        };
        let (persistent, wait) = (self.persistent, self.wait);
        E::join(sealed::Opened { area, segment, shape, persistent, wait, name })
    }
}
