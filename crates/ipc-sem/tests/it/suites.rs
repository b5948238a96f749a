//! Properties of other test suites, shown with our own calls.

use std::time::Duration;

use ipc_devkit::{Parent, alone, fault, processes, scratch, two_process};
use ipc_sem::{Error, Key, NamedSemaphore, NamedSemaphoreOptions, Ops, SysvOptions, SysvSet};

use crate::{Removed, key, own_ipc_namespace};

const SHORT: Duration = Duration::from_millis(30);

/// A semaphore of this value, and its name; the name goes with the test's process.
fn semaphore(value: u32) -> (NamedSemaphore, String) {
    let name = scratch::name("sem");
    (NamedSemaphore::create(&name, value).expect("create"), name)
}

fn gone(name: &str) {
    NamedSemaphore::unlink(name).expect("unlink");
}

/// Creating an object that exists is EEXIST, unless opening it is allowed too.
#[test]
fn posix_sem_open_2() {
    alone("suites::posix_sem_open_2", || {
        let (_semaphore, name) = semaphore(1);
        assert!(matches!(NamedSemaphore::create(&name, 1), Err(Error::AlreadyExists { .. })));
        gone(&name);
    });
}

/// Opening an object that does not exist, without creating it, is ENOENT.
#[test]
fn posix_sem_open_6() {
    let missing = NamedSemaphore::open("/ipc-t-missing").expect_err("there is none");
    assert_eq!(std::io::Error::from(missing).raw_os_error(), Some(libc::ENOENT));
}

/// A name that is too long is refused.
#[test]
fn posix_sem_open_7() {
    let long = "x".repeat(252);
    assert!(matches!(NamedSemaphore::create(&long, 1), Err(Error::InvalidName { .. })));
    assert!(matches!(NamedSemaphore::open(&long), Err(Error::InvalidName { .. })));
}

/// Creating has no effect on an object that exists: neither value nor mode change.
#[test]
fn posix_sem_open_10() {
    alone("suites::posix_sem_open_10", || {
        let (first, name) = semaphore(2);
        let second = NamedSemaphoreOptions::new().mode(0o666).open_or_create(&name, 9);
        assert_eq!(second.expect("open").value(), 2);
        let mode = std::fs::metadata(format!("/dev/shm/sem.{name}")).expect("look").permissions();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
        assert_eq!(first.value(), 2);
        gone(&name);
    });
}

/// The same name is the same object, within a process and between two.
#[test]
fn posix_sem_open_15_1() {
    two_process(
        "suites::posix_sem_open_15_1",
        |mut child| {
            let (first, name) = semaphore(1);
            let second = NamedSemaphore::open(&name).expect("open");
            second.acquire().expect("acquire");
            assert!(matches!(first.try_acquire(), Err(Error::WouldBlock)));
            child.tell(&name);
            assert_eq!(child.hear(), "released");
            assert_eq!(first.value(), 1);
            gone(&name);
        },
        |mut parent| {
            let third = NamedSemaphore::open(&parent.hear()).expect("open");
            third.release().expect("release");
            parent.tell("released");
        },
    );
}

/// A wait whose deadline has passed takes a unit that is there, and never says ETIMEDOUT.
#[test]
fn posix_sem_timedwait_11_1() {
    alone("suites::posix_sem_timedwait_11_1", || {
        let (semaphore, name) = semaphore(3);
        let past = std::time::Instant::now();
        semaphore.acquire_deadline(past).expect("a unit is there");
        semaphore.acquire_timeout(Duration::ZERO).expect("a unit is there");
        let _canceller = semaphore.canceller();
        semaphore.acquire_deadline(past).expect("a unit is there");
        assert!(matches!(semaphore.acquire_deadline(past), Err(Error::TimedOut)));
        gone(&name);
    });
}

/// A time that no clock can show is not EINVAL but "for ever": the type has no invalid ones.
#[test]
fn posix_sem_timedwait_6() {
    alone("suites::posix_sem_timedwait_6", || {
        let (semaphore, name) = semaphore(1);
        semaphore.acquire_timeout(Duration::new(u64::MAX, 999_999_999)).expect("a unit is there");
        gone(&name);
    });
}

