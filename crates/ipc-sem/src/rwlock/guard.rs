//! A read-write lock that is held.
#![expect(unsafe_code, reason = "the guards are the proof that the data may be reached")]

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering;

use ipc_core::safe::ShmSafe;

use super::RwLock;
use crate::shared::layout::RwLockBody;

/// A [`RwLock`] held to read; dropping it unlocks. In a forked child, dropping a copy does nothing.
#[must_use = "dropping the guard unlocks"]
pub struct RwLockReadGuard<'a, T: ShmSafe + Sync> {
    lock: &'a RwLock<T>,
    thread: PhantomData<*mut ()>,
}

/// A [`RwLock`] held to write; dropping it unlocks. In a forked child, dropping a copy does nothing.
#[must_use = "dropping the guard unlocks"]
pub struct RwLockWriteGuard<'a, T: ShmSafe + Sync> {
    lock: &'a RwLock<T>,
    /// The last writer died, and nobody has said that the data is whole.
    recovering: bool,
    panicking: bool,
    thread: PhantomData<*mut ()>,
}

// SAFETY: a shared guard gives a shared reference to `T`, which is `Sync`.
unsafe impl<T: ShmSafe + Sync> Sync for RwLockReadGuard<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ShmSafe + Sync> Sync for RwLockWriteGuard<'_, T> {}

impl<'a, T: ShmSafe + Sync> RwLockReadGuard<'a, T> {
    #[inline]
    pub(super) fn new(lock: &'a RwLock<T>) -> Self {
        Self { lock, thread: PhantomData }
    }
}

impl<'a, T: ShmSafe + Sync> RwLockWriteGuard<'a, T> {
    #[inline]
    pub(super) fn new(lock: &'a RwLock<T>, recovering: bool) -> Self {
        let panicking = std::thread::panicking();
        Self { lock, recovering, panicking, thread: PhantomData }
    }

    /// After `OwnerDied` or `Poisoned`, when the data is repaired: the lock is as good as new. After
    /// `OwnerDied`, a guard that is dropped without this leaves the lock `NotRecoverable`.
    pub fn mark_consistent(&mut self) {
        self.recovering = false;
        if self.lock.shared.me().is_ok() {
            self.lock.shared.body().poison.store(0, Ordering::Relaxed);
        }
    }
}

impl<T: ShmSafe + Sync> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock for reading (made by `read_within` once it was had).
        unsafe { self.lock.shared.body().data.get() }
    }
}

impl<T: ShmSafe + Sync> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock alone (made by `write_within` once it was had).
        unsafe { self.lock.shared.body().data.get() }
    }
}

impl<T: ShmSafe + Sync> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock alone, and lends itself mutably.
        unsafe { self.lock.shared.body().data.get_mut() }
    }
}

impl<T: ShmSafe + Sync> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.leave();
    }
}

impl<T: ShmSafe + Sync> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        let (shared, body) = (&self.lock.shared, self.lock.shared.body());
        if shared.me().is_err() {
            return;
        }
        if self.recovering {
            crate::log::warn(format_args!("{}: given up as not recoverable", shared.shown()));
            body.writer.abandon(shared.members());
            std::sync::atomic::fence(Ordering::SeqCst);
            body.readers_bell.ring();
            return;
        }
        if !self.panicking && std::thread::panicking() {
            body.poison.fetch_or(super::POISONED, Ordering::Relaxed);
        }
        self.lock.unlock_writer();
    }
}

impl<T: ShmSafe + Sync + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ShmSafe + Sync + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Fills in the data of a lock that nobody else can reach yet.
pub(super) fn initialise<T: ShmSafe + Sync>(body: &RwLockBody<T>, init: impl Fn(&mut T)) {
    // SAFETY: the segment has no name yet, and its maker hands the body out once.
    init(unsafe { body.data.get_mut() });
}
