//! How closely the two sides of a stream follow each other.
//!
//! A receiver that looks again as soon as it has taken the last message meets the sender at each message, in the
//! lines where that one works, and both are slow. If it lets some come together first, each line goes
//! over once. So the first look in vain after some messages is followed by a pause, about as long as
//! ten messages take. Whoever exchanges single messages is not delayed, except once in a while, to
//! find out whether a stream has begun.
//!
//! Likewise a sender to a queue that is nearly full: if it came for each slot as it gets free, it would
//! take the lock from the receivers for each. So it waits until they freed several; if they do not free
//! any, it learns not to wait.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::layout::Memory;
use super::shape::LENT;

/// So many messages since the last look in vain are a stream.
const STREAM: u32 = 4;
/// One in so many other looks in vain is followed by a pause too.
const TRY: u32 = 256;
const PAUSES: u32 = 40;

/// What this process saw lately: private memory, and it may be a little wrong.
#[derive(Debug, Default)]
pub(super) struct Follow {
    messages: AtomicU32,
    looks: AtomicU32,
}

impl Follow {
    #[inline]
    pub(super) fn got(&self) {
        self.messages.store(self.messages.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// After a look in vain: pauses, or says that it is not the time for it.
    #[inline]
    pub(super) fn pause(&self) -> bool {
        let messages = self.messages.load(Relaxed);
        if messages == 0 {
            return false;
        }
        self.messages.store(0, Relaxed);
        let looks = self.looks.load(Relaxed).wrapping_add(1);
        self.looks.store(looks, Relaxed);
        if messages < STREAM && looks % TRY != 0 {
            return false;
        }
        for _ in 0..PAUSES {
            std::hint::spin_loop();
        }
        true
    }
}

/// How often a sender looks for more free slots, at most, before it takes what there is.
const LOOKS: u32 = 8;

/// Whether waiting for slots was in vain: private memory, and it may be a little wrong.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// So many times it is not tried.
    skip: AtomicU32,
    /// And so many, if the next time is in vain again.
    next: AtomicU32,
}

impl Pace {
    /// Before slots are borrowed: waits a little while there are few and they become more.
    #[inline]
    pub(super) fn wait(&self, memory: &Memory) {
        let capacity = memory.sizes().capacity;
        let want = LENT.min(capacity / 4);
        let free = || capacity.wrapping_sub(memory.head().taken.load(Relaxed));
        let mut before = free();
        let skip = self.skip.load(Relaxed);
        if before == 0 || before >= want {
            return;
        }
        if skip != 0 {
            self.skip.store(skip - 1, Relaxed);
            return;
        }
        for _ in 0..LOOKS {
            for _ in 0..want {
                std::hint::spin_loop();
            }
            let now = free();
            if now <= before {
                let skip = self.next.load(Relaxed);
                self.skip.store(skip, Relaxed);
                self.next.store((2 * skip + 1).min(TRY), Relaxed);
                return;
            }
            self.next.store(0, Relaxed);
            if now >= want {
                return;
            }
            before = now;
        }
    }
}
