//! The four classic programs, as processes of which some are killed at random: all others end, and the
//! books balance.
//!
//! Three *residents* work until they are told to close. *Victims* join them one after the other and are
//! killed, until some died inside a critical section. What they held is taken over, repaired or given back.

use std::time::Duration;

use ipc_devkit::{Child, Parent, processes};
use ipc_sem::{Condvar, Event, LockError, Mutex, MutexGuard, OwnedSemaphore, Reset};
use ipc_sem::{RwLock, Semaphore, ShmSafe};

use crate::world::{Named, lock_repairing};

const RESIDENTS: usize = 3;
/// At most so many are killed.
const VICTIMS: usize = 30;
const MANY: usize = RESIDENTS + VICTIMS;
/// So many deaths inside critical sections are enough.
const ENOUGH: u32 = 3;
/// How long a process may wait for something before the test is wrong.
const LONG: Duration = Duration::from_secs(20);

/// What all programs share: the sign to close, and a count of the deaths inside that were told of.
struct Hall {
    closing: Event,
    told: Semaphore,
}

impl Hall {
    fn open(names: &[String]) -> Self {
        Self {
            closing: Event::open(&names[0]).expect("open"),
            told: Semaphore::open(&names[1]).expect("open"),
        }
    }

    fn open_for_business(&self) -> bool {
        !self.closing.is_set()
    }

    /// Locks; counts the death of who had it before, and repairs.
    fn lock<'a, T: ShmSafe>(
        &self,
        mutex: &'a Mutex<T>,
        repair: impl Fn(&mut T),
    ) -> MutexGuard<'a, T> {
        let (guard, died) = lock_repairing(mutex, repair);
        if died {
            self.count();
        }
        guard
    }

    fn count(&self) {
        self.told.release().expect("count");
    }
}

/// Stays inside a critical section for some microseconds; a victim far longer, to be caught there.
fn work(index: usize) {
    let long = if index < RESIDENTS { 300 } else { 30_000 };
    (0..long).for_each(|_| std::hint::spin_loop());
}

/// Runs a program on `names`: what the residents say at the end, and how many victims there were.
fn run(mut children: Vec<Child>, names: &[&Named]) -> (Vec<u64>, usize) {
    let hall = [Named::new("closing"), Named::new("told")];
    let closing = Event::create(&hall[0].0, Reset::Manual).expect("create");
    let told = Semaphore::create(&hall[1].0, 0).expect("create");
    let all: Vec<_> = hall.iter().chain(names.iter().copied()).map(|n| n.0.as_str()).collect();
    let all = all.join(" ");
    let victims = children.split_off(RESIDENTS);
    for child in &mut children {
        child.tell(&all);
        assert_eq!(child.hear(), "started");
    }
    let mut random = u64::from(std::process::id()) | 1;
    let mut killed = 0;
    for mut victim in victims {
        if told.value() < ENOUGH {
            victim.tell(&all);
            assert_eq!(victim.hear(), "started");
            // xorshift: a moment within some milliseconds from now, different every time.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (0..random % 500_000).for_each(|_| std::hint::spin_loop());
            killed += 1;
        }
        victim.kill();
    }
    closing.set().expect("close");
    let done = |child: &mut Child| child.hear().parse().expect("a count");
    let said = children.iter_mut().map(done).collect();
    eprintln!("{} of {killed} deaths were inside", told.value());
    assert!(told.value() > 0, "none of {killed} died inside");
    (said, killed)
}

/// What a process hears at the beginning: the names of the hall, then those of its program.
fn begin(parent: &mut Parent) -> (Hall, Vec<String>) {
    let names: Vec<_> = parent.hear().split(' ').map(str::to_owned).collect();
    (Hall::open(&names), names[2..].to_vec())
}

/// Jobs that fit the ledger.
const JOBS: u64 = 1 << 16;

ipc_sem::shm_safe! {
    /// A buffer of eight jobs: `put - got` are there, each with its number. The store of `put` or `got`
    /// makes a step count; a step that does not count is done again by somebody else.
    struct Buffer {
        put: u64,
        got: u64,
        jobs: [u64; 8],
        done_by: [u8; 65_536],
    }
}

