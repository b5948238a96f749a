//! A held mutex.
#![expect(unsafe_code, reason = "the guard is the proof that the data is ours")]

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering;

use ipc_core::safe::ShmSafe;

use super::Mutex;
use crate::shared::layout::MutexBody;

/// A held [`Mutex`]; dropping it unlocks. It stays in the thread that locked, as in std.
///
/// In a forked child, dropping a copy does nothing: the lock is the parent's.
#[must_use = "dropping the guard unlocks"]
pub struct MutexGuard<'a, T: ShmSafe> {
    mutex: &'a Mutex<T>,
    /// [`RECOVERING`], [`PANICKING`], or 0 as nearly always.
    unusual: u8,
    thread: PhantomData<*mut ()>,
}

/// The last owner died, and nobody has said that the data is whole.
const RECOVERING: u8 = 1;
/// The thread was panicking already when it locked: then it is not this lock's fault.
const PANICKING: u8 = 2;

impl<'a, T: ShmSafe> MutexGuard<'a, T> {
    #[inline]
    pub(super) fn new(mutex: &'a Mutex<T>, recovering: bool) -> Self {
        let panicking = if std::thread::panicking() { PANICKING } else { 0 };
        Self { mutex, unusual: u8::from(recovering) | panicking, thread: PhantomData }
    }

    pub(crate) fn mutex(&self) -> &'a Mutex<T> {
        self.mutex
    }

    /// After `OwnerDied` or `Poisoned`, when the data is repaired: the mutex is as good as new. After
    /// `OwnerDied`, a guard that is dropped without this leaves the mutex `NotRecoverable`.
    #[doc(alias = "pthread_mutex_consistent")]
    pub fn mark_consistent(&mut self) {
        self.unusual &= !RECOVERING;
        self.mutex.clear_poison();
    }

    #[cold]
    fn drop_unusual(&self) {
        let (shared, body) = (&self.mutex.shared, self.mutex.shared.body());
        if shared.me().is_err() {
            return;
        }
        if self.unusual & RECOVERING != 0 {
            crate::log::warn(format_args!("{}: given up as not recoverable", shared.shown()));
            body.lock.abandon(shared.members());
            return;
        }
        if self.unusual & PANICKING == 0 && std::thread::panicking() {
            body.poison.store(1, Ordering::Relaxed);
        }
        body.lock.unlock(shared.members());
    }
}

impl<T: ShmSafe> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock (made by `take` after it was had), and lends itself.
        unsafe { self.mutex.shared.body().data.get() }
    }
}

impl<T: ShmSafe> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock (made by `take` after it was had), and lends itself mutably.
        unsafe { self.mutex.shared.body().data.get_mut() }
    }
}

impl<T: ShmSafe> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.unusual != 0 || std::thread::panicking() {
            self.drop_unusual();
        } else {
            // What `RawLock::unlock` begins with; in a forked child `me` is 0, and the lock is not.
            let (shared, word) = (&self.mutex.shared, self.mutex.shared.body().lock.word());
            let (me, order) = (shared.me_bits(), (Ordering::Release, Ordering::Relaxed));
            if me == 0 || word.compare_exchange(me, 0, order.0, order.1).is_err() {
                self.drop_unusual();
            }
        }
    }
}

impl<T: ShmSafe + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

// SAFETY: the data is `Send` and reached through the guard only; reading it from several threads needs
// `Sync`, as for any reference.
unsafe impl<T: ShmSafe + Sync> Sync for MutexGuard<'_, T> {}

/// Fills in the data of a mutex that nobody else can reach yet.
pub(super) fn initialise<T: ShmSafe>(body: &MutexBody<T>, init: impl Fn(&mut T)) {
    // SAFETY: the segment has no name yet, and its maker hands the body out once.
    init(unsafe { body.data.get_mut() });
}
