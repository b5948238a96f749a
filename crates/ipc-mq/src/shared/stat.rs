//! Who does what with a queue.

/// A look at a queue: see [`Queue::stat`](super::Queue::stat).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stat {
    /// Messages that wait to be received.
    pub queued: usize,
    /// Messages that are held by a receiver, or being written by a sender.
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
