//! What the cells and the broadcast see of shared memory: words and bytes at offsets.
//!
//! The protocols are written against this, so that loom's models run the very code that the processes
//! run. Bytes may be overwritten while they are copied: whoever copies them checks afterwards, and
//! before that uses nothing of them.

use crate::atomic::AtomicU64;

/// Memory that several sides use at once.
pub trait Memory {
    /// The 64-bit word at `at`, which is inside and a multiple of 8.
    fn word(&self, at: usize) -> &AtomicU64;

    /// Copies `bytes` to `at`; others may read there meanwhile, and get a mixture.
    fn copy_in(&self, at: usize, bytes: &[u8]);

    /// Copies from `at`; if others write there meanwhile, it is a mixture.
    fn copy_out(&self, at: usize, into: &mut [u8]);
}
