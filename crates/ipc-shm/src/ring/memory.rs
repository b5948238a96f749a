//! The memory of one ring: the one place that turns offsets into pointers.
//!
//! ```text
//! 0     what is written once: the size of the data
//! 128   what changes rarely: who sends, who receives, the two bells
//! 256   taken: written by the receiver for each message
//! 384   tail: written by the receiver now and then
//! 512   data
//! ```
#![expect(unsafe_code, reason = "reaches into memory that other processes write")]

use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use ipc_core::life::OwnerId;
use ipc_core::safe::ShmSafe;
use ipc_core::segment::Segment;
use ipc_core::wait::Bell;

use super::copy;
use super::flow::Words;
use super::record::{LINE, Place};
use super::role::Role;

/// The words of a ring that are not data. Zeroes are a new ring, but for the size.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Head {
    /// Bytes of data. Written once, before the ring is published.
    size: AtomicU64,
    /// The longest message, in bytes. Written once.
    capacity: AtomicU64,
    _pad: [u8; 112],
    /// Who sends.
    pub(crate) sender: Role,
    /// Who receives.
    pub(crate) receiver: Role,
    /// Rung for each message, if the receiver sleeps.
    pub(crate) arrived: Bell,
    /// Rung for each message taken, if the sender sleeps.
    pub(crate) freed: Bell,
    _pad2: [u8; 112],
    /// Written by the receiver for each message: see `flow`.
    taken: AtomicU64,
    _pad3: [u8; 120],
    /// Written by the receiver now and then.
    tail: AtomicU64,
    _pad4: [u8; 120],
}

const _: () = assert!(size_of::<Head>() == HEAD && align_of::<Head>() <= 128);

/// Bytes before the data.
pub(crate) const HEAD: usize = 512;

/// A ring somewhere in a segment. The pointers are valid as long as the segment, which it keeps.
#[derive(Debug)]
pub(crate) struct Memory {
    head: NonNull<Head>,
    data: NonNull<u8>,
    /// Private copies, checked once.
    size: usize,
    capacity: usize,
    /// Our owner id, 0 in a forked child: see `Membership::me_word`.
    me: NonNull<AtomicU32>,
    /// The segment's count of deaths.
    deaths: NonNull<AtomicU32>,
    segment: Segment,
}

// SAFETY: the memory belongs to the process, not to a thread, and stays as long as `segment`.
unsafe impl Send for Memory {}
// SAFETY: through a shared `Memory` only atomics are reached, and bytes that one side owns at a time:
// its `&mut` handle is the only one that asks for them.
unsafe impl Sync for Memory {}

impl Memory {
    /// Bytes that a ring with `size` bytes of data takes, in a segment or a part of one.
    pub(crate) const fn bytes(size: usize) -> usize {
        (HEAD + size).next_multiple_of(128)
    }

    /// Writes the sizes of a new ring that begins `offset` bytes into the body of `segment`.
    pub(crate) fn init(segment: &Segment, offset: usize, size: usize, capacity: usize) {
        if let Some(head) = head(segment, offset) {
            // SAFETY: `head` says that it lies in the segment; atomics.
            let head = unsafe { head.as_ref() };
            head.size.store(size as u64, Ordering::Relaxed);
            head.capacity.store(capacity as u64, Ordering::Relaxed);
        }
    }

    /// The ring that begins `offset` bytes into the body of `segment`, whose size follows from its
    /// capacity by `size_of`; none if that cannot be.
    pub(crate) fn new(
        segment: Segment,
        offset: usize,
        size_of: impl Fn(usize) -> Option<usize>,
    ) -> Option<Self> {
        let place = head(&segment, offset)?;
        // SAFETY: `head` says that it lies in the segment; atomics.
        let head = unsafe { place.as_ref() };
        let size = usize::try_from(head.size.load(Ordering::Relaxed)).ok()?;
        let capacity = usize::try_from(head.capacity.load(Ordering::Relaxed)).ok()?;
        let room = segment.body_size().checked_sub(offset)?.checked_sub(HEAD)?;
        if size_of(capacity) != Some(size) || size % LINE != 0 || size > room {
            return None;
        }
        // SAFETY: the line above: `HEAD` and `size` bytes of the body begin at `offset`.
        let data = unsafe { place.cast::<u8>().add(HEAD) };
        let me = NonNull::from(segment.members().me_word());
        let deaths = NonNull::from(segment.members().deaths_word());
        Some(Self { head: place, data, size, capacity, me, deaths, segment })
    }

    pub(crate) fn segment(&self) -> &Segment {
        &self.segment
    }

    /// The longest message.
    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    #[inline]
    pub(crate) fn head(&self) -> &Head {
        // SAFETY: `new` checked that it lies in the segment, which `self` keeps; atomics.
        unsafe { self.head.as_ref() }
    }

    /// Our owner id; none in a forked child.
    #[inline]
    pub(crate) fn me(&self) -> Option<OwnerId> {
        // SAFETY: it stays as long as the membership, which `segment` keeps: see `me_word`.
        OwnerId::from_bits(unsafe { self.me.as_ref() }.load(Ordering::Relaxed))
    }

