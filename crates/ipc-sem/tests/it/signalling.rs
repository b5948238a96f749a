//! Events, condition variables, barriers, one-time work, and waiting for any of several.

use std::time::{Duration, Instant};

use ipc_devkit::{Parent, alone, fault, processes, two_process};
use ipc_sem::{Barrier, Condvar, Error, Event, Mutex, Once, Reset, Semaphore};
use ipc_sem::{LockError, Waitable, try_wait_any, wait_any, wait_any_deadline, wait_any_timeout};

use crate::world::{Named, SHORT, SOON, ask, until_asleep, until_asleep_here, verdict, word};

/// An event that resets itself lets one through; one that is reset by hand lets all through that were
/// waiting, even if it is reset at once.
#[test]
fn an_event_lets_through_whom_it_should() {
    processes(
        "signalling::an_event_lets_through_whom_it_should",
        2,
        |mut children| {
            for reset in [Reset::Auto, Reset::Manual] {
                let name = Named::new("event");
                let event = Event::create(&name.0, reset).expect("create");
                for child in &mut children {
                    child.tell(&name.0);
                    until_asleep(child.pid());
                }
                event.set().expect("set");
                if reset == Reset::Manual {
                    event.reset().expect("reset");
                } else {
                    // One gets through by each set.
                    let since = Instant::now();
                    while event.is_set() {
                        assert!(since.elapsed() < SOON, "nobody takes it");
                    }
                    event.set().expect("set");
                }
                for child in &mut children {
                    assert_eq!(child.hear(), "through");
                }
                assert!(!event.is_set());
            }
            for child in &mut children {
                child.tell("");
            }
        },
        |mut parent, _| {
            loop {
                let name = parent.hear();
                if name.is_empty() {
                    return;
                }
                Event::open(&name).expect("open").wait().expect("wait");
                parent.tell("through");
            }
        },
    );
}

/// X2, X4, X18: each form ends as it says; a forked child owns nothing.
#[test]
fn events_wait_as_they_say() {
    alone("signalling::events_wait_as_they_say", || {
        let (event, _fd) = Event::anonymous(Reset::Manual).expect("create");
        let said = |result: ipc_sem::Result<()>| word(&result.expect_err("not set"));
        assert_eq!(said(event.try_wait()), "would block");
        assert_eq!(said(event.wait_timeout(SHORT)), "timed out");
        assert_eq!(said(event.wait_deadline(Instant::now() + SHORT)), "timed out");
        let canceller = event.canceller();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| event.wait());
            until_asleep_here();
            canceller.cancel();
            assert_eq!(said(waiter.join().expect("no panic")), "cancelled");
        });
        event.set().expect("set");
        event.wait().expect("set");
        event.wait().expect("still set");
        assert_eq!(event.reset_by(), Reset::Manual);
        assert!(fault::in_fork(|| said(event.wait()) == "not owner"));
    });
}

/// A notification reaches a sleeper in another process; the death of the one that was notified wakes the
/// others, so that nobody waits for a wake-up that a dead process had.
#[test]
fn a_notification_is_not_lost_with_the_dead() {
    processes(
        "signalling::a_notification_is_not_lost_with_the_dead",
        2,
        |mut children| {
            let (lock, more) = (Named::new("mutex"), Named::new("condvar"));
            let jobs = Mutex::<u64>::open_or_create(&lock.0).expect("create");
            let condvar = Condvar::create(&more.0).expect("create");
            for child in &mut children {
                child.tell(&format!("{} {}", lock.0, more.0));
                until_asleep(child.pid());
            }
            children[0].stop();
            *jobs.lock().expect("free") = 1;
            condvar.notify_one().expect("notify");
            let since = Instant::now();
            children[0].kill();
            assert_eq!(children[1].hear(), "had it");
            assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
        },
        |mut parent, _| {
            let names = parent.hear();
            let (lock, more) = names.split_once(' ').expect("two");
            let jobs = Mutex::<u64>::open(lock).expect("open");
            let condvar = Condvar::open(more).expect("open");
            let guard = jobs.lock().expect("free");
            *condvar.wait_while(guard, |jobs| *jobs == 0).expect("a job") -= 1;
            parent.tell("had it");
        },
    );
}

/// X2, X4, X18: a wait that ends by its deadline or its canceller has not locked again.
#[test]
fn condition_variables_wait_as_they_say() {
    alone("signalling::condition_variables_wait_as_they_say", || {
        let (mutex, _fd) = Mutex::<u64>::anonymous().expect("create");
        let (condvar, _fd) = Condvar::anonymous().expect("create");
        let since = Instant::now();
        let waited = condvar.wait_timeout(mutex.lock().expect("free"), SHORT);
        assert_eq!(verdict(&waited), "timed out");
        assert!(since.elapsed() >= SHORT);
        let guard = mutex.try_lock().expect("not locked again");
        assert_eq!(verdict(&condvar.wait_deadline(guard, Instant::now() + SHORT)), "timed out");
        let canceller = condvar.canceller();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| verdict(&condvar.wait(mutex.lock().expect("free"))));
            until_asleep_here();
            canceller.cancel();
            assert_eq!(waiter.join().expect("no panic"), "cancelled");
            let waiter = scope.spawn(|| {
                let guard = mutex.lock().expect("free");
                *condvar.wait_while(guard, |value| *value == 0).expect("notified")
            });
            until_asleep_here();
            *mutex.lock().expect("free") = 3;
            condvar.notify_all().expect("notify");
            assert_eq!(waiter.join().expect("no panic"), 3);
        });
        assert!(fault::in_fork(|| matches!(condvar.notify_one(), Err(Error::NotOwner { .. }))));
    });
}

