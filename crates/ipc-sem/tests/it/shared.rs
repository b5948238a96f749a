//! What all objects in shared memory promise: who may open them, what they leave to others, what
//! signals, old kernels and other users change.

use std::time::{Duration, Instant};

use ipc_devkit::{Parent, alone, fault, in_pid_namespace, processes, two_process};
use ipc_sem::{Barrier, Condvar, Error, Event, LockError, Mutex, MutexOptions, Once};
use ipc_sem::{OwnedSemaphore, Reset, RwLock, Semaphore, wait_any_timeout};

use crate::world::{Named, SOON, ask, file, first_word, until_asleep_here, verdict, word};

/// How long a wait in a storm of signals is.
const TIME: Duration = Duration::from_millis(120);
/// A death is noticed within a slice; as much again for a machine that is busy with other tests.
const NOTICE: Duration = Duration::from_millis(600);
/// Places in a segment.
const PLACES: usize = 60;

/// X13: an object of somebody else is refused unless that user is allowed.
#[test]
fn a_foreign_owner_is_refused_unless_allowed() {
    alone("shared::a_foreign_owner_is_refused_unless_allowed", || {
        if !rustix::process::geteuid().is_root() {
            return ipc_devkit::skip("needs root to give a file away");
        }
        let name = Named::new("foreign");
        drop(Mutex::<u64>::create(&name.0).expect("create"));
        std::os::unix::fs::chown(file(&name.0), Some(12345), None).expect("chown");
        let options = MutexOptions::<u64>::new();
        let reclaiming = options.clone().reclaim_stale(true);
        for refused in [
            Mutex::<u64>::open(&name.0),
            Mutex::<u64>::open_or_create(&name.0),
            options.clone().allow_owner(12346).open(&name.0),
            reclaiming.create(&name.0),
        ] {
            assert!(matches!(refused, Err(Error::WrongOwner { uid: 12345, .. })), "{refused:?}");
        }
        let mutex = options.allow_owner(12345).open(&name.0).expect("allowed");
        *mutex.lock().expect("free") += 1;
    });
}

/// As many processes as there are places; the place of a dead one is the next one's.
#[test]
fn all_places_taken_is_an_error_of_its_own() {
    two_process(
        "shared::all_places_taken_is_an_error_of_its_own",
        |mut child| {
            let name = Named::new("full");
            let mut handles = vec![Mutex::<u64>::create(&name.0).expect("create")];
            assert_eq!(ask(&mut child, &name.0), "joined");
            handles.extend((2..PLACES).map(|_| Mutex::open(&name.0).expect("a place")));
            let refused = Mutex::<u64>::open(&name.0);
            assert!(
                matches!(refused, Err(Error::TooManyPeers { slots: PLACES, .. })),
                "{refused:?}"
            );
            child.kill();
            handles.push(Mutex::open(&name.0).expect("the dead one's place"));
            assert!(matches!(Mutex::<u64>::open(&name.0), Err(Error::TooManyPeers { .. })));
            drop(handles.pop());
            *Mutex::<u64>::open(&name.0).expect("it left").lock().expect("free") += 1;
        },
        |mut parent| {
            let _mutex = Mutex::<u64>::open(&parent.hear()).expect("open");
            parent.tell("joined");
            let _ = parent.hear();
        },
    );
}

/// X1: no object holds a descriptor, and the one of a nameless object is close-on-exec.
#[test]
fn no_descriptor_reaches_another_program() {
    alone("shared::no_descriptor_reaches_another_program", || {
        let inherited = || {
            let listed = std::process::Command::new("ls").arg("/proc/self/fd").output();
            listed.expect("run ls").stdout
        };
        let before = inherited();
        let name = Named::new("fd");
        let named = Mutex::<u64>::create(&name.0).expect("create");
        let opened = Mutex::<u64>::open(&name.0).expect("open");
        let nameless = (
            Mutex::<u64>::anonymous().expect("create"),
            RwLock::<u64>::anonymous().expect("create"),
            Semaphore::anonymous(1).expect("create"),
            OwnedSemaphore::anonymous(1).expect("create"),
            Condvar::anonymous().expect("create"),
            Barrier::anonymous(1).expect("create"),
            Event::anonymous(Reset::Auto).expect("create"),
            Once::anonymous().expect("create"),
        );
        let passed = Event::from_fd(nameless.6.1.try_clone().expect("dup")).expect("open");
        let cancellers = (opened.canceller(), passed.canceller());
        assert_eq!(inherited(), before);
        drop((named, opened, nameless, passed, cancellers));
    });
}

