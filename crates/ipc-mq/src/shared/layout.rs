//! Where everything stands in the body of a queue's segment, and the one place that reaches it.
//!
//! ```text
//! head      sizes; then, on lines of their own, what receivers and what senders change
//! peers     one a slot of the life table: who waits and who holds
//! lanes     one a slot of the life table: see `lane`
//! leaves    capacity of them: the index, see `index`
//! branches  capacity of them
//! stack     capacity of numbers: the slots that are free again
//! slots     capacity of them: a header, then the bytes of the message
//! ```
//!
//! Only the slots are the truth. Everything else is derived from them and made anew after a death
//! inside the lock.
#![expect(unsafe_code, reason = "turns places in a segment into references, and copies messages")]

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use ipc_core::segment::{Segment, Spec};

use super::shape::{Branch, Corrupt, Head, Lane, LaneSet, Leaf, Peer, Slot};
use super::state::State;

/// What lives in the segment, and the version of this file.
const KIND: u32 = u32::from_le_bytes(*b"MQUE");
const LAYOUT: u64 = 2;
/// Most messages a queue can hold: the numbers of leaves and branches have 31 bits.
pub(super) const MOST: usize = 1 << 30;

/// How large the parts are. Private copies, checked once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) capacity: u32,
    pub(super) message_size: usize,
    pub(super) peers: usize,
    /// Bytes from slot to slot.
    stride: usize,
    /// Where the parts begin, and where the last ends.
    lanes: usize,
    leaves: usize,
    branches: usize,
    stack: usize,
    slots: usize,
    end: usize,
}

impl Sizes {
    /// None if it cannot be counted.
    pub(super) fn new(capacity: usize, message_size: usize, peers: usize) -> Option<Self> {
        let count = u32::try_from(capacity).ok().filter(|_| (1..=MOST).contains(&capacity))?;
        u32::try_from(message_size).ok()?;
        let stride = size_of::<Slot>().checked_add(message_size)?.checked_next_multiple_of(64)?;
        let lanes = size_of::<Head>().checked_add(size_of::<Peer>().checked_mul(peers)?)?;
        let lanes = lanes.checked_next_multiple_of(128)?;
        let leaves = lanes.checked_add(size_of::<Lane>().checked_mul(peers)?)?;
        let branches = leaves.checked_add(size_of::<Leaf>().checked_mul(capacity)?)?;
        let stack = branches.checked_add(size_of::<Branch>().checked_mul(capacity)?)?;
        let slots = stack.checked_add(size_of::<AtomicU32>().checked_mul(capacity)?)?;
        let slots = slots.checked_next_multiple_of(128)?;
        let end = slots.checked_add(stride.checked_mul(capacity)?)?;
        let capacity = count;
        Some(Self {
            capacity,
            message_size,
            peers,
            stride,
            lanes,
            leaves,
            branches,
            stack,
            slots,
            end,
        })
    }

    /// The segment for it.
    pub(super) fn spec(&self) -> Spec {
        Spec { slots: self.peers, ..Spec::new(KIND, LAYOUT, self.end) }
    }

    /// Any queue's segment.
    pub(super) fn any() -> Spec {
        Spec::new(KIND, LAYOUT, size_of::<Head>())
    }

    /// Writes them into a new segment.
    pub(super) fn write(&self, segment: &Segment) {
        let head = head(segment);
        head.capacity.store(self.capacity, Ordering::Relaxed);
        head.message_size.store(self.message_size as u64, Ordering::Relaxed);
    }

    /// Reads them from a segment, once.
    pub(super) fn read(segment: &Segment) -> Option<Self> {
        let head = head(segment);
        let capacity = usize::try_from(head.capacity.load(Ordering::Relaxed)).ok()?;
        let size = usize::try_from(head.message_size.load(Ordering::Relaxed)).ok()?;
        let sizes = Self::new(capacity, size, segment.members().slots())?;
        (sizes.end <= segment.body_size()).then_some(sizes)
    }
}

