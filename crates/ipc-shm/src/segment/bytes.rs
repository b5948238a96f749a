//! The bytes of a segment: copies, atomics in place, cells.

use std::sync::atomic::{AtomicU32, AtomicU64};

use ipc_core::safe::ShmSafe;

use super::{Cell, Segment};
use crate::error::Result;

impl Segment {
    /// Copies `into.len()` bytes out, from `offset` on. Bytes that are written meanwhile may be old or new.
    ///
    /// # Errors
    /// `InvalidInput`: they do not all lie inside. `Truncated`: somebody cut the file off, now or earlier; what
    /// is in `into` then is worthless. `NotOwner`.
    #[inline]
    pub fn read_at(&self, offset: usize, into: &mut [u8]) -> Result<()> {
        self.view().read_at(offset, into)
    }

    /// Copies bytes in, at `offset`.
    ///
    /// # Errors
    /// As [`read_at`](Self::read_at). `Unsupported`: it was opened for reading only. `Limit`: by system
    /// call, beyond `RLIMIT_FSIZE`.
    #[inline]
    pub fn write_at(&self, offset: usize, from: &[u8]) -> Result<()> {
        self.view().write_at(offset, from)
    }

    /// The 32-bit atomic at `offset`, a multiple of 4. It is used in place: if somebody cuts the file
    /// off, the process ends, or with the [guard](crate::guard) it reads zeroes and
    /// [`is_truncated`](Self::is_truncated) tells.
    ///
    /// # Errors
    /// `InvalidInput`: it is not inside, or not aligned. `Unsupported`: opened for reading only.
    /// `NotOwner`.
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
    /// As [`atomic_u32`](Self::atomic_u32), and `Truncated` with the guard.
    #[inline]
    pub fn load_u32(&self, offset: usize) -> Result<u32> {
        self.view().load_u32(offset)
    }

    /// The value of the 64-bit atomic at `offset`, likewise.
    ///
    /// # Errors
    /// As [`load_u32`](Self::load_u32).
    #[inline]
    pub fn load_u64(&self, offset: usize) -> Result<u64> {
        self.view().load_u64(offset)
    }

    /// The place of a `T` at `offset`, which need not be aligned.
    ///
    /// # Errors
    /// `InvalidInput`: it is not inside. `NotOwner`.
    #[inline]
    pub fn get<T: ShmSafe>(&self, offset: usize) -> Result<Cell<'_, T>> {
        self.view().get(offset)
    }
}
