//! Where both halves of a subject meet before a block.

use std::io;
use std::sync::atomic::Ordering;

use super::machine;
use super::shm::Area;
use super::worker::Side;

/// Where both halves of a subject meet before a block, so that neither's waking up is measured.
#[derive(Debug)]
pub(super) struct StartLine(Area);

impl StartLine {
    /// Set by the measured half to the block it is ready for.
    const READY: usize = 0;
    /// Set by the peer to the time when it began that block.
    const BEGUN: usize = 128;

    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(Area::new(256)?))
    }

    /// Meets the other half; the time at which the block began.
    pub(super) fn meet(&self, side: Side, block: u64) -> u64 {
        let (ready, begun) = (self.0.word64(Self::READY), self.0.word64(Self::BEGUN));
        match side {
            Side::Measured { alone: true } => machine::now(),
            Side::Measured { alone: false } => {
                let before = begun.load(Ordering::Acquire);
                ready.store(block, Ordering::Release);
                loop {
                    let time = begun.load(Ordering::Acquire);
                    if time != before {
                        return time;
                    }
                    // Both may share one processor.
                    rustix::thread::sched_yield();
                }
            }
            Side::Peer => {
                while ready.load(Ordering::Acquire) != block {
                    rustix::thread::sched_yield();
                }
                let time = machine::now();
                begun.store(time, Ordering::Release);
                time
            }
        }
    }
}
