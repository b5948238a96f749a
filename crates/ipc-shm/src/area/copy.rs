//! Copies to and from memory that others may write at the same time.
//!
//! On x86-64 the moves are inline assembly: for the compiler an opaque access that may see anything, for
//! the processor ordinary 16-byte loads and stores, which it keeps in order like all others. Elsewhere
//! the shared side is accessed by relaxed atomic words. Either way the bytes that arrive are a mixture
//! of what was there meanwhile, and the caller's fences order the copy against its check.
#![expect(unsafe_code, reason = "copies between private and shared memory")]

#[cfg(target_arch = "x86_64")]
pub(super) use moves::{from_shared, through_registers, to_shared};
#[cfg(not(target_arch = "x86_64"))]
pub(super) use words::{from_shared, through_registers, to_shared};

#[cfg(target_arch = "x86_64")]
mod moves {
    use core::arch::asm;
    use core::mem::MaybeUninit;

    use ipc_core::safe::ShmSafe;

    /// 16 bytes in a register.
    type Block = core::arch::x86_64::__m128i;
    /// Values of up to so many blocks go through registers.
    const BLOCKS: usize = 4;

    /// Loads a small value, which need not go through memory on its way; none if it is not small.
    ///
    /// # Safety
    /// - `from` is mapped and readable for the bytes of a `T`; others may write there.
    #[inline(always)]
    pub(in crate::area) unsafe fn through_registers<T: ShmSafe>(from: *const u8) -> Option<T> {
        let count = size_of::<T>() / 16;
        if size_of::<T>() % 16 != 0 || count > BLOCKS {
            return None;
        }
        // SAFETY: any bits are a block, so zeroes are.
        let mut blocks: [Block; BLOCKS] = unsafe { MaybeUninit::zeroed().assume_init() };
        for (index, block) in blocks[..count].iter_mut().enumerate() {
            // SAFETY: `index` is below the number of blocks of a `T`.
            *block = unsafe { load(from.wrapping_add(index * 16)) };
        }
        // SAFETY: `T` has no more bytes than `blocks`, by the first lines, and any bytes are a `T: ShmSafe`.
        Some(unsafe { std::mem::transmute_copy(&blocks) })
    }

    /// # Safety
    /// - 16 bytes can be read.
    #[inline(always)]
    unsafe fn load(from: *const u8) -> Block {
        let block;
        // SAFETY: as in `line`; it writes no memory.
        unsafe {
            asm!(
                "movups {block}, [{from}]",
                from = in(reg) from, block = lateout(xmm_reg) block,
                options(nostack, preserves_flags, readonly),
            );
        }
        block
    }

    /// Copies `len` bytes out of shared memory.
    ///
    /// # Safety
    /// - `from` is mapped and readable for `len` bytes; others may write there.
    /// - `to` is valid for writes of `len` bytes, and nobody else uses them.
    #[inline]
    pub(in crate::area) unsafe fn from_shared(from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: the duties of `copy` are ours.
        unsafe { copy(from, to, len) };
    }

    /// Copies `len` bytes into shared memory.
    ///
    /// # Safety
    /// - `from` is valid for reads of `len` bytes.
    /// - `to` is mapped and writable for `len` bytes; others may read there.
    #[inline]
    pub(in crate::area) unsafe fn to_shared(from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: the duties of `copy` are ours.
        unsafe { copy(from, to, len) };
    }

