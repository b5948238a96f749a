//! What ipc-shm promises, one file a behaviour.
#![expect(unsafe_code, reason = "changing namespace or user has no safe form")]

mod segment;
mod world;

/// Calls the C library's `setuid`, which reaches every thread.
fn set_user(user: u32) {
    // SAFETY: it takes a number.
    assert_eq!(unsafe { libc::setuid(user) }, 0);
}