fn head(segment: &Segment) -> &Head {
    // SAFETY: every segment of ours is opened with `spec` or `any`, so its body has a `Head`; the body
    // is 128-aligned and stays as long as `segment`; the fields are atomics, for which any bits will do.
    unsafe { segment.body().cast::<Head>().as_ref() }
}

/// The memory of one queue.
#[derive(Debug)]
pub(super) struct Memory {
    segment: Segment,
    sizes: Sizes,
}

impl Memory {
    /// None: the sizes in it cannot be.
    pub(super) fn new(segment: Segment) -> Option<Self> {
        let sizes = Sizes::read(&segment)?;
        Some(Self { segment, sizes })
    }

    pub(super) fn segment(&self) -> &Segment {
        &self.segment
    }

    pub(super) fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    #[inline]
    pub(super) fn head(&self) -> &Head {
        head(&self.segment)
    }

    /// What the process in a slot of the life table does.
    #[inline]
    pub(super) fn peer(&self, slot: usize) -> Result<&Peer, Corrupt> {
        if slot >= self.sizes.peers {
            return Err(Corrupt("an owner"));
        }
        let place = self.place(size_of::<Head>() + slot * size_of::<Peer>()).cast::<Peer>();
        // SAFETY: the number was checked: the place is in the part of peers, whose bounds `Sizes::read`
        // checked; 32-aligned as the head's size is; atomics; kept by `self.segment`.
        Ok(unsafe { place.as_ref() })
    }

    /// The lane of the process in a slot of the life table.
    #[inline]
    pub(super) fn lane(&self, slot: usize) -> Result<&Lane, Corrupt> {
        if slot >= self.sizes.peers {
            return Err(Corrupt("an owner"));
        }
        let place = self.place(self.sizes.lanes + slot * size_of::<Lane>()).cast::<Lane>();
        // SAFETY: the number was checked: the place is in the part of lanes, whose bounds `Sizes::read`
        // checked; 128-aligned as the part and a lane's size are; atomics; kept by `self.segment`.
        Ok(unsafe { place.as_ref() })
    }

    /// The lanes that are somebody's.
    #[inline]
    pub(super) fn lanes(&self) -> LaneSet {
        let words = &self.head().lanes;
        LaneSet { words: std::array::from_fn(|at| words[at].load(Ordering::Relaxed)), at: 0 }
    }

    /// Whether the next slot of any lane was sent; without the lock a hint.
    #[inline]
    pub(super) fn any_sent(&self) -> bool {
        self.lanes().any(|at| {
            let next = self.lane(at).map(|lane| lane.next.load(Ordering::Relaxed));
            // What cannot be is noticed under the lock.
            next.is_ok_and(|next| {
                let slot = next.checked_sub(1).map(|slot| self.slot(slot));
                slot.is_some_and(|slot| {
                    slot.map_or(true, |slot| State::load(&slot.state) == State::Sent)
                })
            })
        })
    }

    /// One place of the stack of free slots.
    #[inline]
    pub(super) fn stack(&self, at: u32) -> Result<&AtomicU32, Corrupt> {
        let at = self.sizes.stack + self.checked(at)? * size_of::<AtomicU32>();
        // SAFETY: `checked` keeps it in the part of the stack, 4-aligned; atomics; kept by
        // `self.segment`.
        Ok(unsafe { self.place(at).cast::<AtomicU32>().as_ref() })
    }

    #[inline]
    pub(super) fn slot(&self, index: u32) -> Result<&Slot, Corrupt> {
        let place = self.slot_place(index)?.cast::<Slot>();
        // SAFETY: `slot_place` checked the number; 64-aligned as the part and the stride are; atomics;
        // kept by `self.segment`.
        Ok(unsafe { place.as_ref() })
    }

