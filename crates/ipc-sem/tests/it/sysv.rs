//! SysvSet: creation, groups, undo, identity, limits.

use std::time::{Duration, Instant};

use ipc_devkit::{alone, fault, processes, scratch, two_process};
use ipc_sem::{Error, Key, Ops, SysvOptions, SysvSet};

use crate::{Removed, key, own_ipc_namespace};

const SHORT: Duration = Duration::from_millis(30);
const LONG: Duration = Duration::from_secs(60);

/// Waits until somebody waits for units of the first semaphore.
fn until_somebody_waits(set: &SysvSet) {
    while set.waiters(0).expect("waiters") == 0 {
        std::thread::yield_now();
    }
}

#[test]
fn waits_end_as_their_form_says() {
    alone("sysv::waits_end_as_their_form_says", || {
        let set = Removed(SysvSet::private(&[0, 1]).expect("create"));
        assert!(matches!(set.try_acquire(0), Err(Error::WouldBlock)));
        let start = Instant::now();
        assert!(matches!(set.acquire_timeout(0, SHORT), Err(Error::TimedOut)));
        assert!(start.elapsed() >= SHORT);
        let deadline = Instant::now() + SHORT;
        assert!(matches!(set.acquire_deadline(0, deadline), Err(Error::TimedOut)));
        assert!(Instant::now() >= deadline);
        set.acquire_deadline(1, deadline).expect("a unit that is there is taken");
        set.release(0).expect("release");
        set.acquire_timeout(0, Duration::MAX).expect("too long means for ever");
        let group = Ops::new().zero(0).zero(1);
        set.try_apply(&group).expect("both are 0");
        set.release(1).expect("release");
        assert!(matches!(set.try_apply(&group), Err(Error::WouldBlock)));
        assert!(matches!(set.apply_timeout(&group, SHORT), Err(Error::TimedOut)));
    });
}

/// M1: a creator that died between `semget` and the first values is replaced, by exactly one.
#[test]
fn a_dead_creators_set_is_taken_over_once() {
    processes(
        "sysv::a_dead_creators_set_is_taken_over_once",
        3,
        |mut children| {
            // The semget went through, the semop did not: as if killed between them.
            children[0].tell(&key(0).raw().to_string());
            assert_eq!(children[0].hear(), "half");
            let start = Instant::now();
            assert!(matches!(SysvSet::open(key(0)), Err(Error::NotInitialised { .. })));
            assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
            children[0].kill();
            for child in &mut children[1..] {
                child.tell(&key(0).raw().to_string());
            }
            let set = Removed(SysvSet::open_or_create(key(0), &[3]).expect("take over"));
            for child in &mut children[1..] {
                assert_eq!(child.hear(), "open");
            }
            assert_eq!(set.value(0).expect("value"), 1, "3 less one each");
        },
        |mut parent, index| {
            let key = Key::new(parent.hear().parse().expect("number")).expect("key");
            if index == 0 {
                half_created(key);
                parent.tell("half");
                let _ = parent.hear();
            } else {
                let set = SysvSet::open_or_create(key, &[3]).expect("open");
                set.try_acquire(0).expect("3 are there");
                parent.tell("open");
            }
        },
    );
}

/// Makes the set of `key` with one semaphore, but stops before its first values.
fn half_created(key: Key) {
    // semop is what sets the first values; without it creation stops in the middle, and its attempt
    // to clean up is refused too.
    fault::deny_syscall(libc::SYS_semop, libc::EPERM);
    fault::deny_syscall(libc::SYS_semtimedop, libc::EPERM);
    fault::deny_syscall(libc::SYS_semctl, libc::EPERM);
    assert!(SysvSet::create(key, &[3]).is_err());
}

/// M1: many that open or create at once agree on one set with its values given once.
#[test]
fn racing_creators_make_one_set() {
    processes(
        "sysv::racing_creators_make_one_set",
        4,
        |mut children| {
            for round in 0..50u8 {
                for child in &mut children {
                    child.tell(&key(round).raw().to_string());
                }
                for child in &mut children {
                    assert_eq!(child.hear(), "taken");
                }
                let set = Removed(SysvSet::open(key(round)).expect("open"));
                assert_eq!(set.values().expect("values"), [6, 0]);
            }
            for child in &mut children {
                child.tell("end");
            }
        },
        |mut parent, _| {
            while let Ok(number) = parent.hear().parse() {
                let key = Key::new(number).expect("key");
                let set = SysvSet::open_or_create(key, &[10, 0]).expect("open or create");
                set.acquire(0).expect("acquire");
                parent.tell("taken");
            }
        },
    );
}

