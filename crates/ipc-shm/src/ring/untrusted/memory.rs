//! The two mappings of a channel: the memory that only we write, and the memory that the peer writes.
//!
//! No reference into either exists, not even for an instant: words are loaded and stored by volatile
//! accesses, payload is copied between raw addresses. The peer's memory is mapped for reading only.
#![expect(unsafe_code, reason = "maps memory that a peer writes, and copies out of it")]

mod copy;

use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::atomic::{Ordering, fence};

use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous, munmap};

/// A range of mapped bytes. Unmapped when dropped.
#[derive(Debug)]
struct Map {
    base: NonNull<u8>,
    len: usize,
}

impl Map {
    fn shared(fd: BorrowedFd<'_>, len: usize, access: ProtFlags) -> Result<Self, Errno> {
        // Populated at once: no page fault is left to happen while a message is copied.
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: a null hint lets the kernel choose, so no mapping of ours is replaced.
        let base = unsafe { mmap(std::ptr::null_mut(), len, access, flags, fd, 0) }?;
        Ok(Self { base: NonNull::new(base.cast()).ok_or(Errno::NOMEM)?, len })
    }

    /// The address of `len` bytes at `offset`.
    ///
    /// # Panics
    /// If they are not inside. The callers have checked: it is the last line of defence.
    #[inline]
    fn at(&self, offset: usize, len: usize) -> NonNull<u8> {
        let inside = offset <= self.len && len <= self.len - offset;
        assert!(inside, "an offset outside of the mapping");
        // SAFETY: `offset` is inside the mapping or at its end, by the line above.
        unsafe { self.base.add(offset) }
    }

    /// The address of the 64-bit word at `offset`, which is a multiple of 8.
    #[inline]
    fn word(&self, offset: usize) -> NonNull<u64> {
        self.at(offset & !7, 8).cast()
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: the constructors mapped exactly these bytes, and no reference into them ever existed.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.len) };
    }
}

/// Memory that only this process writes.
///
/// Its words are written by one thread each: those of the sender by the one that has the `Sender`, those
/// of the receiver by the one that has the `Receiver`.
#[derive(Debug)]
pub(super) struct Own(Map);

// SAFETY: the mapping belongs to the process, not to a thread, and lives until the drop.
unsafe impl Send for Own {}
// SAFETY: as for `Send`; the two threads that may share it write different bytes of it: the ring and the
// sender's words, or the receiver's words.
unsafe impl Sync for Own {}

impl Own {
    /// Maps `len` bytes, all of which the file has.
    pub(super) fn new(fd: BorrowedFd<'_>, len: usize) -> Result<Self, Errno> {
        Map::shared(fd, len, ProtFlags::READ | ProtFlags::WRITE).map(Self)
    }

    /// Stores a word. Whoever sees it sees everything that was written before.
    #[inline]
    pub(super) fn publish(&self, offset: usize, value: u64) {
        fence(Ordering::Release);
        self.store(offset, value);
    }

    /// Stores a word.
    #[inline]
    pub(super) fn store(&self, offset: usize, value: u64) {
        // SAFETY: `word` gives an address inside the mapping, aligned; it is mapped for writing.
        unsafe { self.0.word(offset).write_volatile(value) };
    }

    /// Asks for the line at `offset` to be ours by the time we write to it.
    #[inline]
    pub(super) fn expect_write(&self, offset: usize) {
        let place = self.0.at(offset, 0).as_ptr();
        #[cfg(target_arch = "x86_64")]
        // SAFETY: PREFETCHW changes nothing but where the line is kept, whatever the address; a processor
        // without it takes it for a NOP.
        unsafe {
            std::arch::asm!("prefetchw [{}]", in(reg) place, options(nostack, preserves_flags, readonly));
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = place;
    }

    /// Copies `bytes` to `offset`.
    #[inline]
    pub(super) fn copy_in(&self, offset: usize, bytes: &[u8]) {
        let to = self.0.at(offset, bytes.len());
        let from = NonNull::from(bytes).cast();
        // SAFETY: `at` gave room for as many bytes as the slice has, mapped for writing; nobody else
        // writes there. The slice is ours, not in the mapping, into which no reference exists.
        unsafe { copy::copy_in(from, to, bytes.len()) };
    }
}

/// Memory that the peer may write at any time. We can only read it.
#[derive(Debug)]
pub(super) struct Foreign(Map);

// SAFETY: the mapping belongs to the process, not to a thread, and lives until the drop.
unsafe impl Send for Foreign {}
// SAFETY: it is only read, by accesses that another writer cannot make undefined.
unsafe impl Sync for Foreign {}

impl Foreign {
    /// Maps `len` bytes, all of which the file has and always will: the caller has checked its seals.
    pub(super) fn new(fd: BorrowedFd<'_>, len: usize) -> Result<Self, Errno> {
        Map::shared(fd, len, ProtFlags::READ).map(Self)
    }

    /// Loads a word, once. What the peer wrote before it is seen by later reads.
    #[inline]
    pub(super) fn load(&self, offset: usize) -> u64 {
        // SAFETY: `word` gives an address inside the mapping, aligned. The memory is not one of Rust's
        // allocations, so a volatile read of it is a read of the outside, whoever writes meanwhile.
        let value = unsafe { self.0.word(offset).read_volatile() };
        fence(Ordering::Acquire);
        value
    }

    /// Copies from `offset`, a multiple of 8, to `bytes`, whatever the peer does meanwhile.
    #[inline]
    pub(super) fn copy_out(&self, offset: usize, bytes: &mut [u8]) {
        let len = bytes.len();
        let from = self.0.at(offset & !7, len.next_multiple_of(8));
        let to = NonNull::from(bytes).cast();
        // SAFETY: `at` gave as many whole words as hold the slice, mapped for reading, and a mapping begins
        // on a page, so they are aligned. The slice is exclusively borrowed and not in the mapping.
        unsafe { copy::copy_out(from, to, len) };
    }
}

/// Tells whether this process was forked from the one that made the channel: a private page that a fork
/// wipes.
#[derive(Debug)]
pub(super) struct ForkMark(Map);

// SAFETY: as for `Own`.
unsafe impl Send for ForkMark {}
// SAFETY: after `new` it is only read, except by the kernel in a new process, before that runs.
unsafe impl Sync for ForkMark {}

impl ForkMark {
    pub(super) fn new() -> Result<Self, Errno> {
        let len = rustix::param::page_size();
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a null hint lets the kernel choose, so no mapping of ours is replaced.
        let base = unsafe { mmap_anonymous(std::ptr::null_mut(), len, access, MapFlags::PRIVATE) }?;
        let map = Map { base: NonNull::new(base.cast()).ok_or(Errno::NOMEM)?, len };
        // SAFETY: it changes only what a forked child will find in the page that was just mapped.
        unsafe { madvise(map.base.as_ptr().cast(), len, Advice::LinuxWipeOnFork) }?;
        // SAFETY: inside the page, aligned, mapped for writing, and nobody else knows it yet.
        unsafe { map.word(0).write_volatile(1) };
        Ok(Self(map))
    }

    #[inline]
    pub(super) fn forked(&self) -> bool {
        // SAFETY: inside the page, aligned, mapped for reading.
        unsafe { self.0.word(0).read_volatile() == 0 }
    }
}
