//! The copy out of memory that a peer writes, which the compiler knows nothing about.
//!
//! Rust has no copy from a source that somebody else writes at the same time: the compiler may assume that
//! a source does not change, and read it twice or in any order. So this one is made of what means the
//! outside to it: volatile words, and on x86_64 inline assembly for more than a few lines.

use std::ptr::NonNull;

/// From this length on the processor's own string move is faster than words: it takes a while to start.
#[cfg(target_arch = "x86_64")]
const LONG: usize = 256;

/// Copies `len` bytes.
///
/// # Safety
/// - `from` is a multiple of 8, and `len` bytes rounded up to a multiple of 8 are mapped for reading there.
/// - `to` is `len` bytes that this thread alone uses.
#[inline]
pub(super) unsafe fn copy_out(from: NonNull<u8>, to: NonNull<u8>, len: usize) {
    #[cfg(target_arch = "x86_64")]
    if len >= LONG {
        // SAFETY: the caller promises the two ranges.
        return unsafe { string_move(from, to, len) };
    }
    // SAFETY: the caller promises the two ranges and the alignment.
    unsafe { words(from.cast(), to, len) }
}

/// As [`copy_out`], for any processor.
///
/// # Safety
/// Those of [`copy_out`].
#[inline]
unsafe fn words(from: NonNull<u64>, to: NonNull<u8>, len: usize) {
    let whole = len / 8;
    for index in 0..whole {
        // SAFETY: one of the words that the caller promises.
        let word = unsafe { from.add(index) };
        // SAFETY: as above, aligned; a volatile read of memory that is none of Rust's allocations.
        let word = unsafe { word.read_volatile() };
        // SAFETY: `index` is below `len / 8`.
        let place = unsafe { to.add(index * 8) };
        // SAFETY: 8 of the bytes that the caller promises, at any alignment.
        unsafe { place.cast::<u64>().write_unaligned(word) };
    }
    let left = len % 8;
    if left == 0 {
        return;
    }
    // SAFETY: the word that the caller promises by rounding up.
    let word = unsafe { from.add(whole) };
    // SAFETY: as above.
    let word = unsafe { word.read_volatile() };
    // SAFETY: `left` bytes are left behind the whole words.
    let place = unsafe { to.add(whole * 8) };
    let bytes = NonNull::from(&word.to_ne_bytes()).cast();
    // SAFETY: as above; the source is an array of our own.
    unsafe { place.copy_from_nonoverlapping(bytes, left) };
}

/// As [`copy_out`], by one instruction.
///
/// # Safety
/// Those of [`copy_out`].
#[cfg(target_arch = "x86_64")]
#[inline]
unsafe fn string_move(from: NonNull<u8>, to: NonNull<u8>, len: usize) {
    // SAFETY: the instruction reads `rcx` bytes from `rsi` and writes them to `rdi`, upwards: the direction
    // flag is clear, as the ABI promises. The caller promises the two ranges.
    unsafe {
        std::arch::asm!(
            "rep movsb",
            inout("rcx") len => _,
            inout("rsi") from.as_ptr() => _,
            inout("rdi") to.as_ptr() => _,
            options(nostack, preserves_flags),
        );
    };
}
