//! The raw robust lock: one word, one compare-and-swap each way.
//!
//! | word | meaning |
//! |---|---|
//! | 0 | free |
//! | owner id | held; nobody sleeps |
//! | owner id, WAITERS | held; unlock wakes one sleeper |
//! | [`NOT_RECOVERABLE`], with or without WAITERS | never to be had again |
//!
//! A lock whose owner does not live (see [`life`](crate::life)) is taken over by the same
//! compare-and-swap that takes a free one: exactly one locker at a time hears of the death.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::deadline::Wait;
use crate::fence::still;
use crate::life::sleep::{CancelWord, Sleeper, Stop, wake_all, wake_one};
use crate::life::{Membership, OwnerId};

/// Somebody sleeps, or is about to.
pub const WAITERS: u32 = 1 << 31;
/// What stands in place of the owner when the protected data was given up.
pub const NOT_RECOVERABLE: u32 = OwnerId::MASK;
/// Looks before the first sleep, as std's mutex does.
const SPINS: u32 = 100;

/// A robust lock for processes. All zeroes is a free one.
#[repr(transparent)]
#[derive(Debug, Default)]
pub struct RawLock(AtomicU32);

/// How a lock was had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Locked {
    /// It was free.
    Clean,
    /// Its owner died with it: what it protects may be half-written.
    OwnerDied(OwnerId),
}

/// Why a lock was not had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockFault {
    /// It was [abandoned](RawLock::abandon).
    NotRecoverable,
    /// The wait ended first.
    Stop(Stop),
}

impl RawLock {
    /// A free lock.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Takes the lock.
    ///
    /// # Errors
    /// `NotRecoverable`, or why the wait ended.
    #[inline]
    pub fn lock(
        &self,
        members: &Membership,
        wait: Wait,
        cancel: Option<&CancelWord>,
    ) -> Result<Locked, LockFault> {
        let Some(me) = members.me() else { return Err(LockFault::Stop(Stop::Forked)) };
        match self.0.compare_exchange(0, me.bits(), Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => Ok(Locked::Clean),
            Err(_) => self.contend(members, me, wait, cancel),
        }
    }

    /// Gives the lock back. Does nothing in a forked child, or if this process has not got it.
    #[inline]
    pub fn unlock(&self, members: &Membership) {
        let Some(me) = members.me() else { return };
        if self.0.compare_exchange(me.bits(), 0, Ordering::Release, Ordering::Relaxed).is_err() {
            self.unlock_and_wake(me);
        }
    }

    #[cold]
    fn contend(
        &self,
        members: &Membership,
        me: OwnerId,
        wait: Wait,
        cancel: Option<&CancelWord>,
    ) -> Result<Locked, LockFault> {
        let mut sleeper = Sleeper::new(Some(members), wait, cancel);
        let mut mine = me.bits();
        if wait != Wait::No {
            self.spin();
        }
        loop {
            sleeper.look();
            let seen = self.0.load(Ordering::Acquire);
            let found = match OwnerId::from_bits(seen) {
                None => Some(Locked::Clean),
                Some(owner) if owner.bits() == NOT_RECOVERABLE => {
                    sleeper.pass_on(&self.0);
                    return Err(LockFault::NotRecoverable);
                }
                Some(owner) if members.is_alive(owner) => None,
                Some(owner) => {
                    still();
                    Some(Locked::OwnerDied(owner))
                }
            };
            if let Some(locked) = found {
                // Whoever slept keeps the mark: others may sleep too.
                let next = mine | (seen & WAITERS);
                if self.0.compare_exchange(seen, next, Ordering::Acquire, Ordering::Relaxed).is_ok()
                {
                    return Ok(locked);
                }
                continue;
            }
            if wait == Wait::No {
                return Err(LockFault::Stop(Stop::WouldBlock));
            }
            let marked = seen | WAITERS;
            if seen != marked
                && self
                    .0
                    .compare_exchange(seen, marked, Ordering::Relaxed, Ordering::Relaxed)
                    .is_err()
            {
                continue;
            }
            sleeper.sleep(&self.0, marked).map_err(LockFault::Stop)?;
            mine = me.bits() | WAITERS;
        }
    }

    /// Waits a little while the lock is held and nobody sleeps.
    fn spin(&self) {
        for _ in 0..SPINS {
            let seen = self.0.load(Ordering::Relaxed);
            if seen == 0 || seen & WAITERS != 0 {
                return;
            }
            std::hint::spin_loop();
        }
    }

    #[cold]
    fn unlock_and_wake(&self, me: OwnerId) {
        if self.is_held_by(me) && self.0.swap(0, Ordering::Release) & WAITERS != 0 {
            wake_one(&self.0);
        }
    }

    /// Gives the lock up for ever: all lockers, now and later, get `NotRecoverable`.
    #[cold]
    pub fn abandon(&self, members: &Membership) {
        if members.me().is_some_and(|me| self.is_held_by(me)) {
            self.0.store(NOT_RECOVERABLE, Ordering::Release);
            wake_all(&self.0);
        }
    }

    /// Who has it, dead or alive.
    #[must_use]
    pub fn holder(&self) -> Option<OwnerId> {
        OwnerId::from_bits(self.0.load(Ordering::Relaxed))
            .filter(|owner| owner.bits() != NOT_RECOVERABLE)
    }

    /// The word itself, to look at and to sleep on beside others. Only [`lock`](Self::lock) and its
    /// like change the owner in it.
    #[must_use]
    #[inline]
    pub fn word(&self) -> &AtomicU32 {
        &self.0
    }

    /// Whether this process has it.
    #[must_use]
    pub fn is_mine(&self, members: &Membership) -> bool {
        members.me().is_some_and(|me| self.is_held_by(me))
    }

    /// Nobody else changes the owner while it is `me`; only WAITERS may come.
    fn is_held_by(&self, me: OwnerId) -> bool {
        self.holder() == Some(me)
    }
}
