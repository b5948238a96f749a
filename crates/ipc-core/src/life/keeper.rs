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
use super::alarm::{Alarms, MOST_ALARMS};
use super::list::Station;
use super::sleep::now;
use super::table::{self, low};
use crate::deadline::timespec;
use crate::segment::{Fault, Map};
use crate::sys::with_signals_blocked;

/// Values of `Page::order`: written by the membership's users, read by the keeper. The lowest bit says
/// stop; above it something is counted that the keeper shall look at.
const STOP: u32 = 1;
const LOOK: u32 = 2;

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
    pub(super) fn start(
        map: Arc<Map>,
        station: Arc<Station>,
        alarms: Arc<Alarms>,
    ) -> Result<Self, Fault> {
        let (report, reported) = sync_channel(1);
        let order = Arc::clone(&station);
        let keep = move || keep(&map, &station, &alarms, &report);
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
                order.page().order.fetch_or(STOP, Ordering::Release);
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
        order.fetch_or(STOP, Ordering::Release);
        let _ = wake(order, Flags::PRIVATE, 1);
        if let Some(thread) = self.0.take() {
            let _ = thread.join();
        }
    }
}

/// Makes the keeper look at its alarms.
pub(super) fn rouse(station: &Station) {
    let order = &station.page().order;
    order.fetch_add(LOOK, Ordering::Release);
    let _ = wake(order, Flags::PRIVATE, 1);
}

fn keep(
    map: &Map,
    station: &Station,
    alarms: &Alarms,
    report: &SyncSender<Result<OwnerId, Fault>>,
) {
    let registered = station.register();
    let claimed = registered
        .map_err(|errno| Fault::Os { op: "register a robust list", errno })
        .and_then(|()| table::claim(map, station));
    let told = report.send(claimed).is_ok();
    if let Ok(id) = claimed {
        if told {
            watch(map, station, alarms, id);
        }
        table::release(map, station, id);
    }
}

/// Reports every death until it is told to stop. It sleeps without a timeout, so it never ticks, unless it
/// watches a word for the process.
fn watch(map: &Map, station: &Station, alarms: &Alarms, id: OwnerId) {
    let order = &station.page().order;
    let slots = map.header().slots;
    let mut entries = Vec::with_capacity(2 + MOST_ALARMS + 1 + WATCHED);
    let mut late = false;
    loop {
        let asked = order.load(Ordering::Acquire);
        if asked & STOP != 0 {
            return;
        }
        if !map.table_is_there() {
            break;
        }
        // Read before the scan: who joins after it changes the word, so the sleep does not begin.
        let members = &map.control().members;
        let joined = members.load(Ordering::Acquire);
        table::report_deaths(map);
        // Who should have rung may have been stopped before, or its store not be seen without a fence.
        if late {
            alarms.ring_all();
        } else {
            alarms.ring(map);
        }
        entries.clear();
        entries.push(entry(order, asked, WaitFlags::PRIVATE));
        entries.push(entry(members, joined, WaitFlags::empty()));
        let slice = alarms.entries(map, &mut entries);
        let mut watched = 0;
        for step in 1..slots {
            let Some(slot) = map.slot((id.slot() + step) % slots) else { break };
            let word = slot.word.load(Ordering::Acquire);
            if table::lives(word) && watched < WATCHED {
                // The address of the 64-bit word is that of its low half.
                entries.push(entry(&slot.word, low(word), WaitFlags::empty()));
                watched += 1;
            }
        }
        let until = slice.map(|slice| timespec(slice + now()));
        let slept = waitv(&entries, WaitvFlags::empty(), until.as_ref(), ClockId::Monotonic);
        late = slept == Err(Errno::TIMEDOUT);
        match slept {
            Ok(_) | Err(Errno::AGAIN | Errno::INTR | Errno::TIMEDOUT) => {}
            // Refused, or the table is gone: the sleepers look for themselves.
            Err(_) => break,
        }
    }
    alarms.end();
    loop {
        let asked = order.load(Ordering::Acquire);
        if asked & STOP != 0 {
            return;
        }
        let _ = wait(order, Flags::PRIVATE, asked, None);
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
