//! A mutex in shared memory: who dies with it, who hears of it, and who does not.

use std::time::Instant;

use ipc_devkit::step::{Stepper, mark, this_thread};
use ipc_devkit::{Parent, alone, fault, processes, two_process};
use ipc_sem::{Error, LockError, Mutex, MutexOptions};

use crate::world::{Named, SHORT, SOON, ask, until_asleep, until_asleep_here, verdict};

/// Does with a mutex what it is told.
fn resident(mut parent: Parent, _: usize) {
    let mutex = Mutex::<u64>::open_or_create(&parent.hear()).expect("open");
    parent.tell("joined");
    let mut held = None;
    loop {
        match parent.hear().as_str() {
            "lock" => {
                let attempt = mutex.lock();
                parent.tell(verdict(&attempt));
                held = attempt.map_or_else(LockError::into_guard, Some);
            }
            "mark" => {
                held.as_mut().expect("held").mark_consistent();
                parent.tell("marked");
            }
            "unlock" => {
                held = None;
                parent.tell("unlocked");
            }
            _ => return,
        }
    }
}

/// M7: the death of a holder reaches a sleeper once; after `mark_consistent` all is as before.
#[test]
fn exactly_one_hears_of_a_dead_owner() {
    processes(
        "mutex::exactly_one_hears_of_a_dead_owner",
        2,
        |mut children| {
            let name = Named::new("mutex");
            for child in &mut children {
                assert_eq!(ask(child, &name.0), "joined");
            }
            assert_eq!(ask(&mut children[0], "lock"), "clean");
            children[1].tell("lock");
            until_asleep(children[1].pid());
            let since = Instant::now();
            children[0].kill();
            assert_eq!(children[1].hear(), "owner died");
            assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
            let mutex = Mutex::<u64>::open(&name.0).expect("open");
            std::thread::scope(|scope| {
                let waiter = scope.spawn(|| verdict(&mutex.lock()));
                until_asleep_here();
                assert_eq!(ask(&mut children[1], "mark"), "marked");
                assert_eq!(ask(&mut children[1], "unlock"), "unlocked");
                assert_eq!(waiter.join().expect("no panic"), "clean");
            });
            assert_eq!(ask(&mut children[1], "lock"), "clean");
            children[1].tell("leave");
        },
        resident,
    );
}

/// M7: a lock that is unlocked without a mark is lost for all, sleepers included.
#[test]
fn unlocked_unmarked_is_not_recoverable() {
    processes(
        "mutex::unlocked_unmarked_is_not_recoverable",
        2,
        |mut children| {
            let name = Named::new("mutex");
            for child in &mut children {
                assert_eq!(ask(child, &name.0), "joined");
            }
            assert_eq!(ask(&mut children[0], "lock"), "clean");
            let mutex = Mutex::<u64>::open(&name.0).expect("open");
            children[0].kill();
            let attempt = mutex.lock();
            assert_eq!(verdict(&attempt), "owner died");
            children[1].tell("lock");
            until_asleep(children[1].pid());
            drop(attempt);
            assert_eq!(children[1].hear(), "not recoverable");
            assert_eq!(verdict(&mutex.lock()), "not recoverable");
            assert_eq!(verdict(&mutex.try_lock()), "not recoverable");
            children[1].tell("leave");
        },
        resident,
    );
}

/// M7: whoever was told and dies before it marked leaves the verdict to the next.
#[test]
fn the_verdict_outlives_who_heard_it() {
    processes(
        "mutex::the_verdict_outlives_who_heard_it",
        2,
        |mut children| {
            let name = Named::new("mutex");
            for (child, said) in children.iter_mut().zip(["clean", "owner died"]) {
                assert_eq!(ask(child, &name.0), "joined");
                assert_eq!(ask(child, "lock"), said);
                child.kill();
            }
            let mutex = Mutex::<u64>::open(&name.0).expect("open");
            let Err(LockError::OwnerDied(mut guard)) = mutex.lock() else { panic!("told") };
            guard.mark_consistent();
            drop(guard);
            assert_eq!(verdict(&mutex.lock()), "clean");
        },
        resident,
    );
}

/// A panic is not a death: the next one gets `Poisoned`, until somebody says that all is well.
#[test]
fn a_panic_poisons() {
    alone("mutex::a_panic_poisons", || {
        let (mutex, _fd) = Mutex::<u64>::anonymous().expect("create");
        let panicked = std::panic::catch_unwind(|| {
            let _guard = mutex.lock();
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(panicked.is_err() && mutex.is_poisoned());
        assert_eq!(verdict(&mutex.lock()), "poisoned");
        assert_eq!(verdict(&mutex.try_lock()), "poisoned");
        mutex.clear_poison();
        assert_eq!(verdict(&mutex.lock()), "clean");
    });
}

/// X2, X18: each form ends as it says.
#[test]
fn the_verbs_wait_as_they_say() {
    alone("mutex::the_verbs_wait_as_they_say", || {
        let (mutex, _fd) = Mutex::<u64>::anonymous().expect("create");
        let guard = mutex.lock().expect("free");
        assert_eq!(verdict(&mutex.try_lock()), "would block");
        let since = Instant::now();
        assert_eq!(verdict(&mutex.lock_timeout(SHORT)), "timed out");
        assert_eq!(verdict(&mutex.lock_deadline(Instant::now() + SHORT)), "timed out");
        assert!(since.elapsed() >= 2 * SHORT && since.elapsed() < SOON);
        let canceller = mutex.canceller();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| verdict(&mutex.lock()));
            until_asleep_here();
            canceller.cancel();
            assert_eq!(waiter.join().expect("no panic"), "cancelled");
        });
        drop(guard);
        assert_eq!(verdict(&mutex.lock_timeout(SHORT)), "clean");
    });
}

