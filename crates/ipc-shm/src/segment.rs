//! Plain shared memory: bytes that several processes see at once, behind a checked header.
//!
//! | made by | lives in | others find it by | can be cut off by others |
//! |---|---|---|---|
//! | [`Segment::create`], [`open`](Segment::open) | `/dev/shm` | name | yes: see [`guard`](crate::guard) |
//! | [`Segment::file`] | a file | path | yes |
//! | [`Segment::anonymous`], [`from_fd`](Segment::from_fd) | a sealed memfd | a descriptor passed on | no |
//! | [`Segment::sysv`] | System V shared memory, see [`SysvSegment`] | key or id | no |

mod advice;
mod bytes;
mod cell;
mod copy;
mod options;
mod place;
mod sealed;
#[cfg(feature = "shared_memory")]
pub(crate) mod shmem;
mod sysv;
mod view;

use std::fmt;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Arc;

use ipc_core::segment::{Header, Segment as Core, forked};
use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{fcntl_add_seals, fcntl_get_seals};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::guard::{self, Watched};
use place::Range;
use view::{View, Way};

pub use cell::Cell;
pub use options::{Huge, SegmentOptions};
pub use sealed::Sealed;
pub use sysv::{Key, SysvSegment, SysvStat};

/// Memory that several processes see at once.
///
/// The bytes are copied in and out, or used by atomics in place; there is no reference to them, because other
/// processes write them. All access orders nothing but the atomics do.
///
/// | property | |
/// |---|---|
/// | `Send`, `Sync` | yes, both |
/// | in a forked child | every call is `NotOwner`, dropping does nothing |
/// | after exec | gone: all descriptors are close-on-exec |
/// | in a signal handler | loads and stores of atomics had before, and `read_at`, `write_at` |
/// | costs | one mapping, one descriptor; for writing also a thread that sleeps and a place in the segment |
///
/// ```
/// use std::sync::atomic::Ordering;
///
/// # fn main() -> Result<(), ipc_shm::Error> {
/// # let name = format!("ipc-doc-{}", std::process::id());
/// let ours = ipc_shm::Segment::create(&name, 4096)?;
/// let theirs = ipc_shm::Segment::open(&name)?; // usually in another process
/// ours.write_at(100, b"hello")?;
/// ours.atomic_u32(0)?.store(5, Ordering::Release);
///
/// let len = theirs.atomic_u32(0)?.load(Ordering::Acquire);
/// let mut text = vec![0; len as usize];
/// theirs.read_at(100, &mut text)?;
/// assert_eq!(text, b"hello");
/// # ipc_shm::Segment::unlink(&name)
/// # }
/// ```
pub struct Segment {
    // Before the mapping: what is unmapped is watched no more. A keeper touches the mapping until its end, so
    // the hold has this too.
    watched: Option<Arc<Watched>>,
    range: Range,
    hold: Hold,
    file: OwnedFd,
    /// Where the bytes begin in the file.
    body: u64,
    name: String,
    read_only: bool,
    source: Source,
}

/// Whether others may cut the memory off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// By truncating the file.
    Name,
    /// Nobody.
    Memory,
}

/// What keeps the memory mapped.
enum Hold {
    /// A place in the segment's life table.
    Living(Core),
    /// Nothing that others could see. A forked child leaves it mapped.
    Looking(ManuallyDrop<MmapRaw>, Header),
}

impl Hold {
    fn look(name: &str, file: &OwnedFd, header: &Header) -> Result<Self> {
        use std::os::fd::AsRawFd;
        let map = MmapOptions::new().len(header.total()).map_raw_read_only(file.as_raw_fd());
        let map = map.map_err(|error| {
            let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
            Error::os("map", name, errno)
        })?;
        Ok(Self::Looking(ManuallyDrop::new(map), *header))
    }

    fn whole(&self) -> Option<(NonNull<u8>, usize)> {
        match self {
            Self::Living(core) => Some(core.whole()),
            Self::Looking(map, _) => Some((NonNull::new(map.as_mut_ptr())?, map.len())),
        }
    }

    /// Where the body begins, and its length.
    fn body(&self) -> (usize, usize) {
        match self {
            Self::Living(core) => {
                let before = core.body().as_ptr().addr() - core.whole().0.as_ptr().addr();
                (before, core.body_size())
            }
            Self::Looking(_, header) => (header.body_offset, header.body_size),
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        match self {
            Self::Looking(map, _) if !forked() => place::unmap(map),
            Self::Looking(..) | Self::Living(_) => {}
        }
    }
}

impl Segment {
    /// Makes a segment of `size` bytes, all zeroes, with mode 0600; [`SegmentOptions`] has the choices.
    ///
    /// # Errors
    /// As [`SegmentOptions::create`].
    pub fn create(name: &str, size: usize) -> Result<Self> {
        SegmentOptions::new().size(size).create(name)
    }

    /// Opens a segment that exists, of whatever size.
    ///
    /// # Errors
    /// As [`SegmentOptions::open`].
    pub fn open(name: &str) -> Result<Self> {
        SegmentOptions::new().open(name)
    }

    /// Opens a segment of at least `size` bytes, or makes one of that size.
    ///
    /// # Errors
    /// As [`SegmentOptions::open_or_create`].
    pub fn open_or_create(name: &str, size: usize) -> Result<Self> {
        SegmentOptions::new().size(size).open_or_create(name)
    }

    /// Removes the name. Who has the segment open goes on; the memory goes with the last.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, `Os`.
    #[doc(alias = "shm_unlink")]
    pub fn unlink(name: &str) -> Result<()> {
        crate::named::unlink(name)
    }

