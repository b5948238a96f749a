//! A piece of memory that both halves of a model see: the ground the floors stand on.
#![expect(unsafe_code, reason = "a floor is shared memory in C shape")]

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// Anonymous shared memory, zeroed; a process forked later sees the same bytes.
///
/// Copies race with the other process by design: a floor publishes a flag after it wrote and reads after
/// it saw the flag, and no reference to the copied bytes ever exists.
#[derive(Debug)]
pub(super) struct Area {
    base: NonNull<u8>,
    length: usize,
}

// SAFETY: threads use an area as processes do: the words only as atomics, and the bytes only by copies
// that those words order (see the type). No method needs the thread that made it.
unsafe impl Send for Area {}

// SAFETY: as above; and no method hands out anything but atomics and copies.
unsafe impl Sync for Area {}

impl Area {
    pub(super) fn new(length: usize) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // Populated at once: no page fault falls into a measurement.
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: a null hint lets the kernel choose a place where nothing else is mapped.
        let base = unsafe { mmap_anonymous(std::ptr::null_mut(), length, access, flags) }?;
        let base = NonNull::new(base.cast()).expect("the kernel maps nothing at zero");
        Ok(Self { base, length })
    }

    /// The 32-bit word at `offset`.
    #[inline]
    pub(super) fn word32(&self, offset: usize) -> &AtomicU32 {
        let word = self.at(offset, 4).cast::<AtomicU32>();
        // SAFETY: `at` checked that the word lies in the mapping, which lives as long as `self`, and that it
        // is aligned; every process uses these four bytes only as an atomic.
        unsafe { word.as_ref() }
    }

    /// The 64-bit word at `offset`.
    #[inline]
    pub(super) fn word64(&self, offset: usize) -> &AtomicU64 {
        let word = self.at(offset, 8).cast::<AtomicU64>();
        // SAFETY: as in `word32`, for eight bytes.
        unsafe { word.as_ref() }
    }

    /// Copies `bytes` to `offset`.
    #[inline]
    pub(super) fn copy_in(&self, offset: usize, bytes: &[u8]) {
        let to = self.at(offset, bytes.len());
        // SAFETY: `at` checked that the target lies in the mapping; `bytes` is ours and cannot overlap it,
        // since no slice over the mapping exists.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to.as_ptr(), bytes.len()) };
    }

    /// Copies from `offset` to `bytes`.
    #[inline]
    pub(super) fn copy_out(&self, offset: usize, bytes: &mut [u8]) {
        let from = self.at(offset, bytes.len());
        // SAFETY: `at` checked that the source lies in the mapping; `bytes` is ours and cannot overlap it,
        // since no slice over the mapping exists.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), bytes.as_mut_ptr(), bytes.len()) };
    }

    /// The address of `length` bytes at `offset`, which must be inside and, for words, aligned.
    #[inline]
    fn at(&self, offset: usize, length: usize) -> NonNull<u8> {
        assert!(offset % 8 == 0 && offset + length <= self.length, "outside of the area");
        // SAFETY: `offset` is within the mapping, by the line above.
        unsafe { self.base.add(offset) }
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        // SAFETY: `new` mapped exactly this range, and every reference into it borrows `self`.
        let unmapped = unsafe { munmap(self.base.as_ptr().cast(), self.length) };
        unmapped.expect("unmap what was mapped");
    }
}
