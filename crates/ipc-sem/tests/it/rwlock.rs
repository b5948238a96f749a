//! A read-write lock in shared memory: who shares, who waits, and who died.

use std::time::Instant;

use ipc_devkit::{Parent, alone, fault, processes};
use ipc_sem::{LockError, RwLock};

use crate::world::{Named, SHORT, SOON, ask, until_asleep, until_asleep_here, verdict};

fn resident(mut parent: Parent, _: usize) {
    let lock = RwLock::<u64>::open_or_create(&parent.hear()).expect("open");
    parent.tell("joined");
    let (mut reading, mut writing) = (None, None);
    loop {
        match parent.hear().as_str() {
            "read" => {
                let attempt = lock.read();
                parent.tell(verdict(&attempt));
                reading = attempt.map_or_else(LockError::into_guard, Some);
            }
            "write" => {
                let attempt = lock.write();
                parent.tell(verdict(&attempt));
                writing = attempt.map_or_else(LockError::into_guard, Some);
            }
            "unlock" => {
                (reading, writing) = (None, None);
                parent.tell("unlocked");
            }
            _ => {
                drop((reading, writing));
                return;
            }
        }
    }
}

/// A reader that is killed holds up no writer, and its place may be used again.
#[test]
fn a_dead_reader_holds_up_nobody() {
    processes(
        "rwlock::a_dead_reader_holds_up_nobody",
        3,
        |mut children| {
            let name = Named::new("rwlock");
            for child in &mut children {
                assert_eq!(ask(child, &name.0), "joined");
            }
            assert_eq!(ask(&mut children[0], "read"), "clean");
            assert_eq!(ask(&mut children[1], "read"), "clean");
            children[2].tell("write");
            until_asleep(children[2].pid());
            let since = Instant::now();
            children[0].kill();
            assert_eq!(ask(&mut children[1], "unlock"), "unlocked");
            assert_eq!(children[2].hear(), "clean");
            assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
            // The place of the dead one, in its next use: it counts from the beginning.
            let lock = RwLock::<u64>::open(&name.0).expect("open");
            assert_eq!(verdict(&lock.try_read()), "would block");
            assert_eq!(ask(&mut children[2], "unlock"), "unlocked");
            drop(lock.read().expect("free"));
            assert_eq!(ask(&mut children[2], "write"), "clean");
            children[1].tell("leave");
            children[2].tell("leave");
        },
        resident,
    );
}

/// A writer that is killed is told of to readers and to the next writer, until one marks the data.
#[test]
fn a_dead_writer_is_told_of() {
    processes(
        "rwlock::a_dead_writer_is_told_of",
        2,
        |mut children| {
            let name = Named::new("rwlock");
            for child in &mut children {
                assert_eq!(ask(child, &name.0), "joined");
            }
            assert_eq!(ask(&mut children[0], "write"), "clean");
            children[1].tell("read");
            until_asleep(children[1].pid());
            let since = Instant::now();
            children[0].kill();
            assert_eq!(children[1].hear(), "owner died");
            assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
            let lock = RwLock::<u64>::open(&name.0).expect("open");
            // A writer that gives up while a reader holds it up leaves the verdict to the next.
            assert_eq!(verdict(&lock.write_timeout(SHORT)), "timed out");
            assert_eq!(verdict(&lock.read()), "owner died");
            assert_eq!(ask(&mut children[1], "unlock"), "unlocked");
            let Err(LockError::OwnerDied(mut guard)) = lock.write() else { panic!("told") };
            guard.mark_consistent();
            drop(guard);
            assert_eq!(verdict(&lock.read()), "clean");
            assert_eq!(ask(&mut children[1], "write"), "clean");
            children[1].kill();
            assert_eq!(verdict(&lock.write()), "owner died");
            assert_eq!(verdict(&lock.read()), "not recoverable");
            assert_eq!(verdict(&lock.write()), "not recoverable");
        },
        resident,
    );
}

/// Readers that keep coming do not keep a writer out.
#[test]
fn writers_are_not_starved() {
    processes(
        "rwlock::writers_are_not_starved",
        2,
        |mut children| {
            let name = Named::new("rwlock");
            let lock = RwLock::<u64>::open_or_create(&name.0).expect("create");
            for child in &mut children {
                assert_eq!(ask(child, &name.0), "reading");
            }
            for _ in 0..20 {
                *lock.write_timeout(SOON).expect("in time") += 1;
            }
            for child in &mut children {
                child.kill();
            }
            assert_eq!(*lock.read().expect("free"), 20);
        },
        |mut parent, _| {
            let lock = RwLock::<u64>::open(&parent.hear()).expect("open");
            parent.tell("reading");
            // Two threads that overlap: this process holds the lock nearly always.
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        loop {
                            let guard = lock.read().expect("nobody dies");
                            (0..100).for_each(|_| std::hint::spin_loop());
                            drop(guard);
                        }
                    });
                }
            });
        },
    );
}

/// X2, X4, X18: each form ends as it says; a forked child owns nothing; a panic poisons.
#[test]
fn the_verbs_wait_as_they_say() {
    alone("rwlock::the_verbs_wait_as_they_say", || {
        let (lock, _fd) = RwLock::<u64>::anonymous().expect("create");
        let mut guard = Some(lock.write().expect("free"));
        assert_eq!(verdict(&lock.try_read()), "would block");
        assert_eq!(verdict(&lock.try_write()), "would block");
        assert_eq!(verdict(&lock.read_timeout(SHORT)), "timed out");
        assert_eq!(verdict(&lock.write_deadline(Instant::now() + SHORT)), "timed out");
        let canceller = lock.canceller();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| verdict(&lock.read()));
            until_asleep_here();
            canceller.cancel();
            assert_eq!(waiter.join().expect("no panic"), "cancelled");
        });
        let right = fault::in_fork(|| {
            drop(guard.take());
            verdict(&lock.read()) == "not owner" && verdict(&lock.write()) == "not owner"
        });
        assert!(right);
        assert_eq!(verdict(&lock.try_read()), "would block");
        drop(guard);
        let (one, other) = (lock.read().expect("free"), lock.read().expect("shared"));
        assert_eq!(verdict(&lock.try_write()), "would block");
        drop((one, other));
        let panicked = std::panic::catch_unwind(|| {
            let _guard = lock.write();
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(panicked.is_err());
        assert_eq!(verdict(&lock.read()), "poisoned");
        assert_eq!(verdict(&lock.write()), "poisoned");
        lock.clear_poison();
        assert_eq!(verdict(&lock.read()), "clean");
    });
}
