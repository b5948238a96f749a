//! What lies in shared memory, byte by byte.
//!
//! | object | bytes | fields, in order (32 bits each unless said otherwise) |
//! |---|---|---|
//! | `Semaphore` | 8 | value and sleepers' mark; largest value (0: 2^31 - 1) |
//! | `OwnedSemaphore` | 264 | permits; bell; 64 cells with the owner's id or 0 |
//! | `Mutex<T>` | 8 + T | lock word; poison; data |
//! | `RwLock<T>` | 496 + T | writer's lock word; poison; bell of readers; bell of writers; 60 times 64 bits: {count, generation}; data |
//! | `Condvar` | 4 | notifications times two, and sleepers' mark |
//! | `Barrier` | 488 | state; parties; 60 times 64 bits: {handles, generation} |
//! | `Event` | 8 | state; 1 for manual reset |
//! | `Once` | 8 | lock word; 1 when done |
//!
//! All zeroes is a valid value of each. A change of any of this is a change of [`VERSION`].
#![expect(unsafe_code, reason = "states what the layouts hold")]

use std::sync::atomic::{AtomicU32, AtomicU64};

use ipc_core::lock::RawLock;
use ipc_core::safe::{ShmSafe, layout_of};

use super::cell::ShmCell;
use super::{Bell, Body};

/// Of all layouts in this file.
const VERSION: u64 = 1;
/// Places for processes in what counts by process; as many as a segment of ours has.
pub(crate) const PLACES: usize = 60;
/// The most permits of an `OwnedSemaphore`.
pub(crate) const PERMITS: usize = 64;

const fn kind(letters: [u8; 4]) -> u32 {
    u32::from_le_bytes(letters)
}

#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct SemaphoreBody {
    pub(crate) value: AtomicU32,
    pub(crate) max: AtomicU32,
}

#[repr(C)]
#[derive(Debug)]
pub(crate) struct OwnedBody {
    pub(crate) permits: AtomicU32,
    pub(crate) bell: Bell,
    pub(crate) cells: [AtomicU32; PERMITS],
}

#[repr(C)]
#[derive(Debug)]
pub(crate) struct MutexBody<T> {
    pub(crate) lock: RawLock,
    pub(crate) poison: AtomicU32,
    pub(crate) data: ShmCell<T>,
}

#[repr(C)]
#[derive(Debug)]
pub(crate) struct RwLockBody<T> {
    pub(crate) writer: RawLock,
    pub(crate) poison: AtomicU32,
    pub(crate) readers_bell: Bell,
    pub(crate) writers_bell: Bell,
    pub(crate) readers: [AtomicU64; PLACES],
    pub(crate) data: ShmCell<T>,
}

#[repr(C)]
#[derive(Debug)]
pub(crate) struct CondvarBody {
    pub(crate) word: AtomicU32,
}

#[repr(C)]
#[derive(Debug)]
pub(crate) struct BarrierBody {
    pub(crate) state: AtomicU32,
    pub(crate) parties: AtomicU32,
    pub(crate) joined: [AtomicU64; PLACES],
}

#[repr(C)]
#[derive(Debug)]
pub(crate) struct EventBody {
    pub(crate) state: AtomicU32,
    pub(crate) manual: AtomicU32,
}

#[repr(C)]
#[derive(Debug)]
pub(crate) struct OnceBody {
    pub(crate) lock: RawLock,
    pub(crate) done: AtomicU32,
}

// SAFETY: `repr(C)`, atomics only.
unsafe impl Body for SemaphoreBody {
    const KIND: u32 = kind(*b"SEMA");
    const WHAT: &'static str = "semaphore";
    const LAYOUT: u64 = layout_of::<[u32; 2]>(VERSION);
}

// SAFETY: `repr(C)`, atomics only.
unsafe impl Body for OwnedBody {
    const KIND: u32 = kind(*b"OSEM");
    const WHAT: &'static str = "owned semaphore";
    const LAYOUT: u64 = layout_of::<[u32; 66]>(VERSION);
}

// SAFETY: `repr(C)`, atomics and a cell of a `ShmSafe` value.
unsafe impl<T: ShmSafe> Body for MutexBody<T> {
    const KIND: u32 = kind(*b"MUTX");
    const WHAT: &'static str = "mutex";
    const LAYOUT: u64 = layout_of::<T>(VERSION);
}

// SAFETY: `repr(C)`, atomics and a cell of a `ShmSafe` value.
unsafe impl<T: ShmSafe + Sync> Body for RwLockBody<T> {
    const KIND: u32 = kind(*b"RWLK");
    const WHAT: &'static str = "read-write lock";
    const LAYOUT: u64 = layout_of::<T>(VERSION);
}

// SAFETY: `repr(C)`, one atomic.
unsafe impl Body for CondvarBody {
    const KIND: u32 = kind(*b"COND");
    const WHAT: &'static str = "condition variable";
    const LAYOUT: u64 = layout_of::<u32>(VERSION);
}

// SAFETY: `repr(C)`, atomics only.
unsafe impl Body for BarrierBody {
    const KIND: u32 = kind(*b"BARR");
    const WHAT: &'static str = "barrier";
    const LAYOUT: u64 = layout_of::<[u64; 61]>(VERSION);
}

// SAFETY: `repr(C)`, atomics only.
unsafe impl Body for EventBody {
    const KIND: u32 = kind(*b"EVNT");
    const WHAT: &'static str = "event";
    const LAYOUT: u64 = layout_of::<[u32; 2]>(VERSION);
}

// SAFETY: `repr(C)`, atomics only.
unsafe impl Body for OnceBody {
    const KIND: u32 = kind(*b"ONCE");
    const WHAT: &'static str = "once";
    const LAYOUT: u64 = layout_of::<[u32; 2]>(VERSION);
}

// The sizes that the table above promises.
const _: () = {
    assert!(size_of::<SemaphoreBody>() == 8 && align_of::<SemaphoreBody>() == 4);
    assert!(size_of::<OwnedBody>() == 264 && align_of::<OwnedBody>() == 4);
    assert!(size_of::<MutexBody<[u8; 0]>>() == 8 && align_of::<MutexBody<[u8; 0]>>() == 4);
    assert!(size_of::<RwLockBody<[u8; 0]>>() == 496 && align_of::<RwLockBody<[u8; 0]>>() == 8);
    assert!(size_of::<CondvarBody>() == 4 && align_of::<CondvarBody>() == 4);
    assert!(size_of::<BarrierBody>() == 488 && align_of::<BarrierBody>() == 8);
    assert!(size_of::<EventBody>() == 8 && align_of::<EventBody>() == 4);
    assert!(size_of::<OnceBody>() == 8 && align_of::<OnceBody>() == 4);
};