/// M2: what was taken with undo comes back when the holder dies, what was taken without does not.
#[test]
fn undo_gives_back_what_the_dead_took() {
    two_process(
        "sysv::undo_gives_back_what_the_dead_took",
        |mut child| {
            let set = Removed(SysvSet::private(&[2, 2, 0]).expect("create"));
            child.tell(&set.id().to_string());
            assert_eq!(child.hear(), "taken");
            assert_eq!(set.values().expect("values"), [1, 1, 1]);
            // M2: setting a value forgets what was to be undone there.
            set.set_value(2, 5).expect("set");
            child.kill();
            set.apply_timeout(&Ops::new().p(0, 2), LONG).expect("one came back");
            assert_eq!(set.values().expect("values"), [0, 1, 5]);
        },
        |mut parent| {
            let set = SysvSet::from_id(parent.hear().parse().expect("number")).expect("open");
            set.apply(&Ops::new().p(0, 1).undo().p(1, 1).v(2, 1).undo()).expect("take");
            parent.tell("taken");
            let _ = parent.hear();
        },
    );
}

/// M2: an undo that would make the value negative stops at 0.
#[test]
fn undo_stops_at_zero() {
    two_process(
        "sysv::undo_stops_at_zero",
        |mut child| {
            let set = Removed(SysvSet::private(&[0]).expect("create"));
            child.tell(&set.id().to_string());
            assert_eq!(child.hear(), "given");
            set.acquire(0).expect("acquire");
            child.kill();
            assert_eq!(set.value(0).expect("value"), 0);
        },
        |mut parent| {
            let set = SysvSet::from_id(parent.hear().parse().expect("number")).expect("open");
            set.apply(&Ops::new().v(0, 1).undo()).expect("give");
            parent.tell("given");
            let _ = parent.hear();
        },
    );
}

/// M3: a handle does not act on a set that got the number of its own.
#[test]
fn a_reused_number_is_another_set() {
    alone("sysv::a_reused_number_is_another_set", || {
        if !own_ipc_namespace() {
            return;
        }
        let reuse = |id: i32| std::fs::write("/proc/sys/kernel/sem_next_id", id.to_string());
        for plain in [false, true] {
            let mut options = SysvOptions::new();
            if plain {
                options = options.plain();
            }
            let old = options.create(key(0), &[1]).expect("create");
            let untouched = options.create(key(1), &[1]).expect("create");
            let stale = SysvOptions::new().from_id(old.id()).expect("a second handle");
            old.remove().expect("remove");
            if reuse(old.id()).is_err() {
                return ipc_devkit::skip("needs the right to choose the next number");
            }
            let new = Removed(options.create(key(2), &[7]).expect("create"));
            assert_eq!(new.id(), old.id(), "the number is the same");
            assert!(matches!(old.acquire(0), Err(Error::Removed { .. })));
            if !plain {
                assert!(matches!(stale.acquire(0), Err(Error::Removed { .. })));
                assert!(matches!(stale.release(0), Err(Error::Removed { .. })));
            }
            assert!(matches!(stale.values(), Err(Error::Removed { .. })));
            assert!(matches!(stale.set_value(0, 1), Err(Error::Removed { .. })));
            assert!(matches!(stale.remove(), Err(Error::Removed { .. })));
            assert_eq!(new.values().expect("values"), [7], "untouched");
            untouched.remove().expect("remove");
        }
    });
}

/// M4: the set of another file under the same key is told apart.
#[test]
fn a_key_collision_is_seen() {
    alone("sysv::a_key_collision_is_seen", || {
        let dir = scratch::dir();
        let file = dir.path().join("file");
        std::fs::write(&file, "").expect("write");
        let ours = Key::ftok(&file, b'a').expect("key");
        assert_eq!(ours, Key::ftok(&file, b'a').expect("key"), "it is the same each time");
        assert_ne!(ours.raw(), Key::ftok(&file, b'b').expect("key").raw());
        let set = Removed(SysvSet::create(ours, &[1]).expect("create"));
        // The same number, but not from this file.
        let theirs = Key::new(ours.raw()).expect("key");
        assert!(matches!(SysvSet::open(theirs), Err(Error::KeyCollision { .. })));
        assert!(matches!(SysvSet::open_or_create(theirs, &[1]), Err(Error::KeyCollision { .. })));
        assert!(matches!(SysvSet::create(theirs, &[1]), Err(Error::AlreadyExists { .. })));
        let wide = SysvSet::open_or_create(ours, &[1, 1]);
        assert!(matches!(wide, Err(Error::KeyCollision { .. })), "{wide:?}");
        SysvSet::open_or_create(ours, &[1]).expect("ours");
        assert_eq!(set.value(0).expect("value"), 1);
        assert!(matches!(Key::ftok("/nonexistent", 1), Err(Error::NotFound { .. })));
        assert!(matches!(Key::new(0), Err(Error::InvalidArgument { .. })));
    });
}