/// All get through together, again and again, and one of them leads each time.
#[test]
fn a_barrier_opens_for_all_at_once() {
    const TURNS: u32 = 50;
    processes(
        "signalling::a_barrier_opens_for_all_at_once",
        3,
        |mut children| {
            let name = Named::new("barrier");
            let barrier = Barrier::create(&name.0, 3).expect("create");
            for child in &mut children {
                child.tell(&name.0);
            }
            let led: u32 = children
                .iter_mut()
                .map(|child| child.hear().parse::<u32>().expect("a count"))
                .sum();
            assert_eq!(led, TURNS);
            assert!(!barrier.is_broken());
        },
        |mut parent, _| {
            let barrier = Barrier::open(&parent.hear()).expect("open");
            let led = (0..TURNS).filter(|_| barrier.wait().expect("whole").is_leader()).count();
            parent.tell(&led.to_string());
        },
    );
}

/// A participant that dies, waiting or not, breaks the barrier for all; one that left does not.
#[test]
fn a_barrier_breaks_when_a_participant_dies() {
    processes(
        "signalling::a_barrier_breaks_when_a_participant_dies",
        3,
        |mut children| {
            let name = Named::new("barrier");
            let barrier = Barrier::create(&name.0, 3).expect("create");
            for child in &mut children {
                assert_eq!(ask(child, &name.0), "joined");
            }
            let mut left = children.pop().expect("three");
            assert_eq!(ask(&mut left, "leave"), "left");
            left.kill();
            children[0].tell("wait");
            until_asleep(children[0].pid());
            assert!(!barrier.is_broken());
            let since = Instant::now();
            // It has not waited once.
            children[1].kill();
            assert_eq!(children[0].hear(), "broken");
            assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
            assert!(matches!(barrier.wait(), Err(Error::Broken { .. })));
            // Another process in the dead one's place changes nothing.
            assert!(Barrier::open(&name.0).expect("open").is_broken());
            children[0].tell("done");
        },
        |mut parent, _| {
            let mut barrier = Some(Barrier::open(&parent.hear()).expect("open"));
            parent.tell("joined");
            loop {
                match parent.hear().as_str() {
                    "wait" => {
                        let result = barrier.as_ref().expect("open").wait();
                        parent.tell(result.map_or_else(|error| word(&error), |_| "opened"));
                    }
                    "leave" => {
                        barrier = None;
                        parent.tell("left");
                    }
                    _ => return,
                }
            }
        },
    );
}

/// X2, X4, X18: who gives up has not arrived.
#[test]
fn barriers_wait_as_they_say() {
    alone("signalling::barriers_wait_as_they_say", || {
        let (barrier, _fd) = Barrier::anonymous(2).expect("create");
        let said = |result: ipc_sem::Result<ipc_sem::Opened>| word(&result.expect_err("alone"));
        assert_eq!(said(barrier.try_wait()), "would block");
        assert_eq!(said(barrier.wait_timeout(SHORT)), "timed out");
        assert_eq!(said(barrier.wait_deadline(Instant::now() + SHORT)), "timed out");
        let canceller = barrier.canceller();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| barrier.wait());
            until_asleep_here();
            canceller.cancel();
            assert_eq!(said(waiter.join().expect("no panic")), "cancelled");
            let waiter = scope.spawn(|| barrier.wait().expect("opened").is_leader());
            until_asleep_here();
            assert!(barrier.wait().expect("opened").is_leader());
            assert!(!waiter.join().expect("no panic"));
        });
        assert!(fault::in_fork(|| said(barrier.wait()) == "not owner"));
        assert!(matches!(Barrier::anonymous(0), Err(Error::InvalidArgument { .. })));
    });
}