/// A wait that fails leaves the value as it was.
#[test]
fn posix_sem_timedwait_4() {
    alone("suites::posix_sem_timedwait_4", || {
        let (semaphore, name) = semaphore(0);
        let canceller = semaphore.canceller();
        assert!(matches!(semaphore.acquire_timeout(SHORT), Err(Error::TimedOut)));
        canceller.cancel();
        assert!(matches!(semaphore.acquire(), Err(Error::Cancelled)));
        assert_eq!(semaphore.value(), 0);
        semaphore.release().expect("release");
        assert_eq!(semaphore.value(), 1);
        gone(&name);
    });
}

/// Releasing completes whatever signals arrive.
#[test]
fn posix_sem_post_5_1() {
    alone("suites::posix_sem_post_5_1", || {
        let (semaphore, name) = semaphore(0);
        let storm = fault::alarm_storm(Duration::from_micros(100));
        let mut count = 0;
        while storm.count() < 50 {
            semaphore.release().expect("release");
            count += 1;
        }
        assert_eq!(semaphore.value(), count);
        gone(&name);
    });
}

/// Releasing in a signal handler: yes, it may be called there.
#[test]
fn posix_sem_post_6_1() {
    alone("suites::posix_sem_post_6_1", || {
        let (semaphore, name) = semaphore(0);
        let (in_handler, of_handler) = (NamedSemaphore::open(&name).expect("open"), 10);
        let shared = std::sync::Arc::new(in_handler);
        let weak = std::sync::Arc::downgrade(&shared);
        let release = move || {
            // Neither upgrading nor a release that succeeds allocates.
            weak.upgrade().and_then(|semaphore| semaphore.release().ok());
        };
        fault::signal_handler_calls(of_handler, Box::new(release));
        fault::raise(of_handler);
        semaphore.acquire().expect("the handler released it");
        gone(&name);
    });
}

/// Looking at the value changes nothing.
#[test]
fn posix_sem_getvalue_5() {
    alone("suites::posix_sem_getvalue_5", || {
        let (semaphore, name) = semaphore(1);
        for _ in 0..3 {
            assert_eq!(semaphore.value(), 1);
        }
        semaphore.try_acquire().expect("still there");
        gone(&name);
    });
}

/// Opening and creating sets: EEXIST, ENOENT, EINVAL, and EACCES for another user.
#[test]
fn ltp_semget02() {
    two_process(
        "suites::ltp_semget02",
        |mut child| {
            let set = Removed(SysvSet::create(key(0), &[1]).expect("create"));
            assert!(matches!(SysvSet::create(key(0), &[1]), Err(Error::AlreadyExists { .. })));
            assert!(matches!(SysvSet::open(key(1)), Err(Error::NotFound { .. })));
            assert!(matches!(SysvSet::private(&[]), Err(Error::InvalidArgument { .. })));
            child.tell(&key(0).raw().to_string());
            assert_eq!(child.hear(), "done");
            assert_eq!(set.value(0).expect("value"), 1);
        },
        |mut parent| {
            let key = Key::new(parent.hear().parse().expect("number")).expect("key");
            if rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(54321)).is_err() {
                ipc_devkit::skip("needs the right to become another user");
            } else {
                let refused = SysvSet::open(key).expect_err("mode 0600");
                let errno = std::io::Error::from(refused).raw_os_error();
                assert_eq!(errno, Some(libc::EACCES));
            }
            parent.tell("done");
        },
    );
}

