//! What the other threads of this process block: `/proc/self/task/*/status`.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::time::Duration;

use ipc_core::deadline::timespec;

use crate::error::{Error, Result};
use crate::mask::UNCATCHABLE;
use crate::set::SignalSet;

/// How often, a millisecond apart, a thread is looked at that runs with everything blocked.
const MOMENTS: u32 = 100;

/// How many threads this process has.
pub(crate) fn count() -> io::Result<usize> {
    Ok(fs::read_dir("/proc/self/task")?.count())
}

/// Fails with `UnblockedIn` if any thread of this process has a signal of `set` unblocked.
///
/// A thread that starts meanwhile inherits the mask of its creator, so the list is read until it
/// brings no thread that was not looked at.
pub(crate) fn all_block(set: SignalSet) -> Result<()> {
    let failed = |source| Error::Os { op: "read the threads' masks", source };
    let mut seen = BTreeSet::new();
    loop {
        let mut found_new = false;
        for entry in fs::read_dir("/proc/self/task").map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let Some(tid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            if !seen.insert(tid) {
                continue;
            }
            found_new = true;
            if takes_any(tid, set) {
                return Err(Error::UnblockedIn { tid });
            }
        }
        if !found_new {
            return Ok(());
        }
    }
}

/// Whether thread `tid` would take a signal of `set`.
///
/// The C library blocks everything for moments, such as inside `pthread_create`. A thread that runs
/// with everything blocked is looked at again; one that sleeps so means it.
fn takes_any(tid: u32, set: SignalSet) -> bool {
    let path = format!("/proc/self/task/{tid}/status");
    for _ in 0..MOMENTS {
        // A thread that has ended since takes no signals.
        let Ok(status) = fs::read_to_string(&path) else { return false };
        let field =
            |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let state = field("State:").unwrap_or_default();
        // A zombie leader, whose process lives on in other threads, takes nothing.
        if state.starts_with(['Z', 'X']) {
            return false;
        }
        let blocked = field("SigBlk:").and_then(|hex| u64::from_str_radix(hex, 16).ok());
        let blocked = SignalSet::from_bits(blocked.unwrap_or(0)) | UNCATCHABLE;
        if !(set - blocked).is_empty() {
            return true;
        }
        if blocked != SignalSet::full() || state.starts_with('S') || tid == crate::thread_id() {
            return false;
        }
        let millisecond = timespec(Duration::from_millis(1));
        let _ = rustix::event::poll(&mut [], Some(&millisecond));
    }
    false
}
