//! What ipc-sem promises, one file a behaviour.
#![expect(unsafe_code, reason = "changing namespace or user has no safe form")]

mod smoke;

mod cancel;
mod classics;
mod file_lock;
mod interop;
mod mutex;
mod named;
mod opening;
mod robust;
mod rwlock;
mod semaphore;
mod shared;
mod signalling;
mod signals;
mod steps;
mod suites;
mod sysv;
mod types;
mod world;

use ipc_sem::{Key, SysvSet};

/// A key that no other test uses: the process in the upper part, `n` below.
fn key(n: u8) -> Key {
    let pid = i32::try_from(std::process::id()).expect("process numbers are small");
    Key::new(0x4000_0000 | pid << 8 | i32::from(n)).expect("not 0")
}

/// Moves this thread into an IPC namespace of its own, whose limits and numbers it may change. False
/// and a skip where that is not allowed.
fn own_ipc_namespace() -> bool {
    // SAFETY: NEWIPC leaves the descriptors shared, which is what makes other flags unsafe.
    let moved = unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWIPC) };
    if moved.is_err() {
        ipc_devkit::skip("needs the right to make an IPC namespace");
    }
    moved.is_ok()
}

/// Calls the C library's `setuid`, which reaches every thread.
fn set_user(user: u32) {
    // SAFETY: it takes a number.
    assert_eq!(unsafe { libc::setuid(user) }, 0);
}

/// A set that is removed with this, however the test ends.
struct Removed(SysvSet);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = self.0.remove();
    }
}

impl std::ops::Deref for Removed {
    type Target = SysvSet;

    fn deref(&self) -> &SysvSet {
        &self.0
    }
}