    /// # Safety
    /// - `from` is mapped and readable, `to` mapped and writable, for `len` bytes, and they do not overlap.
    #[inline(always)]
    unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
        let mut done = 0;
        while len - done >= 64 {
            // SAFETY: at least 64 bytes are left, so this reads and writes inside both.
            unsafe { line(from.wrapping_add(done), to.wrapping_add(done)) };
            done += 64;
        }
        while len - done >= 16 {
            // SAFETY: at least 16 bytes are left.
            unsafe { half(from.wrapping_add(done), to.wrapping_add(done)) };
            done += 16;
        }
        if len - done >= 8 {
            // SAFETY: at least 8 bytes are left.
            unsafe { long(from.wrapping_add(done), to.wrapping_add(done)) };
            done += 8;
        }
        while done < len {
            // SAFETY: at least one byte is left.
            unsafe { byte(from.wrapping_add(done), to.wrapping_add(done)) };
            done += 1;
        }
    }

    /// # Safety
    /// - 64 bytes can be read and written.
    #[inline(always)]
    unsafe fn line(from: *const u8, to: *mut u8) {
        // SAFETY: the caller's duty covers the bytes; the registers are declared; flags and stack stay.
        unsafe {
            asm!(
                "movups {a}, [{from}]", "movups {b}, [{from} + 16]",
                "movups {c}, [{from} + 32]", "movups {d}, [{from} + 48]",
                "movups [{to}], {a}", "movups [{to} + 16], {b}",
                "movups [{to} + 32], {c}", "movups [{to} + 48], {d}",
                from = in(reg) from, to = in(reg) to,
                a = out(xmm_reg) _, b = out(xmm_reg) _, c = out(xmm_reg) _, d = out(xmm_reg) _,
                options(nostack, preserves_flags),
            );
        }
    }

    /// # Safety
    /// - 16 bytes can be read and written.
    #[inline(always)]
    unsafe fn half(from: *const u8, to: *mut u8) {
        // SAFETY: as in `line`.
        unsafe {
            asm!(
                "movups {a}, [{from}]", "movups [{to}], {a}",
                from = in(reg) from, to = in(reg) to, a = out(xmm_reg) _,
                options(nostack, preserves_flags),
            );
        }
    }

    /// # Safety
    /// - 8 bytes can be read and written.
    #[inline(always)]
    unsafe fn long(from: *const u8, to: *mut u8) {
        // SAFETY: as in `line`.
        unsafe {
            asm!(
                "mov {a}, [{from}]", "mov [{to}], {a}",
                from = in(reg) from, to = in(reg) to, a = out(reg) _,
                options(nostack, preserves_flags),
            );
        }
    }

    /// # Safety
    /// - 1 byte can be read and written.
    #[inline(always)]
    unsafe fn byte(from: *const u8, to: *mut u8) {
        // SAFETY: as in `line`.
        unsafe {
            asm!(
                "mov {a}, byte ptr [{from}]", "mov byte ptr [{to}], {a}",
                from = in(reg) from, to = in(reg) to, a = out(reg_byte) _,
                options(nostack, preserves_flags),
            );
        }
    }
}

#[cfg(any(test, not(target_arch = "x86_64")))]
#[cfg_attr(
    target_arch = "x86_64",
    expect(dead_code, reason = "compiled here so that it stays whole")
)]
mod words {
    use core::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

    use ipc_core::safe::ShmSafe;

    /// Nothing is small here.
    ///
    /// # Safety
    /// - None.
    #[inline(always)]
    pub(in crate::area) unsafe fn through_registers<T: ShmSafe>(_from: *const u8) -> Option<T> {
        None
    }

    /// Copies `len` bytes out of shared memory.
    ///
    /// # Safety
    /// - `from` is mapped and readable for `len` bytes; others access it by atomics only.
    /// - `to` is valid for writes of `len` bytes, and nobody else uses them.
    #[inline]
    pub(in crate::area) unsafe fn from_shared(from: *const u8, to: *mut u8, len: usize) {
        let mut done = 0;
        while done < len {
            let (source, target) = (from.wrapping_add(done), to.wrapping_add(done));
            if len - done >= 8 && source.cast::<AtomicU64>().is_aligned() {
                // SAFETY: aligned, mapped for 8 more bytes, and used as an atomic by all.
                let word = unsafe { &*source.cast::<AtomicU64>() }.load(Relaxed);
                // SAFETY: 8 more bytes of `to` are ours to write.
                unsafe { target.cast::<u64>().write_unaligned(word) };
                done += 8;
            } else {
                // SAFETY: mapped for one more byte, and used as an atomic by all.
                let byte = unsafe { &*source.cast::<AtomicU8>() }.load(Relaxed);
                // SAFETY: one more byte of `to` is ours to write.
                unsafe { target.write(byte) };
                done += 1;
            }
        }
    }

    /// Copies `len` bytes into shared memory.
    ///
    /// # Safety
    /// - `from` is valid for reads of `len` bytes.
    /// - `to` is mapped and writable for `len` bytes; others access it by atomics only.
    #[inline]
    pub(in crate::area) unsafe fn to_shared(from: *const u8, to: *mut u8, len: usize) {
        let mut done = 0;
        while done < len {
            let (source, target) = (from.wrapping_add(done), to.wrapping_add(done));
            if len - done >= 8 && target.cast::<AtomicU64>().is_aligned() {
                // SAFETY: 8 more bytes of `from` can be read.
                let word = unsafe { source.cast::<u64>().read_unaligned() };
                // SAFETY: aligned, mapped for 8 more bytes, and used as an atomic by all.
                unsafe { &*target.cast::<AtomicU64>() }.store(word, Relaxed);
                done += 8;
            } else {
                // SAFETY: one more byte of `from` can be read.
                let byte = unsafe { source.read() };
                // SAFETY: mapped for one more byte, and used as an atomic by all.
                unsafe { &*target.cast::<AtomicU8>() }.store(byte, Relaxed);
                done += 1;
            }
        }
    }
}
