//! Semaphores in shared memory: permits, limits, sleepers, and the permits of the dead.

use std::time::Instant;

use ipc_devkit::{Parent, alone, fault, processes, two_process};
use ipc_sem::{Error, OwnedSemaphore, Semaphore, Value};

use crate::world::{Named, SHORT, SOON, ask, until_asleep, until_asleep_here, word};

/// M9: a release beyond the largest value is refused, and changes nothing.
#[test]
fn a_release_too_many_is_refused() {
    alone("semaphore::a_release_too_many_is_refused", || {
        let (binary, _fd) = Semaphore::anonymous(Value::TAKEN).expect("create");
        binary.release().expect("once");
        assert!(matches!(binary.release(), Err(Error::Overflow { .. })));
        assert_eq!((binary.value(), binary.max()), (1, 1));
        let (full, _fd) = Semaphore::anonymous(Value::MAX).expect("create");
        assert!(matches!(full.release(), Err(Error::Overflow { .. })));
        assert_eq!(full.value(), Value::MAX);
        let wrong = Semaphore::anonymous(Value::up_to(2, 1));
        assert!(matches!(wrong, Err(Error::InvalidArgument { .. })));
        assert!(matches!(Semaphore::anonymous(1 << 31), Err(Error::InvalidArgument { .. })));
    });
}

/// X2, X18: each form ends as it says, and takes nothing when it fails.
#[test]
fn the_verbs_wait_as_they_say() {
    alone("semaphore::the_verbs_wait_as_they_say", || {
        let (semaphore, _fd) = Semaphore::anonymous(1).expect("create");
        semaphore.acquire_timeout(SHORT).expect("a unit is free");
        let said = |result: Result<(), Error>| word(&result.expect_err("none is free"));
        assert_eq!(said(semaphore.try_acquire()), "would block");
        let since = Instant::now();
        assert_eq!(said(semaphore.acquire_timeout(SHORT)), "timed out");
        assert_eq!(said(semaphore.acquire_deadline(Instant::now() + SHORT)), "timed out");
        assert!(since.elapsed() >= 2 * SHORT && since.elapsed() < SOON);
        let canceller = semaphore.canceller();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| semaphore.acquire());
            until_asleep_here();
            canceller.cancel();
            assert_eq!(said(waiter.join().expect("no panic")), "cancelled");
        });
        assert_eq!(semaphore.value(), 0);
        semaphore.release().expect("release");
        semaphore.acquire().expect("a unit is free");
    });
}

/// X4: a forked child owns nothing; the permit it was forked with stays its parent's.
#[test]
fn a_forked_child_owns_nothing() {
    alone("semaphore::a_forked_child_owns_nothing", || {
        let (plain, _fd) = Semaphore::anonymous(1).expect("create");
        let (owned, _fd) = OwnedSemaphore::anonymous(2).expect("create");
        let mut permit = Some(owned.acquire().expect("free"));
        let not_ours = |result: Result<(), Error>| matches!(result, Err(Error::NotOwner { .. }));
        let right = fault::in_fork(|| {
            drop(permit.take());
            not_ours(plain.acquire())
                && not_ours(plain.release())
                && not_ours(owned.acquire().map(drop))
        });
        assert!(right);
        assert_eq!((plain.value(), owned.free()), (1, 1));
        drop(permit);
        assert_eq!(owned.free(), 2);
    });
}

/// Two permits given at once reach both sleepers: the first wakes the second.
#[test]
fn every_permit_reaches_a_sleeper() {
    processes(
        "semaphore::every_permit_reaches_a_sleeper",
        3,
        |mut children| {
            let name = Named::new("sem");
            let semaphore = Semaphore::create(&name.0, 0).expect("create");
            for child in &mut children {
                child.tell(&name.0);
                until_asleep(child.pid());
            }
            let since = Instant::now();
            for _ in 0..3 {
                semaphore.release().expect("release");
            }
            for child in &mut children {
                assert_eq!(child.hear(), "had it");
            }
            assert!(since.elapsed() < SOON);
            assert_eq!(semaphore.value(), 0);
        },
        |mut parent, _| {
            let semaphore = Semaphore::open(&parent.hear()).expect("open");
            semaphore.acquire().expect("acquire");
            parent.tell("had it");
        },
    );
}

