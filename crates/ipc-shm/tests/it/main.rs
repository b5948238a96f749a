//! What ipc-shm promises, one file a behaviour.

mod broadcast;
mod fan_in;
mod latest;
mod ready;
mod types;
mod untrusted;

use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(60);
/// A death is noticed within a slice of 250 ms; as much again for a machine that is busy.
const NOTICE: Duration = Duration::from_millis(500);

/// Runs something that must not take long.
#[track_caller]
fn soon<X>(answer: impl FnOnce() -> X) -> X {
    let since = Instant::now();
    let answer = answer();
    assert!(since.elapsed() < NOTICE, "{:?}", since.elapsed());
    answer
}
