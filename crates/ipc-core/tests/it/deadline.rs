//! X3: time limits are on the monotonic clock, and never overflow.

use std::time::{Duration, Instant};

use ipc_core::{Deadline, Wait, deadline::timespec};

/// X3: nothing here reads the real-time clock; what is too far is never.
#[test]
fn a_limit_too_far_is_never() {
    assert!(Deadline::after(Duration::MAX).is_never());
    assert_eq!(Wait::timeout(Duration::MAX), Wait::FOREVER);
    assert_eq!(Deadline::NEVER.remaining(), None);
    assert!(!Deadline::NEVER.passed());
    assert!(Deadline::NEVER.timespec().is_none());
}

#[test]
fn a_limit_that_has_passed_has_no_time_left() {
    let deadline = Deadline::at(Instant::now());
    assert!(deadline.passed());
    assert_eq!(deadline.remaining(), Some(Duration::ZERO));
    assert_eq!(deadline.slice(Duration::from_secs(1)), Duration::ZERO);
}

#[test]
fn a_slice_is_the_shorter_of_both() {
    let slice = Duration::from_millis(250);
    assert_eq!(Deadline::NEVER.slice(slice), slice);
    assert_eq!(Deadline::after(Duration::from_secs(60)).slice(slice), slice);
    assert!(Deadline::after(Duration::from_millis(10)).slice(slice) <= Duration::from_millis(10));
}

#[test]
fn durations_become_kernel_times() {
    let time = timespec(Duration::new(3, 7));
    assert_eq!((time.tv_sec, time.tv_nsec), (3, 7));
    assert_eq!(timespec(Duration::MAX).tv_sec, i64::MAX);
}
