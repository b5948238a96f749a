//! Copies between private and shared memory. Short ones are inlined: a call costs as much as they do.
#![expect(unsafe_code, reason = "copies between raw places")]

use std::ptr::{NonNull, copy_nonoverlapping};

/// Longer copies are the C library's.
const INLINED: usize = 256;

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
    // From both ends towards the middle: what is between is copied for the second time. No loop, which
    // the compiler would make a call of.
    match len {
        8..16 => {
            // SAFETY: `len` is at least 8.
            unsafe { ends::<8>(from, to, len) }
        }
        16..33 => {
            // SAFETY: `len` is at least 16.
            unsafe { ends::<16>(from, to, len) }
        }
        33..65 => {
            // SAFETY: `len` is at least 32.
            unsafe { ends::<32>(from, to, len) }
        }
        65..129 => {
            // SAFETY: `len` is at least 64.
            unsafe { ends::<64>(from, to, len) }
        }
        129..=INLINED => {
            // SAFETY: `len` is at least 128.
            unsafe { ends::<128>(from, to, len) }
        }
        _ => {
            // SAFETY: the caller's duties.
            unsafe { copy_nonoverlapping(from, to, len) }
        }
    }
}

/// Copies the first and the last `N` bytes.
///
/// # Safety
/// - `from` is valid for reading, `to` for writing `len` bytes; they do not overlap; `len` is at least `N`.
#[inline]
unsafe fn ends<const N: usize>(from: *const u8, to: *mut u8, len: usize) {
    // The end first: the line of the header is left to the other side until the last moment.
    // SAFETY: the caller's duty.
    unsafe { chunk::<N>(from, to, len - N) };
    // SAFETY: the caller's duty.
    unsafe { chunk::<N>(from, to, 0) };
}

/// Copies `N` bytes, `at` bytes behind each.
///
/// # Safety
/// - `from` is valid for reading, `to` for writing `at + N` bytes; they do not overlap.
#[inline]
unsafe fn chunk<const N: usize>(from: *const u8, to: *mut u8, at: usize) {
    // SAFETY: the caller's duty.
    let from = unsafe { from.add(at) };
    // SAFETY: the caller's duty.
    let to = unsafe { to.add(at) };
    // SAFETY: the caller's duty.
    unsafe { copy_nonoverlapping(from, to, N) };
}
