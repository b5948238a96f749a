//! The place of the one writer, sender or receiver: a word that names its owner.
//!
//! | word | meaning |
//! |---|---|
//! | 0 | nobody was there yet |
//! | owner id | that process; whether it lives, the life table says |
//! | owner id, highest bit set | it was there and left |

use std::sync::atomic::{AtomicU32, Ordering};

use ipc_core::life::{Membership, OwnerId};

const LEFT: u32 = 1 << 31;

/// Who sits in a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sitter {
    /// Nobody was there yet.
    Nobody,
    /// A live process.
    Live(OwnerId),
    /// It died there.
    Died,
    /// It left.
    Left,
}

/// Who sits there. What it did before it left or died is seen by loads after this one.
#[inline]
pub(crate) fn sitter(word: &AtomicU32, members: &Membership) -> Sitter {
    // Acquire: pairs with the compare-and-swap of `leave`.
    let seen = word.load(Ordering::Acquire);
    match OwnerId::from_bits(seen) {
        None => Sitter::Nobody,
        Some(_) if seen & LEFT != 0 => Sitter::Left,
        Some(owner) if members.is_alive(owner) => Sitter::Live(owner),
        Some(_) => Sitter::Died,
    }
}

/// Takes the seat, unless a live process has it.
pub(crate) fn take(word: &AtomicU32, members: &Membership, me: OwnerId) -> bool {
    loop {
        let seen = word.load(Ordering::Acquire);
        let owner = OwnerId::from_bits(seen).filter(|_| seen & LEFT == 0);
        if owner.is_some_and(|owner| members.is_alive(owner)) {
            return false;
        }
        // Of two takers one wins; the other looks again and finds it alive. Acquire: what the last
        // one did is seen by us.
        let taken =
            word.compare_exchange(seen, me.bits(), Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if taken {
            return true;
        }
    }
}

/// Leaves the seat.
pub(crate) fn leave(word: &AtomicU32, me: OwnerId) {
    let left = me.bits() | LEFT;
    let _ = word.compare_exchange(me.bits(), left, Ordering::Release, Ordering::Relaxed);
}
