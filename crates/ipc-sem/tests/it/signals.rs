//! X2: signal handlers do not end waits.

use std::time::{Duration, Instant};

use ipc_devkit::{alone, fault, scratch};
use ipc_sem::{Error, FileLock, LockError, NamedSemaphore, Ops, RobustMutex, SysvSet};

use crate::Removed;

const TIME: Duration = Duration::from_millis(150);

/// The wait lasts its whole time, and not much longer.
#[track_caller]
fn whole(wait: impl FnOnce()) {
    let start = Instant::now();
    wait();
    assert!(start.elapsed() >= TIME, "{:?}", start.elapsed());
    assert!(start.elapsed() < TIME * 10, "{:?}", start.elapsed());
}

/// X2: under a signal each millisecond waits go on with the time that is left.
#[test]
fn handlers_do_not_end_waits() {
    alone("signals::handlers_do_not_end_waits", || {
        let (sem, mutex) = (scratch::name("sem"), scratch::name("mutex"));
        let semaphore = NamedSemaphore::create(&sem, 0).expect("create");
        NamedSemaphore::unlink(&sem).expect("unlink");
        let robust = RobustMutex::create(&mutex).expect("create");
        RobustMutex::unlink(&mutex).expect("unlink");
        let set = Removed(SysvSet::private(&[0]).expect("create"));
        let dir = scratch::dir();
        let mut holder = FileLock::create(dir.path().join("lock")).expect("create");
        let mut lock = FileLock::open(dir.path().join("lock")).expect("open");
        let _held = holder.lock().expect("lock");
        let (locked, is_locked) = std::sync::mpsc::channel();
        let (unlock, until) = std::sync::mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let robust = &robust;
            scope.spawn(move || {
                let _guard = robust.lock().expect("lock");
                locked.send(()).expect("the test listens");
                // Ends when `unlock` is dropped.
                let _ = until.recv();
            });
            is_locked.recv().expect("the thread locks");
            let storm = fault::alarm_storm(Duration::from_millis(1));
            whole(|| assert!(matches!(semaphore.acquire_timeout(TIME), Err(Error::TimedOut))));
            let _canceller = semaphore.canceller();
            whole(|| assert!(matches!(semaphore.acquire_timeout(TIME), Err(Error::TimedOut))));
            whole(|| assert!(matches!(set.acquire_timeout(0, TIME), Err(Error::TimedOut))));
            let deadline = Instant::now() + TIME;
            let group = Ops::new().p(0, 1);
            whole(|| assert!(matches!(set.apply_deadline(&group, deadline), Err(Error::TimedOut))));
            whole(|| assert!(matches!(lock.lock_timeout(TIME), Err(Error::TimedOut))));
            whole(|| {
                let locked = robust.lock_timeout(TIME);
                assert!(matches!(locked, Err(LockError::Failed(Error::TimedOut))), "{locked:?}");
            });
            assert!(storm.count() > 100);
            drop(unlock);
        });
    });
}

/// X2: a wait without end takes each unit that comes in a storm, once.
#[test]
fn units_that_come_in_a_storm_are_taken() {
    alone("signals::units_that_come_in_a_storm_are_taken", || {
        let name = scratch::name("sem");
        let semaphore = NamedSemaphore::create(&name, 0).expect("create");
        NamedSemaphore::unlink(&name).expect("unlink");
        let set = Removed(SysvSet::private(&[0]).expect("create"));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..1000 {
                    semaphore.release().expect("release");
                    set.release(0).expect("release");
                }
            });
            let _storm = fault::alarm_storm(Duration::from_micros(200));
            for _ in 0..1000 {
                semaphore.acquire().expect("acquire");
                set.acquire(0).expect("acquire");
            }
        });
        assert_eq!((semaphore.value(), set.value(0).expect("value")), (0, 0));
    });
}
