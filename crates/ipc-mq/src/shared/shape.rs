//! What stands in the body of a queue's segment: the words, who writes them, and when.
//!
//! "Under the lock" means read and written under it only (Relaxed: the lock orders it), or looked at as
//! a hint. All zeroes is a fresh one of each.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64};

use ipc_core::lock::RawLock;

use super::claim::Claim;

/// A number of a slot, leaf or branch that stands for none: numbers in memory are one higher.
pub(super) const NONE: u32 = 0;
/// Most slots that are lent to a lane at a time.
pub(super) const LENT: u32 = 64;
/// Words of the set of lanes: as many bits as a life table can have slots, or more.
pub(super) const LANE_WORDS: usize = 4;

const _: () = assert!(LANE_WORDS * 64 >= ipc_core::segment::MAX_SLOTS);

/// The sizes, then what changes with every message: on lines of its own what receivers write, and
/// what senders write.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Head {
    /// Slots. Written once, before the segment has a name.
    pub(super) capacity: AtomicU32,
    _pad: u32,
    /// Bytes of the longest message. Written once.
    pub(super) message_size: AtomicU64,
    _pad2: [u8; 112],
    /// Guards the index, the free slots, and what is lent to the lanes.
    pub(super) lock: RawLock,
    /// Messages in the index. Under the lock.
    pub(super) queued: AtomicU32,
    /// Slots that are neither free nor lent, nor sent in a lane that was not looked at since. Under the
    /// lock.
    pub(super) taken: AtomicU32,
    /// `deaths` of the life table when the dead were last looked for.
    pub(super) deaths: AtomicU32,
    /// Odd while messages go from the lanes into the index. Under the lock.
    pub(super) turn: AtomicU32,
    /// The bell on which senders sleep: see `bell`. Under the lock.
    pub(super) freed: AtomicU32,
    /// The index: a leaf, a branch, or none. Under the lock.
    pub(super) root: AtomicU32,
    /// Slots ever used. Under the lock.
    pub(super) used: AtomicU32,
    /// Slots in the stack of those that are free again. Under the lock.
    pub(super) vacant: AtomicU32,
    _pad3: u32,
    pub(super) leaves: Pool,
    pub(super) branches: Pool,
    /// The number of the last message that came into the index. Under the lock.
    pub(super) next_id: AtomicU64,
    /// The lanes that belong to somebody, a bit each. Under the lock.
    pub(super) lanes: [AtomicU64; LANE_WORDS],
    _pad4: [u8; 32],
    /// How many messages were sent into lanes, about: orders them. By senders, `fetch_add`.
    pub(super) tickets: AtomicU64,
    /// The bell on which receivers sleep: see `bell`. Read by senders for every message.
    pub(super) arrived: AtomicU32,
    _pad5: [u32; 29],
}

/// Numbers that can be had: a stack through the free ones, then those never used.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) free: AtomicU32,
    pub(super) used: AtomicU32,
}

/// What one process does, for `stat` and for finding what it left. All zeroes: nobody.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Peer {
    /// Its owner id. Written by itself when it attaches.
    pub(super) owner: AtomicU32,
    pub(super) pid: AtomicU32,
    /// Threads of it that sleep. Written by itself.
    pub(super) receiving: AtomicU32,
    pub(super) sending: AtomicU32,
    /// Slots whose state names it. Under the lock.
    pub(super) holds: AtomicU32,
    _pad: [u32; 3],
}

/// The slots that were lent to one process, in the order in which it fills them.
///
/// Places are counted from 0 up and wrap; place `p` is `slots[p % LENT]`. Places up to `drained` were
/// taken over into the index, those up to the first half of `claim` are filled or being filled, those
/// up to `granted` can be filled.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Lane {
    /// Places taken (low half) and granted (high half). The owner takes one by compare-and-swap
    /// without the lock; who has the lock moves the end, by compare-and-swap too.
    pub(super) claim: Claim,
    _pad: [u64; 15],
    /// Whose it is; 0: nobody's. Under the lock, as all that follows.
    pub(super) owner: AtomicU32,
    pub(super) drained: AtomicU32,
    /// As in `claim`, on a line that the owner does not write to.
    pub(super) granted: AtomicU32,
    /// The slot of place `drained`, one higher; 0: none is granted.
    pub(super) next: AtomicU32,
    _pad2: [u32; 12],
    pub(super) slots: [AtomicU32; LENT as usize],
    _pad3: [u32; 16],
}

/// Numbers of lanes.
#[derive(Clone, Copy, Debug)]
pub(super) struct LaneSet {
    pub(super) words: [u64; LANE_WORDS],
    pub(super) at: usize,
}

impl Iterator for LaneSet {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.at < LANE_WORDS {
            let word = self.words[self.at];
            if word != 0 {
                self.words[self.at] = word & (word - 1);
                return Some(self.at * 64 + word.trailing_zeros() as usize);
            }
            self.at += 1;
        }
        None
    }
}

/// One message, or none.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Slot {
    /// What this slot is: see [`State`](super::state::State). Each change of it is one store (Release),
    /// and the whole change: all else about the message was written before.
    pub(super) state: AtomicU64,
    /// Its number, from 1 up: the order of messages of one priority.
    pub(super) id: AtomicU64,
    /// Orders what was sent into lanes and has no number yet.
    pub(super) ticket: AtomicU64,
    pub(super) kind: AtomicI64,
    pub(super) priority: AtomicU32,
    pub(super) len: AtomicU32,
    /// The next in its leaf's list.
    pub(super) next: AtomicU32,
    _pad: u32,
}

/// All queued messages of one type and priority, first in, first out.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) kind: AtomicI64,
    /// The number of the first message.
    pub(super) first_id: AtomicU64,
    pub(super) priority: AtomicU32,
    pub(super) first: AtomicU32,
    pub(super) last: AtomicU32,
    /// The branch above, or the next free leaf.
    pub(super) parent: AtomicU32,
}

/// Where keys of the index first differ.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) children: [AtomicU32; 2],
    /// The bit in which the keys below differ, counted from the highest.
    pub(super) bit: AtomicU32,
    /// The branch above, or the next free branch.
    pub(super) parent: AtomicU32,
    /// The leaf below with the message to take first, and that message.
    pub(super) best_id: AtomicU64,
    pub(super) best_priority: AtomicU32,
    pub(super) best_leaf: AtomicU32,
}

const _: () = assert!(size_of::<Head>() == 384 && std::mem::offset_of!(Head, lock) == 128);
const _: () = assert!(std::mem::offset_of!(Head, tickets) == 256);
const _: () = assert!(size_of::<Peer>() == 32 && size_of::<Slot>() == 48);
const _: () = assert!(size_of::<Lane>() == 512 && std::mem::offset_of!(Lane, owner) == 128);
const _: () = assert!(size_of::<Leaf>() == 32 && size_of::<Branch>() == 32);

/// A number, or a length, in the memory of the queue cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Corrupt(pub(super) &'static str);
