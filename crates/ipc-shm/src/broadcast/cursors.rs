//! The places of the receivers of a lossless broadcast.
//!
//! | owner word | meaning |
//! |---|---|
//! | 0 | free |
//! | owner id | that receiver; free again if it is dead |
//! | owner id, [`EVICTED`] | that receiver, which holds nobody back any more; free once it is dead or left |
//!
//! The place of an evicted receiver that lives is not given to another: it may be stopped right before it
//! stores its position there.

use ipc_core::fence::still;
use ipc_core::life::OwnerId;

use super::flow::{EVICTED, Shape, Tx};
use crate::area::Area;
use crate::atomic::Ordering;
use crate::memory::Memory as _;

/// A receiver, as its sender knows it: no two have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReceiverId(pub(super) u32);

/// A receiver of a lossless broadcast, and how far behind it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Follower {
    /// Which one.
    pub id: ReceiverId,
    /// Bytes, headers included, that it has not taken yet.
    pub behind: u64,
}

/// Whether the owner in an owner word lives.
pub(super) fn alive(area: &Area, word: u64) -> bool {
    owner(word).is_some_and(|owner| area.members().is_alive(owner))
}

fn owner(word: u64) -> Option<OwnerId> {
    OwnerId::from_bits(u32::try_from(word & !EVICTED).ok()?)
}

/// Takes a place.
pub(super) fn claim(area: &Area, shape: Shape, me: OwnerId) -> Option<usize> {
    let mine = u64::from(me.bits());
    (0..shape.cursors).find(|index| {
        let word = area.word(Shape::cursor(*index) + 8);
        let seen = word.load(Ordering::Acquire);
        if alive(area, seen) {
            return false;
        }
        if seen != 0 {
            // A thread of the dead may be at its last instruction.
            still();
        }
        word.compare_exchange(seen, mine, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    })
}

/// Whether the place is still ours: if not, we were evicted. After `Rx::is_whole`'s fence.
#[inline]
pub(super) fn is_ours(area: &Area, index: usize, me: OwnerId) -> bool {
    area.word(Shape::cursor(index) + 8).load(Ordering::Relaxed) == u64::from(me.bits())
}

/// Gives a place back, evicted or not.
pub(super) fn leave(area: &Area, index: usize, me: OwnerId) {
    let word = area.word(Shape::cursor(index) + 8);
    let mine = u64::from(me.bits());
    for seen in [mine, mine | EVICTED] {
        if word.compare_exchange(seen, 0, Ordering::Release, Ordering::Relaxed).is_ok() {
            return;
        }
    }
}

/// Takes a receiver's place from it. False: there is no such.
pub(super) fn evict(area: &Area, shape: Shape, id: ReceiverId) -> bool {
    let theirs = u64::from(id.0);
    (0..shape.cursors).any(|index| {
        let word = area.word(Shape::cursor(index) + 8);
        let evicted = theirs | EVICTED;
        word.compare_exchange(theirs, evicted, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    })
}

/// Everybody who holds the sender back or could.
pub(super) fn all(area: &Area, shape: Shape, tx: &Tx) -> Vec<Follower> {
    let follower = |index| {
        let seen = area.word(Shape::cursor(index) + 8).load(Ordering::Acquire);
        let id = owner(seen).filter(|_| seen & EVICTED == 0 && alive(area, seen))?;
        Some(Follower { id: ReceiverId(id.bits()), behind: tx.behind(area, index) })
    };
    (0..shape.cursors).filter_map(follower).collect()
}
