//! Memory that a pipe may refer to instead of copying it.
//!
//! After `vmsplice(2)` the pipe, and whatever the bytes are spliced into, refers to our pages for as
//! long as it likes, and nothing tells when that ends. So nobody may ever write to them again: they
//! are filled, then frozen, and there is no way back. Freeing is safe at any time: the pipe holds
//! references of its own, and a page goes back to the system with the last of them.
#![expect(unsafe_code, reason = "maps memory, and lends it to the kernel without a copy")]

use std::fmt;
use std::ops::{Bound, Deref, DerefMut, RangeBounds};
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use rustix::io::Errno;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use rustix::pipe::{IoSliceRaw, SpliceFlags};

use crate::error::{Error, Result};

/// Private memory to fill, and then to [`freeze`](Self::freeze) and send through pipes without a
/// copy. It starts as zeroes.
///
/// ```
/// # fn main() -> Result<(), ipc_pipe::Error> {
/// let mut pages = ipc_pipe::Pages::new(64 * 1024)?;
/// pages.fill(b'x');
/// let pages = pages.freeze()?;
/// let (mut reader, mut writer) = ipc_pipe::pipe()?;
/// assert_eq!(writer.vmsplice(&pages)?, 64 * 1024);
/// assert_eq!(reader.read(&mut [0; 4096])?, 4096);
/// # Ok(())
/// # }
/// ```
pub struct Pages {
    map: Map,
    len: usize,
}

/// Memory that nobody can write to any more, to send with
/// [`Writer::vmsplice`](crate::Writer::vmsplice) as often as wanted.
///
/// A clone is the same memory; the last one to be dropped frees it. What is still in a pipe stays
/// there.
#[derive(Clone)]
pub struct FrozenPages {
    map: Arc<Map>,
    start: usize,
    len: usize,
}

impl Pages {
    /// `len` bytes of zeroes.
    ///
    /// # Errors
    /// `Os` with `ENOMEM`: there is not so much memory.
    ///
    /// # Linux
    /// [`mmap(2)`](https://man7.org/linux/man-pages/man2/mmap.2.html); `RLIMIT_AS`,
    /// `/proc/sys/vm/overcommit_memory`.
    #[doc(alias = "mmap")]
    pub fn new(len: usize) -> Result<Self> {
        let size = len.max(1).checked_next_multiple_of(rustix::param::page_size());
        let size = size.filter(|size| isize::try_from(*size).is_ok()).ok_or(Errno::NOMEM);
        let map = size.and_then(Map::new).map_err(|errno| Error::os("map pages", errno))?;
        Ok(Self { map, len })
    }

    /// Makes the memory read-only, for ever: there is no way back, since a pipe may refer to it for
    /// longer than anybody can know.
    ///
    /// # Errors
    /// `Os`: the kernel refuses, for want of memory.
    ///
    /// # Linux
    /// [`mprotect(2)`](https://man7.org/linux/man-pages/man2/mprotect.2.html)
    #[doc(alias = "mprotect")]
    pub fn freeze(self) -> Result<FrozenPages> {
        // SAFETY: `mprotect` needs a range that is mapped and that nobody relies on writing to: it is
        // the whole of `self.map`, and `self` is taken, so no `&mut [u8]` of it exists.
        let frozen =
            unsafe { mprotect(self.map.at.as_ptr().cast(), self.map.size, MprotectFlags::READ) };
        frozen.map_err(|errno| Error::os("freeze pages", errno))?;
        Ok(FrozenPages { map: Arc::new(self.map), start: 0, len: self.len })
    }
}

impl FrozenPages {
    /// A part of the memory, as a handle of its own. Nothing is copied.
    ///
    /// # Panics
    /// If the range is not inside, as with a slice.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_pipe::Error> {
    /// let mut pages = ipc_pipe::Pages::new(5)?;
    /// pages.copy_from_slice(b"hello");
    /// assert_eq!(&*pages.freeze()?.slice(1..3), b"el");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Self {
        let bounds = (range.start_bound().cloned(), range.end_bound().cloned());
        let part = &self[bounds];
        let from = match bounds.0 {
            Bound::Included(at) => at,
            Bound::Excluded(at) => at + 1,
            Bound::Unbounded => 0,
        };
        Self { map: Arc::clone(&self.map), start: self.start + from, len: part.len() }
    }
}

/// Lends the bytes from `from` on to a pipe: how many it had room for.
pub(crate) fn vmsplice(
    pipe: BorrowedFd<'_>,
    pages: &FrozenPages,
    from: usize,
    flags: SpliceFlags,
) -> Result<usize, Errno> {
    let bufs = [IoSliceRaw::from_slice(&pages[from..])];
    // SAFETY: without GIFT (`flags` is empty or NONBLOCK in splice.rs), the memory must not be
    // mutated while the pipe refers to it: nothing can, it is private, read-only, and stays so until
    // it is unmapped (`freeze` above). If `pipe` is a reading end after all, the kernel would write
    // to the memory, and fails with EFAULT, for the same reason.
    unsafe { rustix::pipe::vmsplice(pipe, &bufs, flags) }
}

impl Deref for Pages {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.map.bytes(0, self.len)
    }
}

impl DerefMut for Pages {
    fn deref_mut(&mut self) -> &mut [u8] {
        #[expect(clippy::disallowed_methods, reason = "the memory is private to this process")]
        // SAFETY: `len` bytes from `at` are mapped readable and writable and initialised (`Map::new`,
        // `Pages::new`), and borrowed as `self` is: the map has no other owner before `freeze`.
        unsafe {
            std::slice::from_raw_parts_mut(self.map.at.as_ptr(), self.len)
        }
    }
}

impl Deref for FrozenPages {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.map.bytes(self.start, self.len)
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("len", &self.len).finish_non_exhaustive()
    }
}

impl fmt::Debug for FrozenPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrozenPages").field("len", &self.len).finish_non_exhaustive()
    }
}

/// A private anonymous mapping.
struct Map {
    at: NonNull<u8>,
    size: usize,
}

// SAFETY: the mapping belongs to its owner alone, as a `Box<[u8]>` does; nothing is tied to a thread.
unsafe impl Send for Map {}
// SAFETY: through `&Map` the memory is only read.
unsafe impl Sync for Map {}

impl Map {
    fn new(size: usize) -> Result<Self, Errno> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: with a null hint and without FIXED, the kernel chooses a range that nothing uses.
        let at = unsafe { mmap_anonymous(ptr::null_mut(), size, access, MapFlags::PRIVATE) }?;
        NonNull::new(at.cast()).map(|at| Self { at, size }).ok_or(Errno::NOMEM)
    }

    fn bytes(&self, start: usize, len: usize) -> &[u8] {
        debug_assert!(start.checked_add(len).is_some_and(|end| end <= self.size));
        // SAFETY: `start` is inside the mapping: `Pages::new` rounds up, `slice` checks its range.
        let at = unsafe { self.at.as_ptr().add(start) };
        #[expect(clippy::disallowed_methods, reason = "the memory is private to this process")]
        // SAFETY: `len` bytes from `at` are inside the mapping (as above), readable and initialised
        // (anonymous memory is zeroes); whoever can write to them has `&mut Pages`, and this borrow
        // of the map excludes that.
        unsafe {
            std::slice::from_raw_parts(at, len)
        }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: the range was mapped by `new` and is unmapped once, here; borrows of it ended with
        // the owner. Pipes that refer to its pages hold references of their own.
        let unmapped = unsafe { munmap(self.at.as_ptr().cast(), self.size) };
        debug_assert!(unmapped.is_ok());
    }
}