/// M5, M10: removal ends every wait, in every process, and every later call.
#[test]
fn removal_wakes_every_waiter() {
    processes(
        "sysv::removal_wakes_every_waiter",
        3,
        |mut children| {
            let set = SysvSet::private(&[0, 1]).expect("create");
            for child in &mut children {
                child.tell(&set.id().to_string());
            }
            while set.waiters(0).expect("waiters") + set.zero_waiters(1).expect("waiters") != 3 {
                std::thread::yield_now();
            }
            set.remove().expect("remove");
            for child in &mut children {
                assert_eq!(child.hear(), "removed");
            }
            assert!(matches!(set.release(0), Err(Error::Removed { .. })));
            assert!(matches!(set.remove(), Err(Error::Removed { .. })));
        },
        |mut parent, index| {
            let set = SysvSet::from_id(parent.hear().parse().expect("number")).expect("open");
            let ended = match index {
                0 => set.acquire(0),
                1 => set.acquire_timeout(0, LONG),
                _ => set.apply(&Ops::new().zero(1)),
            };
            assert!(matches!(ended, Err(Error::Removed { .. })), "{ended:?}");
            assert!(matches!(set.try_acquire(0), Err(Error::Removed { .. })));
            parent.tell("removed");
        },
    );
}

/// M6: values, waiters and the last process agree with what was done.
#[test]
fn what_a_set_tells_is_right() {
    two_process(
        "sysv::what_a_set_tells_is_right",
        |mut child| {
            let set = Removed(SysvOptions::new().mode(0o640).private(&[0, 4]).expect("create"));
            child.tell(&set.id().to_string());
            until_somebody_waits(&set);
            assert_eq!((set.waiters(0).expect("ask"), set.waiters(1).expect("ask")), (1, 0));
            assert_eq!(set.zero_waiters(1).expect("ask"), 0);
            assert_eq!(set.values().expect("ask"), [0, 4], "a group that waits took nothing");
            assert_eq!(set.last_pid(1).expect("ask"), Some(std::process::id()));
            set.release(0).expect("release");
            assert_eq!(child.hear(), "done");
            assert_eq!(set.values().expect("ask"), [0, 2]);
            let pid = u32::try_from(child.raw_pid()).expect("positive");
            assert_eq!(set.last_pid(1).expect("ask"), Some(pid));
            assert_eq!(set.count(), 2);
            let stat = set.stat().expect("stat");
            assert_eq!(stat.mode, 0o640);
            assert!(stat.last_operation.is_some());
            assert!(matches!(set.value(2), Err(Error::InvalidArgument { .. })));
            assert!(matches!(set.acquire(2), Err(Error::InvalidArgument { .. })));
        },
        |mut parent| {
            let set = SysvSet::from_id(parent.hear().parse().expect("number")).expect("open");
            set.apply(&Ops::new().p(1, 2).p(0, 1)).expect("in one step");
            parent.tell("done");
        },
    );
}

/// M9: the value never wraps, and a group that would is not done in part.
#[test]
fn the_largest_value_stays() {
    alone("sysv::the_largest_value_stays", || {
        let set = Removed(SysvSet::private(&[SysvSet::MAX, 0]).expect("create"));
        assert!(matches!(set.release(0), Err(Error::Overflow { .. })));
        let group = Ops::new().v(1, 1).v(0, 1);
        assert!(matches!(set.apply(&group), Err(Error::Overflow { .. })));
        assert_eq!(set.values().expect("values"), [SysvSet::MAX, 0]);
        assert!(matches!(set.set_value(0, 32768), Err(Error::InvalidArgument { .. })));
        assert!(matches!(SysvSet::private(&[32768]), Err(Error::InvalidArgument { .. })));
        assert!(matches!(SysvSet::private(&[]), Err(Error::InvalidArgument { .. })));
        for wrong in [Ops::new(), Ops::new().undo(), Ops::new().p(0, 0), Ops::new().v(0, 32768)] {
            assert!(matches!(set.apply(&wrong), Err(Error::InvalidArgument { .. })), "{wrong:?}");
        }
    });
}

/// X13: a set of another user is refused unless that user was allowed.
#[test]
fn a_strangers_set_is_refused() {
    two_process(
        "sysv::a_strangers_set_is_refused",
        |mut child| {
            let id = child.hear();
            if id == "no" {
                return ipc_devkit::skip("needs the right to become another user");
            }
            let id = id.parse().expect("number");
            assert!(matches!(SysvSet::from_id(id), Err(Error::WrongOwner { uid: 54321, .. })));
            let allowed = SysvOptions::new().allow_owner(54321).from_id(id);
            allowed.expect("allowed").remove().expect("root may");
        },
        |mut parent| {
            let uid = rustix::process::Uid::from_raw(54321);
            if rustix::thread::set_thread_uid(uid).is_err() {
                return parent.tell("no");
            }
            let set = SysvSet::private(&[1]).expect("create");
            parent.tell(&set.id().to_string());
        },
    );
}