fn place(number: u64) -> usize {
    usize::try_from(number).expect("small")
}

/// Every job that was put in is taken out once, by one consumer, whoever is killed.
#[test]
fn producers_and_consumers_lose_no_job() {
    processes(
        "classics::producers_and_consumers_lose_no_job",
        MANY,
        |children| {
            let names = [Named::new("buffer"), Named::new("changed")];
            let buffer = Mutex::<Buffer>::create(&names[0].0).expect("create");
            let _changed = Condvar::create(&names[1].0).expect("create");
            let (said, _) = run(children, &[&names[0], &names[1]]);
            let (buffer, _) = lock_repairing(&buffer, |_| {});
            assert_eq!(buffer.put, buffer.got, "nothing is left");
            let (done, rest) = buffer.done_by.split_at(place(buffer.got));
            assert!(done.iter().all(|by| *by > 0) && rest.iter().all(|by| *by == 0));
            // Residents 0 and 1 consume; the dead did the rest.
            for (index, count) in said[..2].iter().enumerate() {
                let by = u8::try_from(index + 1).expect("small");
                assert_eq!(done.iter().filter(|mark| **mark == by).count() as u64, *count);
            }
            assert!(buffer.got > 0 && said[2] <= buffer.put);
        },
        |mut parent, index| {
            let (hall, names) = begin(&mut parent);
            let buffer = Mutex::<Buffer>::open(&names[0]).expect("open");
            let changed = Condvar::open(&names[1]).expect("open");
            parent.tell("started");
            let me = u8::try_from(index + 1).expect("small");
            let producer = index >= 2 && index % 2 == 0;
            let mut count = 0u64;
            // What counts is whole; what does not count yet is done again.
            let repair = |buffer: &mut Buffer| {
                if let Some(mark) = buffer.done_by.get_mut(place(buffer.got)) {
                    *mark = 0;
                }
            };
            let mut guard = hall.lock(&buffer, repair);
            loop {
                let there = guard.put - guard.got;
                assert!(there <= 8);
                let closing = !hall.open_for_business() || guard.put == JOBS;
                if producer && !closing && there < 8 {
                    let at = place(guard.put % 8);
                    guard.jobs[at] = guard.put + 1;
                    work(index);
                    guard.put += 1;
                    count += 1;
                } else if !producer && there > 0 {
                    let (at, number) = (place(guard.got % 8), place(guard.got));
                    assert_eq!(guard.jobs[at], guard.got + 1);
                    assert_eq!(guard.done_by[number], 0, "done twice");
                    guard.done_by[number] = me;
                    work(index);
                    guard.got += 1;
                    count += 1;
                } else if closing && (producer || there == 0) {
                    break;
                } else {
                    // The sign to close rings no bell here.
                    guard = match changed.wait_timeout(guard, Duration::from_millis(5)) {
                        Ok(guard) => guard,
                        Err(LockError::OwnerDied(mut guard)) => {
                            repair(&mut guard);
                            guard.mark_consistent();
                            hall.count();
                            guard
                        }
                        Err(LockError::Failed(ipc_sem::Error::TimedOut)) => {
                            hall.lock(&buffer, repair)
                        }
                        Err(error) => panic!("wait: {error}"),
                    };
                    continue;
                }
                drop(guard);
                changed.notify_all().expect("notify");
                guard = hall.lock(&buffer, repair);
            }
            drop(guard);
            parent.tell(&count.to_string());
        },
    );
}

ipc_sem::shm_safe! {
    /// A fork: who eats with it (0: nobody), and the meals of each seat that it was at.
    struct Fork {
        eating: u64,
        meals: [u64; 6],
    }
}

