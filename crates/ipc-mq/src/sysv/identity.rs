//! Whether an id still means the queue that was opened.
//!
//! An id holds a slot and a sequence number, and comes again only after some 2^31 queues, or when a
//! privileged program asks for it (`/proc/sys/kernel/msg_next_id`). A call on an old id would then act on a
//! stranger's queue. The kernel cannot be told to compare, so a handle looks before it acts: at each call
//! while calls are rare, and once in [`CREDIT`] calls in a burst, where a look would cost as much as the call.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use libc::msqid_ds;

/// Calls without a look once a burst is proven.
const CREDIT: u32 = 128;
/// Calls this close to each other, seen this often in a row, prove a burst.
const CLOSE: Duration = Duration::from_micros(20);
const PROOF: u32 = 16;

#[derive(Debug)]
pub(super) struct Identity {
    /// Calls that may still go without a look. Only a count: nothing is ordered by it, and two threads that
    /// take the same one cost one look more or less.
    credit: AtomicU32,
    /// Whether this handle has sent, or received: then the queue's times show it. Set once (Relaxed), looked at
    /// by the same threads; another thread's use only adds to what a look can tell.
    sent: AtomicBool,
    received: AtomicBool,
    seen: Mutex<Seen>,
}

/// What the last look saw.
#[derive(Debug)]
struct Seen {
    data: Facts,
    at: Instant,
    close: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Facts {
    /// Fixed while the queue exists: key, sequence, who created it.
    fixed: (i32, u64, u32, u32),
    /// Changed only by `IPC_SET`, which sets `changed` too.
    set: (u32, u32, u16, u64),
    changed: i64,
    sent: i64,
    received: i64,
}

impl From<&msqid_ds> for Facts {
    fn from(data: &msqid_ds) -> Self {
        let perm = &data.msg_perm;
        Self {
            fixed: (perm.__key, u64::from(perm.__seq), perm.cuid, perm.cgid),
            set: (perm.uid, perm.gid, perm.mode & 0o777, data.msg_qbytes),
            changed: data.msg_ctime,
            sent: data.msg_stime,
            received: data.msg_rtime,
        }
    }
}

impl Identity {
    pub(super) fn new(data: &msqid_ds) -> Self {
        let seen = Seen { data: data.into(), at: Instant::now(), close: 0 };
        Self {
            credit: AtomicU32::new(0),
            sent: AtomicBool::new(false),
            received: AtomicBool::new(false),
            seen: Mutex::new(seen),
        }
    }

    /// Whether this call may go without a look.
    #[inline]
    pub(super) fn trusted(&self) -> bool {
        let credit = self.credit.load(Ordering::Relaxed);
        if credit == 0 {
            return false;
        }
        self.credit.store(credit - 1, Ordering::Relaxed);
        true
    }

    /// This handle sent a message.
    #[inline]
    pub(super) fn note_sent(&self) {
        self.sent.store(true, Ordering::Relaxed);
    }

    /// This handle received a message.
    #[inline]
    pub(super) fn note_received(&self) {
        self.received.store(true, Ordering::Relaxed);
    }

    /// Whether `data`, just looked up by the id, is of the same queue.
    pub(super) fn confirm(&self, data: &msqid_ds) -> bool {
        let now = Facts::from(data);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let unused = (self.sent.load(Ordering::Relaxed) && now.sent == 0)
            || (self.received.load(Ordering::Relaxed) && now.received == 0);
        if unused || !same(&seen.data, &now) {
            return false;
        }
        let at = Instant::now();
        // After credit was given, so many calls lie between the two looks.
        let calls = if seen.close == PROOF { CREDIT } else { 1 };
        let close = at.duration_since(seen.at) < CLOSE * calls;
        seen.close = if close { (seen.close + 1).min(PROOF) } else { 0 };
        if seen.close == PROOF {
            self.credit.store(CREDIT, Ordering::Relaxed);
        }
        seen.data = now;
        seen.at = at;
        true
    }
}

/// The times of use never go back to "never", and a new time of change needs a reason.
fn same(before: &Facts, now: &Facts) -> bool {
    let used = |before: i64, now: i64| before == 0 || now != 0;
    before.fixed == now.fixed
        && used(before.sent, now.sent)
        && used(before.received, now.received)
        && (before.changed == now.changed || before.set != now.set)
}

#[cfg(test)]
mod tests;