/// The wait lasts its whole time, and not much longer.
#[track_caller]
fn whole(said: impl FnOnce() -> &'static str) {
    let start = Instant::now();
    assert_eq!(said(), "timed out");
    assert!(start.elapsed() >= TIME, "{:?}", start.elapsed());
    assert!(start.elapsed() < TIME * 10, "{:?}", start.elapsed());
}

fn said<X>(result: Result<X, Error>) -> &'static str {
    result.map_or_else(|error| word(&error), |_| "done")
}

/// X2: under a signal each millisecond every kind waits on with the time that is left.
#[test]
fn a_storm_of_signals_moves_no_deadline() {
    alone("shared::a_storm_of_signals_moves_no_deadline", || {
        let (mutex, _fd) = Mutex::<u64>::anonymous().expect("create");
        let (rwlock, _fd) = RwLock::<u64>::anonymous().expect("create");
        let (semaphore, _fd) = Semaphore::anonymous(0).expect("create");
        let (owned, _fd) = OwnedSemaphore::anonymous(1).expect("create");
        let (condvar, _fd) = Condvar::anonymous().expect("create");
        let (barrier, _fd) = Barrier::anonymous(2).expect("create");
        let storm = fault::alarm_storm(Duration::from_millis(1));
        let guard = mutex.lock().expect("free");
        whole(|| verdict(&mutex.lock_timeout(TIME)));
        whole(|| verdict(&mutex.lock_deadline(Instant::now() + TIME)));
        whole(|| verdict(&condvar.wait_timeout(guard, TIME)));
        let guard = rwlock.read().expect("free");
        whole(|| verdict(&rwlock.write_timeout(TIME)));
        drop(guard);
        let guard = rwlock.write().expect("free");
        whole(|| verdict(&rwlock.read_timeout(TIME)));
        drop(guard);
        whole(|| said(semaphore.acquire_timeout(TIME)));
        let permit = owned.acquire().expect("free");
        whole(|| said(owned.acquire_timeout(TIME)));
        drop(permit);
        whole(|| said(barrier.wait_timeout(TIME)));
        for reset in [Reset::Auto, Reset::Manual] {
            let (event, _fd) = Event::anonymous(reset).expect("create");
            whole(|| said(event.wait_timeout(TIME)));
            whole(|| said(wait_any_timeout(&[&event, &semaphore], TIME)));
        }
        assert!(storm.count() > 100);
    });
}

/// X2: waits without end take what comes in a storm, each once.
#[test]
fn a_storm_of_signals_loses_nothing() {
    const TURNS: u64 = 500;
    alone("shared::a_storm_of_signals_loses_nothing", || {
        let (mutex, _fd) = Mutex::<u64>::anonymous().expect("create");
        let (condvar, _fd) = Condvar::anonymous().expect("create");
        let (rwlock, _fd) = RwLock::<u64>::anonymous().expect("create");
        let (semaphore, _fd) = Semaphore::anonymous(0).expect("create");
        let (owned, _fd) = OwnedSemaphore::anonymous(1).expect("create");
        let (event, _fd) = Event::anonymous(Reset::Auto).expect("create");
        let (barrier, _fd) = Barrier::anonymous(2).expect("create");
        let turn = |other: bool| {
            for turn in 0..TURNS {
                barrier.wait().expect("nobody dies");
                *rwlock.write().expect("nobody dies") += 1;
                drop(owned.acquire().expect("acquire"));
                let mut guard = mutex.lock().expect("nobody dies");
                *guard += 1;
                if other {
                    drop(guard);
                    condvar.notify_all().expect("notify");
                    semaphore.release().expect("release");
                    event.set().expect("set");
                } else {
                    let both = condvar.wait_while(guard, |done| *done < 2 * (turn + 1));
                    drop(both.expect("nobody dies"));
                    semaphore.acquire().expect("acquire");
                    event.wait().expect("wait");
                }
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| turn(true));
            let _storm = fault::alarm_storm(Duration::from_micros(200));
            turn(false);
        });
        assert_eq!((*mutex.lock().expect("free"), *rwlock.read().expect("free")), (1000, 1000));
        assert_eq!((semaphore.value(), owned.free(), event.is_set()), (0, 1, false));
    });
}

