//! Each kind once, between two processes.

use std::time::Duration;

use ipc_devkit::{alone, fault, scratch, two_process};
use ipc_sem::{Error, FileLock, Key, LockError, NamedSemaphore, Ops, RobustMutex, SysvSet};

use crate::{Removed, key};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_named_semaphore_hands_a_unit_over() {
    two_process(
        "smoke::a_named_semaphore_hands_a_unit_over",
        |mut child| {
            let name = scratch::name("sem");
            let semaphore = NamedSemaphore::create(&name, 0).expect("create");
            child.tell("open");
            semaphore.acquire_timeout(LONG).expect("the child releases");
            assert!(matches!(semaphore.try_acquire(), Err(Error::WouldBlock)));
            NamedSemaphore::unlink(&name).expect("unlink");
        },
        |mut parent| {
            let name = scratch::name("sem");
            assert_eq!(parent.hear(), "open");
            NamedSemaphore::open(&name).expect("open").release().expect("release");
        },
    );
}

#[test]
fn a_sysv_set_hands_units_over_in_one_step() {
    two_process(
        "smoke::a_sysv_set_hands_units_over_in_one_step",
        |mut child| {
            let key = key(0);
            let set = Removed(SysvSet::create(key, &[0, 0]).expect("create"));
            child.tell(&key.raw().to_string());
            set.apply_timeout(&Ops::new().p(0, 2).p(1, 1), LONG).expect("the child releases");
            assert_eq!(set.values().expect("values"), [0, 0]);
        },
        |mut parent| {
            let raw = parent.hear().parse().expect("a number");
            let set = SysvSet::open(Key::new(raw).expect("key")).expect("open");
            assert_eq!(set.count(), 2);
            set.apply(&Ops::new().v(0, 2)).expect("not enough for the parent");
            set.release(1).expect("now it is");
        },
    );
}

#[test]
fn a_file_lock_excludes_another_process() {
    two_process(
        "smoke::a_file_lock_excludes_another_process",
        |mut child| {
            let dir = scratch::dir();
            let path = dir.path().join("lock");
            let mut lock = FileLock::create(&path).expect("create");
            child.tell(path.to_str().expect("text"));
            assert_eq!(child.hear(), "locked");
            assert!(matches!(lock.try_lock(), Err(Error::WouldBlock)));
            assert!(matches!(lock.try_lock_shared(), Err(Error::WouldBlock)));
            child.tell("unlock");
            drop(lock.lock().expect("the child unlocks"));
        },
        |mut parent| {
            let mut lock = FileLock::open(parent.hear()).expect("open");
            let guard = lock.lock().expect("lock");
            parent.tell("locked");
            assert_eq!(parent.hear(), "unlock");
            drop(guard);
        },
    );
}

#[test]
fn a_robust_mutex_excludes_another_process() {
    two_process(
        "smoke::a_robust_mutex_excludes_another_process",
        |mut child| {
            let name = scratch::name("mutex");
            let mutex = RobustMutex::create(&name).expect("create");
            child.tell("lock");
            assert_eq!(child.hear(), "locked");
            assert!(matches!(mutex.try_lock(), Err(LockError::Failed(Error::WouldBlock))));
            child.tell("unlock");
            drop(mutex.lock_timeout(LONG).expect("the child unlocks"));
            RobustMutex::unlink(&name).expect("unlink");
        },
        |mut parent| {
            let name = scratch::name("mutex");
            assert_eq!(parent.hear(), "lock");
            let mutex = RobustMutex::open(&name).expect("open");
            let guard = mutex.lock().expect("lock");
            parent.tell("locked");
            assert_eq!(parent.hear(), "unlock");
            drop(guard);
        },
    );
}

/// X1: no kind holds a descriptor but the file lock, and that one is close-on-exec.
#[test]
fn no_descriptor_reaches_a_child() {
    alone("smoke::no_descriptor_reaches_a_child", || {
        let inherited = || {
            let listed = std::process::Command::new("ls").arg("/proc/self/fd").output();
            listed.expect("run ls").stdout
        };
        let before = inherited();
        let (sem, mutex) = (scratch::name("sem"), scratch::name("mutex"));
        let dir = scratch::dir();
        let created = (
            NamedSemaphore::create(&sem, 1).expect("create"),
            RobustMutex::create(&mutex).expect("create"),
            FileLock::create(dir.path().join("lock")).expect("create"),
        );
        let opened = (
            NamedSemaphore::open(&sem).expect("open"),
            RobustMutex::open(&mutex).expect("open"),
            FileLock::open(dir.path().join("lock")).expect("open"),
        );
        let cancellers = (created.0.canceller(), created.1.canceller(), created.2.canceller());
        assert_eq!(inherited(), before);
        drop((created, opened, cancellers));
        NamedSemaphore::unlink(&sem).expect("unlink");
        RobustMutex::unlink(&mutex).expect("unlink");
    });
}

/// X4: a forked child that holds copies of everything changes nothing when it dies.
#[test]
fn a_forked_child_changes_nothing_by_dying() {
    alone("smoke::a_forked_child_changes_nothing_by_dying", || {
        let (sem, mutex) = (scratch::name("sem"), scratch::name("mutex"));
        let semaphore = NamedSemaphore::create(&sem, 1).expect("create");
        let robust = RobustMutex::create(&mutex).expect("create");
        let set = Removed(SysvSet::private(&[1]).expect("create"));
        set.apply(&Ops::new().p(0, 1).undo()).expect("take");
        let guard = robust.lock().expect("lock");
        drop(fault::fork_orphan());
        std::thread::scope(|scope| {
            let other = scope.spawn(|| matches!(robust.try_lock(), Err(LockError::Failed(_))));
            assert!(other.join().expect("no panic"), "still ours");
        });
        drop(guard);
        drop(robust.lock().expect("nobody died"));
        assert_eq!(semaphore.value(), 1);
        assert_eq!(set.value(0).expect("value"), 0, "the child had nothing to undo");
        NamedSemaphore::unlink(&sem).expect("unlink");
        RobustMutex::unlink(&mutex).expect("unlink");
    });
}