/// ENOSPC when there are SEMMNI sets: a typed limit that names the file.
#[test]
fn ltp_semget05() {
    alone("suites::ltp_semget05", || {
        if !own_ipc_namespace() {
            return;
        }
        std::fs::write("/proc/sys/kernel/sem", "40 100 10 2").expect("lower the limits");
        let sets = [SysvSet::private(&[1]), SysvSet::private(&[1])].map(|set| set.expect("create"));
        let limit = |made: ipc_sem::Result<SysvSet>, part: &str, errno: i32| match made {
            Err(Error::Limit { which, source, .. }) => {
                assert!(which.contains("/proc/sys/kernel/sem") && which.contains(part), "{which}");
                assert_eq!(source.raw_os_error(), Some(errno));
            }
            other => panic!("{other:?}"),
        };
        limit(SysvSet::private(&[1]), "SEMMNI", libc::ENOSPC);
        for set in sets {
            set.remove().expect("remove");
        }
        limit(SysvSet::private(&[1; 50]), "SEMMSL", libc::EINVAL);
        limit(SysvSet::private(&[1; 30]), "SEMOPM", libc::E2BIG);
        let set = SysvSet::private(&[1]).expect("what failed left nothing behind");
        let mut group = Ops::new();
        for _ in 0..10 {
            group = group.v(0, 1);
        }
        match set.apply(&group) {
            Err(Error::Limit { which, .. }) => assert!(which.contains("SEMOPM"), "{which}"),
            other => panic!("{other:?}"),
        }
        set.remove().expect("remove");
    });
}

/// What semop refuses: no operations, no such semaphore, too large a value, would block, no right.
#[test]
fn ltp_semop02() {
    two_process(
        "suites::ltp_semop02",
        |mut child| {
            let set = Removed(SysvOptions::new().mode(0o644).private(&[0]).expect("create"));
            assert!(matches!(set.apply(&Ops::new()), Err(Error::InvalidArgument { .. })));
            assert!(matches!(set.acquire(1), Err(Error::InvalidArgument { .. })));
            let too_large = set.apply(&Ops::new().v(0, 32767).v(0, 1));
            assert!(matches!(too_large, Err(Error::Overflow { .. })), "{too_large:?}");
            assert!(matches!(set.try_acquire(0), Err(Error::WouldBlock)));
            assert!(matches!(set.acquire_timeout(0, SHORT), Err(Error::TimedOut)));
            child.tell(&set.id().to_string());
            assert_eq!(child.hear(), "done");
            assert_eq!(set.value(0).expect("value"), 0);
        },
        |mut parent| {
            let id = parent.hear().parse().expect("number");
            if rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(54321)).is_err() {
                ipc_devkit::skip("needs the right to become another user");
            } else {
                let set = SysvSet::from_id(id).expect("everybody may look");
                let refused = set.release(0).expect_err("mode 0644");
                let errno = std::io::Error::from(refused).raw_os_error();
                assert_eq!(errno, Some(libc::EACCES));
            }
            parent.tell("done");
        },
    );
}

/// M5: a blocked wait survives signals, and ends when the set is removed.
#[test]
fn ltp_semop03() {
    alone("suites::ltp_semop03", || {
        let set = SysvSet::private(&[0]).expect("create");
        let from = SysvSet::from_id(set.id()).expect("open");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let storm = fault::alarm_storm(Duration::from_millis(1));
                (from.acquire(0), storm.count())
            });
            while set.waiters(0).expect("waiters") == 0 {
                std::thread::yield_now();
            }
            set.remove().expect("remove");
            let (ended, _) = waiting.join().expect("no panic");
            assert!(matches!(ended, Err(Error::Removed { .. })), "{ended:?}");
        });
    });
}

/// M2: SEM_UNDO fires when the last thread of the process ends, not before.
#[test]
fn ltp_semop05() {
    two_process(
        "suites::ltp_semop05",
        |mut child| {
            let set = Removed(SysvSet::private(&[1]).expect("create"));
            child.tell(&set.id().to_string());
            assert_eq!(child.hear(), "the thread has ended");
            assert_eq!(set.value(0).expect("value"), 0, "the process lives");
            child.kill();
            assert_eq!(set.value(0).expect("value"), 1);
        },
        |mut parent| {
            let id = parent.hear().parse().expect("number");
            let take = std::thread::spawn(move || {
                let set = SysvSet::from_id(id).expect("open");
                set.apply(&Ops::new().p(0, 1).undo()).expect("take");
            });
            take.join().expect("no panic");
            parent.tell("the thread has ended");
            let _ = parent.hear();
        },
    );
}

