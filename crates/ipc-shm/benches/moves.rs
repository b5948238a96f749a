//! A copy by the moves that a `Latest` is copied by, with nothing around it.
#![expect(unsafe_code, reason = "the moves are inline assembly")]

/// Copies `from` to `to`, of equal lengths, in steps of 64 bytes.
#[inline]
pub(super) fn copy<const N: usize>(from: &[u64; N], to: &mut [u64; N]) {
    #[cfg(target_arch = "x86_64")]
    for line in 0..N / 8 {
        let (from, to) = (from[line * 8..].as_ptr(), to[line * 8..].as_mut_ptr());
        // SAFETY: 64 bytes can be read and written, as `line` is below the number of whole lines of both;
        // the registers are declared; flags and stack stay.
        unsafe {
            core::arch::asm!(
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
    #[cfg(not(target_arch = "x86_64"))]
    to.copy_from_slice(from);
}
