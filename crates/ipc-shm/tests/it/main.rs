//! What ipc-shm promises, one file a behaviour.
#![expect(unsafe_code, reason = "changing namespace or user has no safe form")]

mod broadcast;
mod fan_in;
mod latest;
mod ready;
mod ring;
mod segment;
mod segment_cut;
mod segment_file;
mod segment_hostile;
mod segment_memfd;
#[cfg(feature = "shared_memory")]
mod segment_shmem;
mod segment_sysv;
mod suites;
mod types;
mod untrusted;
mod world;

mod futex {
    mod suites;
}
mod sysv {
    mod suites;
}

use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(60);
/// A death is noticed within a slice of 250 ms; as much again for a machine that is busy.
const NOTICE: Duration = Duration::from_millis(500);

/// Runs something that must not take long.
#[track_caller]
fn soon<X>(answer: impl FnOnce() -> X) -> X {
    let since = Instant::now();
    let answer = answer();
    assert!(since.elapsed() < NOTICE, "{:?}", since.elapsed());
    answer
}

/// Calls the C library's `setuid`, which reaches every thread.
fn set_user(user: u32) {
    // SAFETY: it takes a number.
    assert_eq!(unsafe { libc::setuid(user) }, 0);
}

/// Runs `body` with the rights of another user; only root can.
fn as_user<T>(user: u32, body: impl FnOnce() -> T) -> T {
    // SAFETY: it takes a number.
    assert_eq!(unsafe { libc::seteuid(user) }, 0);
    let done = body();
    // SAFETY: it takes a number.
    assert_eq!(unsafe { libc::seteuid(0) }, 0);
    done
}

/// Loads one byte, whatever comes of it.
fn touch(address: *const u8) {
    // SAFETY: none of this process's memory lies there: a test wants to see it end.
    let _ = unsafe { address.read_volatile() };
}

/// Takes away the handler of SIGBUS that Rust programs start with.
fn default_sigbus() {
    // SAFETY: it takes two numbers.
    unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) };
}

/// Moves this thread into a mount namespace of its own, with a small `/dev/shm`. False where that is not
/// allowed.
fn small_tmpfs(size: &std::ffi::CStr) -> bool {
    use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
    // SAFETY: NEWNS leaves the descriptors shared, which is what makes other flags unsafe.
    let moved = unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS) };
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    moved.is_ok()
        && mount_change("/", private).is_ok()
        && mount("none", "/dev/shm", "tmpfs", MountFlags::empty(), size).is_ok()
}