/// Without `futex_waitv(2)`, be it unknown or forbidden, all waits end and all deaths are noticed.
#[test]
fn old_kernels_and_sandboxes_only_cost_time() {
    processes(
        "shared::old_kernels_and_sandboxes_only_cost_time",
        4,
        |mut children| {
            let mut victims = children.split_off(2);
            for (child, victim) in children.iter_mut().zip(&mut victims) {
                let names = ["mutex", "owned", "semaphore"].map(Named::new);
                let mutex = Mutex::<u64>::create(&names[0].0).expect("create");
                let owned = OwnedSemaphore::create(&names[1].0, 1).expect("create");
                let semaphore = Semaphore::create(&names[2].0, 0).expect("create");
                let told = format!("{} {} {}", names[0].0, names[1].0, names[2].0);
                assert_eq!(ask(victim, &told), "held");
                assert_eq!(owned.free(), 0);
                child.tell(&told);
                // The mark of a sleeper: it is about to sleep, or sleeps.
                while first_word(&names[0].0) >> 31 == 0 {
                    std::thread::yield_now();
                }
                let since = Instant::now();
                victim.kill();
                assert_eq!(child.hear(), "owner died");
                assert!(since.elapsed() < NOTICE, "{:?}", since.elapsed());
                assert_eq!(child.hear(), "done");
                while first_word(&names[2].0) >> 31 == 0 {
                    std::thread::yield_now();
                }
                semaphore.release().expect("release");
                assert_eq!(child.hear(), "done");
                assert_eq!(child.hear(), "cancelled timed out");
                assert_eq!(verdict(&mutex.lock()), "clean");
            }
        },
        |mut parent, index| {
            let names = parent.hear();
            let names: Vec<_> = names.split(' ').collect();
            if index < 2 {
                let errno = [libc::ENOSYS, libc::EPERM][index];
                fault::deny_syscall(libc::SYS_futex_waitv, errno);
            }
            let mutex = Mutex::<u64>::open(names[0]).expect("open");
            let owned = OwnedSemaphore::open(names[1]).expect("open");
            if index >= 2 {
                let _held = (mutex.lock().expect("free"), owned.acquire().expect("free"));
                parent.tell("held");
                let _ = parent.hear();
                return;
            }
            let attempt = mutex.lock();
            parent.tell(verdict(&attempt));
            let mut guard = attempt.map_or_else(LockError::into_guard, Some).expect("held");
            guard.mark_consistent();
            parent.tell(said(owned.acquire_timeout(NOTICE)));
            let semaphore = Semaphore::open(names[2]).expect("open");
            parent.tell(said(semaphore.acquire_timeout(SOON)));
            let canceller = semaphore.canceller();
            canceller.cancel();
            let cancelled = said(semaphore.acquire());
            parent.tell(&format!("{cancelled} {}", said(semaphore.acquire_timeout(TIME))));
            drop(guard);
        },
    );
}

/// The error that opening a copy of a mutex gives, in which `change` was made.
fn opened_with(change: impl FnOnce(&mut Vec<u8>)) -> Error {
    let (name, copy) = (Named::new("whole"), Named::new("copy"));
    let _mutex = Mutex::<u64>::create(&name.0).expect("create");
    let mut bytes = std::fs::read(file(&name.0)).expect("read");
    change(&mut bytes);
    std::fs::write(file(&copy.0), bytes).expect("write");
    // What `write` gives depends on the umask.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(file(&copy.0), mode).expect("chmod");
    Mutex::<u64>::open(&copy.0).expect_err("it was changed")
}

/// X13: each part of the header wrong alone is an error of its own.
#[test]
fn each_part_of_the_header_has_its_own_error() {
    alone("shared::each_part_of_the_header_has_its_own_error", || {
        let mismatch = |error: Error, says: &str| {
            let right = matches!(&error, Error::Mismatch { reason, .. } if reason.contains(says));
            assert!(right, "{says}: {error:?}");
        };
        let corrupt = |error: Error, says: &str| {
            let right = matches!(&error, Error::Corrupt { reason, .. } if reason.contains(says));
            assert!(right, "{says}: {error:?}");
        };
        corrupt(opened_with(|bytes| bytes[3] ^= 1), "does not begin as a segment");
        mismatch(opened_with(|bytes| bytes[..8].reverse()), "byte order");
        mismatch(opened_with(|bytes| bytes[8] += 1), "version");
        corrupt(opened_with(|bytes| bytes[12..16].fill(0)), "number of slots");
        corrupt(opened_with(|bytes| bytes[12..16].fill(0xff)), "number of slots");
        mismatch(opened_with(|bytes| bytes[16] ^= 1), "something else");
        mismatch(opened_with(|bytes| bytes[24] ^= 1), "another layout");
        corrupt(opened_with(|bytes| bytes[33] ^= 1), "place of the body");
        corrupt(opened_with(|bytes| bytes[40] -= 1), "size of the body");
        corrupt(opened_with(|bytes| bytes[40..48].fill(0xff)), "size of the body");
        let shorter = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 1);
        for error in [opened_with(|bytes| bytes[42] = 1), opened_with(shorter)] {
            let right = matches!(error, Error::Truncated { got, want, .. } if got < want);
            assert!(right, "{error:?}");
        }
        let error = opened_with(|bytes| bytes.truncate(40));
        assert!(matches!(error, Error::Truncated { got: 40, want: 64, .. }), "{error:?}");
        let name = Named::new("mode");
        let _mutex = Mutex::<u64>::create(&name.0).expect("create");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(file(&name.0), mode).expect("chmod");
        corrupt(Mutex::<u64>::open(&name.0).expect_err("mode"), "mode");
        let link = Named::new("link");
        std::os::unix::fs::symlink(file(&name.0), file(&link.0)).expect("link");
        corrupt(Mutex::<u64>::open(&link.0).expect_err("link"), "regular file");
    });
}

