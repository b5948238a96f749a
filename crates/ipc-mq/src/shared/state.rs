//! What a slot is, in one word: every change of a message is one store of it.
//!
//! | high half | low half | meaning |
//! |---|---|---|
//! | FREE | 0 | no message; what its bytes say means nothing |
//! | QUEUED, perhaps AGAIN | 0 | a message that waits |
//! | HELD, perhaps AGAIN | owner id | a message that its receiver has not acknowledged |
//! | WRITING | owner id | its sender copies it |
//! | SENT | 0 | a message in its sender's lane, which has no number yet |

use std::sync::atomic::{AtomicU64, Ordering};

use ipc_core::life::OwnerId;

use super::claim::publish;

const QUEUED: u32 = 1;
const HELD: u32 = 2;
const WRITING: u32 = 3;
const SENT: u32 = 4;
/// It was delivered before, to one who did not acknowledge it.
const AGAIN: u32 = 1 << 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Free,
    Queued { again: bool },
    Held { by: OwnerId, again: bool },
    Writing { by: OwnerId },
    Sent,
}

impl State {
    /// A word that nobody wrote stands for a free slot.
    #[inline]
    pub(super) fn load(word: &AtomicU64) -> Self {
        let word = word.load(Ordering::Acquire);
        let low = (word & 0xffff_ffff) as u32;
        let high = (word >> 32) as u32;
        let again = high & AGAIN != 0;
        match (high & !AGAIN, OwnerId::from_bits(low)) {
            (QUEUED, _) => Self::Queued { again },
            (HELD, Some(by)) => Self::Held { by, again },
            (WRITING, Some(by)) => Self::Writing { by },
            (SENT, _) => Self::Sent,
            _ => Self::Free,
        }
    }

    /// Release: all that was written about the message before is there for who sees this.
    #[inline]
    pub(super) fn store(self, word: &AtomicU64) {
        let mark = |again| if again { AGAIN } else { 0 };
        let (high, low) = match self {
            Self::Free => (0, 0),
            Self::Queued { again } => (QUEUED | mark(again), 0),
            Self::Held { by, again } => (HELD | mark(again), by.bits()),
            Self::Writing { by } => (WRITING, by.bits()),
            Self::Sent => (SENT, 0),
        };
        word.store(u64::from(high) << 32 | u64::from(low), Ordering::Release);
    }

    /// Stores `Sent`: see [`publish`].
    #[inline]
    pub(super) fn send(word: &AtomicU64) {
        publish(word, u64::from(SENT) << 32);
    }
}