/// Work is done once; when the process that does it is killed, a caller that waits does it.
#[test]
fn the_next_caller_takes_over() {
    two_process(
        "signalling::the_next_caller_takes_over",
        |mut child| {
            let name = Named::new("once");
            let once = Once::create(&name.0).expect("create");
            assert_eq!(ask(&mut child, &name.0), "at it");
            assert!(matches!(once.try_call_once(|| ()), Err(Error::WouldBlock)));
            assert!(matches!(once.call_once_timeout(SHORT, || ()), Err(Error::TimedOut)));
            std::thread::scope(|scope| {
                let waiter = scope.spawn(|| once.call_once(|| ()));
                until_asleep_here();
                assert!(!once.is_completed());
                child.kill();
                assert!(waiter.join().expect("no panic").expect("taken over"));
            });
            assert!(once.is_completed());
            assert!(!once.call_once(|| panic!("a second time")).expect("done"));
            let canceller = once.canceller();
            canceller.cancel();
            assert!(fault::in_fork(|| matches!(
                once.call_once(|| ()),
                Err(Error::NotOwner { .. })
            )));
        },
        |mut parent: Parent| {
            let once = Once::open(&parent.hear()).expect("open");
            let _ = once.call_once(|| {
                parent.tell("at it");
                let _ = parent.hear();
            });
        },
    );
}

/// A panic in the work leaves it undone.
#[test]
fn work_that_panics_is_done_again() {
    alone("signalling::work_that_panics_is_done_again", || {
        let (once, _fd) = Once::anonymous().expect("create");
        let panicked =
            std::panic::catch_unwind(|| once.call_once(|| std::panic::resume_unwind(Box::new(()))));
        assert!(panicked.is_err() && !once.is_completed());
        assert!(once.call_once(|| ()).expect("free"));
    });
}

/// Whatever comes first ends the wait, from another process, and only that is taken.
#[test]
fn the_first_of_many_is_taken() {
    two_process(
        "signalling::the_first_of_many_is_taken",
        |mut child| {
            let names = ["sem", "event", "mutex"].map(Named::new);
            let semaphore = Semaphore::create(&names[0].0, 0).expect("create");
            let event = Event::create(&names[1].0, Reset::Auto).expect("create");
            let mutex = Mutex::<u64>::open_or_create(&names[2].0).expect("create");
            let told: Vec<_> = names.iter().map(|name| name.0.as_str()).collect();
            assert_eq!(ask(&mut child, &told.join(" ")), "locked");
            let things: [&dyn Waitable; 3] = [&semaphore, &event, &mutex];
            assert!(matches!(try_wait_any(&things), Err(Error::WouldBlock)));
            assert!(matches!(wait_any_timeout(&things, SHORT), Err(Error::TimedOut)));
            let deadline = Instant::now() + SHORT;
            assert!(matches!(wait_any_deadline(&things, deadline), Err(Error::TimedOut)));
            for (index, order) in ["release", "set"].iter().enumerate() {
                let taken = std::thread::scope(|scope| {
                    let waiter = scope.spawn(|| wait_any(&things).map(|taken| taken.index()));
                    until_asleep_here();
                    child.tell(order);
                    waiter.join().expect("no panic")
                });
                assert_eq!(taken.expect("taken"), index);
                assert_eq!((semaphore.value(), event.is_set()), (0, false));
            }
            std::thread::scope(|scope| {
                let waiter = scope.spawn(|| {
                    let taken = wait_any(&things).expect("taken");
                    assert_eq!(taken.index(), 2);
                    verdict(&mutex.claim(taken))
                });
                until_asleep_here();
                child.kill();
                // Claimed and dropped without a mark.
                assert_eq!(waiter.join().expect("no panic"), "owner died");
            });
            assert!(matches!(wait_any(&things), Err(Error::NotRecoverable { .. })));
            let canceller = event.canceller();
            std::thread::scope(|scope| {
                let waiter = scope.spawn(|| wait_any(&things[..2]).map(|taken| taken.index()));
                until_asleep_here();
                canceller.cancel();
                assert!(matches!(waiter.join().expect("no panic"), Err(Error::Cancelled)));
            });
            assert!(matches!(wait_any(&[]), Err(Error::InvalidArgument { .. })));
        },
        |mut parent| {
            let names = parent.hear();
            let names: Vec<_> = names.split(' ').collect();
            let semaphore = Semaphore::open(names[0]).expect("open");
            let event = Event::open(names[1]).expect("open");
            let mutex = Mutex::<u64>::open(names[2]).expect("open");
            let _guard = mutex.lock().expect("free");
            parent.tell("locked");
            loop {
                match parent.hear().as_str() {
                    "release" => semaphore.release().expect("release"),
                    _ => event.set().expect("set"),
                }
            }
        },
    );
}

/// A guard that nobody claims is let go; another mutex cannot claim it.
#[test]
fn what_is_not_claimed_is_let_go() {
    alone("signalling::what_is_not_claimed_is_let_go", || {
        let (one, _fd) = Mutex::<u64>::anonymous().expect("create");
        let (other, _fd) = Mutex::<u64>::anonymous().expect("create");
        let taken = wait_any(&[&one]).expect("free");
        assert_eq!(verdict(&one.try_lock()), "would block");
        let wrong = other.claim(taken);
        assert!(matches!(wrong, Err(LockError::Failed(Error::InvalidArgument { .. }))));
        drop(wrong);
        assert_eq!(verdict(&one.lock_timeout(Duration::ZERO)), "clean");
    });
}
