//! How a segment is made or opened.

use std::os::fd::OwnedFd;
use std::path::Path;

use ipc_core::name::{PATH_MAX, check_path};
use ipc_core::safe::layout_of;
use ipc_core::segment::{Anonymous, At, Segment as Core, Spec};

use super::sealed::Sealed;
use super::{Hold, Segment, Source};
use crate::error::{Error, Result};
use crate::named::{ANONYMOUS, Place, check, check_peers};

/// Stands in the header of segments: other objects are refused.
pub(super) const KIND: u32 = u32::from_le_bytes(*b"segm");
/// Version of what stands in the header for a plain segment.
const VERSION: u64 = 1;

/// Which pages a segment is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Huge {
    /// The usual ones.
    #[default]
    No,
    /// Huge ones where the kernel can make some: they save address translations, and it may take
    /// some time. `Unsupported` where it was built without.
    Transparent,
    /// 2 MiB each, from those that the administrator set aside; the size is rounded up to whole pages. For
    /// [`anonymous`](SegmentOptions::anonymous) and System V segments.
    #[doc(alias = "MFD_HUGETLB")]
    Pages2M,
    /// 1 GiB each, likewise.
    Pages1G,
}

impl Huge {
    /// The size of a page as a power of two, if it was set aside.
    pub(super) const fn power(self) -> Option<u32> {
        match self {
            Self::Pages2M => Some(21),
            Self::Pages1G => Some(30),
            Self::No | Self::Transparent => None,
        }
    }
}

/// How a [`Segment`] is made or opened.
///
/// ```
/// # fn main() -> Result<(), ipc_shm::Error> {
/// # let name = format!("ipc-doc-{}", std::process::id());
/// let options = ipc_shm::SegmentOptions::new().size(1 << 20).mode(0o660).reclaim_stale(true);
/// let segment = options.create(&name)?;
/// assert_eq!(segment.size(), 1 << 20);
/// # ipc_shm::Segment::unlink(&name)
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until `create`, `open` or another of its verbs is called"]
pub struct SegmentOptions {
    pub(super) place: Place,
    pub(super) size: usize,
    pub(super) layout: u64,
    pub(super) peers: usize,
    pub(super) read_only: bool,
    pub(super) huge: Huge,
    pub(super) populate: bool,
    pub(super) lock: bool,
    pub(super) guard: bool,
    sealed: Sealed,
}

impl Default for SegmentOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl SegmentOptions {
    /// The defaults: size 0, mode 0600, up to 60 processes, usual pages.
    pub fn new() -> Self {
        Self {
            place: Place::default(),
            size: 0,
            layout: 0,
            peers: 60,
            read_only: false,
            huge: Huge::No,
            populate: false,
            lock: false,
            guard: false,
            sealed: Sealed::SHRINK | Sealed::GROW | Sealed::SEAL,
        }
    }

    /// Bytes of a new segment; one that exists must have at least as many.
    pub fn size(mut self, size: usize) -> Self {
        self.size = size;
        self
    }

    /// Permissions of a new segment, exactly, whatever the umask is.
    pub fn mode(mut self, mode: u32) -> Self {
        self.place.access.mode = mode & 0o666;
        self
    }

    /// A number that stands for what is in it. Who opens it with another one gets `Corrupt`: programs that
    /// do not agree never meet.
    pub fn layout(mut self, layout: u64) -> Self {
        self.layout = layout;
        self
    }

    /// How many processes may use a new segment at once: 1 to 240.
    pub fn peers(mut self, peers: usize) -> Self {
        self.peers = peers;
        self
    }

    /// Also opens a segment that belongs to this user.
    pub fn allow_owner(mut self, uid: u32) -> Self {
        self.place.access.owners.push(uid);
        self
    }

    /// Lets [`create`](Self::create) and [`create_file`](Self::create_file) replace a segment that nobody
    /// uses any more. Its content is lost. Who only reads it is not seen.
    pub fn reclaim_stale(mut self, reclaim: bool) -> Self {
        self.place.reclaim_stale = reclaim;
        self
    }

    /// Opens for reading only: the memory is mapped so, and this process takes no place in it.
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Which pages it is made of.
    pub fn huge(mut self, huge: Huge) -> Self {
        self.huge = huge;
        self
    }