/// M8: a sleeper that is woken and killed before it takes the permit strands nobody.
#[test]
fn a_woken_sleeper_that_is_killed_strands_nobody() {
    processes(
        "semaphore::a_woken_sleeper_that_is_killed_strands_nobody",
        2,
        |mut children| {
            let name = Named::new("sem");
            let semaphore = Semaphore::create(&name.0, 0).expect("create");
            let mut other = children.pop().expect("two");
            children[0].tell(&name.0);
            until_asleep(children[0].pid());
            children[0].stop();
            other.tell(&name.0);
            until_asleep(other.pid());
            // It goes to the first in the queue, which stands still.
            semaphore.release().expect("release");
            let since = Instant::now();
            children[0].kill();
            assert_eq!(other.hear(), "had it");
            assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
        },
        |mut parent, _| {
            let semaphore = Semaphore::open(&parent.hear()).expect("open");
            semaphore.acquire().expect("acquire");
            parent.tell("had it");
        },
    );
}

/// M7: a plain semaphore has no owner, so the permit of the dead is lost.
#[test]
fn a_plain_permit_dies_with_its_holder() {
    two_process(
        "semaphore::a_plain_permit_dies_with_its_holder",
        |mut child| {
            let name = Named::new("sem");
            let semaphore = Semaphore::create(&name.0, 1).expect("create");
            assert_eq!(ask(&mut child, &name.0), "taken");
            child.kill();
            assert!(matches!(semaphore.acquire_timeout(SHORT), Err(Error::TimedOut)));
            assert_eq!(semaphore.value(), 0);
        },
        |mut parent| {
            let semaphore = Semaphore::open(&parent.hear()).expect("open");
            semaphore.acquire().expect("free");
            parent.tell("taken");
            let _ = parent.hear();
        },
    );
}

/// Takes permits one by one, as it is told.
fn worker(mut parent: Parent, _: usize) {
    let semaphore = OwnedSemaphore::open(&parent.hear()).expect("open");
    let mut permits = Vec::new();
    parent.tell("joined");
    loop {
        match parent.hear().as_str() {
            "take" => {
                permits.push(semaphore.acquire().expect("acquire"));
                parent.tell("taken");
            }
            "give" => {
                permits.clear();
                parent.tell("given");
            }
            _ => return,
        }
    }
}

/// M7: all permits of a killed process come back, and a sleeper gets one at once.
#[test]
fn owned_permits_come_back_from_the_dead() {
    processes(
        "semaphore::owned_permits_come_back_from_the_dead",
        2,
        |mut children| {
            let name = Named::new("owned");
            let semaphore = OwnedSemaphore::create(&name.0, 3).expect("create");
            for child in &mut children {
                assert_eq!(ask(child, &name.0), "joined");
            }
            for _ in 0..3 {
                assert_eq!(ask(&mut children[0], "take"), "taken");
            }
            assert_eq!(semaphore.free(), 0);
            assert!(matches!(semaphore.try_acquire(), Err(Error::WouldBlock)));
            children[1].tell("take");
            until_asleep(children[1].pid());
            let since = Instant::now();
            children[0].kill();
            assert_eq!(children[1].hear(), "taken");
            assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
            assert_eq!(semaphore.free(), 2);
            let permits = [semaphore.acquire().expect("free"), semaphore.acquire().expect("free")];
            assert_ne!(permits[0].index(), permits[1].index());
            std::thread::scope(|scope| {
                let waiter =
                    scope.spawn(|| semaphore.acquire_timeout(SOON).map(|permit| permit.index()));
                until_asleep_here();
                assert_eq!(ask(&mut children[1], "give"), "given");
                assert!(waiter.join().expect("no panic").is_ok());
            });
            assert!(matches!(semaphore.set_permits(65), Err(Error::InvalidArgument { .. })));
            assert!(matches!(OwnedSemaphore::anonymous(0), Err(Error::InvalidArgument { .. })));
            drop(permits);
            assert_eq!((semaphore.permits(), semaphore.free()), (3, 3));
            children[1].tell("leave");
        },
        worker,
    );
}
