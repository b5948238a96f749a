//! The bytes of a System V segment.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64};

use ipc_core::safe::ShmSafe;

use super::SysvSegment;
use crate::error::Result;
use crate::segment::Cell;
use crate::segment::view::{View, Way};

impl SysvSegment {
    #[inline]
    pub(super) fn view(&self) -> View<'_> {
        let way = Way::Mapped;
        View { name: &self.name, range: &self.range, read_only: self.read_only, way }
    }

    /// Bytes it has.
    #[must_use]
    pub fn size(&self) -> usize {
        self.range.len()
    }

    /// Whether it was attached for reading only.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// As [`Segment::read_at`](crate::Segment::read_at).
    ///
    /// # Errors
    /// `InvalidInput`: outside. `NotOwner`.
    #[inline]
    pub fn read_at(&self, offset: usize, into: &mut [u8]) -> Result<()> {
        self.view().read_at(offset, into)
    }

    /// As [`Segment::write_at`](crate::Segment::write_at).
    ///
    /// # Errors
    /// As [`read_at`](Self::read_at). `Unsupported`: attached for reading only.
    #[inline]
    pub fn write_at(&self, offset: usize, from: &[u8]) -> Result<()> {
        self.view().write_at(offset, from)
    }

    /// The 32-bit atomic at `offset`, a multiple of 4.
    ///
    /// # Errors
    /// `InvalidInput`: not inside, or not aligned. `Unsupported`: attached for reading only. `NotOwner`.
    #[inline]
    pub fn atomic_u32(&self, offset: usize) -> Result<&AtomicU32> {
        self.view().atomic_u32(offset)
    }

    /// The 64-bit atomic at `offset`, a multiple of 8.
    ///
    /// # Errors
    /// As [`atomic_u32`](Self::atomic_u32).
    #[inline]
    pub fn atomic_u64(&self, offset: usize) -> Result<&AtomicU64> {
        self.view().atomic_u64(offset)
    }

    /// The value of the 32-bit atomic at `offset`, loaded with `Acquire`; also where only reading is allowed.
    ///
    /// # Errors
    /// `InvalidInput`, `NotOwner`.
    #[inline]
    pub fn load_u32(&self, offset: usize) -> Result<u32> {
        self.view().load_u32(offset)
    }

    /// The value of the 64-bit atomic at `offset`, likewise.
    ///
    /// # Errors
    /// `InvalidInput`, `NotOwner`.
    #[inline]
    pub fn load_u64(&self, offset: usize) -> Result<u64> {
        self.view().load_u64(offset)
    }

    /// The place of a `T` at `offset`, which need not be aligned.
    ///
    /// # Errors
    /// `InvalidInput`, `NotOwner`.
    #[inline]
    pub fn get<T: ShmSafe>(&self, offset: usize) -> Result<Cell<'_, T>> {
        self.view().get(offset)
    }

    /// The first byte, at the start of a page; valid for [`size`](Self::size) bytes as long as this.
    #[must_use]
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.attached.base()
    }
}
