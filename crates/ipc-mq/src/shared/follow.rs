//! How closely a receiver follows the sender of a stream.
//!
//! One that looks again as soon as it has taken the last message meets the sender at each message, in the
//! lines where that one works, and both are slow. If it lets some come together first, each line goes
//! over once. So the first look in vain after some messages is followed by a pause, about as long as
//! ten messages take. Whoever exchanges single messages is not delayed, except once in a while, to
//! find out whether a stream has begun.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

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
