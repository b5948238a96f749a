//! Shared memory with a life table: created whole, published by one system call, checked before use.
//!
//! ```text
//! 0       header: magic, version, kind, layout, sizes     written once, before it has a name
//! 48      boot        which run of the kernel its users belong to
//! 64      retired     1 once a new segment takes its name
//! 128     deaths      a futex word
//! 192     members     a futex word
//! 256     life table  `slots` of 16 bytes
//! ...     body        128-aligned; what it holds is the caller's
//! ```

mod fault;
mod header;
mod map;
mod memory;
mod named;
mod over;
mod place;
mod registry;

use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::OFlags;

use crate::life::{Membership, table};
use crate::safe::ShmSafe;

pub use fault::Fault;
pub use header::{HEADER, Header, MAGIC, MAX_SLOTS, Spec, VERSION};
pub(crate) use map::Map;
pub use memory::Anonymous;
use memory::{AttachLock, read_header, reopen, reserve};
pub use place::At;
pub use registry::{enter, forked};

/// Who may use a segment, and whose segments are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Permissions of a new segment, exactly.
    pub mode: u32,
    /// Owners that are accepted besides our effective user and root.
    pub owners: Vec<u32>,
}

impl Default for Access {
    fn default() -> Self {
        Self { mode: 0o600, owners: Vec::new() }
    }
}

/// A mapped segment, in which this process lives until the last clone is dropped.
///
/// In a forked child nothing works, and dropping does nothing.
#[derive(Clone, Debug)]
pub struct Segment(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    // In this order: the keeper lets go first, and what is kept may be about the mapping.
    membership: Membership,
    keep: Mutex<Vec<Keep>>,
    map: Arc<Map>,
}

/// What goes with a segment: see [`Segment::keep`].
pub type Keep = Box<dyn std::any::Any + Send + Sync>;

impl Segment {
    /// Makes a segment: all zeroes, then as `init` leaves it, then it has its name.
    ///
    /// # Errors
    /// `AlreadyExists`, `NoSpace`, `TooLarge`, or what [`Fault`] says.
    pub fn create(
        at: impl Into<At>,
        spec: &Spec,
        access: &Access,
        init: impl FnOnce(&Self),
    ) -> Result<Self, Fault> {
        Self::create_with_file(&at.into(), spec, access, init).map(|(segment, _)| segment)
    }

    /// Opens a segment that exists.
    ///
    /// # Errors
    /// `NotFound`, or what is wrong with it: type, owner, mode, size, header, in this order.
    pub fn open(at: impl Into<At>, spec: &Spec, access: &Access) -> Result<Self, Fault> {
        Self::open_with_file(&at.into(), spec, access).map(|(segment, _)| segment)
    }

    /// Opens the segment, or makes it if there is none.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`create`](Self::create).
    pub fn open_or_create(
        at: impl Into<At>,
        spec: &Spec,
        access: &Access,
        init: impl Fn(&Self),
    ) -> Result<Self, Fault> {
        Self::open_or_create_with_file(&at.into(), spec, spec, access, init)
            .map(|(segment, _)| segment)
    }

    /// Makes a segment; one of this name in which nobody lives any more is replaced.
    ///
    /// # Errors
    /// `AlreadyExists`: somebody lives in it. As [`open`](Self::open): it cannot be judged.
    pub fn replace_stale(
        at: impl Into<At>,
        spec: &Spec,
        access: &Access,
        init: impl Fn(&Self),
    ) -> Result<Self, Fault> {
        Self::replace_stale_with_file(&at.into(), spec, access, init).map(|(segment, _)| segment)
    }

    /// Removes the name. Who lives in the segment goes on; the memory goes with the last.
    ///
    /// # Errors
    /// `NotFound`, or what `unlink(2)` reports.
    pub fn unlink(at: impl Into<At>) -> Result<(), Fault> {
        at.into().unlink()
    }