/// X4: in a forked child the lock is not ours, and dropping a guard unlocks nothing.
#[test]
fn a_forked_child_owns_nothing() {
    alone("mutex::a_forked_child_owns_nothing", || {
        let (mutex, _fd) = Mutex::<u64>::anonymous().expect("create");
        let mut guard = Some(mutex.lock().expect("free"));
        let right = fault::in_fork(|| {
            drop(guard.take());
            verdict(&mutex.lock()) == "not owner" && verdict(&mutex.try_lock()) == "not owner"
        });
        assert!(right);
        assert_eq!(verdict(&mutex.try_lock()), "would block");
        drop(guard);
        assert_eq!(verdict(&mutex.try_lock()), "clean");
    });
}

/// X6: exec is the death of an owner.
#[test]
fn an_owner_that_becomes_another_program_is_dead() {
    two_process(
        "mutex::an_owner_that_becomes_another_program_is_dead",
        |mut child| {
            let name = Named::new("mutex");
            let mutex = Mutex::<u64>::open_or_create(&name.0).expect("create");
            child.tell(&name.0);
            assert_eq!(child.hear(), "locked");
            child.expect_death();
            child.tell("go");
            assert_eq!(verdict(&mutex.lock_timeout(SOON)), "owner died");
        },
        |mut parent| {
            let mutex = Mutex::<u64>::open(&parent.hear()).expect("open");
            let _guard = mutex.lock().expect("free");
            parent.tell("locked");
            let _ = parent.hear();
            let error =
                std::os::unix::process::CommandExt::exec(&mut std::process::Command::new("true"));
            panic!("exec: {error}");
        },
    );
}

/// What is there before the name is there.
#[test]
fn first_values_are_there_at_once() {
    alone("mutex::first_values_are_there_at_once", || {
        let name = Named::new("mutex");
        let options = MutexOptions::<[u32; 4]>::new();
        let made = options.create_with(&name.0, |data| data[2] = 7).expect("create");
        assert_eq!(*made.lock().expect("free"), [0, 0, 7, 0]);
        let opened = options.open_or_create_with(&name.0, |data| data[2] = 9).expect("open");
        assert_eq!(*opened.lock().expect("free"), [0, 0, 7, 0]);
    });
}

/// How many places to kill at.
const POINTS: usize = 40;

/// M8: killed at instructions of lock and unlock, evenly spread: whoever is left gets the lock, and hears
/// of the death exactly if the victim had it.
#[test]
fn killed_at_any_instruction_of_lock_and_unlock() {
    processes(
        "mutex::killed_at_any_instruction_of_lock_and_unlock",
        POINTS + 1,
        |mut children| {
            let name = Named::new("mutex");
            let mutex = Mutex::<u64>::open_or_create(&name.0).expect("create");
            let mut bring = |name: &Named| {
                let mut child = children.pop().expect("enough");
                let tid = ask(&mut child, &name.0).parse().expect("a thread number");
                let mut stepper = Stepper::seize(child, tid);
                stepper.child().tell("go");
                stepper.await_mark();
                stepper
            };
            let mut first = bring(&name);
            let mut length = 0;
            while first.step() {
                length += 1;
            }
            first.kill();
            let mut told = 0;
            for point in 0..POINTS {
                let mut stepper = bring(&name);
                for _ in 0..point * length / POINTS {
                    assert!(stepper.step(), "as long as the first");
                }
                let held = matches!(mutex.try_lock(), Err(LockError::Failed(Error::WouldBlock)));
                stepper.kill();
                let attempt = mutex.lock_timeout(SOON);
                assert_eq!(verdict(&attempt), if held { "owner died" } else { "clean" });
                told += u32::from(held);
                if let Err(LockError::OwnerDied(mut guard)) = attempt {
                    guard.mark_consistent();
                }
            }
            eprintln!("{length} instructions, {told} of {POINTS} deaths inside");
            assert!(told > 0);
        },
        |mut parent, _| {
            let mutex = Mutex::<u64>::open(&parent.hear()).expect("open");
            parent.tell(&this_thread().to_string());
            let _ = parent.hear();
            mark();
            drop(mutex.lock());
            mark();
        },
    );
}
