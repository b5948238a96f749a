//! What a segment without a name is sealed against.

use std::ops::BitOr;

use rustix::fs::SealFlags;

/// What a segment is sealed against: nobody, not even who made it, can do that any more.
///
/// ```
/// use ipc_shm::Sealed;
///
/// # fn main() -> Result<(), ipc_shm::Error> {
/// let segment = ipc_shm::Segment::anonymous(4096)?;
/// assert!(segment.sealed()?.contains(Sealed::SHRINK | Sealed::GROW | Sealed::SEAL));
/// # Ok(())
/// # }
/// ```
///
/// # Linux
/// [`fcntl(2)`](https://man7.org/linux/man-pages/man2/fcntl.2.html), `F_ADD_SEALS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "F_SEAL_SHRINK")]
pub struct Sealed(u32);

impl Sealed {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Further seals.
    pub const SEAL: Self = Self(SealFlags::SEAL.bits());
    /// A smaller size.
    pub const SHRINK: Self = Self(SealFlags::SHRINK.bits());
    /// A larger size.
    pub const GROW: Self = Self(SealFlags::GROW.bits());
    /// Every write. Refused (EBUSY) while it is mapped for writing, by anybody.
    pub const WRITE: Self = Self(SealFlags::WRITE.bits());
    /// Writes through mappings and descriptors made from now on (kernel 5.1).
    pub const FUTURE_WRITE: Self = Self(SealFlags::FUTURE_WRITE.bits());

    /// Whether all of `other` are among these.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(super) const fn flags(self) -> SealFlags {
        SealFlags::from_bits_retain(self.0)
    }

    pub(super) const fn from_flags(flags: SealFlags) -> Self {
        Self(flags.bits())
    }
}

impl BitOr for Sealed {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
