//! RobustMutex: its owner may die.

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::{Duration, Instant};

use ipc_devkit::{Parent, alone, scratch, two_process};
use ipc_sem::{Error, LockError, RobustMutex, RobustMutexOptions};

const LONG: Duration = Duration::from_secs(60);

/// A mutex that loses its name with this.
struct Scratch(RobustMutex, String);

impl Scratch {
    fn new(options: &RobustMutexOptions) -> Self {
        let name = scratch::name("mutex");
        Self(options.create(&name).expect("create"), name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = RobustMutex::unlink(&self.1);
    }
}

/// The child half that locks and waits for its end.
fn holder(mut parent: Parent) {
    let mutex = RobustMutex::open(&parent.hear()).expect("open");
    let _guard = mutex.lock().expect("lock");
    parent.tell("locked");
    let _ = parent.hear();
}

/// S10: the next one is told once; marked consistent, the mutex is as good as new.
#[test]
fn the_next_owner_is_told_and_repairs() {
    two_process(
        "robust::the_next_owner_is_told_and_repairs",
        |mut child| {
            let Scratch(mutex, name) = &Scratch::new(&RobustMutexOptions::new());
            child.tell(name);
            assert_eq!(child.hear(), "locked");
            std::thread::scope(|scope| {
                let waiting = scope.spawn(|| match mutex.lock_timeout(LONG) {
                    Err(LockError::OwnerDied(mut guard)) => guard.mark_consistent(),
                    other => panic!("{other:?}"),
                });
                child.kill();
                waiting.join().expect("the sleeper is told");
            });
            drop(mutex.lock().expect("as good as new"));
        },
        holder,
    );
}

/// S10: the same with priority inheritance.
#[test]
fn with_priority_inheritance_too() {
    two_process(
        "robust::with_priority_inheritance_too",
        |mut child| {
            let Scratch(mutex, name) = &Scratch::new(&RobustMutexOptions::new().inherit_priority());
            child.tell(name);
            assert_eq!(child.hear(), "locked");
            let short = Duration::from_millis(30);
            let start = Instant::now();
            assert!(matches!(mutex.lock_timeout(short), Err(LockError::Failed(Error::TimedOut))));
            assert!(start.elapsed() >= short);
            child.kill();
            match mutex.lock() {
                Err(LockError::OwnerDied(mut guard)) => guard.mark_consistent(),
                other => panic!("{other:?}"),
            }
            drop(mutex.try_lock().expect("as good as new"));
        },
        holder,
    );
}

/// S10: unlocked unmarked, it can never be locked again; nothing marks it by itself.
#[test]
fn unmarked_it_is_lost() {
    two_process(
        "robust::unmarked_it_is_lost",
        |mut child| {
            let Scratch(mutex, name) = &Scratch::new(&RobustMutexOptions::new());
            child.tell(name);
            assert_eq!(child.hear(), "locked");
            child.kill();
            assert!(matches!(mutex.try_lock(), Err(LockError::OwnerDied(_))));
            for _ in 0..2 {
                for lost in [mutex.lock_timeout(LONG), mutex.try_lock(), mutex.lock()] {
                    match lost {
                        Err(LockError::Failed(Error::NotRecoverable { .. })) => {}
                        other => panic!("{other:?}"),
                    }
                }
            }
        },
        holder,
    );
}

/// A thread that locks twice is told, not hung.
#[test]
fn locking_twice_is_an_error() {
    alone("robust::locking_twice_is_an_error", || {
        let Scratch(mutex, _) = &Scratch::new(&RobustMutexOptions::new());
        let guard = mutex.lock().expect("lock");
        assert!(matches!(mutex.lock(), Err(LockError::Failed(Error::Deadlock { .. }))));
        assert!(matches!(mutex.try_lock(), Err(LockError::Failed(_))));
        drop(guard);
        drop(mutex.lock().expect("lock"));
    });
}

/// S10: a leaked guard keeps the memory that its thread's list runs through.
#[test]
fn a_leaked_guard_keeps_the_mapping() {
    two_process(
        "robust::a_leaked_guard_keeps_the_mapping",
        |mut child| assert!(child.wait().success()),
        |_parent| {
            let other = Scratch::new(&RobustMutexOptions::new());
            let leaked = Scratch::new(&RobustMutexOptions::new());
            std::mem::forget(leaked.0.lock().expect("lock"));
            let file = fs::metadata(format!("/dev/shm/{}", leaked.1)).expect("look");
            drop(leaked);
            let maps = fs::read_to_string("/proc/self/maps").expect("maps");
            assert!(maps.contains(&format!(" {} ", file.ino())), "the mapping is gone");
            // glibc writes into the leaked mutex now: it is the neighbour in the list.
            drop(other.0.lock().expect("lock"));
            drop(other);
            // Without the leak check, which would rightly see it.
            std::process::exit(0);
        },
    );
}

/// X13, X15: each thing that is wrong with the file has an error of its own.
#[test]
fn what_is_no_mutex_of_ours_is_refused() {
    alone("robust::what_is_no_mutex_of_ours_is_refused", || {
        let Scratch(_mutex, name) = &Scratch::new(&RobustMutexOptions::new());
        let path = format!("/dev/shm/{name}");
        let raw = fs::OpenOptions::new().read(true).write(true).open(&path).expect("open");
        let mut head = [0; 24];
        raw.read_exact_at(&mut head, 0).expect("read");
        let refused = |at: u64, byte: u8| {
            raw.write_all_at(&[byte], at).expect("spoil");
            let error = RobustMutex::open(name).expect_err("spoiled");
            raw.write_all_at(&head, 0).expect("restore");
            error
        };
        let magic = refused(0, b'x');
        assert!(matches!(magic, Error::Corrupt { reason, .. } if reason.contains("no robust")));
        let version = refused(8, 9);
        assert!(matches!(version, Error::Corrupt { reason, .. } if reason.contains("version")));
        assert!(matches!(refused(16, !head[16]), Error::Unsupported { .. }));
        RobustMutex::open(name).expect("restored");
        raw.set_len(63).expect("shorten");
        let short = RobustMutex::open(name);
        assert!(matches!(short, Err(Error::Truncated { got: 63, want: 64, .. })));
    });
}
