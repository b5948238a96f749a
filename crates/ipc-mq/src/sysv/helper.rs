//! The thread that ends waits in `msgsnd` and `msgrcv`, which know neither deadlines nor descriptors.
//!
//! One a process, started by the first wait that needs it. A waiting thread puts a [`Ticket`] on the list:
//! its number, its deadline, and the flag of its canceller. When one of them is due, the thread is sent a
//! signal whose handler does nothing; the call ends with `EINTR`, and the waiter looks why. A signal can come
//! before the call is entered and then ends nothing: so it is sent again and again until the ticket is taken
//! back. Tickets are taken back under the lock under which signals are sent: none comes later.
//!
//! The helper holds no descriptor, blocks all signals, and sleeps without ticking.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use ipc_core::Deadline;
use ipc_core::deadline::timespec;
use rustix::thread::{Pid, futex};

use super::wait::Asked;
use crate::sys::signal::{self, Mask};

/// Between two signals to the same thread: from, and at most. It doubles.
const RESEND: Duration = Duration::from_micros(100);
const SLOWEST: Duration = Duration::from_millis(5);

/// Counts what the helper should look at again. It sleeps on it; who changes something adds one and wakes.
static NEWS: AtomicU32 = AtomicU32::new(0);

/// Something changed. Async-signal-safe: one addition, one `futex(2)`.
pub(super) fn rouse() {
    NEWS.fetch_add(1, Ordering::Release);
    // It fails only for a word that is not mapped.
    let _ = futex::wake(&NEWS, futex::Flags::PRIVATE, 1);
}

/// The signal that a helper sends, and the waits that it ends.
struct Helper {
    signal: i32,
    tickets: Mutex<Vec<Arc<Entry>>>,
}

/// The process that has a helper, and the helper; `None` if it could not be started. A fork's child has no
/// such thread and takes the next place: what it inherited is left alone, since a thread that the child has
/// not may hold its lock. A family of more generations polls.
static HELPERS: [OnceLock<(Pid, Option<&'static Helper>)>; 16] = [const { OnceLock::new() }; 16];

#[derive(Debug)]
struct Entry {
    thread: Pid,
    deadline: Deadline,
    asked: Arc<Asked>,
    /// Signals sent. Written by the helper under the lock; the waiter reads it under the lock.
    nudges: AtomicU32,
}

/// A wait that the helper ends in time. Dropping it takes it back.
pub(super) struct Ticket {
    helper: &'static Helper,
    entry: Arc<Entry>,
    mask: Option<Mask>,
}

impl Ticket {
    /// Asks the helper to end the calling thread's wait. `None`: it cannot (no thread, no free signal).
    pub(super) fn take(deadline: Deadline, asked: &Arc<Asked>) -> Option<Self> {
        let helper = helper()?;
        let entry = Arc::new(Entry {
            thread: signal::this_thread(),
            deadline,
            asked: Arc::clone(asked),
            nudges: AtomicU32::new(0),
        });
        let mask = Some(Mask::unblock(helper.signal));
        helper.tickets().push(Arc::clone(&entry));
        // Without a deadline there is nothing to plan. A request to cancel rouses by itself; one that came
        // before the ticket was on the list, the waiter sees when it looks next.
        if !deadline.is_never() {
            rouse();
        }
        Some(Self { helper, entry, mask })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut tickets = self.helper.tickets();
        tickets.retain(|other| !Arc::ptr_eq(other, &self.entry));
        let nudged = self.entry.nudges.load(Ordering::Relaxed) > 0;
        drop(tickets);
        if nudged {
            // Its return lets in a signal that was sent while we came here, before the mask is put back.
            rustix::thread::sched_yield();
        }
        self.mask = None;
    }
}

impl Helper {
    fn tickets(&self) -> MutexGuard<'_, Vec<Arc<Entry>>> {
        // Nobody panics under it; and a list of tickets has no half-done state.
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        loop {
            let news = NEWS.load(Ordering::Acquire);
            let sleep = self.tickets().iter().filter_map(|entry| self.see_to(entry)).min();
            let sleep = sleep.map(timespec);
            // Woken, changed, timed out, interrupted: each means to look again.
            let _ = futex::wait(&NEWS, futex::Flags::PRIVATE, news, sleep.as_ref());
        }
    }

    /// Ends the wait if it is due. When to look at it again; `None`: when there is news.
    fn see_to(&self, entry: &Entry) -> Option<Duration> {
        let left = entry.deadline.remaining();
        if left != Some(Duration::ZERO) && !entry.asked.is_asked() {
            return left;
        }
        // A thread that is gone took its ticket back before it went.
        let _ = signal::nudge(entry.thread, self.signal);
        let sent = entry.nudges.fetch_add(1, Ordering::Relaxed);
        Some(RESEND.saturating_mul(1 << sent.min(10)).min(SLOWEST))
    }
}

/// The helper of this process, started if there is none. `None`: waits must be ended by other means.
fn helper() -> Option<&'static Helper> {
    let process = rustix::process::getpid();
    HELPERS.iter().find_map(|slot| {
        let (owner, helper) = slot.get_or_init(|| (process, start()));
        (*owner == process).then_some(*helper)
    })?
}

#[cold]
fn start() -> Option<&'static Helper> {
    let Some(signal) = signal::claim() else {
        crate::log::warn(format_args!("no free real-time signal: waits for System V queues poll"));
        return None;
    };
    let helper: &Helper = Box::leak(Box::new(Helper { signal, tickets: Mutex::default() }));
    let blocked = Mask::block_all();
    let started = thread::Builder::new().name("ipc-mq-helper".to_owned()).spawn(|| helper.run());
    drop(blocked);
    if let Err(error) = &started {
        crate::log::warn(format_args!("no helper thread: waits for System V queues poll: {error}"));
    }
    started.is_ok().then_some(helper)
}
