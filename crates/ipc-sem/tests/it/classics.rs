//! The four classic programs, as processes of which some are killed at random: all others end.
//!
//! The dead are replaced by nobody; what they held is taken over, repaired or given back.

use std::time::Duration;

use ipc_devkit::{Child, Parent, processes};
use ipc_sem::{Condvar, LockError, Mutex, OwnedSemaphore, RwLock, Semaphore};

use crate::world::{Named, lock_repairing};

/// How many processes; every second one is killed.
const MANY: usize = 6;
/// How long a process may wait for something before the test is wrong.
const LONG: Duration = Duration::from_secs(20);

/// Starts all children on `names`, kills every second one at some moment, hears the end of the rest.
fn run(mut children: Vec<Child>, names: &str) -> Vec<u64> {
    let mut random = u64::from(std::process::id()) | 1;
    for child in &mut children {
        child.tell(names);
    }
    for child in &mut children {
        assert_eq!(child.hear(), "started");
    }
    for child in &mut children {
        child.tell("go");
    }
    for child in children.iter_mut().skip(1).step_by(2) {
        // xorshift: a moment up to about two milliseconds from now, different every time.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (0..random % 100_000).for_each(|_| std::hint::spin_loop());
        child.kill();
    }
    let done = |child: &mut Child| child.hear().parse().expect("a count");
    children.iter_mut().step_by(2).map(done).collect()
}

fn begin(parent: &mut Parent) -> Vec<String> {
    let names = parent.hear();
    parent.tell("started");
    assert_eq!(parent.hear(), "go");
    names.split(' ').map(str::to_owned).collect()
}

ipc_sem::shm_safe! {
    /// A buffer of eight jobs: `put - got` are there. What is done to it is one store of `put` or `got`.
    struct Buffer {
        put: u64,
        got: u64,
        jobs: [u64; 8],
    }
}

/// Producers and consumers of one buffer end, though some die: no job is taken twice.
#[test]
fn producers_and_consumers_end() {
    const JOBS: u64 = 400;
    processes(
        "classics::producers_and_consumers_end",
        MANY,
        |children| {
            let names = ["buffer", "changed"].map(Named::new);
            let buffer = Mutex::<Buffer>::open_or_create(&names[0].0).expect("create");
            let _changed = Condvar::create(&names[1].0).expect("create");
            let got = run(children, &format!("{} {}", names[0].0, names[1].0));
            let (buffer, _) = lock_repairing(&buffer, |_| {});
            // The dead took some; nobody took what another had.
            assert_eq!(buffer.got, JOBS);
            assert!(got.iter().sum::<u64>() <= JOBS);
        },
        |mut parent, index| {
            let names = begin(&mut parent);
            let buffer = Mutex::<Buffer>::open(&names[0]).expect("open");
            let changed = Condvar::open(&names[1]).expect("open");
            let mut count = 0;
            // Kinds alternate in pairs, so that some of each live and some die.
            let producer = index % 4 < 2;
            let mut guard = lock_repairing(&buffer, |_| {}).0;
            while if producer { guard.put < JOBS } else { guard.got < JOBS } {
                let there = guard.put - guard.got;
                if producer && there < 8 {
                    let place = usize::try_from(guard.put % 8).expect("small");
                    guard.jobs[place] = guard.put + 1;
                    guard.put += 1;
                } else if !producer && there > 0 {
                    let place = usize::try_from(guard.got % 8).expect("small");
                    assert_eq!(guard.jobs[place], guard.got + 1);
                    guard.got += 1;
                    count += 1;
                } else {
                    guard = match changed.wait_timeout(guard, LONG) {
                        Ok(guard) => guard,
                        Err(LockError::OwnerDied(mut guard)) => {
                            guard.mark_consistent();
                            guard
                        }
                        Err(error) => panic!("wait: {error}"),
                    };
                    continue;
                }
                drop(guard);
                changed.notify_all().expect("notify");
                guard = lock_repairing(&buffer, |_| {}).0;
            }
            drop(guard);
            changed.notify_all().expect("notify");
            parent.tell(&count.to_string());
        },
    );
}

