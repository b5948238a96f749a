//! A copy that the compiler does not look into, so that a peer that writes meanwhile is no data race.
//!
//! Who copies gets each byte as it was at some moment of the copy, nothing more: no order, no whole
//! value. On x86_64 it is made of vector moves, and of `rep movsb` for what is long; elsewhere of
//! volatile words.
#![expect(unsafe_code, reason = "copies from and to memory that other processes write")]

/// From this length on `rep movsb` is at least as fast.
#[cfg(target_arch = "x86_64")]
const LONG: usize = 1024;

/// Copies `len` bytes.
///
/// # Safety
/// - `from` is readable and `to` is writable for `len` bytes;
/// - they do not overlap.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    use std::arch::asm;
    if len >= LONG {
        // SAFETY: copies `len` bytes upwards (the direction flag is clear at every `asm!`), as the caller
        // allows.
        unsafe {
            asm!("rep movsb", inout("rcx") len => _, inout("rsi") from => _, inout("rdi") to => _,
                options(nostack, preserves_flags));
        }
    } else if len >= 32 {
        // Whole steps, and a last one that ends with the last byte and may copy some bytes again.
        // SAFETY: each move stays inside `len` bytes of both.
        unsafe {
            asm!(
                "2:",
                "movups {a}, xmmword ptr [{from}]",
                "movups {b}, xmmword ptr [{from} + 16]",
                "movups xmmword ptr [{to}], {a}",
                "movups xmmword ptr [{to} + 16], {b}",
                "add {from}, 32",
                "add {to}, 32",
                "cmp {from}, {last_from}",
                "jb 2b",
                "movups {a}, xmmword ptr [{last_from}]",
                "movups {b}, xmmword ptr [{last_from} + 16]",
                "movups xmmword ptr [{last_to}], {a}",
                "movups xmmword ptr [{last_to} + 16], {b}",
                from = inout(reg) from => _,
                to = inout(reg) to => _,
                last_from = in(reg) from.wrapping_add(len - 32),
                last_to = in(reg) to.wrapping_add(len - 32),
                a = out(xmm_reg) _,
                b = out(xmm_reg) _,
                options(nostack),
            );
        }
    } else if len >= 16 {
        // SAFETY: two moves of 16 bytes that may overlap, inside `len` bytes of both.
        unsafe {
            asm!(
                "movups {a}, xmmword ptr [{from}]",
                "movups {b}, xmmword ptr [{from} + {len} - 16]",
                "movups xmmword ptr [{to}], {a}",
                "movups xmmword ptr [{to} + {len} - 16], {b}",
                from = in(reg) from, to = in(reg) to, len = in(reg) len,
                a = out(xmm_reg) _, b = out(xmm_reg) _,
                options(nostack, preserves_flags),
            );
        }
    } else if len >= 8 {
        // SAFETY: two moves of 8 bytes that may overlap, inside `len` bytes of both.
        unsafe {
            asm!(
                "mov {a}, qword ptr [{from}]",
                "mov {b}, qword ptr [{from} + {len} - 8]",
                "mov qword ptr [{to}], {a}",
                "mov qword ptr [{to} + {len} - 8], {b}",
                from = in(reg) from, to = in(reg) to, len = in(reg) len,
                a = out(reg) _, b = out(reg) _,
                options(nostack, preserves_flags),
            );
        }
    } else if len >= 4 {
        // SAFETY: two moves of 4 bytes that may overlap, inside `len` bytes of both.
        unsafe {
            asm!(
                "mov {a:e}, dword ptr [{from}]",
                "mov {b:e}, dword ptr [{from} + {len} - 4]",
                "mov dword ptr [{to}], {a:e}",
                "mov dword ptr [{to} + {len} - 4], {b:e}",
                from = in(reg) from, to = in(reg) to, len = in(reg) len,
                a = out(reg) _, b = out(reg) _,
                options(nostack, preserves_flags),
            );
        }
    } else {
        // SAFETY: the caller's duties are the same.
        unsafe { bytes(from, to, len) };
    }
}

/// Copies `len` bytes.
///
/// # Safety
/// - `from` is readable and `to` is writable for `len` bytes;
/// - they do not overlap.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(super) unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    let mut done = 0;
    if from.addr() % 8 == to.addr() % 8 {
        let head = from.align_offset(8).min(len);
        // SAFETY: at most `len` bytes.
        unsafe { bytes(from, to, head) };
        done = head;
        while len - done >= 8 {
            let (from, to) = (from.wrapping_add(done).cast::<u64>(), to.wrapping_add(done).cast());
            // SAFETY: inside `len` bytes, aligned by the head.
            let word = unsafe { from.read_volatile() };
            // SAFETY: inside `len` bytes, aligned as `from` is.
            unsafe { to.write_volatile(word) };
            done += 8;
        }
    }
    // SAFETY: what is left of `len` bytes.
    unsafe { bytes(from.wrapping_add(done), to.wrapping_add(done), len - done) };
}

/// # Safety
/// As [`copy`].
#[inline]
unsafe fn bytes(from: *const u8, to: *mut u8, len: usize) {
    for index in 0..len {
        let (from, to) = (from.wrapping_add(index), to.wrapping_add(index));
        // SAFETY: inside `len` bytes.
        let byte = unsafe { from.read_volatile() };
        // SAFETY: inside `len` bytes.
        unsafe { to.write_volatile(byte) };
    }
}