    #[inline]
    pub(super) fn leaf(&self, index: u32) -> Result<&Leaf, Corrupt> {
        let at = self.sizes.leaves + self.checked(index)? * size_of::<Leaf>();
        // SAFETY: `checked` keeps it in the part of leaves, 32-aligned; atomics; kept by `self.segment`.
        Ok(unsafe { self.place(at).cast::<Leaf>().as_ref() })
    }

    #[inline]
    pub(super) fn branch(&self, index: u32) -> Result<&Branch, Corrupt> {
        let at = self.sizes.branches + self.checked(index)? * size_of::<Branch>();
        // SAFETY: `checked` keeps it in the part of branches, 32-aligned; atomics; kept by
        // `self.segment`.
        Ok(unsafe { self.place(at).cast::<Branch>().as_ref() })
    }

    /// Copies a message into a slot that is the caller's: free and under the lock, or marked as its own.
    #[inline]
    pub(super) fn write(&self, index: u32, bytes: &[u8]) -> Result<(), Corrupt> {
        if bytes.len() > self.sizes.message_size {
            return Err(Corrupt("a length"));
        }
        let to = self.bytes_place(index)?;
        // SAFETY: the slot has room for `message_size` bytes behind its header, and no `&mut` or `&` to
        // them exists anywhere; only who owns the slot writes them. `bytes` is private memory or at
        // least not this slot's: no reference into a segment is ever given out.
        unsafe { to.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
        Ok(())
    }

    /// Copies a message out of a slot that is queued and under the lock, or held by the caller.
    #[inline]
    pub(super) fn read(&self, index: u32, len: usize) -> Result<Vec<u8>, Corrupt> {
        if len > self.sizes.message_size {
            return Err(Corrupt("a length"));
        }
        let from = self.bytes_place(index)?;
        let mut bytes = Vec::with_capacity(len);
        let to: *mut u8 = bytes.as_mut_ptr();
        // SAFETY: as in `write`; a cooperating process writes to a slot only while it owns it. `to` has
        // room for `len` bytes: `with_capacity`.
        unsafe { from.as_ptr().copy_to_nonoverlapping(to, len) };
        // SAFETY: the capacity is at least `len`, and so many bytes were just written.
        unsafe { bytes.set_len(len) };
        Ok(bytes)
    }

    /// Begins to fetch the first two lines of a slot, which the caller is about to write to: its stores, and
    /// whatever waits for them, then find the lines here.
    #[inline]
    pub(super) fn fetch(&self, index: u32) {
        let Ok(slot) = self.slot_place(index) else { return };
        for line in [0, 64] {
            let place = slot.as_ptr().wrapping_add(line);
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `prefetchw` is a hint: it takes any address, faults on none, and changes no memory
            // and no flags.
            unsafe {
                std::arch::asm!("prefetchw [{}]", in(reg) place, options(nostack, preserves_flags));
            }
            #[cfg(not(target_arch = "x86_64"))]
            let _ = place;
        }
    }

    /// The number of a slot, leaf or branch, if there are so many.
    #[inline]
    fn checked(&self, index: u32) -> Result<usize, Corrupt> {
        if index < self.sizes.capacity { Ok(index as usize) } else { Err(Corrupt("a number")) }
    }

    #[inline]
    fn slot_place(&self, index: u32) -> Result<NonNull<u8>, Corrupt> {
        Ok(self.place(self.sizes.slots + self.checked(index)? * self.sizes.stride))
    }

    #[inline]
    fn bytes_place(&self, index: u32) -> Result<NonNull<u8>, Corrupt> {
        let slot = self.slot_place(index)?;
        // SAFETY: the stride is at least the header's size.
        Ok(unsafe { slot.add(size_of::<Slot>()) })
    }

    /// The place `at` bytes into the body; the callers keep it below `end`.
    #[inline]
    fn place(&self, at: usize) -> NonNull<u8> {
        debug_assert!(at < self.sizes.end);
        // SAFETY: `at` is below `end`, which is at most the body's size: `Sizes::read` checked it.
        unsafe { self.segment.body().add(at) }
    }
}