    /// Makes a segment without a name, whose size nobody can change.
    ///
    /// # Errors
    /// As [`SegmentOptions::anonymous`].
    pub fn anonymous(size: usize) -> Result<Self> {
        SegmentOptions::new().size(size).anonymous()
    }

    /// Opens the segment behind a descriptor, which [`AsFd`] of another process's segment gave.
    ///
    /// # Errors
    /// As [`SegmentOptions::from_fd`].
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        SegmentOptions::new().from_fd(fd)
    }

    /// Opens a segment of at least `size` bytes in a file, or makes one of that size.
    ///
    /// # Errors
    /// As [`SegmentOptions::file`].
    pub fn file(path: impl AsRef<Path>, size: usize) -> Result<Self> {
        SegmentOptions::new().size(size).file(path)
    }

    /// Opens the System V segment of a key, or makes one of `size` bytes.
    ///
    /// # Errors
    /// As [`SegmentOptions::sysv`].
    #[doc(alias = "shmget")]
    pub fn sysv(key: Key, size: usize) -> Result<SysvSegment> {
        SegmentOptions::new().size(size).sysv(key)
    }

    fn new(
        options: &SegmentOptions,
        name: &str,
        hold: Hold,
        file: OwnedFd,
        source: Source,
    ) -> Result<Self> {
        let (before, size) = hold.body();
        let (base, len) = hold.whole().ok_or(Error::Unsupported { what: "map at address 0" })?;
        let watched = if source == Source::Name {
            guard::watch(options.guard, base, len, options.read_only)?.map(Arc::new)
        } else {
            None
        };
        if let (Some(watched), Hold::Living(core)) = (&watched, &hold) {
            core.keep(Box::new(Arc::clone(watched)));
        }
        let range = place::body_of(&hold, base, before, size);
        let segment = Self {
            watched,
            range,
            hold,
            file,
            body: before as u64,
            name: name.to_owned(),
            read_only: options.read_only,
            source,
        };
        advice::apply(options, name, base, len)?;
        Ok(segment)
    }

    #[inline]
    fn view(&self) -> View<'_> {
        let way = match (&self.watched, self.source) {
            (Some(watched), _) => Way::Guarded(watched),
            (None, Source::Memory) => Way::Mapped,
            (None, Source::Name) => Way::File { file: self.file.as_fd(), body: self.body },
        };
        View { name: &self.name, range: &self.range, read_only: self.read_only, way }
    }

    /// Bytes it has.
    #[must_use]
    pub fn size(&self) -> usize {
        self.range.len()
    }

    /// Whether it was opened for reading only.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// The first byte, aligned to 128; for code that brings its own `unsafe`, such as locks made `at` an
    /// address. It is valid for [`size`](Self::size) bytes as long as this segment.
    #[must_use]
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.range.base()
    }

    /// How many processes use it for writing, this one included. None if it was opened for reading only.
    #[must_use]
    pub fn peers(&self) -> Option<usize> {
        self.core().map(|core| core.members().live())
    }

    /// Whether somebody cut the file off.
    ///
    /// # Errors
    /// `Os`: the file cannot be looked at.
    pub fn is_truncated(&self) -> Result<bool> {
        if self.watched.as_ref().is_some_and(|watched| watched.was_cut()) {
            return Ok(true);
        }
        let stat = rustix::fs::fstat(&self.file)
            .map_err(|errno| Error::os("look at shared memory", &self.name, errno))?;
        let end = self.body + self.size() as u64;
        Ok(u64::try_from(stat.st_size).unwrap_or(0) < end)
    }

    /// Waits until what was written to a segment in a file has reached its file system.
    ///
    /// # Errors
    /// `NotOwner`, `Os`.
    #[doc(alias = "msync")]
    pub fn flush(&self) -> Result<()> {
        if forked() {
            return Err(Error::NotOwner { name: self.name.clone() });
        }
        match self.hold.whole() {
            Some((base, len)) => advice::flush(&self.name, base, len),
            None => Ok(()),
        }
    }

    /// What it is sealed against.
    ///
    /// # Errors
    /// `Unsupported`: a file that cannot be sealed.
    #[doc(alias = "F_GET_SEALS")]
    pub fn sealed(&self) -> Result<Sealed> {
        fcntl_get_seals(&self.file).map(Sealed::from_flags).map_err(|errno| self.seal_error(errno))
    }

    /// Seals it against more. It cannot be undone.
    ///
    /// # Errors
    /// `Os`: EPERM if it is sealed against further seals (as anonymous segments are by default, and
    /// named ones always), EBUSY for [`Sealed::WRITE`] while anybody, such as this segment, maps it
    /// for writing. `Unsupported`: a file that cannot be sealed.
    #[doc(alias = "F_ADD_SEALS")]
    pub fn seal(&self, sealed: Sealed) -> Result<()> {
        fcntl_add_seals(&self.file, sealed.flags()).map_err(|errno| self.seal_error(errno))
    }

    fn seal_error(&self, errno: Errno) -> Error {
        match errno {
            Errno::INVAL => Error::Unsupported { what: "seal this kind of file" },
            errno => Error::os("seal shared memory", &self.name, errno),
        }
    }

    pub(crate) fn core(&self) -> Option<&Core> {
        match &self.hold {
            Hold::Living(core) => Some(core),
            Hold::Looking(..) => None,
        }
    }
}

impl AsFd for Segment {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl From<Segment> for OwnedFd {
    fn from(segment: Segment) -> Self {
        segment.file
    }
}

impl TryFrom<OwnedFd> for Segment {
    type Error = Error;

    fn try_from(fd: OwnedFd) -> Result<Self> {
        Self::from_fd(fd)
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().debug(f, "Segment")
    }
}
