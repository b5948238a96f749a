//! The segments of this process by address, and whether this is still the process that mapped them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use super::{Fault, Inner};
use crate::life::ForkMark;

static SEGMENTS: Mutex<BTreeMap<usize, (usize, Weak<Inner>)>> = Mutex::new(BTreeMap::new());
static MARK: OnceLock<ForkMark> = OnceLock::new();

/// Called before a segment is made or opened; from then on [`forked`] tells.
///
/// # Errors
/// `Forked`, or what the kernel reports.
pub fn enter() -> Result<(), Fault> {
    if MARK.get().is_none() {
        let mark = ForkMark::new().map_err(|errno| Fault::Os { op: "map a page", errno })?;
        let _ = MARK.set(mark);
    }
    if forked() { Err(Fault::Forked) } else { Ok(()) }
}

/// Whether this process was forked from one that used segments. It looks at no lock: in a forked child
/// another thread's copy may hold it for ever.
#[must_use]
#[inline]
pub fn forked() -> bool {
    MARK.get().is_some_and(ForkMark::forked)
}

pub(super) fn insert(range: Range<usize>, inner: &Arc<Inner>) {
    segments().insert(range.start, (range.end, Arc::downgrade(inner)));
}

pub(super) fn remove(start: usize) {
    segments().remove(&start);
}

/// The segment whose mapping `address` lies in.
pub(super) fn find(address: usize) -> Option<Arc<Inner>> {
    if forked() {
        return None;
    }
    let segments = segments();
    let (_, (end, inner)) = segments.range(..=address).next_back()?;
    if address < *end { inner.upgrade() } else { None }
}

fn segments() -> MutexGuard<'static, BTreeMap<usize, (usize, Weak<Inner>)>> {
    SEGMENTS.lock().unwrap_or_else(PoisonError::into_inner)
}
