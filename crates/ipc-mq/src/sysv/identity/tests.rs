//! What counts as the same queue.

use super::{Facts, same};

const QUEUE: Facts = Facts {
    fixed: (7, 3, 0, 0),
    set: (0, 0, 0o600, 16384),
    changed: 1000,
    sent: 1010,
    received: 0,
};

#[test]
fn a_queue_in_use_stays_itself() {
    assert!(same(&QUEUE, &QUEUE));
    assert!(same(&QUEUE, &Facts { sent: 2000, received: 2000, ..QUEUE }));
}

#[test]
fn a_new_capacity_or_mode_is_a_reason_to_have_changed() {
    assert!(same(&QUEUE, &Facts { set: (0, 0, 0o600, 100), changed: 2000, ..QUEUE }));
    assert!(same(&QUEUE, &Facts { set: (0, 0, 0o660, 16384), changed: 2000, ..QUEUE }));
}

#[test]
fn another_queue_under_the_same_id_is_not_it() {
    assert!(!same(&QUEUE, &Facts { fixed: (8, 3, 0, 0), ..QUEUE }));
    assert!(!same(&QUEUE, &Facts { fixed: (7, 4, 0, 0), ..QUEUE }));
    assert!(!same(&QUEUE, &Facts { fixed: (7, 3, 99, 0), ..QUEUE }));
    assert!(!same(&QUEUE, &Facts { changed: 2000, ..QUEUE }));
    assert!(!same(&QUEUE, &Facts { sent: 0, ..QUEUE }));
}