/// Philosophers eat, though their neighbours die with forks in their hands.
#[test]
fn philosophers_eat() {
    const MEALS: u64 = 300;
    processes(
        "classics::philosophers_eat",
        MANY,
        |children| {
            let forks: Vec<_> = (0..MANY).map(|_| Named::new("fork")).collect();
            for fork in &forks {
                Mutex::<u64>::create(&fork.0).expect("create");
            }
            let names: Vec<_> = forks.iter().map(|fork| fork.0.as_str()).collect();
            for meals in run(children, &names.join(" ")) {
                assert_eq!(meals, MEALS);
            }
        },
        |mut parent, seat| {
            let names = begin(&mut parent);
            let other = (seat + 1) % names.len();
            // The lower one first: nobody waits in a circle.
            let first = Mutex::<u64>::open(&names[seat.min(other)]).expect("open");
            let second = Mutex::<u64>::open(&names[seat.max(other)]).expect("open");
            for _ in 0..MEALS {
                let mut one = lock_repairing(&first, |_| {}).0;
                let mut two = lock_repairing(&second, |_| {}).0;
                *one += 1;
                *two += 1;
            }
            parent.tell(&MEALS.to_string());
        },
    );
}

/// Readers and writers end, and no reader ever sees a half-written pair without being told.
#[test]
fn readers_and_writers_end() {
    const TURNS: u64 = 300;
    processes(
        "classics::readers_and_writers_end",
        MANY,
        |children| {
            let name = Named::new("pair");
            let pair = RwLock::<[u64; 2]>::open_or_create(&name.0).expect("create");
            for turns in run(children, &name.0) {
                assert_eq!(turns, TURNS);
            }
            drop(pair);
        },
        |mut parent, index| {
            let pair = RwLock::<[u64; 2]>::open(&begin(&mut parent)[0]).expect("open");
            for _ in 0..TURNS {
                if index % 4 < 2 {
                    match pair.read_timeout(LONG) {
                        Ok(pair) => assert_eq!(pair[0], pair[1]),
                        Err(LockError::OwnerDied(_)) => {}
                        Err(error) => panic!("read: {error}"),
                    }
                    continue;
                }
                let mut guard = match pair.write_timeout(LONG) {
                    Ok(guard) => guard,
                    Err(LockError::OwnerDied(mut guard)) => {
                        guard[1] = guard[0];
                        guard.mark_consistent();
                        guard
                    }
                    Err(error) => panic!("write: {error}"),
                };
                assert_eq!(guard[0], guard[1]);
                guard[0] += 1;
                (0..50).for_each(|_| std::hint::spin_loop());
                guard[1] += 1;
            }
            parent.tell(&TURNS.to_string());
        },
    );
}

/// The barber shaves whoever finds a chair; chairs of dead customers come back.
#[test]
fn the_barber_goes_home() {
    const SHAVES: u64 = 150;
    processes(
        "classics::the_barber_goes_home",
        MANY,
        |children| {
            let names = ["chairs", "customers", "shaved"].map(Named::new);
            let chairs = OwnedSemaphore::create(&names[0].0, 2).expect("create");
            let customers = Semaphore::create(&names[1].0, 0).expect("create");
            let shaved = Semaphore::create(&names[2].0, 0).expect("create");
            let closing = customers.canceller();
            let told: Vec<_> = names.iter().map(|name| name.0.as_str()).collect();
            std::thread::scope(|scope| {
                let barber = scope.spawn(|| {
                    let mut count = 0u64;
                    while customers.acquire().is_ok() {
                        shaved.release().expect("shave");
                        count += 1;
                    }
                    count
                });
                let counts = run(children, &told.join(" "));
                closing.cancel();
                let count = barber.join().expect("no panic");
                assert!(counts.iter().all(|mine| *mine == SHAVES));
                assert!(count >= counts.iter().sum());
            });
            assert_eq!(chairs.free(), 2);
        },
        |mut parent, _| {
            let names = begin(&mut parent);
            let chairs = OwnedSemaphore::open(&names[0]).expect("open");
            let customers = Semaphore::open(&names[1]).expect("open");
            let shaved = Semaphore::open(&names[2]).expect("open");
            for _ in 0..SHAVES {
                let _chair = chairs.acquire_timeout(LONG).expect("a chair");
                customers.release().expect("wake the barber");
                shaved.acquire_timeout(LONG).expect("be shaved");
            }
            parent.tell(&SHAVES.to_string());
        },
    );
}