    /// Touches every page now, so that none is waited for later (kernel 5.14).
    pub fn populate(mut self) -> Self {
        self.populate = true;
        self
    }

    /// Keeps it in memory: it is never swapped out. `Limit` where that is not allowed.
    #[doc(alias = "mlock")]
    pub fn lock(mut self) -> Self {
        self.lock = true;
        self
    }

    /// Uses the mapping of a named segment or a file under the [guard](crate::guard), which is installed
    /// now if it is not yet. Without it they are read and written by system calls.
    pub fn guard(mut self) -> Self {
        self.guard = true;
        self
    }

    /// What [`anonymous`](Self::anonymous) seals; `SHRINK` always. The default is `SHRINK`, `GROW` and
    /// `SEAL`. Leave `SEAL` out to seal more later.
    pub fn sealed(mut self, sealed: Sealed) -> Self {
        self.sealed = sealed;
        self
    }

    /// Makes a segment, all zeroes. Others see it when it is whole.
    ///
    /// # Errors
    /// `AlreadyExists`, `NoSpace`, `InvalidName`, `Limit` (`RLIMIT_FSIZE`, descriptors), `InvalidInput`
    /// (options that do not fit), `Unsupported` (set-aside huge pages), `NotOwner`, `Os`.
    ///
    /// # Linux
    /// [`shm_overview(7)`](https://man7.org/linux/man-pages/man7/shm_overview.7.html)
    pub fn create(&self, name: &str) -> Result<Segment> {
        self.create_at(name, &At::from(&check(name)?))
    }

    /// Opens a segment that exists.
    ///
    /// Only processes that cooperate may write to it: see `docs/safety.md`.
    ///
    /// # Errors
    /// `NotFound`, `WrongOwner`, `Corrupt`, `Truncated` (what lies there is no segment, or not such a one),
    /// `TooManyPeers`, `Contended` (another process that opens it is stopped), `InvalidName`, `NotOwner`, `Os`.
    pub fn open(&self, name: &str) -> Result<Segment> {
        self.open_at(name, &At::from(&check(name)?))
    }

    /// Opens the segment, or makes it if there is none.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`create`](Self::create).
    pub fn open_or_create(&self, name: &str) -> Result<Segment> {
        self.open_or_create_at(name, &At::from(&check(name)?))
    }

