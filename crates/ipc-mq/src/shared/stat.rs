//! Who does what with a queue.

use std::sync::atomic::{AtomicU32, Ordering};

use ipc_core::Wait;
use ipc_core::life::OwnerId;

use super::Queue;
use crate::error::Result;

/// A look at a queue: see [`Queue::stat`](super::Queue::stat).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stat {
    /// Messages that wait to be received.
    pub queued: usize,
    /// Messages that are held by a receiver; long ones that are being written may count too.
    pub held: usize,
    /// Messages it has room for.
    pub capacity: usize,
    /// Bytes of the longest message it takes.
    pub message_size: usize,
    /// Messages that were ever sent.
    pub sent: u64,
    /// The processes that have it open, ourselves included.
    pub peers: Vec<Peer>,
}

/// What one process does with a queue at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// Its number, as its own PID namespace counts. Only information: it may be gone by now.
    pub pid: u32,
    /// How many of its threads sleep until there is a message.
    pub receiving: usize,
    /// How many of its threads sleep until there is room.
    pub sending: usize,
    /// Messages that it holds.
    pub holds: usize,
}

impl Queue {
    /// Messages that wait to be received, at this moment. It takes the queue's lock for a moment; while
    /// somebody is stopped in it, what is sent newly may be missing.
    #[must_use]
    pub fn len(&self) -> usize {
        // What the lanes have counts too. A lock that is not to be had leaves what was known last.
        let _ = self.store().locked(Wait::No, None, |held| held.drain());
        self.store().memory.head().queued.load(Ordering::Acquire) as usize
    }

    /// Whether no message waits to be received, at this moment.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Who has the queue open, who waits and who holds messages.
    ///
    /// # Errors
    /// `NotOwner`, `Corrupt`: as [`recv`](Self::recv).
    pub fn stat(&self) -> Result<Stat> {
        self.store().locked(Wait::FOREVER, None, |held| {
            held.drain()?;
            let (head, sizes) = (held.memory.head(), held.memory.sizes());
            let members = held.memory.segment().members();
            let count = |word: &AtomicU32| word.load(Ordering::Relaxed) as usize;
            let mut peers = Vec::new();
            for slot in 0..members.slots() {
                let peer = held.memory.peer(slot)?;
                let owner = members.owner_in(slot).map(OwnerId::bits);
                if owner == Some(peer.owner.load(Ordering::Acquire)) {
                    peers.push(Peer {
                        pid: peer.pid.load(Ordering::Relaxed),
                        receiving: count(&peer.receiving),
                        sending: count(&peer.sending),
                        holds: count(&peer.holds),
                    });
                }
            }
            let queued = count(&head.queued);
            Ok(Stat {
                queued,
                held: count(&head.taken).saturating_sub(queued),
                capacity: sizes.capacity as usize,
                message_size: sizes.message_size,
                sent: head.next_id.load(Ordering::Relaxed),
                peers,
            })
        })
    }
}
