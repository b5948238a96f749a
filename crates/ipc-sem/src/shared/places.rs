//! A count by process: {count: low 32 bits, generation of the owner id: high 32} in the place of its slot.
//!
//! Whoever takes a slot over finds what its former owner left, and begins at 1. A count whose generation
//! is not that of the slot's live owner is a dead process's.

use std::sync::atomic::{AtomicU64, Ordering};

use ipc_core::life::{Membership, OwnerId};

/// How many are counted.
pub(crate) const fn count(place: u64) -> u64 {
    place & 0xffff_ffff
}

/// Whose they are: a part of the owner id.
pub(crate) const fn generation(place: u64) -> u32 {
    (place >> 32) as u32
}

/// Counts one more of `me`'s; what stood there before.
#[inline]
pub(crate) fn enter(place: &AtomicU64, me: OwnerId) -> u64 {
    let mine = u64::from(me.generation()) << 32;
    let mut seen = place.load(Ordering::Relaxed);
    loop {
        let next = if generation(seen) == me.generation() { seen + 1 } else { mine + 1 };
        match place.compare_exchange_weak(seen, next, Ordering::SeqCst, Ordering::Relaxed) {
            Ok(before) => return before,
            Err(now) => seen = now,
        }
    }
}

/// Counts one less of ours. Only threads of this process write to its place.
#[inline]
pub(crate) fn leave(place: &AtomicU64) {
    place.fetch_sub(1, Ordering::SeqCst);
}

/// Whether what was seen in the place of `slot` is a live process's.
pub(crate) fn lives(members: &Membership, slot: usize, seen: u64) -> bool {
    members.owner_in(slot).is_some_and(|owner| owner.generation() == generation(seen))
}
