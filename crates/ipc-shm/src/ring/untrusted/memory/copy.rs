//! The copy out of memory that a peer writes, which the compiler knows nothing about.
//!
//! Rust has no copy from a source that somebody else writes at the same time: the compiler may assume that
//! a source does not change, and read it twice or in any order. So this one is made of what means the
//! outside to it: volatile words, and on x86_64 inline assembly for more than a few lines.

use std::ptr::NonNull;

/// From this length on the processor's own string move is faster than pieces: it takes a while to start.
#[cfg(target_arch = "x86_64")]
const LONG: usize = 256;

/// Longer copies into our own memory are the C library's: a call costs as much as a short one.
const INLINED: usize = 128;

/// Copies `len` bytes out of memory that somebody else may write meanwhile.
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
    #[cfg(target_arch = "x86_64")]
    if len >= PIECE {
        // SAFETY: the caller promises the two ranges.
        return unsafe { in_pieces(from, to, len, load_piece) };
    }
    // SAFETY: the caller promises the two ranges and the alignment.
    unsafe { words(from.cast(), to, len) }
}

/// Copies `len` bytes into memory that only we write.
///
/// # Safety
/// - `from` and `to` are valid for reading and writing `len` bytes, and do not overlap.
/// - Nobody else writes them meanwhile.
#[inline]
pub(super) unsafe fn copy_in(from: NonNull<u8>, to: NonNull<u8>, len: usize) {
    if (PIECE..=INLINED).contains(&len) {
        // SAFETY: the caller promises the two ranges.
        return unsafe { in_pieces(from, to, len, read_piece) };
    }
    // SAFETY: the caller's duties are those of this call.
    unsafe { to.copy_from_nonoverlapping(from, len) };
}

/// What one instruction moves.
const PIECE: usize = 16;
type Piece = [u8; PIECE];

/// Copies at least one piece; the first one may cover some bytes for the second time.
///
/// # Safety
/// - `len` is at least [`PIECE`].
/// - `load` can be called for every piece that begins and ends in `len` bytes at `from`.
/// - `to` is `len` bytes that this thread alone writes.
#[inline]
unsafe fn in_pieces(
    from: NonNull<u8>,
    to: NonNull<u8>,
    len: usize,
    load: unsafe fn(NonNull<Piece>) -> Piece,
) {
    // The end first: the line of a header is left to the other side until the last moment.
    let mut end = len;
    loop {
        let here = end.saturating_sub(PIECE);
        // SAFETY: `here` is at least a piece before the end.
        let source = unsafe { from.add(here) };
        // SAFETY: as above, and the caller promises that it can be loaded.
        let piece = unsafe { load(source.cast()) };
        // SAFETY: `here` is at least a piece before the end.
        let place = unsafe { to.add(here) };
        // SAFETY: as above; bytes need no alignment.
        unsafe { place.cast::<Piece>().write(piece) };
        if here == 0 {
            return;
        }
        end = here;
    }
}

/// Reads a piece of our own.
///
/// # Safety
/// `from` is valid for reading.
#[inline]
unsafe fn read_piece(from: NonNull<Piece>) -> Piece {
    // SAFETY: the caller's duty; bytes need no alignment.
    unsafe { from.read() }
}

/// Loads a piece of memory that somebody else may write meanwhile.
///
/// # Safety
/// `from` is mapped for reading.
#[cfg(target_arch = "x86_64")]
#[inline]
unsafe fn load_piece(from: NonNull<Piece>) -> Piece {
    let piece: std::arch::x86_64::__m128i;
    // SAFETY: the instruction reads 16 bytes at any alignment, which the caller promises, and every x86_64
    // processor has it.
    unsafe {
        std::arch::asm!(
            "movups {}, [{}]",
            out(xmm_reg) piece,
            in(reg) from.as_ptr(),
            options(nostack, preserves_flags, readonly),
        );
    };
    // SAFETY: both types are 16 plain bytes.
    unsafe { std::mem::transmute(piece) }
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
