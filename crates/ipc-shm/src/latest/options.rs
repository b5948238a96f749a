//! Making and opening a cell.

use std::os::fd::OwnedFd;

use ipc_core::safe::{ShmSafe, layout_of};
use ipc_core::segment::Spec;

use super::{LatestReader, LatestWriter};
use crate::area::Area;
use crate::error::{Error, Result};
use crate::named::{self, ANONYMOUS, Place};
use crate::slots::Slots;
use crate::wait::Wait;

/// What lives in the segment.
const KIND: u32 = u32::from_le_bytes(*b"SNEW");
/// Version of the layout in `slots.rs`.
const LAYOUT: u64 = 1;

/// How a [`Latest`](crate::Latest) is made or opened.
///
/// ```
/// # fn main() -> Result<(), ipc_shm::Error> {
/// # let name = format!("ipc-shm-doc-latest-options-{}", std::process::id());
/// use ipc_shm::{Latest, LatestOptions};
/// let mut writer = LatestOptions::new().mode(0o644).peers(200).create::<u64>(&name)?;
/// writer.store(1)?;
/// # Latest::<u64>::unlink(&name)
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct LatestOptions {
    place: Place,
    peers: usize,
    wait: Wait,
}

impl Default for LatestOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl LatestOptions {
    /// Mode 0600, 60 handles at the same time.
    pub fn new() -> Self {
        Self { place: Place::default(), peers: 60, wait: Wait::Block }
    }

    /// Permissions of a new cell, exactly, whatever the umask. Readers need the right to write, too: they
    /// say that they live, and that they sleep.
    pub fn mode(mut self, mode: u32) -> Self {
        self.place.access.mode = mode & 0o666;
        self
    }

    /// Accepts a cell that belongs to this user, besides those of our effective user and of root.
    pub fn allow_owner(mut self, uid: u32) -> Self {
        self.place.access.owners.push(uid);
        self
    }

    /// Lets [`create`](Self::create) replace a cell of this name that nobody uses any more.
    pub fn reclaim_stale(mut self, reclaim: bool) -> Self {
        self.place.reclaim_stale = reclaim;
        self
    }

    /// How many handles there can be of a new cell, writer and readers together: at most 240.
    pub fn peers(mut self, peers: usize) -> Self {
        self.peers = peers;
        self
    }

    /// How this reader waits.
    pub fn wait(mut self, wait: Wait) -> Self {
        self.wait = wait;
        self
    }

    /// Makes a new cell; its writer.
    ///
    /// # Errors
    /// `AlreadyExists`: the name is taken; with [`reclaim_stale`](Self::reclaim_stale): and in use.
    /// `InvalidName`, `InvalidInput`, `NoSpace`, `Limit`, `NotOwner`.
    pub fn create<T: ShmSafe>(&self, name: &str) -> Result<LatestWriter<T>> {
        let (slots, spec) = self.spec::<T>()?;
        let segment = self.place.create(name, &spec, |_| {})?;
        LatestWriter::join(Area::new(segment), slots, name)
    }

    /// The writer's end, of a new cell if there is none.
    ///
    /// # Errors
    /// `AlreadyExists`: it has a live writer. `WrongOwner`: see [`allow_owner`](Self::allow_owner).
    /// `Corrupt`: something else has this name, or a cell of another `T`. `TooManyPeers`. And as
    /// [`create`](Self::create).
    pub fn writer<T: ShmSafe>(&self, name: &str) -> Result<LatestWriter<T>> {
        let (slots, spec) = self.spec::<T>()?;
        let segment = self.place.open_or_create(name, &spec, &spec, |_| {})?;
        LatestWriter::join(Area::new(segment), slots, name)
    }

    /// A reader's end.
    ///
    /// # Errors
    /// `NotFound`: there is no such cell. `WrongOwner`: see [`allow_owner`](Self::allow_owner). `Corrupt`:
    /// something else has this name, or a cell of another `T`. `TooManyPeers`, `InvalidName`, `NotOwner`.
    pub fn reader<T: ShmSafe>(&self, name: &str) -> Result<LatestReader<T>> {
        let (slots, spec) = self.spec::<T>()?;
        let segment = self.place.open(name, &spec)?;
        Ok(LatestReader::join(Area::new(segment), slots, name, self.wait))
    }

    /// A reader's end, of a new cell if there is none: for readers that may start before the writer.
    ///
    /// # Errors
    /// As [`reader`](Self::reader) and [`create`](Self::create).
    pub fn reader_or_create<T: ShmSafe>(&self, name: &str) -> Result<LatestReader<T>> {
        let (slots, spec) = self.spec::<T>()?;
        let segment = self.place.open_or_create(name, &spec, &spec, |_| {})?;
        Ok(LatestReader::join(Area::new(segment), slots, name, self.wait))
    }

    /// Makes a cell without a name; its writer, and the descriptor by which readers open it.
    ///
    /// # Errors
    /// `NoSpace`, `Limit`, `InvalidInput`, `NotOwner`.
    pub fn anonymous<T: ShmSafe>(&self) -> Result<(LatestWriter<T>, OwnedFd)> {
        let (slots, spec) = self.spec::<T>()?;
        let (segment, fd) = named::anonymous(&spec, |_| {})?;
        Ok((LatestWriter::join(Area::new(segment), slots, ANONYMOUS)?, fd))
    }

    /// The reader's end behind a descriptor. Whoever gave it vouches for its owner.
    ///
    /// # Errors
    /// As [`reader`](Self::reader).
    pub fn reader_from_fd<T: ShmSafe>(&self, fd: OwnedFd) -> Result<LatestReader<T>> {
        let (slots, spec) = self.spec::<T>()?;
        Ok(LatestReader::join(Area::new(named::from_fd(fd, &spec)?), slots, ANONYMOUS, self.wait))
    }

    /// The writer's end behind a descriptor. Whoever gave it vouches for its owner.
    ///
    /// # Errors
    /// As [`writer`](Self::writer).
    pub fn writer_from_fd<T: ShmSafe>(&self, fd: OwnedFd) -> Result<LatestWriter<T>> {
        let (slots, spec) = self.spec::<T>()?;
        LatestWriter::join(Area::new(named::from_fd(fd, &spec)?), slots, ANONYMOUS)
    }

    /// Both ends of a cell without a name, in one process.
    ///
    /// # Errors
    /// As [`anonymous`](Self::anonymous).
    pub fn pair<T: ShmSafe>(&self) -> Result<(LatestWriter<T>, LatestReader<T>)> {
        let (slots, spec) = self.spec::<T>()?;
        let (segment, _fd) = named::anonymous(&spec, |_| {})?;
        let reader = LatestReader::join(Area::new(segment.clone()), slots, ANONYMOUS, self.wait);
        Ok((LatestWriter::join(Area::new(segment), slots, ANONYMOUS)?, reader))
    }

    fn spec<T: ShmSafe>(&self) -> Result<(Slots, Spec)> {
        named::check_peers(self.peers)?;
        let what = "a value of this size does not fit an address space";
        let slots = Slots::new(size_of::<T>()).ok_or(Error::InvalidInput { what })?;
        let spec = Spec::new(KIND, layout_of::<T>(LAYOUT), slots.end());
        Ok((slots, Spec { slots: self.peers, ..spec }))
    }
}