    /// The count of deaths, as far as it is known here.
    #[inline]
    pub(crate) fn deaths(&self) -> u32 {
        // SAFETY: it lies in the control part of the segment, which `self` keeps.
        unsafe { self.deaths.as_ref() }.load(Ordering::Relaxed)
    }

    /// Copies a message into its place, which the sender owns.
    #[inline]
    pub(crate) fn write(&self, place: Place, bytes: &[u8]) {
        debug_assert!(bytes.len() == place.len && place.end <= self.size);
        // SAFETY: `place` lies in the data, since the flow gives no other; only the sender writes
        // there until it is committed; `bytes` is no part of it, as a slot's borrow ends before this.
        unsafe { copy::into(self.at(place.payload), bytes) };
    }

    /// Copies a message out of its place; `into` has its length.
    #[inline]
    pub(crate) fn read(&self, place: Place, into: &mut [u8]) {
        debug_assert!(into.len() == place.len && place.end <= self.size);
        // SAFETY: as in `write`; nobody writes there until the receiver takes it.
        unsafe { copy::out(self.at(place.payload), into) };
    }

    /// A message in place: one that was received and is not taken yet.
    #[inline]
    pub(crate) fn bytes_of(&self, place: Place) -> &[u8] {
        let start = self.at(place.payload).as_ptr();
        // SAFETY: it lies in the data (see `write`), every byte has a value, and a cooperating sender
        // does not write there until it is taken; the callers hold the receiver's `&mut` as long as
        // the slice, so nobody takes it.
        #[expect(clippy::disallowed_methods, reason = "the Trusted profile gives references")]
        unsafe {
            slice::from_raw_parts(start, place.len)
        }
    }

    /// A message to be written in place: one that is not committed.
    #[inline]
    #[expect(
        clippy::mut_from_ref,
        reason = "the callers hold the sender's `&mut`, which owns the place"
    )]
    pub(crate) fn bytes_of_mut(&self, place: Place) -> &mut [u8] {
        let start = self.at(place.payload).as_ptr();
        // SAFETY: it lies in the data (see `write`); only the sender touches it until it is committed,
        // and the callers hold the sender's `&mut` as long as the slice.
        #[expect(clippy::disallowed_methods, reason = "the Trusted profile gives references")]
        unsafe {
            slice::from_raw_parts_mut(start, place.len)
        }
    }

    /// Writes a value `offset` bytes into the data, where only the sender writes now.
    #[inline]
    pub(super) fn write_value<T: ShmSafe>(&self, offset: usize, value: T) {
        let place = self.value_place::<T>(offset);
        // SAFETY: `value_place` says that it fits; nobody else touches it until it is published.
        unsafe { place.write(value) };
    }

    /// Reads a value `offset` bytes into the data, where nobody writes now.
    #[inline]
    pub(super) fn read_value<T: ShmSafe>(&self, offset: usize) -> T {
        let place = self.value_place::<T>(offset);
        // SAFETY: `value_place` says that it fits; every pattern of bits is a `T`, which has nothing to
        // drop, so a copy of it is one.
        unsafe { place.read() }
    }

    #[inline]
    fn value_place<T: ShmSafe>(&self, offset: usize) -> NonNull<T> {
        assert!(offset + size_of::<T>() <= self.size, "outside of the ring");
        let place = self.at(offset).cast::<T>();
        debug_assert!(place.is_aligned());
        place
    }

    /// Asks for the line at `offset` to be ours by the time we write to it.
    #[inline]
    pub(crate) fn expect_write(&self, offset: usize) {
        let place = self.at(offset.min(self.size)).as_ptr();
        #[cfg(target_arch = "x86_64")]
        // SAFETY: PREFETCHW changes nothing but where the line is kept, whatever the address; a
        // processor without it takes it for a NOP.
        unsafe {
            std::arch::asm!("prefetchw [{}]", in(reg) place, options(nostack, preserves_flags, readonly));
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = place;
    }

    #[inline]
    fn at(&self, offset: usize) -> NonNull<u8> {
        debug_assert!(offset <= self.size);
        // SAFETY: `offset` is at most `size`, the bytes of the data: the flow and `decode` keep it so.
        unsafe { self.data.add(offset) }
    }
}

impl Words for Memory {
    #[inline]
    fn size(&self) -> usize {
        self.size
    }

    #[inline]
    fn header(&self, at: usize) -> &AtomicU64 {
        debug_assert!(at % 8 == 0 && at + 8 <= self.size);
        let word = self.at(at).cast::<AtomicU64>();
        // SAFETY: a multiple of 8 below `size`, which is one of 64, so inside and aligned; as long as
        // it is a header's place, both sides use it as an atomic only.
        unsafe { word.as_ref() }
    }

    #[inline]
    fn taken(&self) -> &AtomicU64 {
        &self.head().taken
    }

    #[inline]
    fn tail(&self) -> &AtomicU64 {
        &self.head().tail
    }
}

/// The head of a ring that begins `offset` bytes into the body; none if it does not lie in it.
fn head(segment: &Segment, offset: usize) -> Option<NonNull<Head>> {
    let end = offset.checked_add(HEAD)?;
    if end > segment.body_size() || offset % LINE != 0 {
        return None;
    }
    // SAFETY: `offset` is inside the body, by the line above.
    Some(unsafe { segment.body().add(offset) }.cast())
}