/// The number that the keeper thread of this process has in its own PID namespace.
fn keeper_number() -> String {
    let tasks = std::fs::read_dir("/proc/self/task").expect("list").filter_map(Result::ok);
    let mut texts = tasks.map(|task| std::fs::read_to_string(task.path().join("status")));
    let keeper = texts.find_map(|text| text.ok().filter(|text| text.contains("ipc-keeper")));
    let keeper = keeper.expect("a keeper");
    let numbers = keeper.lines().find(|line| line.starts_with("NSpid:")).expect("its numbers");
    numbers.split_whitespace().next_back().expect("a number").to_owned()
}

/// Lives in a PID namespace of its own and does what it is told, until it ends without a goodbye.
fn resident(parent: &mut Parent, name: &str) {
    let mutex = Mutex::<u64>::open(name).expect("open");
    parent.tell(&keeper_number());
    while parent.hear() == "lock" {
        let attempt = mutex.lock();
        parent.tell(if attempt.is_ok() { "locked" } else { "not locked" });
        std::mem::forget(attempt);
    }
    // A sudden end: nothing is dropped.
    std::process::exit(0);
}

/// X15: two processes with the same numbers in two PID namespaces are two owners.
#[test]
fn the_same_numbers_in_two_namespaces_are_two_owners() {
    processes(
        "shared::the_same_numbers_in_two_namespaces_are_two_owners",
        2,
        |mut children| {
            let name = Named::new("namespaces");
            let mutex = Mutex::<u64>::create(&name.0).expect("create");
            let numbers: Vec<_> = children.iter_mut().map(|child| ask(child, &name.0)).collect();
            if numbers[0] == "not allowed" {
                return ipc_devkit::skip("needs the right to make PID namespaces");
            }
            assert_eq!(numbers[0], numbers[1], "the test wants one number twice");
            assert_eq!(ask(&mut children[0], "lock"), "locked");
            assert_eq!(ask(&mut children[1], "end"), "ended");
            assert_eq!(verdict(&mutex.lock_timeout(NOTICE)), "timed out", "the wrong one is dead");
            std::thread::scope(|scope| {
                let waiter = scope.spawn(|| verdict(&mutex.lock_timeout(SOON)));
                until_asleep_here();
                assert_eq!(ask(&mut children[0], "end"), "ended");
                assert_eq!(waiter.join().expect("no panic"), "owner died");
            });
        },
        |mut parent, _| {
            let name = parent.hear();
            let allowed = in_pid_namespace(|| resident(&mut parent, &name));
            parent.tell(if allowed { "ended" } else { "not allowed" });
        },
    );
}

/// X19: a process that changes its user after it opened something goes on with it, and is noticed
/// when it dies.
#[test]
fn another_user_goes_on_with_what_it_has() {
    two_process(
        "shared::another_user_goes_on_with_what_it_has",
        |mut child| {
            let name = Named::new("user");
            let mutex = Mutex::<u64>::create(&name.0).expect("create");
            assert_eq!(ask(&mut child, &name.0), "ended");
            assert_eq!(verdict(&mutex.lock_timeout(NOTICE)), "owner died");
        },
        |mut parent| {
            let name = parent.hear();
            // Of its own: a process that changed its user may not look at itself in /proc.
            ipc_devkit::in_fork(|| {
                let mutex = Mutex::<u64>::open(&name).expect("open");
                let root = rustix::process::geteuid().is_root();
                crate::set_user(if root { 12345 } else { rustix::process::getuid().as_raw() });
                *mutex.lock().expect("free") += 1;
                if root {
                    let refused = Mutex::<u64>::open(&name);
                    assert!(refused.is_err(), "it is not this user's");
                }
                std::mem::forget(mutex.lock().expect("free"));
                std::process::exit(0);
            });
            parent.tell("ended");
        },
    );
}
