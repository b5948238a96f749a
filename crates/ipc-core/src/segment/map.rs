//! The mapping of a segment: the one place that turns offsets into pointers.
#![expect(unsafe_code, reason = "maps memory that other processes write")]

use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64};

use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};

use super::header::{HEADER, Header, SLOT, TABLE};

/// A slot of the life table. All zeroes: free, never used.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Slot {
    /// Low half: the kernel's robust futex {TID, OWNER_DIED, WAITERS}; high half: generation. Written
    /// by who attaches, detaches or reports (one compare-and-swap of all 64 bits) and, low half only,
    /// by the kernel when the owner dies. Never accessed as 32 bits by us; the futex calls take its
    /// address, which is that of the low half.
    pub(crate) word: AtomicU64,
    /// TID of the thread that last freed it: see `keeper`. Written by that thread before it does.
    pub(crate) last_tid: AtomicU32,
    _pad: u32,
}

/// The words of the control part that change.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Control {
    /// `MAGIC`, or `BUILDING`. Stored last (Release) by who lays a segment into memory that was there.
    pub(super) magic: AtomicU64,
    _header: [u8; 40],
    /// See `memory::boot`. Changed under the attach lock, after the slots of another run were freed.
    pub(super) boot: AtomicU64,
    _spare: u64,
    /// 1: replaced by a new segment of the same name. Written under the attach lock, never undone.
    pub(crate) retired: AtomicU32,
    _pad: [u8; 60],
    /// Goes up by one for each death reported (Release), *after* the slot shows it; sleepers wait on it.
    pub(crate) deaths: AtomicU32,
    _pad2: [u8; 60],
    /// Goes up by one for each process that attached; keepers wait on it.
    pub(crate) members: AtomicU32,
    _pad3: [u8; 60],
}

const _: () = assert!(size_of::<Control>() == TABLE && size_of::<Slot>() == SLOT);

/// A whole segment, mapped. Unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Map {
    base: NonNull<u8>,
    header: Header,
}

// SAFETY: the mapping belongs to the process, not to a thread, and lives until the drop.
unsafe impl Send for Map {}
// SAFETY: through a shared `Map` only atomics are reached, or raw pointers.
unsafe impl Sync for Map {}

impl Map {
    /// Maps the file, which must be at least `header.total()` bytes.
    pub(super) fn new(fd: BorrowedFd<'_>, header: Header) -> Result<Self, Errno> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a null hint lets the kernel choose, so no mapping of ours is replaced.
        let base =
            unsafe { mmap(std::ptr::null_mut(), header.total(), access, MapFlags::SHARED, fd, 0) }?;
        Ok(Self { base: NonNull::new(base.cast()).ok_or(Errno::NOMEM)?, header })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    pub(crate) fn control(&self) -> &Control {
        // SAFETY: `new` mapped at least `TABLE` bytes at a page boundary, which stay until the drop,
        // so beyond every borrow of `self`; the fields are atomics or never read; zeroes are valid.
        unsafe { self.base.cast::<Control>().as_ref() }
    }

    /// Slot `index`, if the table has it.
    pub(crate) fn slot(&self, index: usize) -> Option<&Slot> {
        if index >= self.header.slots {
            return None;
        }
        // SAFETY: the table has `slots` slots from `TABLE` on, inside the mapping: `Header::new` put
        // the body behind them.
        let slot = unsafe { self.base.add(TABLE + index * SLOT) };
        // SAFETY: aligned, as `TABLE` and `SLOT` are multiples of 16; atomics; mapped until the drop.
        Some(unsafe { slot.cast::<Slot>().as_ref() })
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = &Slot> {
        (0..self.header.slots).filter_map(|index| self.slot(index))
    }

    /// The body's first byte.
    pub(super) fn body(&self) -> NonNull<u8> {
        // SAFETY: `body_offset` is inside the mapping, or one past its end for an empty body.
        unsafe { self.base.add(self.header.body_offset) }
    }

    /// The address `offset` bytes into the body; `offset` is at most its size.
    pub(super) fn at(&self, offset: usize) -> NonNull<u8> {
        // SAFETY: the callers checked `offset` against `body_size`, which is the rest of the mapping.
        unsafe { self.body().add(offset.min(self.header.body_size)) }
    }

    /// The first byte of all.
    pub(super) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// How far from the start of the mapping a word is that lies in it.
    pub(crate) fn offset_of(&self, word: &AtomicU32) -> Option<usize> {
        let address = std::ptr::from_ref(word).addr();
        self.range().contains(&address).then(|| address - self.range().start)
    }

    /// The word at such an offset.
    pub(crate) fn word(&self, offset: usize) -> Option<&AtomicU32> {
        let inside = offset % 4 == 0 && offset.checked_add(4)? <= self.header.total();
        if !inside {
            return None;
        }
        // SAFETY: inside the mapping, by the line above.
        let word = unsafe { self.base.add(offset) }.cast::<AtomicU32>();
        // SAFETY: aligned and inside; mapped until the drop; `offset_of` gave the offset of an atomic.
        Some(unsafe { word.as_ref() })
    }

    pub(super) fn range(&self) -> std::ops::Range<usize> {
        let start = self.base.as_ptr().addr();
        start..start + self.header.total()
    }

    /// Writes the header of a new segment, all but its first word.
    pub(super) fn write_header_without_magic(&self) {
        let bytes = self.header.encode();
        // SAFETY: the mapping is longer than a header.
        let second = unsafe { self.base.add(8) };
        let rest = NonNull::from(&bytes[8..]).cast();
        // SAFETY: `HEADER` bytes are mapped, nobody else uses them until they are published, and a
        // local array lies elsewhere.
        unsafe { second.copy_from_nonoverlapping(rest, HEADER - 8) };
    }

    /// Says that the segment is whole.
    pub(super) fn publish(&self) {
        self.control().magic.store(super::MAGIC, std::sync::atomic::Ordering::Release);
    }

    /// Zeroes all but the header. Nobody else uses it.
    pub(super) fn zero(&self) {
        // SAFETY: the mapping is longer than a header.
        let rest = unsafe { self.base.add(HEADER) };
        // SAFETY: so many bytes are mapped behind the header; the caller holds the attach lock of a
        // segment that is not published.
        unsafe { rest.write_bytes(0, self.header.total() - HEADER) };
    }

    /// Whether the life table is still there: somebody may have truncated the file. (A kernel before
    /// 5.14 cannot tell: then it is taken to be.)
    pub(crate) fn table_is_there(&self) -> bool {
        let base = self.base.as_ptr().cast();
        // SAFETY: populating changes nothing in memory that is mapped, and this is, until the drop.
        let there = unsafe { madvise(base, self.header.body_offset, Advice::LinuxPopulateRead) };
        there != Err(Errno::FAULT)
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: `new` mapped these bytes, and no borrow of `self` is left.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.header.total()) };
    }
}
