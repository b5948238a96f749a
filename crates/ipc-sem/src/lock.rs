//! What a lock that survives its holder's death can answer besides "yours".

use std::fmt;

use crate::error::Error;

/// Why `lock` did not simply succeed. In two of the three cases the lock is held.
///
/// There is no `From` into [`Error`]: a `?` must not drop a guard unseen.
#[must_use = "OwnerDied and Poisoned hold the lock"]
pub enum LockError<G> {
    /// The last owner died while it held the lock. It is yours now; repair the data, then mark it
    /// consistent. Unlocked unmarked, the lock becomes `NotRecoverable`.
    OwnerDied(G),
    /// The last owner panicked while it held the lock. It is yours now.
    Poisoned(G),
    /// The lock is not held.
    Failed(Error),
}

impl<G> LockError<G> {
    /// The guard, if the lock is held after all.
    pub fn into_guard(self) -> Option<G> {
        match self {
            Self::OwnerDied(guard) | Self::Poisoned(guard) => Some(guard),
            Self::Failed(_) => None,
        }
    }
}

impl<G> fmt::Debug for LockError<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnerDied(_) => f.write_str("OwnerDied(..)"),
            Self::Poisoned(_) => f.write_str("Poisoned(..)"),
            Self::Failed(error) => f.debug_tuple("Failed").field(error).finish(),
        }
    }
}

impl<G> fmt::Display for LockError<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnerDied(_) => f.write_str(
                "lock: its owner died; repair the data and mark it consistent (EOWNERDEAD)",
            ),
            Self::Poisoned(_) => f.write_str("lock: its owner panicked while it held it"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl<G> std::error::Error for LockError<G> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}
