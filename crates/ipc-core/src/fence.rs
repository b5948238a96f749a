//! A fence between a side that must be fast and a side that is about to sleep.
//!
//! "Store mine, then load yours" on both sides needs a full fence on both sides, or both can miss
//! the other. The fast side does it for every message; the slow side once a sleep. So the slow side
//! pays for both: `membarrier(2)` makes every running thread of every registered process pass a full
//! fence. The fast side then needs none, only the compiler must keep the order.

#[cfg(not(loom))]
use std::sync::OnceLock;

use crate::atomic::{Ordering, fence};

/// What the kernel grants this process. Asked once; both answers stay true for its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Support {
    /// This process is registered: its fast side needs no fence of its own.
    pub registered: bool,
    /// This process may send the barrier to the others: its sleeps need no slicing for its sake.
    pub can_send: bool,
}

/// Registers this process, at the first call, and tells what the kernel grants.
///
/// # Linux
/// [`membarrier(2)`](https://man7.org/linux/man-pages/man2/membarrier.2.html), global expedited:
/// kernel 4.16. A sandbox may refuse it.
#[cfg(not(loom))]
pub fn support() -> Support {
    use rustix::thread::{MembarrierCommand, membarrier};
    static SUPPORT: OnceLock<Support> = OnceLock::new();
    *SUPPORT.get_or_init(|| Support {
        registered: membarrier(MembarrierCommand::RegisterGlobalExpedited).is_ok(),
        can_send: membarrier(MembarrierCommand::GlobalExpedited).is_ok(),
    })
}

/// The fast side's half: between its store and its load.
#[inline]
pub fn light() {
    #[cfg(not(loom))]
    if support().registered {
        crate::atomic::compiler_fence(Ordering::SeqCst);
        return;
    }
    fence(Ordering::SeqCst);
}

/// The sleeper's half: between its store and its last look. True if it also fenced every registered
/// process; if false, a fast side may have missed the store and the sleep must be short.
pub fn heavy() -> bool {
    fence(Ordering::SeqCst);
    #[cfg(not(loom))]
    {
        use rustix::thread::{MembarrierCommand, membarrier};
        support().can_send && membarrier(MembarrierCommand::GlobalExpedited).is_ok()
    }
    #[cfg(loom)]
    true
}

/// After a process was judged dead, before what it held is taken over: its other threads are still.
///
/// The kernel marks a dead process's slot when one of its threads ends. Another one may go on for some
/// microseconds on its processor, until the signal that ended the first gets there. The barrier
/// interrupts every processor that runs a registered process, and a killed thread does not come back from an
/// interrupt. Where the kernel refuses the barrier, those microseconds stay.
pub fn still() {
    let _ = heavy();
}
