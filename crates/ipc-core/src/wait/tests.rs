//! The parts of waiting that need no second process.

use super::{Bell, Spin, parse_quota};
use crate::deadline::Deadline;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[test]
fn one_cpu_skips_the_pauses() {
    let turns = |one_cpu| {
        let mut spin = Spin::new(one_cpu);
        let mut turns = 0;
        while !spin.look_at_clock() && spin.turn() {
            turns += 1;
        }
        turns
    };
    assert_eq!(turns(false), super::POLLS + super::PAUSES + 1);
    let mut spin = Spin::new(true);
    spin.failed += 1;
    spin.restart();
    assert_eq!(spin.pauses, 0);
}

#[test]
fn pauses_that_fail_are_left_out_until_one_works() {
    let mut spin = Spin::new(false);
    let mut tried = 0;
    for _ in 0..2 * super::RETRY {
        spin.restart();
        tried += u32::from(spin.pauses > 0);
        while !spin.look_at_clock() && spin.turn() {}
    }
    assert!((super::PATIENCE..super::PATIENCE + 4).contains(&tried), "{tried}");
    spin.failed = super::RETRY;
    spin.restart();
    for _ in 0..=super::POLLS {
        assert!(spin.turn());
    }
    spin.worked();
    spin.restart();
    assert_eq!(spin.pauses, super::PAUSES);
}

#[test]
fn spinning_ends_and_gets_shorter_after_parks() {
    let mut spin = Spin::new(true);
    let spent = |spin: &mut Spin| {
        spin.restart();
        let start = Instant::now();
        while spin.turn() {}
        start.elapsed()
    };
    assert!(spent(&mut spin) >= super::YIELD_BUDGET);
    for _ in 0..10 {
        spin.parked();
    }
    assert_eq!(spin.budget, super::SHORTEST_BUDGET);
}

#[test]
fn quota_is_read_as_cpus() {
    assert_eq!(parse_quota("max 100000\n"), None);
    assert_eq!(parse_quota("50000 100000\n"), Some(0.5));
    assert_eq!(parse_quota("400000 100000"), Some(4.0));
    assert_eq!(parse_quota("1 0"), None);
    assert_eq!(parse_quota("rubbish"), None);
}

#[test]
fn a_wait_that_nobody_ends_times_out_on_time() {
    let bell = Bell::new();
    let start = Instant::now();
    let deadline = Deadline::after(Duration::from_millis(30));
    assert!(!bell.wait(&mut Spin::default(), deadline, || false));
    assert!(start.elapsed() >= Duration::from_millis(30));
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[test]
fn ringing_wakes_a_parked_thread_before_its_slice_ends() {
    let (bell, ready) = (Bell::new(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| {
            bell.wait(&mut Spin::default(), Deadline::NEVER, || ready.load(Ordering::Acquire))
        });
        while !bell.announced() {
            std::thread::yield_now();
        }
        ready.store(true, Ordering::Release);
        bell.ring();
        assert!(sleeper.join().is_ok_and(|woken| woken));
    });
    assert!(!bell.announced());
}