    /// Makes a segment without a name, to be passed on as a descriptor. It is sealed: nobody can change
    /// its size.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn anonymous(spec: &Spec, init: impl FnOnce(&Self)) -> Result<(Self, OwnedFd), Fault> {
        Self::anonymous_with(spec, &Anonymous::default(), init)
    }

    /// As [`anonymous`](Self::anonymous); with huge pages the body is larger than asked for, so that it
    /// ends with a page.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn anonymous_with(
        spec: &Spec,
        how: &Anonymous,
        init: impl FnOnce(&Self),
    ) -> Result<(Self, OwnedFd), Fault> {
        registry::enter()?;
        let mut header = Header::new(spec)?;
        if let Some(power) = how.huge {
            let page = 1_usize.checked_shl(power).ok_or(Fault::TooLarge)?;
            let whole = header.total().checked_next_multiple_of(page).ok_or(Fault::TooLarge)?;
            header = Header::new(&Spec { body: whole - header.body_offset, ..*spec })?;
        }
        let file = how.create()?;
        let segment = Self::fill(&file, header)?;
        how.seal(&file)?;
        init(&segment);
        Ok((segment, file))
    }

    /// Opens the segment behind a descriptor. Whoever gave it vouches for its owner; its size must be
    /// sealed.
    ///
    /// # Errors
    /// As [`open`](Self::open). `Corrupt`: its memory could be taken away under us. `Os` (EACCES): the
    /// descriptor is for reading only.
    pub fn from_fd(fd: OwnedFd, spec: &Spec) -> Result<Self, Fault> {
        registry::enter()?;
        let own = reopen(&fd, OFlags::RDWR)?;
        let header = read_header(&own, spec)?;
        let lock = AttachLock::take(own.as_fd())?;
        let map = Map::new(own.as_fd(), header).map_err(Fault::of("map the segment"))?;
        let segment = Self::join(map, None)?;
        drop(lock);
        Ok(segment)
    }

    /// As [`look`](Self::look), behind a descriptor.
    ///
    /// # Errors
    /// As [`from_fd`](Self::from_fd).
    pub fn look_at_fd(fd: &OwnedFd, spec: &Spec) -> Result<(OwnedFd, Header), Fault> {
        registry::enter()?;
        let own = reopen(fd, OFlags::RDONLY)?;
        let header = read_header(&own, spec)?;
        Ok((own, header))
    }

    /// The segment of this process that an address lies in.
    #[must_use]
    pub fn containing(address: *const ()) -> Option<Self> {
        registry::find(address.addr()).map(Self)
    }

    /// The body's first byte. It is 128-aligned, and valid for [`body_size`](Self::body_size) bytes as
    /// long as a clone of this exists.
    #[must_use]
    pub fn body(&self) -> NonNull<u8> {
        self.0.map.body()
    }

    /// Bytes of the body.
    #[must_use]
    pub fn body_size(&self) -> usize {
        self.0.map.header().body_size
    }

    /// The whole mapping, its header included: where it begins, and its bytes.
    #[must_use]
    pub fn whole(&self) -> (NonNull<u8>, usize) {
        (self.0.map.base(), self.0.map.header().total())
    }

    /// Keeps something as long as this segment is mapped; it is dropped between the end of the keeper and the
    /// unmapping, in a forked child too.
    pub fn keep(&self, what: Keep) {
        self.0.keep.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// The place of a `T`, `offset` bytes into the body; none if it does not fit or is not aligned.
    #[must_use]
    pub fn get<T: ShmSafe>(&self, offset: usize) -> Option<NonNull<T>> {
        let end = offset.checked_add(size_of::<T>())?;
        let place = self.0.map.at(offset).cast::<T>();
        (end <= self.body_size() && place.is_aligned()).then_some(place)
    }

    /// Whether `len` bytes from `address` on lie in the body.
    #[must_use]
    pub fn contains(&self, address: *const (), len: usize) -> bool {
        let range = self.body().as_ptr().addr()..self.0.map.range().end;
        let end = address.addr().checked_add(len);
        range.start <= address.addr() && end.is_some_and(|end| end <= range.end)
    }

    /// This process's place in it.
    #[must_use]
    #[inline]
    pub fn members(&self) -> &Membership {
        &self.0.membership
    }

    pub(crate) fn map(&self) -> Arc<Map> {
        Arc::clone(&self.0.map)
    }

    /// Reserves the memory of a new segment, which nobody else can reach yet, and lives in it.
    fn fill(file: &OwnedFd, header: Header) -> Result<Self, Fault> {
        reserve(file, header.total() as u64)?;
        let map = Map::new(file.as_fd(), header).map_err(Fault::of("map the segment"))?;
        map.write_header_without_magic();
        map.publish();
        Self::join(map, None)
    }

    /// The caller holds the attach lock, or nobody else can reach the segment.
    fn join(map: Map, keep: Option<Keep>) -> Result<Self, Fault> {
        let map = Arc::new(map);
        if map.control().boot.load(Ordering::Acquire) != memory::boot() {
            table::bury_all(&map);
            map.control().boot.store(memory::boot(), Ordering::Release);
        }
        let membership = Membership::attach(Arc::clone(&map))?;
        let inner =
            Arc::new(Inner { membership, keep: Mutex::new(keep.into_iter().collect()), map });
        registry::insert(inner.map.range(), &inner);
        Ok(Self(inner))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.membership.me().is_some() {
            registry::remove(self.map.range().start);
        } else {
            // The memory of a forked child: its mapping and its keeper's are left as they are.
            std::mem::forget(Arc::clone(&self.map));
        }
    }
}