/// Two processes in one IPC namespace share the set of a key.
#[test]
fn ltp_sem_comm() {
    two_process(
        "suites::ltp_sem_comm",
        |mut child| {
            let set = Removed(SysvSet::create(key(0), &[1, 0]).expect("create"));
            child.tell(&key(0).raw().to_string());
            set.acquire(1).expect("the child says so");
            assert_eq!(set.value(0).expect("value"), 0);
        },
        |mut parent| {
            let key = Key::new(parent.hear().parse().expect("number")).expect("key");
            let set = SysvSet::open(key).expect("open");
            set.apply(&Ops::new().p(0, 1).v(1, 1)).expect("in one step");
        },
    );
}

/// X15: the same key in two IPC namespaces is two sets.
#[test]
fn ltp_sem_nstest() {
    two_process(
        "suites::ltp_sem_nstest",
        |mut child| {
            let set = Removed(SysvSet::create(key(0), &[1]).expect("create"));
            child.tell(&key(0).raw().to_string());
            assert_eq!(child.hear(), "done");
            assert_eq!(set.value(0).expect("value"), 1);
        },
        |mut parent| {
            let key = Key::new(parent.hear().parse().expect("number")).expect("key");
            if own_ipc_namespace() {
                assert!(matches!(SysvSet::open(key), Err(Error::NotFound { .. })));
                let other = SysvSet::create(key, &[5]).expect("create");
                assert_eq!(other.value(0).expect("value"), 5);
                SysvSet::unlink(key).expect("remove");
                assert!(matches!(other.acquire(0), Err(Error::Removed { .. })));
            }
            parent.tell("done");
        },
    );
}

/// The set whose number the parent half tells.
fn told(parent: &mut Parent) -> SysvSet {
    SysvSet::from_id(parent.hear().parse().expect("number")).expect("open")
}

/// Producers and consumers over a bounded buffer end, with every item consumed once.
#[test]
fn posix_sem_conpro() {
    const ITEMS: u16 = 200;
    processes(
        "suites::posix_sem_conpro",
        4,
        |mut children| {
            // 0: free places, 1: items, 2: produced, 3: consumed.
            let set = Removed(SysvSet::private(&[5, 0, 0, 0]).expect("create"));
            for child in &mut children {
                child.tell(&set.id().to_string());
            }
            for child in &mut children {
                assert_eq!(child.hear(), "done");
            }
            assert_eq!(set.values().expect("values"), [5, 0, 2 * ITEMS, 2 * ITEMS]);
        },
        |mut parent, index| {
            let set = told(&mut parent);
            let produce = Ops::new().p(0, 1).v(1, 1).v(2, 1);
            let consume = Ops::new().p(1, 1).v(0, 1).v(3, 1);
            for _ in 0..ITEMS {
                set.apply(if index < 2 { &produce } else { &consume }).expect("one item");
            }
            parent.tell("done");
        },
    );
}

/// Philosophers end though one is killed with both forks in hand: undo puts them back.
#[test]
fn posix_sem_philosopher() {
    const SEATS: usize = 5;
    processes(
        "suites::posix_sem_philosopher",
        SEATS,
        |mut children| {
            let set = Removed(SysvSet::private(&[1; SEATS]).expect("create"));
            for child in &mut children {
                child.tell(&set.id().to_string());
            }
            assert_eq!(children[0].hear(), "eating");
            children[0].kill();
            for child in &mut children[1..] {
                assert_eq!(child.hear(), "full");
            }
            assert_eq!(set.values().expect("values"), [1; SEATS]);
        },
        |mut parent, index| {
            let set = told(&mut parent);
            let seat = u16::try_from(index).expect("few");
            let next = (seat + 1) % set.count();
            let take = Ops::new().p(seat, 1).undo().p(next, 1).undo();
            let give = Ops::new().v(seat, 1).undo().v(next, 1).undo();
            for _ in 0..100 {
                set.apply(&take).expect("both forks");
                if index == 0 {
                    parent.tell("eating");
                    let _ = parent.hear();
                }
                set.apply(&give).expect("put back");
            }
            parent.tell("full");
        },
    );
}

