//! Spin, then park: how a side waits for a word in shared memory.
//!
//! The word under the wait belongs to the caller; this file owns the *bell*, one 32-bit word beside
//! it. A sleeper announces itself on the bell, fences, looks a last time and sleeps on the bell. The
//! other side publishes and rings: with nobody asleep that is one load and no fence (see
//! [`fence`]).
//!
//! No sleep is longer than [`SLICE`]: a ringer can be killed between counting its ring and
//! waking the sleepers, and then nobody else would.

use std::time::{Duration, Instant};

use crate::atomic::{AtomicU32, Ordering};
use crate::deadline::Deadline;
use crate::fence;

/// The longest single sleep. After it the sleeper looks again, whoever died meanwhile.
pub const SLICE: Duration = Duration::from_millis(250);
/// The longest single sleep where the kernel refuses the asymmetric fence.
pub const SHORT_SLICE: Duration = Duration::from_millis(100);

/// Lowest bit of the bell: somebody sleeps, or is about to.
const ASLEEP: u32 = 1;

/// One word in shared memory on which any number of processes sleep until it is rung.
///
/// Values: `rings * 2 + asleep`. A sleeper sets the lowest bit before its heavy fence and sleeps only
/// while the whole word stays as it then was. A ringer that sees the bit set after its light fence
/// adds one, which clears the bit and counts the ring, and wakes all. The count is there for a third
/// process that announces itself between the ring and another's sleep: with the bit alone, that
/// other would find the word as it left it, and sleep through. A scribbled word costs wake-ups or a
/// slice, nothing else.
#[repr(transparent)]
#[derive(Debug)]
pub struct Bell(AtomicU32);

/// A sleep that was announced and has not begun.
#[derive(Clone, Copy, Debug)]
pub struct Nap {
    value: u32,
    longest: Duration,
}

impl Nap {
    /// What the bell's word was when the sleeper announced itself: it sleeps while it stays so.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.value
    }

    /// The longest that it may sleep before it looks again.
    #[must_use]
    pub const fn longest(self) -> Duration {
        self.longest
    }
}

impl Default for Bell {
    fn default() -> Self {
        Self::new()
    }
}

impl Bell {
    /// A bell on which nobody sleeps. All zeroes is the same.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// A bell on which nobody sleeps.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Wakes the sleepers, if there are any. Call it after the store they wait for.
    #[inline]
    pub fn ring(&self) {
        fence::light();
        self.ring_after_fence();
    }

    /// As [`ring`](Self::ring), after a light fence of the caller's own.
    #[inline]
    pub fn ring_after_fence(&self) {
        let value = self.0.load(Ordering::Relaxed);
        if value & ASLEEP != 0 {
            self.wake(value);
        }
    }

    /// The word to sleep on, beside others.
    #[must_use]
    #[inline]
    pub fn word(&self) -> &AtomicU32 {
        &self.0
    }

    #[cold]
    fn wake(&self, value: u32) {
        let rung = value.wrapping_add(1);
        // If it fails, another ringer was first: it wakes all who slept by then, and who announced
        // itself after that sees our store when it looks a last time.
        if self.0.compare_exchange(value, rung, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            futex::wake_all(&self.0);
        }
    }

    /// Announces a sleeper. The caller looks again at what it waits for before it sleeps.
    pub fn announce(&self) -> Nap {
        let value = self.0.fetch_or(ASLEEP, Ordering::Relaxed) | ASLEEP;
        let longest = if fence::heavy() { SLICE } else { SHORT_SLICE };
        Nap { value, longest }
    }

    /// Whether the bell was not rung since `nap` was announced: then the kernel would let it sleep.
    #[must_use]
    pub fn quiet_since(&self, nap: Nap) -> bool {
        self.0.load(Ordering::Relaxed) == nap.value
    }

    /// Whether a sleeper is announced and has not been rung for.
    #[must_use]
    pub fn announced(&self) -> bool {
        self.0.load(Ordering::Relaxed) & ASLEEP != 0
    }

    /// Waits until `ready()` or until the deadline: spins as `spin` says, then parks. False if the
    /// deadline passed first.
    ///
    /// `ready` must load what it looks at with Acquire.
    #[cfg(not(loom))]
    pub fn wait(&self, spin: &mut Spin, deadline: Deadline, ready: impl Fn() -> bool) -> bool {
        spin.restart();
        while spin.turn() {
            if ready() {
                spin.worked();
                return true;
            }
            if spin.look_at_clock() && deadline.passed() {
                return ready();
            }
        }
        spin.parked();
        self.park(deadline, ready)
    }

    #[cfg(not(loom))]
    #[cold]
    fn park(&self, deadline: Deadline, ready: impl Fn() -> bool) -> bool {
        loop {
            let nap = self.announce();
            if ready() {
                return true;
            }
            if deadline.passed() {
                return false;
            }
            futex::sleep(&self.0, nap.value, deadline.slice(nap.longest));
            // Look before announcing again: an announcement left behind costs the next ringer a wake.
            if ready() {
                return true;
            }
        }
    }
}

