//! Sending without the queue's lock: each process has a lane of slots that are lent to it.
//!
//! Under the lock a sender borrows up to [`LENT`] free slots. It fills them one by one without the
//! lock: takes a place of its lane, writes the message into the slot, and publishes it by one store to
//! the slot's state. Whoever looks for messages takes over what was published, under the lock: see
//! `drain`. So sender and receiver meet only in the lines of the message itself.
//!
//! *Killed* before that store, the slot is free and was lent to a dead process; after it, the message is
//! there. *Full*: who finds no free slot takes back what others borrowed and did not fill yet. *Order*:
//! each message takes a ticket between its first and its last step; `order` says why that is enough.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use ipc_core::life::OwnerId;

use super::Envelope;
use super::claim::Span;
use super::layout::Memory;
use super::order::ticket;
use super::shape::{Corrupt, LENT};
use super::state::State;

/// So many places ahead of the one that is filled, the next lines are fetched.
pub(super) const AHEAD: u32 = 4;

/// What this process knows about its own lane: private memory, for one thread at a time.
#[derive(Debug)]
pub(super) struct Outlet {
    busy: AtomicBool,
    /// The claim as it was left; the rest is read and written by who is inside only.
    span: AtomicU64,
    slots: [AtomicU32; LENT as usize],
}

/// The outlet while this thread has it.
#[derive(Debug)]
pub(super) struct Inside<'a>(&'a Outlet);

impl Outlet {
    pub(super) fn new() -> Self {
        let slots = [const { AtomicU32::new(0) }; LENT as usize];
        Self { busy: AtomicBool::new(false), span: AtomicU64::new(0), slots }
    }

    /// None: another thread is inside.
    #[inline]
    pub(super) fn enter(&self) -> Option<Inside<'_>> {
        // Made only if it is ours: dropping one opens the door.
        (!self.busy.swap(true, Ordering::Acquire)).then(|| Inside(self))
    }
}

impl Drop for Inside<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Release);
    }
}

impl Inside<'_> {
    /// Sends a message. False: no slot is lent to us.
    #[inline]
    pub(super) fn push(
        &self,
        memory: &Memory,
        me: OwnerId,
        envelope: Envelope,
        bytes: &[u8],
    ) -> Result<bool, Corrupt> {
        let span = self.span();
        if span.left() == 0 {
            return Ok(false);
        }
        let Some(after) = memory.lane(me.slot())?.claim.take(span) else {
            // They were taken back.
            self.remember(Span { granted: span.taken, ..span });
            return Ok(false);
        };
        self.remember(after);
        let index = self.place(span.taken).load(Ordering::Relaxed);
        let slot = memory.slot(index)?;
        memory.write(index, bytes)?;
        slot.kind.store(envelope.kind, Ordering::Relaxed);
        slot.priority.store(envelope.priority, Ordering::Relaxed);
        let len = u32::try_from(bytes.len()).map_err(|_| Corrupt("a length"))?;
        slot.len.store(len, Ordering::Relaxed);
        slot.ticket.store(ticket(&memory.head().tickets), Ordering::Relaxed);
        State::send(&slot.state);
        // From here on it is sent.
        self.fetch(memory, after, AHEAD);
        Ok(true)
    }

    /// The place that comes `ahead` places after the next one is filled soon.
    #[inline]
    pub(super) fn fetch(&self, memory: &Memory, span: Span, ahead: u32) {
        if ahead < span.left() {
            let place = self.place(span.taken.wrapping_add(ahead));
            memory.fetch(place.load(Ordering::Relaxed));
        }
    }

    #[inline]
    pub(super) fn span(&self) -> Span {
        Span::from_word(self.0.span.load(Ordering::Relaxed))
    }

    #[inline]
    pub(super) fn remember(&self, span: Span) {
        self.0.span.store(span.word(), Ordering::Relaxed);
    }

    /// Our own note of which slot a place is.
    #[inline]
    pub(super) fn place(&self, place: u32) -> &AtomicU32 {
        &self.0.slots[(place % LENT) as usize]
    }
}

#[cfg(test)]
mod tests;
