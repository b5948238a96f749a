//! The keeper: a thread that holds this process's slot in one segment and watches the others'.
//!
//! When the process ends, by whatever route, the kernel marks the slot and wakes one keeper of another
//! process, which tells all sleepers. It only makes the notice fast; see [`sleep`](super::sleep) for
//! what holds without it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::futex::{
    ClockId, Flags, Wait, WaitFlags, WaitPtr, WaitvFlags, wait, waitv, wake,
};

use super::OwnerId;
use super::list::Station;
use super::table::{self, low};
use crate::segment::{Fault, Map};
use crate::sys::with_signals_blocked;

/// Values of `Page::order`: written by who drops the membership, read by the keeper.
const WATCH: u32 = 0;
const STOP: u32 = 1;

/// How many of the next live slots a keeper watches: as many must die or stop at once for a death to
/// wait for a sleeper's next look.
const WATCHED: usize = 4;
/// The system rounds it up to the smallest that it allows.
const STACK: usize = 16 << 10;
/// How long a new thread may take to start. It cannot while a static initialiser keeps the loader's lock.
const START: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Keeper(Option<JoinHandle<()>>);

impl Keeper {
    /// Starts the thread and waits until it has a slot.
    pub(super) fn start(map: Arc<Map>, station: Arc<Station>) -> Result<Self, Fault> {
        let (report, reported) = sync_channel(1);
        let order = Arc::clone(&station);
        let keep = move || keep(&map, &station, &report);
        let builder = std::thread::Builder::new().name("ipc-keeper".into()).stack_size(STACK);
        let thread = with_signals_blocked(|| builder.spawn(keep)).map_err(|error| {
            let errno = error.raw_os_error().map_or(Errno::AGAIN, Errno::from_raw_os_error);
            Fault::Os { op: "start the keeper thread", errno }
        })?;
        match reported.recv_timeout(START) {
            Ok(Ok(_)) => Ok(Self(Some(thread))),
            Ok(Err(fault)) => {
                let _ = thread.join();
                Err(fault)
            }
            // It gives back what it takes, once it runs and finds nobody listening.
            Err(_) => {
                order.page().order.store(STOP, Ordering::Release);
                Err(Fault::Contended)
            }
        }
    }

    /// Forgets a thread that a fork did not copy.
    pub(super) fn forget(&mut self) {
        std::mem::forget(self.0.take());
    }

    /// Gives the slot back and ends the thread.
    pub(super) fn stop(&mut self, station: &Station) {
        let order = &station.page().order;
        order.store(STOP, Ordering::Release);
        let _ = wake(order, Flags::PRIVATE, 1);
        if let Some(thread) = self.0.take() {
            let _ = thread.join();
        }
    }
}

fn keep(map: &Map, station: &Station, report: &SyncSender<Result<OwnerId, Fault>>) {
    let registered = station.register();
    let claimed = registered
        .map_err(|errno| Fault::Os { op: "register a robust list", errno })
        .and_then(|()| table::claim(map, station));
    let told = report.send(claimed).is_ok();
    if let Ok(id) = claimed {
        if told {
            watch(map, station, id);
        }
        table::release(map, station, id);
    }
}

/// Reports every death until it is told to stop. It sleeps without a timeout: it never ticks.
fn watch(map: &Map, station: &Station, id: OwnerId) {
    let order = &station.page().order;
    let slots = map.header().slots;
    while order.load(Ordering::Acquire) == WATCH {
        if !map.table_is_there() {
            break;
        }
        // Read before the scan: who joins after it changes the word, so the sleep does not begin.
        let members = &map.control().members;
        let joined = members.load(Ordering::Acquire);
        table::report_deaths(map);
        let mut entries = [Wait::new(); 2 + WATCHED];
        entries[0] = entry(order, WATCH, WaitFlags::PRIVATE);
        entries[1] = entry(members, joined, WaitFlags::empty());
        let mut used = 2;
        for step in 1..slots {
            let Some(slot) = map.slot((id.slot() + step) % slots) else { break };
            let word = slot.word.load(Ordering::Acquire);
            if !table::lives(word) {
                continue;
            }
            if used == entries.len() {
                break;
            }
            // The address of the 64-bit word is that of its low half.
            entries[used] = entry(&slot.word, low(word), WaitFlags::empty());
            used += 1;
        }
        match waitv(&entries[..used], WaitvFlags::empty(), None, ClockId::Monotonic) {
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
            // Refused, or the table is gone: the sleepers look for themselves.
            Err(_) => break,
        }
    }
    while order.load(Ordering::Acquire) == WATCH {
        let _ = wait(order, Flags::PRIVATE, WATCH, None);
    }
}

/// An entry for `waitv`; `word` is 32 bits wide, or its low half is meant.
pub(super) fn entry<T>(word: &T, value: u32, flags: WaitFlags) -> Wait {
    let mut entry = Wait::new();
    entry.val = u64::from(value);
    entry.uaddr = WaitPtr::new(std::ptr::from_ref(word).cast_mut().cast());
    entry.flags = WaitFlags::SIZE_U32 | flags;
    entry
}