/// A fork is in one hand at a time, and both forks of a philosopher agree on the meals, whoever dies
/// with forks in the hands.
#[test]
fn philosophers_share_forks() {
    const SEATS: usize = 6;
    processes(
        "classics::philosophers_share_forks",
        MANY,
        |children| {
            let names: Vec<_> = (0..SEATS).map(|_| Named::new("fork")).collect();
            let forks = names.iter().map(|name| Mutex::<Fork>::create(&name.0).expect("create"));
            let forks: Vec<_> = forks.collect();
            let (said, killed) = run(children, &names.iter().collect::<Vec<_>>());
            let read = |seat: usize, fork: usize| {
                lock_repairing(&forks[fork % SEATS], |fork| fork.eating = 0).0.meals[seat]
            };
            let mut between = 0;
            for seat in 0..SEATS {
                let (left, right) = (read(seat, seat), read(seat, seat + 1));
                if seat % 2 == 0 {
                    assert_eq!([left, right], [said[seat / 2]; 2]);
                } else {
                    between += left.abs_diff(right);
                }
            }
            // Each of the dead may have counted a meal on one fork only.
            assert!(between <= killed as u64, "{between} of {killed}");
        },
        |mut parent, index| {
            let (hall, names) = begin(&mut parent);
            // Residents have every second seat; victims sit between them.
            let seat = if index < RESIDENTS { 2 * index } else { 1 + 2 * (index % 3) };
            let other = (seat + 1) % SEATS;
            // The lower one first: nobody waits in a circle.
            let first = Mutex::<Fork>::open(&names[seat.min(other)]).expect("open");
            let second = Mutex::<Fork>::open(&names[seat.max(other)]).expect("open");
            parent.tell("started");
            let me = seat as u64 + 1;
            let mut meals = 0u64;
            while hall.open_for_business() {
                let mut one = hall.lock(&first, |fork| fork.eating = 0);
                let mut two = hall.lock(&second, |fork| fork.eating = 0);
                assert_eq!((one.eating, two.eating), (0, 0), "somebody has it");
                (one.eating, two.eating) = (me, me);
                work(index);
                one.meals[seat] += 1;
                two.meals[seat] += 1;
                assert_eq!((one.eating, two.eating), (me, me), "somebody took it");
                (one.eating, two.eating) = (0, 0);
                meals += 1;
            }
            parent.tell(&meals.to_string());
        },
    );
}

ipc_sem::shm_safe! {
    /// A record of three equal numbers, and how often each process wrote it. The latter comes first: the
    /// record is the sum of it.
    struct Record {
        written_by: [u64; 33],
        record: [u64; 3],
    }
}

/// No reader gets a torn record without being told, no write is lost, and none is counted twice.
#[test]
fn readers_and_writers_see_whole_records() {
    processes(
        "classics::readers_and_writers_see_whole_records",
        MANY,
        |children| {
            let name = Named::new("record");
            let lock = RwLock::<Record>::create(&name.0).expect("create");
            let (said, _) = run(children, &[&name]);
            let (Ok(guard) | Err(LockError::OwnerDied(guard))) = lock.write() else {
                panic!("nobody panicked with it")
            };
            // The last victim may have left it to us.
            let sum: u64 = guard.written_by.iter().sum();
            assert!(guard.record.iter().all(|number| sum - number <= 1), "{:?}", guard.record);
            // Residents 0 and 1 write.
            assert_eq!(guard.written_by[..3], [said[0], said[1], 0]);
        },
        |mut parent, index| {
            let (hall, names) = begin(&mut parent);
            let lock = RwLock::<Record>::open(&names[0]).expect("open");
            parent.tell("started");
            // Resident 2 reads, and so does one victim of four.
            let writer = index % 4 != 2;
            let (mut count, mut newest) = (0u64, 0);
            while hall.open_for_business() {
                if !writer {
                    match lock.read_timeout(LONG) {
                        Ok(guard) => {
                            work(index);
                            let seen = guard.record;
                            assert!(seen[0] == seen[1] && seen[1] == seen[2], "torn: {seen:?}");
                            assert!(seen[0] >= newest, "an older record came back");
                            newest = seen[0];
                            count += 1;
                        }
                        // Told of: it may be torn.
                        Err(LockError::OwnerDied(_)) => {}
                        Err(error) => panic!("read: {error}"),
                    }
                    continue;
                }
                let mut guard = match lock.write_timeout(LONG) {
                    Ok(guard) => guard,
                    Err(LockError::OwnerDied(mut guard)) => {
                        guard.record = [guard.written_by.iter().sum(); 3];
                        guard.mark_consistent();
                        hall.count();
                        guard
                    }
                    Err(error) => panic!("write: {error}"),
                };
                let next = guard.record[0] + 1;
                guard.written_by[index] += 1;
                for part in 0..3 {
                    work(index);
                    guard.record[part] = next;
                }
                assert_eq!(guard.record, [guard.written_by.iter().sum::<u64>(); 3]);
                count += 1;
            }
            parent.tell(&count.to_string());
        },
    );
}

