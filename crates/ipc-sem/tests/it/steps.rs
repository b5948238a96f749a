//! M8: killed at instructions, evenly spread over each operation: whoever is left goes on at once.

use std::cell::Cell;
use std::time::{Duration, Instant};

use ipc_devkit::step::{Stepper, mark, this_thread};
use ipc_devkit::{Child, processes};
use ipc_sem::{Barrier, Error, Event, LockError, OwnedSemaphore, Reset, RwLock, Semaphore};

use crate::world::{Named, SHORT, SOON, until_asleep_here, verdict, word};

/// How many places to kill at, of a short operation.
const POINTS: usize = 32;
/// How many of a long one.
const LEAST: usize = 6;
/// How many more at the end of a long one.
const ENDINGS: usize = 4;
/// Instructions between those at the end of a long one.
const APART: usize = 80;
/// So many instructions one by one take some seconds.
const BUDGET: usize = 40_000;
/// A death is noticed within a slice of 250 ms; as much again for a machine that is busy.
const NOTICE: Duration = Duration::from_millis(500);

/// Long enough to look in vain.
const LITTLE: Duration = Duration::from_millis(1);

/// A process that is about to do the operation.
struct Victim<'a> {
    child: Child,
    /// How many instructions it may do.
    point: usize,
    done: &'a Cell<usize>,
}

impl Victim<'_> {
    /// Lets it open the object, then do so many instructions of the operation, or all.
    fn bring(mut self, name: &Named) -> Stepper {
        self.child.tell(&name.0);
        let tid = self.child.hear().parse().expect("a thread number");
        let mut stepper = Stepper::seize(self.child, tid);
        stepper.child().tell("go");
        stepper.await_mark();
        while self.done.get() < self.point && stepper.step() {
            self.done.set(self.done.get() + 1);
        }
        stepper
    }
}

