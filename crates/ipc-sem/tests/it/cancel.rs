//! X18: a canceller ends the current or the next wait of its handle.

use std::sync::Arc;
use std::time::Duration;

use ipc_devkit::{alone, fault, scratch};
use ipc_sem::{Canceller, Error, FileLock, LockError, NamedSemaphore, Ops, RobustMutex, SysvSet};

use crate::Removed;

const LONG: Duration = Duration::from_secs(60);

/// Runs `wait` in a second thread and cancels it. Whether it sleeps by then does not matter: the
/// current or the next wait ends.
#[track_caller]
fn under_way(canceller: &Canceller, wait: impl FnOnce() -> bool + Send) {
    std::thread::scope(|scope| {
        let waiting = scope.spawn(wait);
        std::thread::yield_now();
        canceller.cancel();
        assert!(waiting.join().expect("no panic"));
    });
}

/// X18: NamedSemaphore, before and during the wait; `try_` takes no part.
#[test]
fn of_a_named_semaphore() {
    alone("cancel::of_a_named_semaphore", || {
        let name = scratch::name("sem");
        let semaphore = NamedSemaphore::create(&name, 0).expect("create");
        NamedSemaphore::unlink(&name).expect("unlink");
        let canceller = semaphore.canceller();
        canceller.cancel();
        canceller.cancel();
        assert!(matches!(semaphore.try_acquire(), Err(Error::WouldBlock)));
        assert!(matches!(semaphore.acquire(), Err(Error::Cancelled)));
        semaphore.release().expect("release");
        semaphore.acquire().expect("the next wait goes on");
        for _ in 0..20 {
            under_way(&canceller, || matches!(semaphore.acquire(), Err(Error::Cancelled)));
            under_way(&canceller, || {
                matches!(semaphore.acquire_timeout(LONG), Err(Error::Cancelled))
            });
        }
        assert_eq!(semaphore.value(), 0);
    });
}

/// X18: without `futex_waitv` the wait is cut into slices of 10 ms.
#[test]
fn of_a_named_semaphore_on_an_old_kernel() {
    alone("cancel::of_a_named_semaphore_on_an_old_kernel", || {
        fault::deny_syscall(libc::SYS_futex_waitv, libc::ENOSYS);
        assert!(!ipc_sem::features().wait_on_many);
        let name = scratch::name("sem");
        let semaphore = NamedSemaphore::create(&name, 0).expect("create");
        NamedSemaphore::unlink(&name).expect("unlink");
        let canceller = semaphore.canceller();
        under_way(&canceller, || matches!(semaphore.acquire(), Err(Error::Cancelled)));
    });
}

/// X18: SysvSet.
#[test]
fn of_a_sysv_set() {
    alone("cancel::of_a_sysv_set", || {
        let set = Removed(SysvSet::private(&[0, 1]).expect("create"));
        let canceller = set.canceller();
        canceller.cancel();
        assert!(matches!(set.acquire(0), Err(Error::Cancelled)));
        under_way(&canceller, || matches!(set.acquire(0), Err(Error::Cancelled)));
        let group = Ops::new().p(1, 1).p(0, 1);
        under_way(&canceller, || matches!(set.apply_timeout(&group, LONG), Err(Error::Cancelled)));
        assert_eq!(set.values().expect("values"), [0, 1], "nothing was taken");
    });
}

/// X18: a canceller that is made while its handle waits.
#[test]
fn of_a_wait_that_began_before() {
    alone("cancel::of_a_wait_that_began_before", || {
        let set = Removed(SysvSet::private(&[0]).expect("create"));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| set.acquire(0));
            while set.waiters(0).expect("waiters") == 0 {
                std::thread::yield_now();
            }
            set.canceller().cancel();
            assert!(matches!(waiting.join().expect("no panic"), Err(Error::Cancelled)));
        });
    });
}

/// X18: FileLock.
#[test]
fn of_a_file_lock() {
    alone("cancel::of_a_file_lock", || {
        let dir = scratch::dir();
        let mut holder = FileLock::create(dir.path().join("lock")).expect("create");
        let mut lock = FileLock::open(dir.path().join("lock")).expect("open");
        let _guard = holder.lock().expect("lock");
        let canceller = lock.canceller();
        under_way(&canceller, || matches!(lock.lock(), Err(Error::Cancelled)));
        canceller.cancel();
        assert!(matches!(lock.lock_shared_timeout(LONG), Err(Error::Cancelled)));
    });
}

/// X18: RobustMutex.
#[test]
fn of_a_robust_mutex() {
    alone("cancel::of_a_robust_mutex", || {
        let name = scratch::name("mutex");
        let mutex = RobustMutex::create(&name).expect("create");
        RobustMutex::unlink(&name).expect("unlink");
        let canceller = mutex.canceller();
        let _guard = mutex.lock().expect("lock");
        under_way(&canceller, || matches!(mutex.lock(), Err(LockError::Failed(Error::Cancelled))));
        under_way(&canceller, || {
            matches!(mutex.lock_timeout(LONG), Err(LockError::Failed(Error::Cancelled)))
        });
    });
}

/// X18: from a signal handler.
#[test]
fn a_signal_handler_may_cancel() {
    alone("cancel::a_signal_handler_may_cancel", || {
        let set = Removed(SysvSet::private(&[0]).expect("create"));
        let canceller = Arc::new(set.canceller());
        let in_handler = Arc::downgrade(&canceller);
        let cancel = move || in_handler.upgrade().expect("not dropped yet").cancel();
        fault::signal_handler_calls(14, Box::new(cancel));
        fault::raise(14);
        assert!(matches!(set.acquire_timeout(0, LONG), Err(Error::Cancelled)));
    });
}