ipc_sem::shm_safe! {
    /// Two chairs: the ticket of who sits there (0: nobody) and the last one that was served there.
    struct Shop {
        sits: [u64; 2],
        served: [u64; 2],
        shaves: [u64; 33],
    }
}

/// Every customer that lives is served once for each time it sat down; the others are lost with their
/// process, and their chairs come back.
#[test]
fn the_barber_serves_each_customer_once() {
    processes(
        "classics::the_barber_serves_each_customer_once",
        MANY,
        |children| {
            let names = ["chairs", "customers", "shop", "left", "right"].map(Named::new);
            let chairs = OwnedSemaphore::create(&names[0].0, 2).expect("create");
            let _customers = Semaphore::create(&names[1].0, 0).expect("create");
            let shop = Mutex::<Shop>::create(&names[2].0).expect("create");
            let done = [3, 4].map(|n| Semaphore::create(&names[n].0, 0).expect("create"));
            let (said, killed) = run(children, &names.iter().collect::<Vec<_>>());
            let (shop, _) = lock_repairing(&shop, |_| {});
            // Resident 0 is the barber.
            assert_eq!(shop.shaves[1..3], said[1..]);
            assert_eq!(shop.shaves.iter().sum::<u64>(), said[0]);
            assert!(shop.shaves[3 + killed..].iter().all(|count| *count == 0));
            assert_eq!(chairs.free(), 2);
            drop(done);
        },
        |mut parent, index| {
            let (hall, names) = begin(&mut parent);
            let chairs = OwnedSemaphore::open(&names[0]).expect("open");
            let customers = Semaphore::open(&names[1]).expect("open");
            let shop = Mutex::<Shop>::open(&names[2]).expect("open");
            let done = [3, 4].map(|n| Semaphore::open(&names[n]).expect("open"));
            parent.tell("started");
            let mut count = 0u64;
            if index == 0 {
                // Goes home when it is time and both chairs are free.
                while hall.open_for_business() || chairs.free() < 2 {
                    if customers.acquire_timeout(Duration::from_millis(5)).is_err() {
                        continue;
                    }
                    let mut guard = hall.lock(&shop, |_| {});
                    for (chair, done) in done.iter().enumerate() {
                        let ticket = guard.sits[chair];
                        if ticket != guard.served[chair] {
                            guard.shaves[place(ticket >> 32)] += 1;
                            guard.served[chair] = ticket;
                            count += 1;
                            done.release().expect("release");
                        }
                    }
                }
            }
            while index > 0 && hall.open_for_business() {
                let chair = chairs.acquire_timeout(LONG).expect("a chair");
                let ticket = (index as u64) << 32 | (count + 1);
                let mut guard = hall.lock(&shop, |_| {});
                // Whoever sat here before was served, or is dead.
                work(index);
                guard.sits[chair.index()] = ticket;
                drop(guard);
                customers.release().expect("call the barber");
                // A call for one of the dead may come first.
                while hall.lock(&shop, |_| {}).served[chair.index()] != ticket {
                    done[chair.index()].acquire_timeout(LONG).expect("be shaved");
                }
                count += 1;
            }
            parent.tell(&count.to_string());
        },
    );
}
