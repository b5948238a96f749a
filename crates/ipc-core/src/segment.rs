//! Shared memory with a life table: created whole, published by one system call, checked before use.
//!
//! ```text
//! 0       header: magic, version, kind, layout, sizes     written once, before it has a name
//! 64      retired     1 once a new segment takes its name
//! 128     deaths      a futex word
//! 192     members     a futex word
//! 256     life table  `slots` of 16 bytes
//! ...     body        128-aligned; what it holds is the caller's
//! ```

mod fault;
mod header;
mod map;
mod registry;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, FileType, FlockOperation, MemfdFlags, Mode, OFlags};
use rustix::fs::{FallocateFlags, fallocate, fchmod, flock, fstat, linkat, memfd_create, open};
use rustix::fs::{fstatvfs, statat, unlinkat};
use rustix::io::{Errno, retry_on_intr};

use crate::deadline::Deadline;
use crate::life::{Membership, table};
use crate::name::Name;
use crate::safe::ShmSafe;

pub use fault::Fault;
pub use header::{HEADER, Header, MAGIC, MAX_SLOTS, Spec, VERSION};
pub(crate) use map::Map;

const DIR: &str = "/dev/shm";
/// One `fallocate` takes at most so much: a signal costs at most so much work.
const STEP: u64 = 16 << 20;
/// How long an opener waits for another that is just attaching.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);
/// How often an open-or-create starts again because the name came and went.
const TURNS: usize = 1000;

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
    // Before the map: the keeper lets go of it first.
    membership: Membership,
    map: Arc<Map>,
}

impl Segment {
    /// Makes a segment: all zeroes, then as `init` leaves it, then it has its name.
    ///
    /// # Errors
    /// `AlreadyExists`, `NoSpace`, `TooLarge`, or what [`Fault`] says.
    pub fn create(
        name: &Name,
        spec: &Spec,
        access: &Access,
        init: impl FnOnce(&Self),
    ) -> Result<Self, Fault> {
        registry::enter()?;
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = open(DIR, flags, Mode::empty()).map_err(Fault::of("create in /dev/shm"))?;
        // The umask has no say: the file is unreachable until it is as asked.
        fchmod(&file, Mode::from_raw_mode(access.mode)).map_err(Fault::of("set the mode"))?;
        let segment = Self::fill(&file, spec)?;
        init(&segment);
        let from = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        linkat(CWD, from, CWD, path(name), AtFlags::SYMLINK_FOLLOW)
            .map_err(Fault::of("publish the name"))?;
        Ok(segment)
    }

    /// Opens a segment that exists.
    ///
    /// # Errors
    /// `NotFound`, or what is wrong with it: type, owner, mode, size, header, in this order.
    pub fn open(name: &Name, spec: &Spec, access: &Access) -> Result<Self, Fault> {
        registry::enter()?;
        for _ in 0..TURNS {
            let file = open_checked(name, access)?;
            let header = read_header(&file, spec)?;
            let lock = AttachLock::take(file.as_fd())?;
            let map = Map::new(file.as_fd(), header).map_err(Fault::of("map the segment"))?;
            if map.control().retired.load(std::sync::atomic::Ordering::Acquire) != 0 {
                // Who replaces it holds the lock until the name is gone, or died before.
                remove_name(name, &file)?;
                continue;
            }
            let segment = Self::join(map)?;
            drop(lock);
            return Ok(segment);
        }
        Err(Fault::Contended)
    }

    /// Opens the segment, or makes it if there is none.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`create`](Self::create).
    pub fn open_or_create(
        name: &Name,
        spec: &Spec,
        access: &Access,
        init: impl Fn(&Self),
    ) -> Result<Self, Fault> {
        for _ in 0..TURNS {
            match Self::open(name, spec, access) {
                Err(Fault::NotFound) => {}
                opened => return opened,
            }
            match Self::create(name, spec, access, &init) {
                Err(Fault::AlreadyExists) => {}
                created => return created,
            }
        }
        Err(Fault::Contended)
    }

    /// Makes a segment; one of this name in which nobody lives any more is replaced.
    ///
    /// # Errors
    /// `AlreadyExists`: somebody lives in it. As [`open`](Self::open): it cannot be judged.
    pub fn replace_stale(
        name: &Name,
        spec: &Spec,
        access: &Access,
        init: impl Fn(&Self),
    ) -> Result<Self, Fault> {
        for _ in 0..TURNS {
            match Self::create(name, spec, access, &init) {
                Err(Fault::AlreadyExists) => {}
                created => return created,
            }
            match retire(name, spec, access) {
                Ok(()) | Err(Fault::NotFound) => {}
                Err(fault) => return Err(fault),
            }
        }
        Err(Fault::Contended)
    }

    /// Removes the name. Who lives in the segment goes on; the memory goes with the last.
    ///
    /// # Errors
    /// `NotFound`, or what `unlink(2)` reports.
    pub fn unlink(name: &Name) -> Result<(), Fault> {
        unlinkat(CWD, path(name), AtFlags::empty()).map_err(Fault::of("remove the name"))
    }

