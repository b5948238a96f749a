//! The protocols in shared memory under every interleaving that the memory model allows.
#![cfg(loom)]

#[path = "loom/broadcast.rs"]
mod broadcast;
#[path = "loom/latest.rs"]
mod latest;
#[path = "loom/ring.rs"]
mod ring;

use ipc_shm::memory::Memory;
use loom::sync::atomic::{AtomicU64, Ordering};

/// Memory of words that loom watches. Bytes go by words of 8, relaxed.
struct Words(Vec<AtomicU64>);

impl Words {
    fn new(bytes: usize) -> Self {
        Self((0..bytes / 8).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Memory for Words {
    fn word(&self, at: usize) -> &AtomicU64 {
        &self.0[at / 8]
    }

    fn copy_in(&self, at: usize, bytes: &[u8]) {
        for (index, chunk) in bytes.chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0[at / 8 + index].store(u64::from_le_bytes(word), Ordering::Relaxed);
        }
    }

    fn copy_out(&self, at: usize, into: &mut [u8]) {
        for (index, chunk) in into.chunks_mut(8).enumerate() {
            let word = self.0[at / 8 + index].load(Ordering::Relaxed).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}
