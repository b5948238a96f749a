//! Who has an end: one word, taken and given back by one compare-and-swap.
//!
//! | value | meaning |
//! |---|---|
//! | 0 | nobody had it yet |
//! | an owner id | that process has it, if it still lives |
//! | an owner id and `CLOSED` | that process had it and closed it |

use std::sync::atomic::{AtomicU32, Ordering};

use ipc_core::fence::still;
use ipc_core::life::{Membership, OwnerId};

const CLOSED: u32 = 1 << 31;

/// The word. Written by who takes the end (a free, closed or dead one) and by who has it (to close it).
#[repr(transparent)]
#[derive(Debug)]
pub(crate) struct Role(AtomicU32);

/// What is known of the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Other {
    /// Nobody had it yet.
    Awaited,
    Lives,
    Closed,
    Died,
}

impl Role {
    /// Takes the end. False: a live process has it.
    pub(crate) fn take(&self, members: &Membership, me: OwnerId) -> bool {
        loop {
            let seen = self.0.load(Ordering::Acquire);
            let owner = OwnerId::from_bits(seen).filter(|_| seen & CLOSED == 0);
            match owner {
                Some(owner) if members.is_alive(owner) => return false,
                // A thread of the dead may be at its last instruction.
                Some(_) => still(),
                None => {}
            }
            // Acquire: what the one before did comes before what we do.
            let taken =
                self.0.compare_exchange(seen, me.bits(), Ordering::AcqRel, Ordering::Relaxed);
            if taken.is_ok() {
                return true;
            }
        }
    }

    /// Gives the end back. False: it was not ours.
    pub(crate) fn close(&self, me: OwnerId) -> bool {
        let (mine, closed) = (me.bits(), me.bits() | CLOSED);
        self.0.compare_exchange(mine, closed, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Who has it or had it last, 0 if nobody.
    #[inline]
    pub(crate) fn owner(&self) -> u32 {
        self.0.load(Ordering::Relaxed) & !CLOSED
    }

    /// Gives an end that was just taken back to who had it.
    pub(crate) fn put_back(&self, me: OwnerId, before: u32) {
        let _ = self.0.compare_exchange(me.bits(), before, Ordering::Release, Ordering::Relaxed);
    }

    /// The word as it is: who has or had the end.
    pub(crate) fn holder(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    /// What became of who had it.
    pub(crate) fn other(&self, members: &Membership) -> Other {
        let seen = self.0.load(Ordering::Acquire);
        match OwnerId::from_bits(seen) {
            None => Other::Awaited,
            Some(_) if seen & CLOSED != 0 => Other::Closed,
            Some(owner) if members.is_alive(owner) => Other::Lives,
            Some(_) => Other::Died,
        }
    }
}