    /// Makes a segment in a file. Its content outlives the processes and, as far as the file system
    /// wrote it, the machine's run; the places of those who lived in it then are free again.
    ///
    /// The file system must be a local one.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_file(&self, path: impl AsRef<Path>) -> Result<Segment> {
        let (shown, at) = file_place(path.as_ref())?;
        self.create_at(&shown, &at)
    }

    /// Opens a segment in a file.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_file(&self, path: impl AsRef<Path>) -> Result<Segment> {
        let (shown, at) = file_place(path.as_ref())?;
        self.open_at(&shown, &at)
    }

    /// Opens a segment in a file, or makes it if there is none.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`create`](Self::create).
    pub fn file(&self, path: impl AsRef<Path>) -> Result<Segment> {
        let (shown, at) = file_place(path.as_ref())?;
        self.open_or_create_at(&shown, &at)
    }

    /// Makes a segment without a name, all zeroes, to be passed on as a descriptor. Nobody can change its
    /// size, so it needs no guard.
    ///
    /// # Errors
    /// `NoSpace` (also: no huge page is left), `Limit`, `Unsupported` (no such huge pages), `InvalidInput`,
    /// `NotOwner`, `Os`.
    ///
    /// # Linux
    /// [`memfd_create(2)`](https://man7.org/linux/man-pages/man2/memfd_create.2.html)
    #[doc(alias = "memfd_create")]
    pub fn anonymous(&self) -> Result<Segment> {
        self.check_writable()?;
        let how = Anonymous { huge: self.huge.power(), seals: self.sealed.flags() };
        let made = Core::anonymous_with(&self.spec()?, &how, |_| {});
        let (core, file) = made.map_err(|fault| match fault {
            ipc_core::segment::Fault::NotFound | ipc_core::segment::Fault::Os { .. }
                if how.huge.is_some() =>
            {
                Error::Unsupported { what: "use huge pages of this size" }
            }
            fault => Error::segment("create shared memory", ANONYMOUS, fault),
        })?;
        Segment::new(self, ANONYMOUS, Hold::Living(core), file, Source::Memory)
    }

    /// Opens the segment behind a descriptor. Whoever gave it vouches for its owner.
    ///
    /// # Errors
    /// `Corrupt`: no segment, or one whose size is not sealed. `Os` (EACCES): the descriptor is for
    /// reading only, and these options are not. Otherwise as [`open`](Self::open).
    pub fn from_fd(&self, fd: OwnedFd) -> Result<Segment> {
        self.check_pages()?;
        let fault = |fault| Error::segment("open shared memory", ANONYMOUS, fault);
        if self.read_only {
            let (file, header) = Core::look_at_fd(&fd, &self.spec()?).map_err(fault)?;
            let hold = Hold::look(ANONYMOUS, &file, &header)?;
            return Segment::new(self, ANONYMOUS, hold, file, Source::Memory);
        }
        let own = rustix::io::fcntl_dupfd_cloexec(&fd, 3)
            .map_err(|errno| Error::os("open shared memory", ANONYMOUS, errno))?;
        let core = Core::from_fd(fd, &self.spec()?).map_err(fault)?;
        Segment::new(self, ANONYMOUS, Hold::Living(core), own, Source::Memory)
    }

    fn create_at(&self, shown: &str, at: &At) -> Result<Segment> {
        self.check_writable()?;
        self.check_pages()?;
        let (spec, access) = (self.spec()?, &self.place.access);
        let made = if self.place.reclaim_stale {
            Core::replace_stale_with_file(at, &spec, access, |_| {})
        } else {
            Core::create_with_file(at, &spec, access, |_| {})
        };
        let (core, file) =
            made.map_err(|fault| Error::segment("create shared memory", shown, fault))?;
        Segment::new(self, shown, Hold::Living(core), file, Source::Name)
    }

    fn open_at(&self, shown: &str, at: &At) -> Result<Segment> {
        self.check_pages()?;
        let fault = |fault| Error::segment("open shared memory", shown, fault);
        let (spec, access) = (self.spec()?, &self.place.access);
        if self.read_only {
            let (file, header) = Core::look(at, &spec, access).map_err(fault)?;
            let hold = Hold::look(shown, &file, &header)?;
            return Segment::new(self, shown, hold, file, Source::Name);
        }
        let (core, file) = Core::open_with_file(at, &spec, access).map_err(fault)?;
        Segment::new(self, shown, Hold::Living(core), file, Source::Name)
    }

    fn open_or_create_at(&self, shown: &str, at: &At) -> Result<Segment> {
        self.check_writable()?;
        self.check_pages()?;
        let (spec, access) = (self.spec()?, &self.place.access);
        let made = Core::open_or_create_with_file(at, &spec, &spec, access, |_| {});
        let (core, file) =
            made.map_err(|fault| Error::segment("open shared memory", shown, fault))?;
        Segment::new(self, shown, Hold::Living(core), file, Source::Name)
    }

    pub(super) fn spec(&self) -> Result<Spec> {
        check_peers(self.peers)?;
        let layout = layout_of::<u64>(VERSION) ^ self.layout;
        Ok(Spec { slots: self.peers, ..Spec::new(KIND, layout, self.size) })
    }

    pub(super) fn check_writable(&self) -> Result<()> {
        match self.read_only {
            true => Err(Error::InvalidInput { what: "a segment that may be new is written to" }),
            false => Ok(()),
        }
    }

    fn check_pages(&self) -> Result<()> {
        match self.huge.power() {
            Some(_) => {
                Err(Error::Unsupported { what: "use set-aside huge pages for a named segment" })
            }
            None => Ok(()),
        }
    }
}

fn file_place(path: &Path) -> Result<(String, At)> {
    let shown = path.to_string_lossy().into_owned();
    match check_path(path, PATH_MAX - 1) {
        Ok(()) => Ok((shown, At::from(path))),
        Err(fault) => Err(Error::InvalidName { name: shown, reason: fault.to_string() }),
    }
}
