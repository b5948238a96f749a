//! Which pages are ours: a fixed table that a signal handler can read at any instruction.
//!
//! | low 2 bits of `state` | meaning |
//! |---|---|
//! | 0 | free |
//! | 1 | being filled in by who made it so |
//! | 2 | `start`, `end` and `read_only` hold |
//!
//! The other bits count the uses. A handler that reads a row while it changes hands sees two different
//! states and leaves it: the row of a page that is being touched does not change, as its owner
//! keeps it until after the last touch.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, fence};

const ROWS: usize = 256;
const FREE: u32 = 0;
const FILLING: u32 = 1;
const HOLDS: u32 = 2;
const STATE: u32 = 3;

static TABLE: [Row; ROWS] = [const { Row::new() }; ROWS];

#[derive(Debug)]
struct Row {
    /// See above. FREE to FILLING by a compare-and-swap (Acquire), the rest by who did that (Release).
    state: AtomicU32,
    /// Written while FILLING only.
    start: AtomicUsize,
    end: AtomicUsize,
    read_only: AtomicBool,
    /// Set by the handler, on the thread that touched the hole; cleared while FILLING.
    cut: AtomicBool,
}

impl Row {
    const fn new() -> Self {
        Self {
            state: AtomicU32::new(FREE),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            read_only: AtomicBool::new(false),
            cut: AtomicBool::new(false),
        }
    }

    /// Whether it is about this address, and then whether it is read-only.
    fn about(&self, address: usize) -> Option<bool> {
        let before = self.state.load(Ordering::Acquire);
        if before & STATE != HOLDS {
            return None;
        }
        let start = self.start.load(Ordering::Relaxed);
        let end = self.end.load(Ordering::Relaxed);
        let read_only = self.read_only.load(Ordering::Relaxed);
        // The three loads come before the second look at the state.
        fence(Ordering::Acquire);
        if self.state.load(Ordering::Relaxed) != before {
            return None;
        }
        (start..end).contains(&address).then_some(read_only)
    }
}

/// A row, until it is dropped.
#[derive(Debug)]
pub(crate) struct Watched(&'static Row);

impl Watched {
    /// Whether a page of it was gone when it was touched.
    #[inline]
    pub(crate) fn was_cut(&self) -> bool {
        // Written on this thread by a handler that ran before this instruction, or on another one.
        self.0.cut.load(Ordering::Relaxed)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let state = self.0.state.load(Ordering::Relaxed);
        self.0.state.store((state & !STATE).wrapping_add(STATE + 1), Ordering::Release);
    }
}

/// Enters the pages that hold these bytes. None: the table is full.
pub(super) fn watch(start: usize, end: usize, read_only: bool) -> Option<Watched> {
    for row in &TABLE {
        let state = row.state.load(Ordering::Relaxed);
        let filling = (state & !STATE) | FILLING;
        let free = state & STATE == FREE;
        if !free
            || row
                .state
                .compare_exchange(state, filling, Ordering::Acquire, Ordering::Relaxed)
                .is_err()
        {
            continue;
        }
        // FILLING is seen before any of what follows.
        fence(Ordering::Release);
        row.start.store(start, Ordering::Relaxed);
        row.end.store(end, Ordering::Relaxed);
        row.read_only.store(read_only, Ordering::Relaxed);
        row.cut.store(false, Ordering::Relaxed);
        row.state.store((state & !STATE) | HOLDS, Ordering::Release);
        return Some(Watched(row));
    }
    None
}

/// Whose page an address lies in. Called by the handler: loads only.
pub(super) fn find(address: usize) -> Option<Found> {
    TABLE.iter().find_map(|row| row.about(address).map(|read_only| Found { row, read_only }))
}

/// A row that an address was found in.
pub(super) struct Found {
    row: &'static Row,
    pub(super) read_only: bool,
}

impl Found {
    pub(super) fn mark_cut(&self) {
        self.row.cut.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{find, watch};

    #[test]
    fn a_row_is_about_its_addresses_only_while_it_is_held() {
        // No page is mapped so high: other tests of this process have other addresses.
        let base = 0x7000_0000_0000_0000;
        let one = watch(base, base + 4096, false).expect("a row");
        let two = watch(base + 4096, base + 8192, true).expect("another");
        assert!(find(base - 1).is_none() && find(base + 8192).is_none());
        assert!(!find(base + 4095).expect("the first").read_only);
        let found = find(base + 4096).expect("the second");
        assert!(found.read_only && !two.was_cut());
        found.mark_cut();
        assert!(two.was_cut() && !one.was_cut());
        drop(two);
        assert!(find(base + 4096).is_none());
        assert!(!watch(base + 4096, base + 8192, false).expect("again").was_cut());
    }

    #[test]
    fn a_full_table_says_so_and_rows_come_back() {
        let base = 0x7100_0000_0000_0000;
        let all: Vec<_> = (0..300).map_while(|_| watch(base, base + 1, false)).collect();
        assert!(all.len() > 200 && all.len() <= 256);
        drop(all);
        assert!(watch(base, base + 1, false).is_some());
    }
}
