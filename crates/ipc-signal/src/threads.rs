//! What the other threads of this process block: `/proc/self/task/*/status`.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use crate::error::{Error, Result};
use crate::set::SignalSet;

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
            // A thread that has ended since takes no signals.
            let Ok(status) = fs::read_to_string(format!("/proc/self/task/{tid}/status")) else {
                continue;
            };
            if takes_any(&status, set) {
                return Err(Error::UnblockedIn { tid });
            }
        }
        if !found_new {
            return Ok(());
        }
    }
}

/// Whether the thread with this status would take a signal of `set`.
fn takes_any(status: &str, set: SignalSet) -> bool {
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    // A zombie leader, whose process lives on in other threads, takes nothing.
    if field("State:").is_some_and(|state| state.starts_with(['Z', 'X'])) {
        return false;
    }
    let blocked = field("SigBlk:").and_then(|hex| u64::from_str_radix(hex, 16).ok());
    blocked.is_some_and(|blocked| set.bits() & !blocked != 0)
}