/// Readers and writers end though a writer is killed inside: nobody reads while one writes.
#[test]
fn posix_sem_readerwriter() {
    processes(
        "suites::posix_sem_readerwriter",
        5,
        |mut children| {
            // 0: readers inside, 1: writers inside.
            let set = Removed(SysvSet::private(&[0, 0]).expect("create"));
            for child in &mut children {
                child.tell(&set.id().to_string());
                if child.hear() == "writing" {
                    child.kill();
                }
            }
            for child in &mut children[1..] {
                assert_eq!(child.hear(), "done");
            }
            assert_eq!(set.values().expect("values"), [0, 0]);
        },
        |mut parent, index| {
            let set = told(&mut parent);
            let read = Ops::new().zero(1).v(0, 1).undo();
            let write = Ops::new().zero(0).zero(1).v(1, 1).undo();
            if index == 0 {
                set.apply(&write).expect("write");
                parent.tell("writing");
                let _ = parent.hear();
            }
            parent.tell("started");
            for _ in 0..100 {
                if index < 3 {
                    set.apply(&write).expect("write");
                    assert_eq!(set.values().expect("values"), [0, 1]);
                    set.apply(&Ops::new().p(1, 1).undo()).expect("end");
                } else {
                    set.apply(&read).expect("read");
                    assert_eq!(set.value(1).expect("value"), 0, "nobody writes");
                    set.apply(&Ops::new().p(0, 1).undo()).expect("end");
                }
            }
            parent.tell("done");
        },
    );
}

/// The barber sleeps while nobody is there, and every customer who found a chair is shaved.
#[test]
fn posix_sem_sleepingbarber() {
    processes(
        "suites::posix_sem_sleepingbarber",
        4,
        |mut children| {
            let names: Vec<_> = ["chairs", "customers", "shaved"].map(scratch::name).into();
            for (name, value) in names.iter().zip([2, 0, 0]) {
                NamedSemaphore::create(name, value).expect("create");
            }
            for child in &mut children {
                child.tell(&names.join(" "));
            }
            let shaved: u32 = children[1..]
                .iter_mut()
                .map(|child| child.hear().parse::<u32>().expect("a count"))
                .sum();
            children[0].tell(&shaved.to_string());
            assert_eq!(children[0].hear(), "closed");
            assert_eq!(NamedSemaphore::open(&names[0]).expect("open").value(), 2);
            for name in &names {
                gone(name);
            }
        },
        |mut parent, index| {
            let names = parent.hear();
            let open = |name| NamedSemaphore::open(name).expect("open");
            let [chairs, customers, shaved] =
                <[NamedSemaphore; 3]>::try_from(names.split(' ').map(open).collect::<Vec<_>>())
                    .expect("three");
            let mut count = 0u32;
            if index == 0 {
                let closing = customers.canceller();
                std::thread::scope(|scope| {
                    let barber = scope.spawn(|| {
                        let mut count = 0u32;
                        while customers.acquire().is_ok() {
                            chairs.release().expect("the customer leaves the chair");
                            shaved.release().expect("shave");
                            count += 1;
                        }
                        count
                    });
                    let said: u32 = parent.hear().parse().expect("a count");
                    closing.cancel();
                    assert_eq!(barber.join().expect("no panic"), said);
                });
                parent.tell("closed");
            } else {
                for _ in 0..200 {
                    // No free chair: this customer goes away.
                    if chairs.try_acquire().is_ok() {
                        customers.release().expect("wake the barber");
                        shaved.acquire().expect("be shaved");
                        count += 1;
                    }
                }
                parent.tell(&count.to_string());
            }
        },
    );
}
