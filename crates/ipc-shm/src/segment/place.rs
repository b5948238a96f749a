//! Bytes of a mapping, copied and never borrowed: the one place that turns offsets into pointers.
//!
//! Other processes write these bytes while we read them. To Rust that would be a data race, so no
//! reference to them exists but to atomics, and the copies are made by instructions that the
//! compiler does not look into ([`copy`]).
#![expect(unsafe_code, reason = "reads and writes memory that other processes write")]

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64};

use ipc_core::safe::ShmSafe;

use super::copy::copy;

/// Mapped bytes that belong to a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping belongs to the process, not to a thread.
unsafe impl Send for Range {}
// SAFETY: its bytes are reached only by copies that no compiler sees, and by atomics.
unsafe impl Sync for Range {}

impl Range {
    /// # Safety
    /// - `len` bytes from `base` on are mapped, and stay so as long as a `Place` of this range is borrowed:
    ///   the owner of the range owns the mapping too;
    /// - no Rust reference to them exists but to atomics.
    pub(super) const unsafe fn new(base: NonNull<u8>, len: usize) -> Self {
        Self { base, len }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// `len` bytes at `offset`, if they lie inside.
    #[inline]
    pub(super) fn place(&self, offset: usize, len: usize) -> Option<Place<'_>> {
        if offset > self.len || len > self.len - offset {
            return None;
        }
        // SAFETY: the offset lies in the range, or is one past its end.
        let at = unsafe { self.base.add(offset) };
        Some(Place { at, len, range: PhantomData })
    }
}

/// Some of them, checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    at: NonNull<u8>,
    len: usize,
    range: PhantomData<&'a Range>,
}

// SAFETY: as `Range`.
unsafe impl Send for Place<'_> {}
// SAFETY: as `Range`.
unsafe impl Sync for Place<'_> {}

impl<'a> Place<'a> {
    /// Copies the bytes out. `into` is as long as the place; of a longer one the rest stays.
    #[inline]
    pub(super) fn read(self, into: &mut [u8]) {
        let len = self.len.min(into.len());
        // SAFETY: `len` bytes are mapped at `at` (`Range::place`) and writable at `into`, which as a
        // `&mut` does not overlap shared memory.
        unsafe { copy(self.at.as_ptr(), into.as_mut_ptr(), len) };
    }

    /// Copies bytes in. The mapping is writable: the caller looked.
    #[inline]
    pub(super) fn write(self, from: &[u8]) {
        let len = self.len.min(from.len());
        // SAFETY: `len` bytes are readable at `from` and mapped at `at`, writable as the callers
        // check; a `&[u8]` does not overlap shared memory.
        unsafe { copy(from.as_ptr(), self.at.as_ptr(), len) };
    }

    #[inline]
    pub(super) fn atomic_u32(self) -> Option<&'a AtomicU32> {
        let at = self.at.cast::<AtomicU32>();
        if self.len < size_of::<AtomicU32>() || !at.is_aligned() {
            return None;
        }
        // SAFETY: mapped for 'a, aligned, large enough; every pattern is a value, and who else uses it
        // uses atomics or copies.
        Some(unsafe { at.as_ref() })
    }

    #[inline]
    pub(super) fn atomic_u64(self) -> Option<&'a AtomicU64> {
        let at = self.at.cast::<AtomicU64>();
        if self.len < size_of::<AtomicU64>() || !at.is_aligned() {
            return None;
        }
        // SAFETY: as `atomic_u32`.
        Some(unsafe { at.as_ref() })
    }
}

/// A `T` whose bytes `fill` writes, all of them or none.
#[inline]
pub(super) fn value_from<T: ShmSafe, E>(
    fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
) -> Result<T, E> {
    let mut value = MaybeUninit::<T>::zeroed();
    #[expect(clippy::disallowed_methods, reason = "bytes of a local, not of shared memory")]
    // SAFETY: so many bytes are there, initialised (zeroes), and borrowed by nobody else.
    let bytes =
        unsafe { std::slice::from_raw_parts_mut(value.as_mut_ptr().cast(), size_of::<T>()) };
    fill(bytes)?;
    // SAFETY: `T: ShmSafe`: every pattern of bytes is a valid value, and all are initialised.
    Ok(unsafe { value.assume_init() })
}

/// The bytes of a value.
#[inline]
pub(super) fn bytes_of<T: ShmSafe>(value: &T) -> &[u8] {
    let start = std::ptr::from_ref(value).cast();
    #[expect(clippy::disallowed_methods, reason = "bytes of a local, not of shared memory")]
    // SAFETY: `T: ShmSafe` has no padding, so all its bytes are initialised; it is borrowed as long as
    // they are. Its atomics, if any, are those of a local that only the caller has.
    let bytes = unsafe { std::slice::from_raw_parts(start, size_of::<T>()) };
    bytes
}

/// The body of a mapping: `size` bytes, `before` bytes behind its start.
pub(super) fn body_of(hold: &super::Hold, base: NonNull<u8>, before: usize, size: usize) -> Range {
    debug_assert!(hold.whole().is_some_and(|(_, len)| before + size <= len));
    // SAFETY: `before` is inside the mapping of `hold`, whose header put the body there.
    let body = unsafe { base.add(before) };
    // SAFETY: `size` bytes from there on are mapped, see above; `Segment` has the range and the hold side
    // by side, and ipc-core makes no references but to atomics of the control part.
    unsafe { Range::new(body, size) }
}

/// Unmaps what was mapped for looking.
pub(super) fn unmap(map: &mut std::mem::ManuallyDrop<memmap2::MmapRaw>) {
    // SAFETY: called by the drop of the one who has it, which nobody uses afterwards.
    unsafe { std::mem::ManuallyDrop::drop(map) };
}

#[cfg(test)]
mod tests {
    use super::copy;

    #[test]
    fn every_length_is_copied_and_not_a_byte_more() {
        let source: Vec<u8> = (0..5000_u32).map(|n| (n % 251).to_le_bytes()[0]).collect();
        for len in (0..300).chain([1023, 1024, 1025, 4096, 4990]) {
            for shift in [0, 1, 7] {
                let mut target = vec![0xee_u8; 5010];
                let from = source[shift..].as_ptr();
                // SAFETY: `len + shift` is less than both lengths, and the vectors are two.
                unsafe { copy(from, target[3..].as_mut_ptr(), len) };
                assert_eq!(target[3..3 + len], source[shift..shift + len], "{len} {shift}");
                assert!(target[..3].iter().chain(&target[3 + len..]).all(|byte| *byte == 0xee));
            }
        }
    }
}
