//! Where everything stands in the body of a queue's segment, and the one place that reaches it.
//!
//! ```text
//! head      sizes; then, in one line, the lock and all that changes with every message
//! peers     one a slot of the life table: who waits and who holds
//! leaves    capacity of them: the index, see `index`
//! branches  capacity of them
//! slots     capacity of them: a header, then the bytes of the message
//! ```
//!
//! Only the slots are the truth. Everything else is derived from them and made anew after a death
//! inside the lock.
#![expect(unsafe_code, reason = "turns places in a segment into references, and copies messages")]

use std::ptr::NonNull;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

use ipc_core::lock::RawLock;
use ipc_core::segment::{Segment, Spec};

/// What lives in the segment, and the version of this file.
const KIND: u32 = u32::from_le_bytes(*b"MQUE");
const LAYOUT: u64 = 1;
/// Most messages a queue can hold: the numbers of leaves and branches have 31 bits.
pub(super) const MOST: usize = 1 << 30;

/// A number of a slot, leaf or branch that stands for none: numbers in memory are one higher.
pub(super) const NONE: u32 = 0;

/// The sizes, and what changes with every message. All but the sizes and the two bells is read and
/// written under the lock only (Relaxed: the lock orders it), or looked at as a hint.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Head {
    /// Slots. Written once, before the segment has a name.
    pub(super) capacity: AtomicU32,
    _pad: u32,
    /// Bytes of the longest message. Written once.
    pub(super) message_size: AtomicU64,
    _pad2: [u8; 112],
    /// Guards everything that follows, and the index.
    pub(super) lock: RawLock,
    /// Messages that wait to be received. Outside the lock: a hint.
    pub(super) queued: AtomicU32,
    /// Slots that are not free. Outside the lock: a hint.
    pub(super) taken: AtomicU32,
    /// `deaths` of the life table when the dead were last looked for.
    pub(super) deaths: AtomicU32,
    /// The bell on which receivers sleep: see `bell`.
    pub(super) arrived: AtomicU32,
    /// The bell on which senders sleep.
    pub(super) freed: AtomicU32,
    /// The index: a leaf, a branch, or none.
    pub(super) root: AtomicU32,
    /// What was used before and is free, a stack each; and how many were ever used.
    pub(super) slots: Pool,
    pub(super) leaves: Pool,
    pub(super) branches: Pool,
    _pad3: u32,
    /// The number that the next message gets.
    pub(super) next_id: AtomicU64,
    _pad4: [u8; 64],
}

/// Numbers that can be had: a stack through the free ones, then those never used. All zeroes is full.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) free: AtomicU32,
    pub(super) used: AtomicU32,
}

/// What one process does, for `stat` and for finding what it left. All zeroes: nobody.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Peer {
    /// Its owner id. Written by itself when it attaches.
    pub(super) owner: AtomicU32,
    pub(super) pid: AtomicU32,
    /// Threads of it that sleep. Written by itself.
    pub(super) receiving: AtomicU32,
    pub(super) sending: AtomicU32,
    /// Slots whose state names it. Under the lock.
    pub(super) holds: AtomicU32,
    _pad: [u32; 3],
}

/// One message, or none.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Slot {
    /// What this slot is: see [`State`](super::state::State). Each change of it is one store (Release),
    /// and the whole change: all else about the message was written before.
    pub(super) state: AtomicU64,
    /// Its number, from 1 up: the order of messages of one priority.
    pub(super) id: AtomicU64,
    pub(super) kind: AtomicI64,
    pub(super) priority: AtomicU32,
    pub(super) len: AtomicU32,
    /// The next in its leaf's list, or in the stack of free ones.
    pub(super) next: AtomicU32,
    _pad: u32,
}

/// All queued messages of one type and priority, first in, first out.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) kind: AtomicI64,
    /// The number of the first message.
    pub(super) first_id: AtomicU64,
    pub(super) priority: AtomicU32,
    pub(super) first: AtomicU32,
    pub(super) last: AtomicU32,
    /// The branch above, or the next free leaf.
    pub(super) parent: AtomicU32,
}

/// Where keys of the index first differ.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) children: [AtomicU32; 2],
    /// The bit in which the keys below differ, counted from the highest.
    pub(super) bit: AtomicU32,
    /// The branch above, or the next free branch.
    pub(super) parent: AtomicU32,
    /// The leaf below with the message to take first, and that message.
    pub(super) best_id: AtomicU64,
    pub(super) best_priority: AtomicU32,
    pub(super) best_leaf: AtomicU32,
}

const _: () = assert!(size_of::<Head>() == 256 && std::mem::offset_of!(Head, lock) == 128);
const _: () = assert!(size_of::<Peer>() == 32 && size_of::<Slot>() == 40);
const _: () = assert!(size_of::<Leaf>() == 32 && size_of::<Branch>() == 32);

/// A number, or a length, in the memory of the queue cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Corrupt(pub(super) &'static str);

/// How large the parts are. Private copies, checked once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) capacity: u32,
    pub(super) message_size: usize,
    pub(super) peers: usize,
    /// Bytes from slot to slot.
    stride: usize,
    /// Where the parts begin, and where the last ends.
    leaves: usize,
    branches: usize,
    slots: usize,
    end: usize,
}

impl Sizes {
    /// None if it cannot be counted.
    pub(super) fn new(capacity: usize, message_size: usize, peers: usize) -> Option<Self> {
        let count = u32::try_from(capacity).ok().filter(|_| (1..=MOST).contains(&capacity))?;
        u32::try_from(message_size).ok()?;
        let stride = size_of::<Slot>().checked_add(message_size)?.checked_next_multiple_of(64)?;
        let leaves = size_of::<Head>().checked_add(size_of::<Peer>().checked_mul(peers)?)?;
        let branches = leaves.checked_add(size_of::<Leaf>().checked_mul(capacity)?)?;
        let slots = branches.checked_add(size_of::<Branch>().checked_mul(capacity)?)?;
        let slots = slots.checked_next_multiple_of(128)?;
        let end = slots.checked_add(stride.checked_mul(capacity)?)?;
        let capacity = count;
        Some(Self { capacity, message_size, peers, stride, leaves, branches, slots, end })
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
    pub(super) fn read(&self, index: u32, into: &mut [u8]) -> Result<(), Corrupt> {
        if into.len() > self.sizes.message_size {
            return Err(Corrupt("a length"));
        }
        let from = self.bytes_place(index)?;
        // SAFETY: as in `write`; a cooperating process writes to a slot only while it owns it.
        unsafe { from.copy_to_nonoverlapping(NonNull::from(&mut *into).cast(), into.len()) };
        Ok(())
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
