//! What the tests of objects in shared memory share.

use std::time::{Duration, Instant};

use ipc_devkit::{Child, scratch};
use ipc_sem::{LockError, Mutex, MutexGuard, ShmSafe};
use rustix::process::Pid;

/// Longer than any slice, shorter than the watchdog; the limits proper are judged by the benchmarks.
pub(crate) const SOON: Duration = Duration::from_secs(2);
/// Too short for anything to happen.
pub(crate) const SHORT: Duration = Duration::from_millis(30);

/// A name whose object goes with this, however the test ends.
pub(crate) struct Named(pub(crate) String);

impl Named {
    pub(crate) fn new(tag: &str) -> Self {
        Self(scratch::name(tag))
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        // It may be gone already: that is what some tests are about.
        let _ = Mutex::<u8>::unlink(&self.0);
    }
}

/// Tells a child something and hears its answer.
pub(crate) fn ask(child: &mut Child, what: &str) -> String {
    child.tell(what);
    child.hear()
}

/// Waits until a thread of a process, other than a keeper, sleeps in `futex_waitv(2)`.
pub(crate) fn until_asleep(pid: Pid) {
    let since = Instant::now();
    while !sleeps(pid.as_raw_nonzero().get()) {
        assert!(since.elapsed() < Duration::from_secs(5), "it never sleeps");
        std::thread::yield_now();
    }
}

/// Waits until a thread of this process, other than a keeper, sleeps.
pub(crate) fn until_asleep_here() {
    until_asleep(rustix::process::getpid());
}

fn sleeps(pid: i32) -> bool {
    let waitv = format!("{} ", libc::SYS_futex_waitv);
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    tasks.filter_map(Result::ok).any(|task| {
        let read = |what| std::fs::read_to_string(task.path().join(what)).unwrap_or_default();
        read("comm").trim_end() != "ipc-keeper" && read("syscall").starts_with(&waitv)
    })
}

/// Where the object of this name is a file.
pub(crate) fn file(name: &str) -> String {
    format!("/dev/shm/{name}")
}

/// The first word of the object of this name, as it lies in shared memory.
pub(crate) fn first_word(name: &str) -> u32 {
    let bytes = std::fs::read(file(name)).expect("read");
    let body = usize::from(bytes[32]) | usize::from(bytes[33]) << 8;
    u32::from_le_bytes(bytes[body..body + 4].try_into().expect("four bytes"))
}

/// What a lock attempt said, in a word.
pub(crate) fn verdict<G>(attempt: &Result<G, LockError<G>>) -> &'static str {
    match attempt {
        Ok(_) => "clean",
        Err(LockError::OwnerDied(_)) => "owner died",
        Err(LockError::Poisoned(_)) => "poisoned",
        Err(LockError::Failed(error)) => word(error),
    }
}

/// An error in a word.
pub(crate) fn word(error: &ipc_sem::Error) -> &'static str {
    match error {
        ipc_sem::Error::NotRecoverable { .. } => "not recoverable",
        ipc_sem::Error::TimedOut => "timed out",
        ipc_sem::Error::WouldBlock => "would block",
        ipc_sem::Error::Cancelled => "cancelled",
        ipc_sem::Error::NotOwner { .. } => "not owner",
        ipc_sem::Error::Broken { .. } => "broken",
        _ => "something else",
    }
}

/// Locks, and repairs what a killed owner left: whether there was something to repair.
pub(crate) fn lock_repairing<T: ShmSafe>(
    mutex: &Mutex<T>,
    repair: impl Fn(&mut T),
) -> (MutexGuard<'_, T>, bool) {
    match mutex.lock_timeout(Duration::from_secs(20)) {
        Ok(guard) => (guard, false),
        Err(LockError::OwnerDied(mut guard)) => {
            repair(&mut guard);
            guard.mark_consistent();
            (guard, true)
        }
        Err(error) => panic!("lock: {error}"),
    }
}