/// Runs `round` once with a victim that does the whole operation before it is killed, then with one for
/// each point. Somewhere `round` must return true: the victim was inside.
fn killed_inside<O: Fn()>(
    test: &str,
    operation: impl Fn(&str) -> O,
    mut round: impl FnMut(Victim<'_>) -> bool,
) {
    processes(
        test,
        POINTS + ENDINGS + 1,
        |children| {
            ipc_devkit::watchdog::limit(Duration::from_secs(40));
            let mut children = children.into_iter();
            let mut visit = |point| {
                let done = Cell::new(0);
                let child = children.next().expect("enough");
                (round(Victim { child, point, done: &done }), done.get())
            };
            let (_, length) = visit(usize::MAX);
            // On the way to the points, half of it is done on average.
            let points = (2 * BUDGET / length).clamp(LEAST, POINTS);
            let spread = (0..points).map(|n| n * length / points);
            // Where a long one ends, what it was for is done and its wake-ups are sent.
            let ending =
                (1..=if points < POINTS { ENDINGS } else { 0 }).map(|n| length - n * APART);
            let chosen: Vec<_> = spread.chain(ending).collect();
            let inside = chosen.iter().filter(|point| visit(**point).0).count();
            eprintln!("{length} instructions, {inside} of {} deaths inside", chosen.len());
            assert!(inside > 0);
            for mut child in children {
                child.kill();
            }
        },
        |mut parent, _| {
            let operation = operation(&parent.hear());
            parent.tell(&this_thread().to_string());
            let _ = parent.hear();
            mark();
            operation();
            mark();
            // Nothing is left before it is killed.
            let _ = parent.hear();
        },
    );
}

/// Kills the victim; the answer must come soon after.
#[track_caller]
fn kill_and<X>(victim: Stepper, answer: impl FnOnce() -> X) -> X {
    victim.kill();
    soon(answer)
}

#[track_caller]
fn soon<X>(answer: impl FnOnce() -> X) -> X {
    let since = Instant::now();
    let answer = answer();
    assert!(since.elapsed() < NOTICE, "{:?}", since.elapsed());
    answer
}

/// M8: a reader killed anywhere between read and unlock keeps no writer out, sleeping or not.
#[test]
fn reading() {
    killed_inside(
        "steps::reading",
        |name| {
            let lock = RwLock::<u64>::open(name).expect("open");
            move || drop(lock.read())
        },
        |victim| {
            let name = Named::new("rwlock");
            let lock = RwLock::<u64>::create(&name.0).expect("create");
            let victim = victim.bring(&name);
            let inside = verdict(&lock.try_write()) == "would block";
            std::thread::scope(|scope| {
                let writer = scope.spawn(|| verdict(&lock.write_timeout(SOON)));
                if inside {
                    until_asleep_here();
                }
                assert_eq!(kill_and(victim, || writer.join().expect("no panic")), "clean");
            });
            assert_eq!(verdict(&lock.try_read()), "clean");
            inside
        },
    );
}

/// M8: a writer killed anywhere between write and unlock is told of exactly if it had the lock.
#[test]
fn writing() {
    killed_inside(
        "steps::writing",
        |name| {
            let lock = RwLock::<u64>::open(name).expect("open");
            move || drop(lock.write())
        },
        |victim| {
            let name = Named::new("rwlock");
            let lock = RwLock::<u64>::create(&name.0).expect("create");
            let victim = victim.bring(&name);
            let inside = verdict(&lock.try_read()) == "would block";
            let expected = if inside { "owner died" } else { "clean" };
            std::thread::scope(|scope| {
                let reader = scope.spawn(|| verdict(&lock.read_timeout(SOON)));
                if inside {
                    until_asleep_here();
                }
                assert_eq!(kill_and(victim, || reader.join().expect("no panic")), expected);
            });
            match lock.write_timeout(SOON) {
                Err(LockError::OwnerDied(mut guard)) if inside => guard.mark_consistent(),
                attempt => assert_eq!(verdict(&attempt), expected),
            }
            assert_eq!(verdict(&lock.try_read()), "clean");
            inside
        },
    );
}

/// M8: a writer killed while it waits for readers, or gives up, lets all others go on.
#[test]
fn writing_while_somebody_reads() {
    killed_inside(
        "steps::writing_while_somebody_reads",
        |name| {
            let lock = RwLock::<u64>::open(name).expect("open");
            move || drop(lock.write_timeout(SHORT))
        },
        |victim| {
            let name = Named::new("rwlock");
            let lock = RwLock::<u64>::create(&name.0).expect("create");
            let reading = lock.read().expect("free");
            let victim = victim.bring(&name);
            let inside = verdict(&lock.try_read()) == "would block";
            let expected = if inside { "owner died" } else { "clean" };
            assert_eq!(kill_and(victim, || verdict(&lock.read_timeout(SOON))), expected);
            drop(reading);
            assert_eq!(verdict(&lock.write_timeout(SOON)), expected);
            inside
        },
    );
}

/// M8: the permit of a process killed anywhere between acquire and release comes back.
#[test]
fn owned_permits() {
    killed_inside(
        "steps::owned_permits",
        |name| {
            let semaphore = OwnedSemaphore::open(name).expect("open");
            move || drop(semaphore.acquire())
        },
        |victim| {
            let name = Named::new("owned");
            let semaphore = OwnedSemaphore::create(&name.0, 1).expect("create");
            let victim = victim.bring(&name);
            let inside = semaphore.free() == 0;
            std::thread::scope(|scope| {
                let next = scope.spawn(|| semaphore.acquire_timeout(SOON).map(drop));
                if inside {
                    until_asleep_here();
                }
                kill_and(victim, || next.join().expect("no panic")).expect("a permit");
            });
            assert_eq!(semaphore.free(), 1);
            inside
        },
    );
}

/// M8: a plain permit is lost with who had it and never comes twice; nobody else is held up.
#[test]
fn plain_permits() {
    killed_inside(
        "steps::plain_permits",
        |name| {
            let semaphore = Semaphore::open(name).expect("open");
            move || drop((semaphore.acquire(), semaphore.release()))
        },
        |victim| {
            let name = Named::new("semaphore");
            let semaphore = Semaphore::create(&name.0, 1).expect("create");
            let victim = victim.bring(&name);
            let left = semaphore.value();
            kill_and(victim, || assert_eq!(semaphore.value(), left));
            semaphore.release().expect("release");
            for _ in 0..=left {
                semaphore.try_acquire().expect("what is left, and ours");
            }
            assert!(matches!(semaphore.try_acquire(), Err(Error::WouldBlock)));
            left == 0
        },
    );
}

/// M8: whoever is killed while it releases has released, or not; a sleeper never misses it.
#[test]
fn releasing_to_a_sleeper() {
    killed_inside(
        "steps::releasing_to_a_sleeper",
        |name| {
            let semaphore = Semaphore::open(name).expect("open");
            move || drop(semaphore.release())
        },
        |victim| {
            let name = Named::new("semaphore");
            let semaphore = Semaphore::create(&name.0, 0).expect("create");
            std::thread::scope(|scope| {
                let next = scope.spawn(|| semaphore.acquire_timeout(SOON));
                until_asleep_here();
                let victim = victim.bring(&name);
                let released = semaphore.value() == 1 || next.is_finished();
                if released {
                    kill_and(victim, || next.join().expect("no panic")).expect("the victim's");
                } else {
                    victim.kill();
                    semaphore.release().expect("release");
                    soon(|| next.join().expect("no panic")).expect("ours");
                }
                assert_eq!(semaphore.value(), 0);
                released
            })
        },
    );
}

/// M8: a sleeper killed anywhere between its first look and its last leaves the permit to the next.
#[test]
fn waiting_for_a_permit() {
    killed_inside(
        "steps::waiting_for_a_permit",
        |name| {
            let semaphore = Semaphore::open(name).expect("open");
            // Looks that lead to nothing are soon left out, which makes for fewer instructions.
            (0..8).for_each(|_| drop(semaphore.acquire_timeout(LITTLE)));
            move || drop(semaphore.acquire_timeout(SHORT))
        },
        |victim| {
            let name = Named::new("semaphore");
            let semaphore = Semaphore::create(&name.0, 0).expect("create");
            let victim = victim.bring(&name);
            let marked = crate::world::first_word(&name.0) >> 31 == 1;
            std::thread::scope(|scope| {
                let next = scope.spawn(|| semaphore.acquire_timeout(SOON));
                until_asleep_here();
                // The victim may be the first in the queue.
                semaphore.release().expect("release");
                kill_and(victim, || next.join().expect("no panic")).expect("a permit");
            });
            assert_eq!(semaphore.value(), 0);
            marked
        },
    );
}

/// M8: an event that somebody was setting when it was killed is set or not; a sleeper never misses it.
#[test]
fn setting_an_event() {
    killed_inside(
        "steps::setting_an_event",
        |name| {
            let event = Event::open(name).expect("open");
            move || drop((event.set(), event.try_wait()))
        },
        |victim| {
            let name = Named::new("event");
            let event = Event::create(&name.0, Reset::Manual).expect("create");
            std::thread::scope(|scope| {
                let waiter = scope.spawn(|| event.wait_timeout(SOON));
                until_asleep_here();
                let victim = victim.bring(&name);
                let set = event.is_set();
                if set {
                    kill_and(victim, || waiter.join().expect("no panic")).expect("the victim's");
                } else {
                    victim.kill();
                    event.set().expect("set");
                    soon(|| waiter.join().expect("no panic")).expect("ours");
                }
                set
            })
        },
    );
}

/// M8: an event that resets itself lets one through, whoever was killed on the way.
#[test]
fn passing_an_event() {
    killed_inside(
        "steps::passing_an_event",
        |name| {
            let event = Event::open(name).expect("open");
            move || drop((event.set(), event.wait()))
        },
        |victim| {
            let name = Named::new("event");
            let event = Event::create(&name.0, Reset::Auto).expect("create");
            let victim = victim.bring(&name);
            let set = event.is_set();
            kill_and(victim, || assert_eq!(event.try_wait().is_ok(), set));
            event.set().expect("set");
            event.try_wait().expect("set");
            assert!(matches!(event.try_wait(), Err(Error::WouldBlock)));
            set
        },
    );
}

/// M8: killed on its way to a barrier, the last one opens it or breaks it; who waits there goes on.
#[test]
fn arriving_last() {
    killed_inside(
        "steps::arriving_last",
        |name| {
            let barrier = Barrier::open(name).expect("open");
            move || drop(barrier.wait())
        },
        |victim| {
            let name = Named::new("barrier");
            let barrier = Barrier::create(&name.0, 2).expect("create");
            std::thread::scope(|scope| {
                let waiter = scope.spawn(|| barrier.wait_timeout(SOON));
                until_asleep_here();
                let victim = victim.bring(&name);
                let opened = crate::world::first_word(&name.0) != 1;
                let answer = kill_and(victim, || waiter.join().expect("no panic"));
                match answer {
                    Ok(passed) => assert!(opened && !passed.is_leader()),
                    Err(error) => assert!(!opened && word(&error) == "broken", "{error}"),
                }
                assert!(matches!(barrier.wait_timeout(SOON), Err(Error::Broken { .. })));
                opened
            })
        },
    );
}

/// M8: killed at the barrier, the first one breaks it for the next, whether it had arrived or not.
#[test]
fn arriving_first() {
    killed_inside(
        "steps::arriving_first",
        |name| {
            let barrier = Barrier::open(name).expect("open");
            (0..8).for_each(|_| drop(barrier.wait_timeout(LITTLE)));
            move || drop(barrier.wait_timeout(SHORT))
        },
        |victim| {
            let name = Named::new("barrier");
            let barrier = Barrier::create(&name.0, 2).expect("create");
            let victim = victim.bring(&name);
            let arrived = crate::world::first_word(&name.0) != 0;
            let answer = kill_and(victim, || barrier.wait_timeout(SOON));
            assert!(matches!(answer, Err(Error::Broken { .. })), "{answer:?}");
            arrived
        },
    );
}
