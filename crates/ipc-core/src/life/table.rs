//! The table: who lives. Correct by itself, whoever dies or stops at whatever instruction.
//!
//! | low half of a slot | meaning |
//! |---|---|
//! | 0 | free (never used, or detached) |
//! | TID, WAITERS | live: the kernel turns it into the next when that thread ends |
//! | OWNER_DIED, WAITERS | dead, and perhaps nobody has told the sleepers |
//! | OWNER_DIED | dead, and reported |

use std::sync::atomic::{AtomicU64, Ordering};

use super::OwnerId;
use super::list::{Station, wake_life};
use super::sleep::wake_all;
use crate::segment::{Fault, Map};

const WAITERS: u32 = libc::FUTEX_WAITERS;
const OWNER_DIED: u32 = libc::FUTEX_OWNER_DIED;
const TID: u32 = libc::FUTEX_TID_MASK;

/// The low half: the kernel's.
pub(super) const fn low(word: u64) -> u32 {
    (word & 0xffff_ffff) as u32
}

const fn high(word: u64) -> u32 {
    (word >> 32) as u32
}

pub(super) const fn lives(word: u64) -> bool {
    low(word) & TID != 0 && low(word) & OWNER_DIED == 0
}

pub(super) fn owner_in(map: &Map, slot: usize) -> Option<OwnerId> {
    let word = map.slot(slot)?.word.load(Ordering::Acquire);
    if lives(word) { OwnerId::new(slot, high(word)) } else { None }
}

pub(super) fn is_alive(map: &Map, owner: OwnerId) -> bool {
    owner_in(map, owner.slot()) == Some(owner)
}

/// Whether any process lives in the segment.
pub(crate) fn anybody(map: &Map) -> bool {
    (0..map.header().slots).any(|slot| owner_in(map, slot).is_some())
}

/// Calls everybody dead: they lived before the machine was started. The caller holds the attach lock.
pub(crate) fn bury_all(map: &Map) {
    for slot in map.slots() {
        let seen = slot.word.load(Ordering::Acquire);
        if lives(seen) {
            let dead = (seen & !0xffff_ffff) | u64::from(OWNER_DIED | WAITERS);
            let _ = slot.word.compare_exchange(seen, dead, Ordering::AcqRel, Ordering::Relaxed);
        }
        // A number of a former run says nothing about one of this run.
        slot.last_tid.store(0, Ordering::Relaxed);
    }
}

/// Tells the sleepers of every death that nobody may have told them of.
pub(super) fn report_deaths(map: &Map) {
    for slot in map.slots() {
        report(map, &slot.word);
    }
}

/// Makes all sleepers look again.
pub(super) fn rouse(map: &Map) {
    let deaths = &map.control().deaths;
    deaths.fetch_add(1, Ordering::Release);
    wake_all(deaths);
}

fn report(map: &Map, word: &AtomicU64) {
    let seen = word.load(Ordering::Acquire);
    if low(seen) & OWNER_DIED == 0 || low(seen) & WAITERS == 0 {
        return;
    }
    rouse(map);
    // The kernel woke one keeper; the others shall look for somebody else to watch.
    wake_life(word);
    // Last, so that whoever dies before this line leaves the report to the next one.
    let reported = seen & !u64::from(WAITERS);
    let _ = word.compare_exchange(seen, reported, Ordering::Relaxed, Ordering::Relaxed);
}

/// Takes a slot for the calling thread, on whose robust list `station` is. The caller holds the attach
/// lock.
pub(super) fn claim(map: &Map, station: &Station) -> Result<OwnerId, Fault> {
    let tid = rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs();
    for (index, slot) in map.slots().enumerate() {
        let seen = slot.word.load(Ordering::Acquire);
        // Who freed this slot with our number (in another PID namespace) may be stopped with the slot
        // still on its list: its end would be taken for ours.
        if lives(seen) || slot.last_tid.load(Ordering::Relaxed) == tid {
            continue;
        }
        report(map, &slot.word);
        let seen = slot.word.load(Ordering::Acquire);
        let mut generation = high(seen).wrapping_add(1);
        if generation & OwnerId::GENERATION == 0 {
            generation = generation.wrapping_add(1);
        }
        let Some(id) = OwnerId::new(index, generation) else { continue };
        let mine = (u64::from(generation) << 32) | u64::from(tid | WAITERS);
        // From here on the kernel looks at the word if we die: it finds our number in it, or not.
        station.hold(Some(&slot.word));
        if slot.word.compare_exchange(seen, mine, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            continue;
        }
        station.page().owner.store(id.bits(), Ordering::Relaxed);
        let members = &map.control().members;
        members.fetch_add(1, Ordering::Release);
        wake_all(members);
        return Ok(id);
    }
    station.hold(None);
    Err(Fault::TooManyPeers { slots: map.header().slots })
}

/// Gives back the slot of the calling thread.
pub(super) fn release(map: &Map, station: &Station, id: OwnerId) {
    if let Some(slot) = map.slot(id.slot()).filter(|_| map.table_is_there()) {
        let seen = slot.word.load(Ordering::Relaxed);
        slot.last_tid.store(low(seen) & TID, Ordering::Relaxed);
        let free = seen & !0xffff_ffff;
        let _ = slot.word.compare_exchange(seen, free, Ordering::Release, Ordering::Relaxed);
        // Who waits for something that this process kept (a guard that was forgotten) looks now.
        rouse(map);
    }
    station.page().owner.store(0, Ordering::Relaxed);
    station.hold(None);
}