    /// Makes a segment without a name, to be passed on as a descriptor.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn anonymous(spec: &Spec, init: impl FnOnce(&Self)) -> Result<(Self, OwnedFd), Fault> {
        registry::enter()?;
        let file = memfd_create("ipc", MemfdFlags::CLOEXEC).map_err(Fault::of("create memory"))?;
        let segment = Self::fill(&file, spec)?;
        init(&segment);
        Ok((segment, file))
    }

    /// Opens the segment behind a descriptor. Whoever gave it vouches for its owner.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_fd(fd: OwnedFd, spec: &Spec) -> Result<Self, Fault> {
        registry::enter()?;
        let stat = fstat(&fd).map_err(Fault::of("look at it"))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Fault::NotAFile);
        }
        // A description of our own: a lock on the one that we were given is the giver's too.
        let own = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&fd));
        let own = open(own, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
        let own = own.map_err(Fault::of("open it again"))?;
        let header = read_header(&own, spec)?;
        let lock = AttachLock::take(own.as_fd())?;
        let map = Map::new(own.as_fd(), header).map_err(Fault::of("map the segment"))?;
        let segment = Self::join(map)?;
        drop(lock);
        Ok(segment)
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
    fn fill(file: &OwnedFd, spec: &Spec) -> Result<Self, Fault> {
        let header = Header::new(spec)?;
        reserve(file, header.total() as u64)?;
        let map = Map::new(file.as_fd(), header).map_err(Fault::of("map the segment"))?;
        map.write_header();
        Self::join(map)
    }

    fn join(map: Map) -> Result<Self, Fault> {
        let map = Arc::new(map);
        let membership = Membership::attach(Arc::clone(&map))?;
        let inner = Arc::new(Inner { membership, map });
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

fn path(name: &Name) -> String {
    format!("{DIR}/{}", name.bare())
}

/// Opens by name; type, owner and mode are checked on the descriptor.
fn open_checked(name: &Name, access: &Access) -> Result<OwnedFd, Fault> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = open(path(name), flags, Mode::empty()).map_err(Fault::of("open"))?;
    let stat = fstat(&file).map_err(Fault::of("look at it"))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Fault::NotAFile);
    }
    let me = rustix::process::geteuid().as_raw();
    if ![0, me].contains(&stat.st_uid) && !access.owners.contains(&stat.st_uid) {
        return Err(Fault::WrongOwner { uid: stat.st_uid });
    }
    // We never give a right to execute, or set-id bits.
    match stat.st_mode & 0o7777 {
        mode if mode & !0o666 != 0 => Err(Fault::WrongMode { mode }),
        _ => Ok(file),
    }
}

/// Reads by `pread`, which cannot fault, whatever the file's size is meanwhile.
fn read_header(file: &OwnedFd, spec: &Spec) -> Result<Header, Fault> {
    let size = fstat(file).map_err(Fault::of("look at it"))?.st_size;
    let size = u64::try_from(size).unwrap_or(0);
    let mut bytes = [0; HEADER];
    let read = retry_on_intr(|| rustix::io::pread(file, &mut bytes, 0));
    match read.map_err(Fault::of("read the header"))? {
        HEADER => Header::decode(&bytes, size, spec),
        short => Err(Fault::Truncated { size: short as u64, needed: HEADER as u64 }),
    }
}

/// Reserves every page now: a full `/dev/shm` is an error here, not a SIGBUS later.
fn reserve(file: &OwnedFd, total: u64) -> Result<(), Fault> {
    // Beyond this limit the kernel would send SIGXFSZ.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize);
    if limit.current.is_some_and(|most| most < total) {
        return Err(Fault::TooLarge);
    }
    // Not a page is taken of what cannot be had whole. No blocks at all: no limit is set.
    let room = fstatvfs(file).map_err(Fault::of("look for room"))?;
    if room.f_blocks != 0 && room.f_bavail.saturating_mul(room.f_frsize) < total {
        return Err(Fault::NoSpace);
    }
    let mut done = 0;
    while done < total {
        let step = STEP.min(total - done);
        retry_on_intr(|| fallocate(file, FallocateFlags::empty(), done, step))
            .map_err(Fault::of("reserve memory"))?;
        done += step;
    }
    Ok(())
}

/// Takes the name away from a segment in which nobody lives.
fn retire(name: &Name, spec: &Spec, access: &Access) -> Result<(), Fault> {
    let file = open_checked(name, access)?;
    let any_body = Spec { body: 0, ..*spec };
    let header = read_header(&file, &any_body)?;
    let _lock = AttachLock::take(file.as_fd())?;
    let map = Map::new(file.as_fd(), header).map_err(Fault::of("map the segment"))?;
    if table::anybody(&map) {
        return Err(Fault::AlreadyExists);
    }
    // An opener that has it open already must not move in: it looks at this under the lock.
    map.control().retired.store(1, std::sync::atomic::Ordering::Release);
    remove_name(name, &file)
}

/// Removes the name if it still means this file. The caller holds the file's attach lock.
fn remove_name(name: &Name, file: &OwnedFd) -> Result<(), Fault> {
    let ours = fstat(file).map_err(Fault::of("look at it"))?;
    match statat(CWD, path(name), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(there) if (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino) => {
            Segment::unlink(name)
        }
        Ok(_) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(Fault::of("look at the name")(errno)),
    }
}

/// One attaches at a time. The kernel drops the lock with the process.
struct AttachLock<'a>(BorrowedFd<'a>);

impl<'a> AttachLock<'a> {
    fn take(fd: BorrowedFd<'a>) -> Result<Self, Fault> {
        let deadline = Deadline::after(PATIENCE);
        loop {
            match flock(fd, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self(fd)),
                // Held for some system calls, unless its holder is stopped; nothing announces its end.
                Err(Errno::WOULDBLOCK) if !deadline.passed() => crate::owner::pause(deadline),
                Err(Errno::WOULDBLOCK) => return Err(Fault::Contended),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(Fault::of("lock the segment")(errno)),
            }
        }
    }
}

impl Drop for AttachLock<'_> {
    fn drop(&mut self) {
        // A forked child may hold the description: closing would not drop the lock then.
        let _ = flock(self.0, FlockOperation::Unlock);
    }
}
