//! Tests in processes of their own: the harness starts the parent half, which starts the child halves.
//!
//! `fork` in a program with threads is a trap (the child may hold a lock for ever), so each half is this
//! very test binary, executed again with the exact name of the test; [`role`] tells the copies apart.
//! The harness supervises from outside ([`crate::watchdog`]): no test process has a thread of ours.

mod child;
mod parent;
mod role;
mod start;

pub use child::Child;
pub use parent::Parent;
pub(crate) use role::{family, test_name};
pub(crate) use start::{Started, output_file, parent_half};

use role::Role;

use std::os::fd::AsFd as _;

use crate::leaks::Snapshot;
use crate::watchdog;

/// Runs `body` alone in a process of its own, under the watchdog and the leak check.
///
/// `name` is the exact path of the test in its binary, for example `"options::capacity_rounds_up"`.
/// The call must be all that the test does: every process of the test runs the test function.
///
/// # Panics
/// If `body` panics, leaks, hangs or dies, or if no test is called `name`.
///
/// # Examples
/// ```no_run
/// // In tests/it/smoke.rs, the whole body of `#[test] fn nothing_is_open_twice()`:
/// ipc_devkit::alone("smoke::nothing_is_open_twice", || assert_eq!(1 + 1, 2));
/// ```
pub fn alone(name: &str, body: impl FnOnce()) {
    processes(name, 0, |_| body(), |_, _| unreachable!("no child was started"));
}

/// Runs `parent` in a process of its own and `child` in a second one that it starts.
///
/// Like [`alone`] for each half: both are checked for leaks, and either one's failure fails the test.
///
/// # Panics
/// If either half panics, leaks, hangs or dies unexpectedly, or if no test is called `name`.
///
/// # Examples
/// ```no_run
/// // In tests/it/smoke.rs, the whole body of `#[test] fn answers()`:
/// ipc_devkit::two_process(
///     "smoke::answers",
///     |mut child| {
///         child.tell("ping");
///         assert_eq!(child.hear(), "pong");
///     },
///     |mut parent| {
///         assert_eq!(parent.hear(), "ping");
///         parent.tell("pong");
///     },
/// );
/// ```
pub fn two_process(name: &str, parent: impl FnOnce(Child), child: impl FnOnce(Parent)) {
    processes(
        name,
        1,
        |children| parent(children.into_iter().next().expect("one child was started")),
        |from, _| child(from),
    );
}

/// Runs `parent` in a process of its own and `child` in `count` more, each with its index.
///
/// # Panics
/// If any half panics, leaks, hangs or dies unexpectedly, or if no test is called `name`.
///
/// # Examples
/// ```no_run
/// ipc_devkit::processes(
///     "smoke::all_report",
///     3,
///     |children| {
///         for (index, mut child) in children.into_iter().enumerate() {
///             assert_eq!(child.hear(), index.to_string());
///         }
///     },
///     |mut parent, index| parent.tell(&index.to_string()),
/// );
/// ```
pub fn processes(
    name: &str,
    count: usize,
    parent: impl FnOnce(Vec<Child>),
    child: impl FnOnce(Parent, usize),
) {
    match role::current() {
        Role::Harness => {
            role::check_thread_name(name);
            watchdog::supervise(name);
        }
        Role::Parent => {
            watchdog::report_to(role::enter(name));
            let before = Snapshot::take();
            parent((0..count).map(|index| Child::start(name, index)).collect());
            before.assert_unchanged("parent half");
        }
        Role::Child(index) => {
            let channel = role::enter(name);
            // The body ends with its `Parent` dropped, so the channel must be gone afterwards.
            let before = Snapshot::take().without(channel.as_fd());
            child(Parent::new(channel), index);
            before.assert_unchanged(&format!("child half {index}"));
        }
    }
}
