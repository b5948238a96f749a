//! What the index is made of: its words, its keys, and where its nodes come from.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::shape::{Corrupt, NONE, Pool};

/// Bits of a key; the first `KIND_BITS` are the type.
pub(super) const KEY_BITS: u32 = 96;
pub(super) const KIND_BITS: u32 = 64;

/// A leaf, a branch or none, as it stands in memory: number + 1, then one bit that marks a branch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    None,
    Leaf(u32),
    Branch(u32),
}

impl Node {
    #[inline]
    pub(super) fn load(word: &AtomicU32) -> Self {
        let word = word.load(Relaxed);
        match (word >> 1).checked_sub(1) {
            None => Self::None,
            Some(index) if word & 1 == 0 => Self::Leaf(index),
            Some(index) => Self::Branch(index),
        }
    }

    #[inline]
    pub(super) fn word(self) -> u32 {
        match self {
            Self::None => NONE,
            Self::Leaf(index) => (index + 1) << 1,
            Self::Branch(index) => (index + 1) << 1 | 1,
        }
    }
}

/// The message of a subtree that is taken first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Best {
    pub(super) priority: u32,
    pub(super) id: u64,
    pub(super) leaf: u32,
}

impl Best {
    #[inline]
    pub(super) fn goes_before(self, other: Self) -> bool {
        (self.priority, other.id) > (other.priority, self.id)
    }

    pub(super) fn of_two(one: Self, other: Self) -> Self {
        if one.goes_before(other) { one } else { other }
    }
}

#[inline]
pub(super) fn key(kind: i64, priority: u32) -> u128 {
    u128::from(u64::from_ne_bytes(kind.to_ne_bytes())) << 32 | u128::from(priority)
}

/// Bit number `bit` of a key, as a child's number.
#[inline]
pub(super) fn side(key: u128, bit: u32) -> usize {
    usize::from(key >> (KEY_BITS - 1 - bit) & 1 == 1)
}

/// Takes a number out of a pool. `next` is where a free one names the next.
#[inline]
pub(super) fn allocate<'a>(
    pool: &Pool,
    capacity: u32,
    next: impl FnOnce(u32) -> Result<&'a AtomicU32, Corrupt>,
) -> Result<Option<u32>, Corrupt> {
    if let Some(index) = pool.free.load(Relaxed).checked_sub(1) {
        pool.free.store(next(index)?.load(Relaxed), Relaxed);
        return Ok(Some(index));
    }
    let fresh = pool.used.load(Relaxed);
    if fresh >= capacity {
        return Ok(None);
    }
    pool.used.store(fresh + 1, Relaxed);
    Ok(Some(fresh))
}

/// Gives a number back. `next` is where it names the next free one.
#[inline]
pub(super) fn release(pool: &Pool, index: u32, next: &AtomicU32) {
    next.store(pool.free.load(Relaxed), Relaxed);
    pool.free.store(index + 1, Relaxed);
}
