//! What the kernel is told about a mapping once it is there: huge pages, populate, lock, flush.
#![expect(unsafe_code, reason = "these calls take addresses")]

use std::ptr::NonNull;

use rustix::io::Errno;
use rustix::mm::{Advice, MsyncFlags, madvise, mlock, msync};

use super::options::{Huge, SegmentOptions};
use crate::error::{Error, Result};

/// Since 6.1; neither rustix nor libc name it everywhere.
const MADV_COLLAPSE: i32 = 25;
/// The limit on locked memory.
const MEMLOCK: (&str, &str) = (
    "RLIMIT_MEMLOCK (memory that a process may lock)",
    "raise it with `ulimit -l` or setrlimit(2)",
);

/// Does what the options ask for with `len` bytes from `base` on: a whole mapping that the caller owns.
pub(super) fn apply(
    options: &SegmentOptions,
    name: &str,
    base: NonNull<u8>,
    len: usize,
) -> Result<()> {
    let at = base.as_ptr().cast();
    if options.huge == Huge::Transparent {
        // SAFETY: it changes no byte of a mapping that the caller owns.
        match unsafe { madvise(at, len, Advice::LinuxHugepage) } {
            Ok(()) => collapse(base, len),
            Err(Errno::INVAL) => {
                return Err(Error::Unsupported { what: "use transparent huge pages" });
            }
            Err(errno) => return Err(Error::os("ask for huge pages in", name, errno)),
        }
    }
    if options.populate {
        let advice =
            if options.read_only { Advice::LinuxPopulateRead } else { Advice::LinuxPopulateWrite };
        // SAFETY: touching pages changes no byte of a mapping that the caller owns.
        match unsafe { madvise(at, len, advice) } {
            Ok(()) => {}
            Err(Errno::INVAL) => return Err(Error::Unsupported { what: "populate (kernel 5.14)" }),
            Err(Errno::FAULT) => return Err(Error::Truncated { name: name.to_owned() }),
            Err(Errno::NOMEM) => return Err(Error::NoSpace { name: name.to_owned() }),
            Err(errno) => return Err(Error::os("populate", name, errno)),
        }
    }
    if options.lock {
        // SAFETY: it changes no byte of a mapping that the caller owns; unmapping unlocks.
        match unsafe { mlock(at, len) } {
            Ok(()) => {}
            Err(Errno::NOMEM | Errno::AGAIN | Errno::PERM) => return Err(Error::limit(MEMLOCK)),
            Err(errno) => return Err(Error::os("lock in memory", name, errno)),
        }
    }
    Ok(())
}

/// Pages that were reserved are small ones: makes huge ones of them now, where the kernel can and will.
fn collapse(base: NonNull<u8>, len: usize) {
    // SAFETY: it moves bytes and changes none, in a mapping that the caller of `apply` owns. What is
    // refused stays as it is.
    unsafe { libc::madvise(base.as_ptr().cast(), len, MADV_COLLAPSE) };
}

/// Writes what was changed in a file's mapping to its file system.
pub(super) fn flush(name: &str, base: NonNull<u8>, len: usize) -> Result<()> {
    // SAFETY: it reads a mapping that the caller owns.
    unsafe { msync(base.as_ptr().cast(), len, MsyncFlags::SYNC) }
        .map_err(|errno| Error::os("flush", name, errno))
}
