//! Making and opening a ring of values.

use std::fmt;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;

use ipc_core::safe::{ShmSafe, layout_of};
use ipc_core::segment::{Segment, Spec};

use super::{Receiver, Sender};
use crate::Wait;
use crate::error::{Error, Result};
use crate::named::{ANONYMOUS, anonymous, check_peers, from_fd};
use crate::ring::Options as Bytes;
use crate::ring::end::{End, Side};
use crate::ring::memory::{HEAD, Memory};
use crate::ring::slots::Shape;

const KIND: u32 = u32::from_le_bytes(*b"RING");
/// The version of the layout of rings of values; rings of bytes have another one.
const LAYOUT: u64 = 0x100;

/// How a ring of values is made or opened: made by [`ring::of`](crate::ring::of).
pub struct Options<T> {
    options: Bytes,
    values: PhantomData<fn() -> T>,
}

/// An end of a ring of values: [`Sender`] or [`Receiver`].
pub trait TypedEnd<T>: Sized + sealed::Sealed<T> {}

impl<T: ShmSafe> TypedEnd<T> for Sender<T> {}
impl<T: ShmSafe> TypedEnd<T> for Receiver<T> {}

mod sealed {
    use super::{End, Receiver, Sender, Shape, ShmSafe, Side};

    pub trait Sealed<T>: Sized {
        #[doc(hidden)]
        const SIDE: Which;
        #[doc(hidden)]
        fn join(end: Taken) -> Self;
    }

    #[derive(Debug)]
    pub struct Taken(pub(super) End, pub(super) Shape);
    #[derive(Debug)]
    pub struct Which(pub(super) Side);

    impl<T: ShmSafe> Sealed<T> for Sender<T> {
        const SIDE: Which = Which(Side::Sender);
        fn join(end: Taken) -> Self {
            Self::join(end.0, end.1)
        }
    }

    impl<T: ShmSafe> Sealed<T> for Receiver<T> {
        const SIDE: Which = Which(Side::Receiver);
        fn join(end: Taken) -> Self {
            Self::join(end.0, end.1)
        }
    }
}

impl<T: ShmSafe> Options<T> {
    pub(in crate::ring) fn new() -> Self {
        Self { options: Bytes::new().capacity(1024), values: PhantomData }
    }

    fn with(mut self, change: impl FnOnce(Bytes) -> Bytes) -> Self {
        self.options = change(self.options);
        self
    }

    /// How many values a new ring holds; 1024 if nothing is said.
    #[must_use]
    pub fn capacity(self, values: usize) -> Self {
        self.with(|options| options.capacity(values))
    }

    /// How this end waits.
    #[must_use]
    pub fn wait(self, wait: Wait) -> Self {
        self.with(|options| options.wait(wait))
    }

    /// As [`ring::Options::mode`](Bytes::mode).
    #[must_use]
    pub fn mode(self, mode: u32) -> Self {
        self.with(|options| options.mode(mode))
    }

    /// As [`ring::Options::allow_owner`](Bytes::allow_owner).
    #[must_use]
    pub fn allow_owner(self, uid: u32) -> Self {
        self.with(|options| options.allow_owner(uid))
    }

    /// As [`ring::Options::reclaim_stale`](Bytes::reclaim_stale).
    #[must_use]
    pub fn reclaim_stale(self, reclaim: bool) -> Self {
        self.with(|options| options.reclaim_stale(reclaim))
    }

    /// As [`ring::Options::peers`](Bytes::peers).
    #[must_use]
    pub fn peers(self, peers: usize) -> Self {
        self.with(|options| options.peers(peers))
    }

    /// As [`ring::Options::create`](Bytes::create).
    ///
    /// # Errors
    /// As there. `InvalidInput`, too, if `T` is aligned to more than 64 bytes.
    pub fn create<E: TypedEnd<T>>(&self, name: &str) -> Result<E> {
        let segment = self.options.place.create(name, &self.spec()?, self.init())?;
        self.join(segment, name)
    }

    /// As [`ring::Options::open`](Bytes::open).
    ///
    /// # Errors
    /// As there. `Corrupt`, too, if its values have another size or alignment.
    pub fn open<E: TypedEnd<T>>(&self, name: &str) -> Result<E> {
        self.join(self.options.place.open(name, &any::<T>())?, name)
    }

    /// As [`ring::Options::open_or_create`](Bytes::open_or_create).
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`create`](Self::create).
    pub fn open_or_create<E: TypedEnd<T>>(&self, name: &str) -> Result<E> {
        let place = &self.options.place;
        let segment = place.open_or_create(name, &any::<T>(), &self.spec()?, self.init())?;
        self.join(segment, name)
    }

    /// As [`ring::Options::anonymous`](Bytes::anonymous).
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn anonymous<E: TypedEnd<T>>(&self) -> Result<(E, OwnedFd)> {
        let (segment, fd) = anonymous(&self.spec()?, self.init())?;
        Ok((self.join(segment, ANONYMOUS)?, fd))
    }

    /// As [`ring::Options::from_fd`](Bytes::from_fd).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_fd<E: TypedEnd<T>>(&self, fd: OwnedFd) -> Result<E> {
        self.join(from_fd(fd, &any::<T>())?, ANONYMOUS)
    }

    /// As [`ring::Options::pair`](Bytes::pair).
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn pair(&self) -> Result<(Sender<T>, Receiver<T>)> {
        let (segment, _fd) = anonymous(&self.spec()?, self.init())?;
        Ok((self.join(segment.clone(), ANONYMOUS)?, self.join(segment, ANONYMOUS)?))
    }

    fn spec(&self) -> Result<Spec> {
        check_peers(self.options.peers)?;
        let Some(shape) = shape::<T>(self.options.capacity) else {
            return Err(Error::InvalidInput {
                what: "a ring holds at least one value, aligned to 64 bytes at most, and must fit an \
                       address space",
            });
        };
        let body = Memory::bytes(shape.size());
        Ok(Spec { slots: self.options.peers, body, ..any::<T>() })
    }

    fn init(&self) -> impl Fn(&Segment) {
        let capacity = self.options.capacity;
        let size = shape::<T>(capacity).map_or(0, |shape| shape.size());
        move |segment| Memory::init(segment, 0, size, capacity)
    }

    fn join<E: TypedEnd<T>>(&self, segment: Segment, name: &str) -> Result<E> {
        let size_of = |capacity| shape::<T>(capacity).map(|shape| shape.size());
        let memory = Memory::new(segment, 0, size_of);
        let shape = memory.as_ref().and_then(|memory| shape::<T>(memory.capacity()));
        let (Some(memory), Some(shape)) = (memory, shape) else {
            return Err(Error::Corrupt { name: name.to_owned(), what: "its sizes" });
        };
        let end = End::take(memory, E::SIDE.0, self.options.wait, name)?;
        Ok(E::join(sealed::Taken(end, shape)))
    }
}

fn shape<T>(capacity: usize) -> Option<Shape> {
    Shape::new(size_of::<T>(), align_of::<T>(), capacity)
}

/// The segment of any ring of such values.
fn any<T: ShmSafe>() -> Spec {
    Spec::new(KIND, layout_of::<T>(LAYOUT), HEAD)
}

impl<T> fmt::Debug for Options<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Options").field(&self.options).finish()
    }
}

impl<T> Clone for Options<T> {
    fn clone(&self) -> Self {
        Self { options: self.options.clone(), values: PhantomData }
    }
}
