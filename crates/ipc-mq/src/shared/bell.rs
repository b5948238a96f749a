//! The two words on which receivers and senders sleep.
//!
//! | bits | meaning |
//! |---|---|
//! | 0 | somebody sleeps, or did when the bell was last rung |
//! | 1 | one of them does not want just anything: then all are woken |
//! | 2 to 31 | grows by one with each announcement and each ring |
//!
//! Under the queue's lock a sleeper finds nothing, announces itself and looks again; then it gives the
//! lock back and sleeps. Another side makes something and rings, under the lock or, when it sent into its lane,
//! without it: announcing and looking, and sending and ringing, are in one order for all (`SeqCst`), so
//! either the one finds the message or the other finds the mark. A sleeper that was not asleep yet
//! finds the word changed. Who is killed before it wakes whom it should, or between being woken
//! and taking, leaves nobody asleep: a death wakes all.

use super::atomic::{AtomicU32, Ordering, fence};
use super::futex::{wake_all, wake_one};

const ASLEEP: u32 = 1;
const PICKY: u32 = 2;
const ONE: u32 = 4;

/// A ring that is to be heard once the lock is free.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ring {
    value: u32,
    all: bool,
}

/// Announces a sleeper, under the lock; it looks again, and sleeps while the word is what this returns.
pub(super) fn announce(bell: &AtomicU32, picky: bool) -> u32 {
    let mark = ASLEEP | if picky { PICKY } else { 0 };
    let next = |word: u32| word.wrapping_add(ONE) | mark;
    let before = bell.fetch_update(Ordering::SeqCst, Ordering::Relaxed, |word| Some(next(word)));
    fence(Ordering::SeqCst);
    before.map_or(0, next)
}

/// Rings, after what it rings for; with nobody asleep it is one load. `many`: there is something for more than one.
#[inline]
pub(super) fn ring(bell: &AtomicU32, many: bool) -> Option<Ring> {
    if bell.load(Ordering::SeqCst) & ASLEEP == 0 {
        return None;
    }
    let value = bell.fetch_add(ONE, Ordering::Relaxed).wrapping_add(ONE);
    Some(Ring { value, all: many || value & PICKY != 0 })
}

/// Wakes, without the lock.
#[cold]
pub(super) fn wake(bell: &AtomicU32, ring: Ring) {
    if ring.all {
        wake_all(bell);
    } else if wake_one(bell) {
        // Others may sleep still.
        return;
    }
    // Nobody sleeps now but who announced itself since, which changed the word.
    let quiet = ring.value & !(ASLEEP | PICKY);
    let _ = bell.compare_exchange(ring.value, quiet, Ordering::Relaxed, Ordering::Relaxed);
}
