//! The protocol of a broadcast: what is stored, in which order. No waiting, no system call.
//!
//! ```text
//! 0     size, delivery, cursors, capacity   written once
//! 128   head      bytes committed, all in all      the sender (Release, after the record)
//! 256   oldest    first byte still there (lossy)   the sender (before it overwrites)
//! 384   the sender's seat, the two bells
//! 512   cursors   a line pair each: position, owner
//! ...   data      records in a circle of `size` bytes
//! ```
//!
//! A record is a header of two words, length and number, and the message, which goes on at the start of the
//! data where it meets the end. Behind the newest record, where `head` points, the number of the next
//! one is written before `head` moves there: so a sender's successor and a receiver that joins know it.
//!
//! *Lossy.* The sender moves `oldest`, fences, then overwrites what lies before. A receiver copies, fences,
//! then looks at `oldest`: not beyond its position means that nothing of what it copied was overwritten.
//!
//! *Lossless.* The sender writes no further than `size` bytes beyond the lowest cursor of a live receiver.
//! It scans the cursors only when what it knew of them is used up, after a full fence. Who joins stores
//! its cursor, fences, and reads `head` again: either the scan sees the cursor, or the receiver sees a
//! `head` from which on that scan's result protects it.

mod rx;
mod shape;
mod tx;

pub use rx::Rx;
pub use shape::{Corrupt, Found, Shape};
pub use tx::Tx;

pub(crate) const SIZE: usize = 0;
pub(crate) const DELIVERY: usize = 8;
pub(crate) const CURSORS: usize = 16;
pub(crate) const CAPACITY: usize = 24;
const HEAD: usize = 128;
const OLDEST: usize = 256;
pub(crate) const SENDER: usize = 384;
pub(crate) const ARRIVED: usize = 388;
pub(crate) const FREED: usize = 392;
pub(crate) const FIRST_CURSOR: usize = 512;
pub(crate) const CURSOR: usize = 128;

/// Bytes of a header, and the grain of everything.
const HEADER: usize = 16;
/// Set in a cursor's owner once it was evicted.
pub const EVICTED: u64 = 1 << 31;
/// No broadcast is larger.
pub(crate) const MOST: usize = 1 << 46;

/// Bytes that a message of `len` takes.
#[inline]
fn record(len: usize) -> usize {
    HEADER + len.next_multiple_of(HEADER)
}
