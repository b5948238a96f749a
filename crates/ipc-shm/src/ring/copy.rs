//! Copies between private and shared memory. Short ones are inlined: a call costs as much as they do.
#![expect(unsafe_code, reason = "copies between raw places")]

use std::ptr::{NonNull, copy_nonoverlapping};

/// Longer copies are the C library's.
const INLINED: usize = 128;

/// Copies `bytes` to shared memory.
///
/// # Safety
/// - `to` is valid for writing `bytes.len()` bytes,
/// - nobody else reads or writes them meanwhile, and they are no part of `bytes`.
#[inline]
pub(super) unsafe fn into(to: NonNull<u8>, bytes: &[u8]) {
    // SAFETY: the caller's duties are those of `copy`.
    unsafe { copy(bytes.as_ptr(), to.as_ptr(), bytes.len()) };
}

/// Copies from shared memory.
///
/// # Safety
/// - `from` is valid for reading `bytes.len()` bytes,
/// - nobody writes them meanwhile, and they are no part of `bytes`.
#[inline]
pub(super) unsafe fn out(from: NonNull<u8>, bytes: &mut [u8]) {
    // SAFETY: the caller's duties are those of `copy`.
    unsafe { copy(from.as_ptr(), bytes.as_mut_ptr(), bytes.len()) };
}

/// As `copy_nonoverlapping`, whose duties it has.
///
/// # Safety
/// - `from` is valid for reading, `to` for writing `len` bytes,
/// - they do not overlap, and nobody else writes them meanwhile.
#[inline]
unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    if !(16..=INLINED).contains(&len) {
        // SAFETY: the caller's duties.
        unsafe { copy_nonoverlapping(from, to, len) };
        return;
    }
    let mut at = 0;
    while at + 16 < len {
        // SAFETY: `at + 16` is below `len`.
        unsafe { sixteen(from, to, at) };
        at += 16;
    }
    // The last 16 bytes, some of them for the second time.
    // SAFETY: `len` is at least 16.
    unsafe { sixteen(from, to, len - 16) };
}

/// Copies 16 bytes, `at` bytes behind each.
///
/// # Safety
/// - `from` is valid for reading, `to` for writing `at + 16` bytes; they do not overlap.
#[inline]
unsafe fn sixteen(from: *const u8, to: *mut u8, at: usize) {
    // SAFETY: the caller's duty.
    let from = unsafe { from.add(at) };
    // SAFETY: the caller's duty.
    let to = unsafe { to.add(at) };
    // SAFETY: the caller's duty.
    unsafe { copy_nonoverlapping(from, to, 16) };
}
