//! Making a descriptor readable when a word of a segment changes: for programs that wait for descriptors.
//!
//! Nothing crosses processes but the wake-up that a sleeper would get. This process's keeper sleeps on the
//! word in the sleeper's place, and writes an eventfd.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::thread::futex::{Wait, WaitFlags};

use super::keeper::entry;
use crate::segment::Map;

/// So many words of one segment can be watched by one process.
pub const MOST_ALARMS: usize = 8;

/// A word that is watched.
#[derive(Debug)]
struct Armed {
    /// Bytes from the start of the mapping.
    offset: usize,
    expected: u32,
    deaths: u32,
    slice: Duration,
    event: Arc<OwnedFd>,
}

impl Armed {
    fn ring(&self) {
        // A full counter (EAGAIN) is readable already.
        let _ = rustix::io::write(&self.event, &1u64.to_ne_bytes());
    }
}

/// The words that a keeper watches for its process. None: it watches no more.
#[derive(Debug)]
pub(super) struct Alarms(Mutex<Option<Vec<Armed>>>);

impl Default for Alarms {
    fn default() -> Self {
        Self(Mutex::new(Some(Vec::new())))
    }
}

impl Alarms {
    /// Watches a word; one that was watched for the same event is not any more. False: there are too many,
    /// or the word does not lie in the segment.
    pub(super) fn add(
        &self,
        map: &Map,
        word: &AtomicU32,
        (expected, deaths): (u32, u32),
        slice: Duration,
        event: &Arc<OwnedFd>,
    ) -> bool {
        let Some(offset) = map.offset_of(word) else { return false };
        let mut list = self.list();
        let Some(list) = list.as_mut() else { return false };
        list.retain(|armed| !Arc::ptr_eq(&armed.event, event));
        if list.len() == MOST_ALARMS {
            return false;
        }
        list.push(Armed { offset, expected, deaths, slice, event: Arc::clone(event) });
        true
    }

    pub(super) fn remove(&self, event: &Arc<OwnedFd>) {
        if let Some(list) = self.list().as_mut() {
            list.retain(|armed| !Arc::ptr_eq(&armed.event, event));
        }
    }

    /// Rings for every word that changed, and for all if somebody died.
    pub(super) fn ring(&self, map: &Map) {
        let mut list = self.list();
        let Some(list) = list.as_mut().filter(|list| !list.is_empty()) else { return };
        let deaths = map.control().deaths.load(Ordering::Acquire);
        list.retain(|armed| {
            let word = map.word(armed.offset).map_or(0, |word| word.load(Ordering::Acquire));
            let quiet = word == armed.expected && deaths == armed.deaths;
            if !quiet {
                armed.ring();
            }
            quiet
        });
    }

    /// Rings for all, without a look at anything: whoever is told looks for itself.
    pub(super) fn ring_all(&self) {
        for armed in self.list().iter_mut().flat_map(|list| list.drain(..)) {
            armed.ring();
        }
    }

    /// Rings for all and watches no more.
    pub(super) fn end(&self) {
        self.ring_all();
        *self.list() = None;
    }

    /// Adds what is watched to the entries of a sleep; how long that may last, if not for ever.
    pub(super) fn entries(&self, map: &Map, entries: &mut Vec<Wait>) -> Option<Duration> {
        let list = self.list();
        let list = list.as_ref()?;
        let deaths = &map.control().deaths;
        for armed in list {
            if let Some(word) = map.word(armed.offset) {
                entries.push(entry(word, armed.expected, WaitFlags::empty()));
            }
        }
        if let Some(first) = list.first() {
            entries.push(entry(deaths, first.deaths, WaitFlags::empty()));
        }
        list.iter().map(|armed| armed.slice).min()
    }

    fn list(&self) -> MutexGuard<'_, Option<Vec<Armed>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
