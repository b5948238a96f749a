//! Data in shared memory that a lock protects.
#![expect(unsafe_code, reason = "states that the lock orders all access")]

use std::cell::UnsafeCell;

use ipc_core::safe::ShmSafe;

/// A value that only the holder of a lock reaches.
#[repr(transparent)]
#[derive(Debug)]
pub(crate) struct ShmCell<T>(UnsafeCell<T>);

// SAFETY: the value is reached by the two functions below only, whose callers hold the lock. `ShmSafe`
// values may move between threads; several threads may read one at once only if it is `Sync`, which
// `RwLock` asks for.
unsafe impl<T: ShmSafe> Sync for ShmCell<T> {}

impl<T: ShmSafe> ShmCell<T> {
    /// The value.
    ///
    /// # Safety
    /// - the caller holds the lock, for reading at least, as long as the reference lives.
    pub(crate) unsafe fn get(&self) -> &T {
        // SAFETY: nobody writes meanwhile (the caller's duty), and every pattern is a valid `T`.
        unsafe { &*self.0.get() }
    }

    /// The value, to change it.
    ///
    /// # Safety
    /// - the caller holds the lock alone as long as the reference lives,
    /// - and makes no second reference meanwhile.
    #[expect(clippy::mut_from_ref, reason = "the lock, not the borrow, makes it unique")]
    pub(crate) unsafe fn get_mut(&self) -> &mut T {
        // SAFETY: nobody else reaches it (the caller's duties), and every pattern is a valid `T`.
        unsafe { &mut *self.0.get() }
    }
}