/// How long to look before sleeping: polls with pauses, then yields, then give up and park.
///
/// The shape follows measurements: pauses to about 2 us catch a peer that is running, yields to about
/// 50 us (one wake-up) let a peer on the same core run. Both adapt. Where pauses keep failing (one CPU,
/// or both sides on one) they are left out and tried again now and then; an affinity mask alone does not
/// tell, since the peer may be on another core. After parking again and again, the yields are shortened:
/// nobody comes within 50 us here.
#[derive(Debug)]
pub struct Spin {
    turn: u32,
    pauses: u32,
    yields: u32,
    /// Waits in a row that the pauses did not end.
    failed: u32,
    since: Option<Instant>,
    budget: Duration,
}

const POLLS: u32 = 4;
const PAUSES: u32 = 92;
/// So many failures in a row, and pauses are left out.
const PATIENCE: u32 = 8;
/// One wait in so many tries them again.
const RETRY: u32 = 64;
const YIELD_BUDGET: Duration = Duration::from_micros(50);
const SHORTEST_BUDGET: Duration = Duration::from_micros(3);

impl Default for Spin {
    fn default() -> Self {
        Self::new(one_cpu())
    }
}

impl Spin {
    /// The policy for a machine where this process may use one CPU, or more than one: where it begins.
    #[must_use]
    pub fn new(one_cpu: bool) -> Self {
        let failed = if one_cpu { PATIENCE } else { 0 };
        Self { turn: 0, pauses: PAUSES, yields: 0, failed, since: None, budget: YIELD_BUDGET }
    }

    /// Whether pauses are worth their time here: see [`Spin`].
    #[must_use]
    pub fn pauses_work(&self) -> bool {
        self.failed < PATIENCE
    }

    /// Begins a new wait.
    #[inline]
    pub fn restart(&mut self) {
        self.turn = 0;
        self.yields = 0;
        self.since = None;
        self.pauses = if self.pauses_work() || self.failed % RETRY == 0 { PAUSES } else { 0 };
    }

    /// Spends one turn. True: look again. False: park.
    #[inline]
    pub fn turn(&mut self) -> bool {
        self.turn += 1;
        if self.turn <= POLLS + self.pauses {
            std::hint::spin_loop();
            true
        } else {
            self.yield_turn()
        }
    }

    #[cold]
    fn yield_turn(&mut self) -> bool {
        if self.yields == 0 {
            self.failed = self.failed.wrapping_add(1).max(1);
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() >= self.budget {
            return false;
        }
        self.yields += 1;
        rustix::thread::sched_yield();
        true
    }

    /// Whether this turn is one of those slow enough to read the clock for the deadline too.
    #[must_use]
    pub fn look_at_clock(&self) -> bool {
        self.yields > 0
    }

    /// The wait ended while spinning: spin as long next time.
    #[inline]
    pub fn worked(&mut self) {
        if self.yields > 0 {
            self.budget = (self.budget * 2).min(YIELD_BUDGET);
        } else if self.turn > POLLS {
            self.failed = 0;
        }
    }

    /// The wait had to park: spin shorter next time.
    pub fn parked(&mut self) {
        self.budget = (self.budget / 2).max(SHORTEST_BUDGET);
    }
}

/// Whether this process may use only one CPU at a time: by its affinity mask or its cgroup's quota.
///
/// # Linux
/// `sched_getaffinity(2)`, `cpu.max` of cgroup v2.
#[must_use]
pub fn one_cpu() -> bool {
    let mask = rustix::thread::sched_getaffinity(None).map_or(2, |set| set.count());
    mask == 1 || quota().is_some_and(|cpus| cpus < 1.5)
}

/// The cgroup's quota in CPUs, if it has one.
fn quota() -> Option<f64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    parse_quota(&std::fs::read_to_string(format!("/sys/fs/cgroup{path}/cpu.max")).ok()?)
}

/// `"50000 100000"` is half a CPU; `"max 100000"` is no quota.
fn parse_quota(text: &str) -> Option<f64> {
    let (quota, period) = text.trim().split_once(' ')?;
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
    (period > 0.0).then_some(quota / period)
}

/// The two futex calls on a word that other processes may share.
#[cfg(not(loom))]
mod futex {
    use super::{AtomicU32, Duration};
    use crate::deadline::timespec;
    use rustix::thread::futex::{Flags, wait, wake};

    /// Sleeps while the word is `value`, at most `longest`. May return early for any reason.
    pub(super) fn sleep(word: &AtomicU32, value: u32, longest: Duration) {
        // Every outcome (woken, changed, timed out, interrupted) means: look again.
        let _ = wait(word, Flags::empty(), value, Some(&timespec(longest)));
    }

    pub(super) fn wake_all(word: &AtomicU32) {
        // The only errors are for a word that is not mapped; this one is borrowed.
        let _ = wake(word, Flags::empty(), u32::MAX >> 1);
    }
}

/// Under loom nothing really sleeps: the model looks at [`Bell::announced`] instead.
#[cfg(loom)]
mod futex {
    pub(super) fn wake_all(_word: &super::AtomicU32) {}
}

#[cfg(test)]
mod tests;
