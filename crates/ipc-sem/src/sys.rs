//! Mappings of shared objects. The files below talk to the C library, one family of calls each.
#![expect(unsafe_code, reason = "mapping memory has no safe form")]

pub(crate) mod ofd;
pub(crate) mod posix;
pub(crate) mod pthread;
pub(crate) mod sysv;

use std::os::fd::OwnedFd;
use std::ptr::NonNull;

use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// A shared, writable mapping of the start of a file; unmapped on drop.
#[derive(Debug)]
pub(crate) struct Map {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping belongs to the process, not to a thread; `Map` gives out only its address.
unsafe impl Send for Map {}
// SAFETY: as above; nothing here changes through `&self`.
unsafe impl Sync for Map {}

impl Map {
    /// Maps the first `len` bytes. The descriptor is not needed afterwards.
    pub(crate) fn new(fd: &OwnedFd, len: usize) -> Result<Self, Errno> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: with a null hint the kernel chooses a place where nothing is, so no memory of
        // this program is replaced.
        let start = unsafe { mmap(std::ptr::null_mut(), len, access, MapFlags::SHARED, fd, 0) }?;
        Ok(Self { start: NonNull::new(start.cast()).ok_or(Errno::INVAL)?, len })
    }

    /// Where it starts: page-aligned, valid for `len` bytes until this is dropped.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: `new` made this mapping with this length, and only this unmaps it. Whoever was
        // given the address by `start` is owned or borrowed beside this and gone by now.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// The calling thread's error number.
pub(crate) fn last_errno() -> Errno {
    let error = std::io::Error::last_os_error();
    error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error)
}

/// An instant as glibc's monotonic waits want it: so long from now on CLOCK_MONOTONIC.
pub(crate) fn monotonic_in(time: std::time::Duration) -> libc::timespec {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let nanos = now.tv_nsec + i64::from(time.subsec_nanos());
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    libc::timespec {
        tv_sec: now.tv_sec.saturating_add(seconds).saturating_add(nanos / 1_000_000_000),
        tv_nsec: nanos % 1_000_000_000,
    }
}
