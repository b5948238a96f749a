//! What is done to a queue under its lock: each act is whole at every instruction.
//!
//! A message changes by one store to its slot's state. Whatever is derived from the states (the index,
//! the free slots, the counts) is done after it, and made anew from them if the lock's owner died.

use std::cell::Cell;
use std::sync::atomic::Ordering::Relaxed;

use ipc_core::life::OwnerId;

use super::bell::{self, Ring};
use super::index::Index;
use super::lane::Outlet;
use super::layout::Memory;
use super::shape::{Corrupt, LENT, Slot};
use super::state::State;
use super::{Envelope, Message};
use crate::sysv::Filter;

/// The queue while its lock is held.
pub(super) struct Held<'a> {
    pub(super) memory: &'a Memory,
    pub(super) me: OwnerId,
    arrived: Cell<Option<Ring>>,
    freed: Cell<Option<Ring>>,
}

/// What is received, without its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) slot: u32,
    pub(super) len: usize,
    envelope: Envelope,
    id: u64,
    redelivered: bool,
}

impl Taken {
    pub(super) fn with(self, bytes: Vec<u8>) -> Message {
        let Envelope { priority, kind } = self.envelope;
        let (id, redelivered) = (self.id, self.redelivered);
        Message { bytes, priority, kind, id, redelivered }
    }
}

impl<'a> Held<'a> {
    pub(super) fn new(memory: &'a Memory, me: OwnerId) -> Self {
        Self { memory, me, arrived: None.into(), freed: None.into() }
    }
}

impl Held<'_> {
    /// Wakes whom the acts concern, when the lock was given back.
    #[inline]
    pub(super) fn wake(self) {
        let head = self.memory.head();
        for (bell, ring) in [(&head.arrived, &self.arrived), (&head.freed, &self.freed)] {
            if let Some(ring) = ring.take() {
                bell::wake(bell, ring);
            }
        }
    }

    pub(super) fn index(&self) -> Index<'_> {
        Index(self.memory)
    }

    /// Slots that can be had at once.
    #[inline]
    pub(super) fn free(&self) -> u32 {
        let head = self.memory.head();
        let fresh = self.memory.sizes().capacity.saturating_sub(head.used.load(Relaxed));
        head.vacant.load(Relaxed).saturating_add(fresh)
    }

    /// A slot to write to. It stays free for all who look.
    #[inline]
    pub(super) fn vacant(&self) -> Result<Option<u32>, Corrupt> {
        let head = self.memory.head();
        if let Some(top) = head.vacant.load(Relaxed).checked_sub(1) {
            head.vacant.store(top, Relaxed);
            return Ok(Some(self.memory.stack(top)?.load(Relaxed)));
        }
        let fresh = head.used.load(Relaxed);
        if fresh >= self.memory.sizes().capacity {
            return Ok(None);
        }
        head.used.store(fresh + 1, Relaxed);
        Ok(Some(fresh))
    }

    /// A slot to write to, if need be one that was lent and is not used.
    pub(super) fn room(&self) -> Result<Option<u32>, Corrupt> {
        if self.free() == 0 {
            self.take_back_lent()?;
        }
        self.vacant()
    }

    /// Sends a message: through our lane, or at once if another thread of ours is at it.
    #[inline]
    pub(super) fn send(
        &self,
        outlet: &Outlet,
        envelope: Envelope,
        bytes: &[u8],
    ) -> Result<Option<()>, Corrupt> {
        let Some(inside) = outlet.enter() else {
            let Some(slot) = self.room()? else { return Ok(None) };
            self.memory.write(slot, bytes)?;
            return self.publish(slot, envelope, bytes.len()).map(Some);
        };
        while !inside.push(self.memory, self.me, envelope, bytes)? {
            if self.lend(&inside, LENT)? == 0 {
                return Ok(None);
            }
        }
        self.ring_arrived();
        Ok(Some(()))
    }

    /// Sends messages from the front of `messages`, of about `most` bytes in all. How many.
    pub(super) fn send_many(
        &self,
        outlet: &Outlet,
        messages: &[(Envelope, &[u8])],
        most: usize,
    ) -> Result<usize, Corrupt> {
        let (mut sent, mut copied) = (0, 0);
        for (envelope, bytes) in messages {
            if copied > most || self.send(outlet, *envelope, bytes)?.is_none() {
                break;
            }
            copied += bytes.len();
            sent += 1;
        }
        Ok(sent)
    }

    /// Borrows slots for what we send next, if there are free ones.
    pub(super) fn lend_ahead(&self, outlet: &Outlet) -> Result<(), Corrupt> {
        match outlet.enter() {
            Some(inside) if self.free() != 0 => self.lend(&inside, LENT).map(drop),
            _ => Ok(()),
        }
    }

    /// Sends what stands in a slot, free or being written by us.
    #[inline]
    pub(super) fn publish(
        &self,
        index: u32,
        envelope: Envelope,
        len: usize,
    ) -> Result<(), Corrupt> {
        // What was sent before this has a lower number.
        self.drain()?;
        let (head, slot) = (self.memory.head(), self.memory.slot(index)?);
        let written = State::load(&slot.state) != State::Free;
        let id = head.next_id.load(Relaxed).wrapping_add(1);
        slot.id.store(id, Relaxed);
        slot.kind.store(envelope.kind, Relaxed);
        slot.priority.store(envelope.priority, Relaxed);
        slot.len.store(u32::try_from(len).map_err(|_| Corrupt("a length"))?, Relaxed);
        State::Queued { again: false }.store(&slot.state);
        // From here on it is sent.
        head.next_id.store(id, Relaxed);
        if written {
            self.holds(self.me, false)?;
        } else {
            self.count_taken(1);
        }
        self.enqueue(index)
    }

    /// Marks a slot as ours while we write to it outside the lock.
    pub(super) fn reserve(&self, index: u32) -> Result<(), Corrupt> {
        State::Writing { by: self.me }.store(&self.memory.slot(index)?.state);
        self.count_taken(1);
        self.holds(self.me, true)
    }

    /// The message that `filter` wants next; it stays where it is.
    #[inline]
    fn first(&self, filter: Filter) -> Result<Option<(u32, Taken)>, Corrupt> {
        self.drain()?;
        let Some(leaf) = self.index().find(filter)? else { return Ok(None) };
        let index = self.memory.leaf(leaf)?.first.load(Relaxed);
        let index = index.checked_sub(1).ok_or(Corrupt("an empty leaf"))?;
        let slot = self.memory.slot(index)?;
        let State::Queued { again } = State::load(&slot.state) else {
            return Err(Corrupt("a state"));
        };
        let len = slot.len.load(Relaxed) as usize;
        if len > self.memory.sizes().message_size {
            return Err(Corrupt("a length"));
        }
        let (priority, kind) = (slot.priority.load(Relaxed), slot.kind.load(Relaxed));
        let envelope = Envelope { priority, kind };
        let id = slot.id.load(Relaxed);
        Ok(Some((leaf, Taken { slot: index, len, envelope, id, redelivered: again })))
    }

    /// Takes the next message to hold it.
    #[inline]
    pub(super) fn hold(&self, filter: Filter) -> Result<Option<Taken>, Corrupt> {
        let Some((leaf, taken)) = self.first(filter)? else { return Ok(None) };
        let by = self.me;
        let slot = self.memory.slot(taken.slot)?;
        State::Held { by, again: taken.redelivered }.store(&slot.state);
        // From here on it is ours.
        self.holds(self.me, true)?;
        self.dequeue(leaf)?;
        Ok(Some(taken))
    }

    /// Takes the next message for good: `copy` has its bytes before it is gone.
    #[inline]
    pub(super) fn consume(
        &self,
        filter: Filter,
        copy: impl FnOnce(&Taken) -> Result<(), Corrupt>,
    ) -> Result<Option<Taken>, Corrupt> {
        let Some((leaf, taken)) = self.first(filter)? else { return Ok(None) };
        copy(&taken)?;
        let slot = self.memory.slot(taken.slot)?;
        // The list goes through the slot: it is left before the slot is given to others, and if we
        // die between, the index is made anew.
        self.dequeue(leaf)?;
        State::Free.store(&slot.state);
        self.vacate(taken.slot)?;
        Ok(Some(taken))
    }

    /// What we hold is done: its slot is free.
    #[inline]
    pub(super) fn acknowledge(&self, index: u32) -> Result<(), Corrupt> {
        let slot = self.ours(index)?;
        State::Free.store(&slot.state);
        self.holds(self.me, false)?;
        self.vacate(index)
    }

    /// What we hold waits again, at its old place.
    pub(super) fn give_back(&self, index: u32) -> Result<(), Corrupt> {
        let slot = self.ours(index)?;
        State::Queued { again: true }.store(&slot.state);
        self.holds(self.me, false)?;
        self.enqueue(index)
    }

    fn ours(&self, index: u32) -> Result<&Slot, Corrupt> {
        let slot = self.memory.slot(index)?;
        match State::load(&slot.state) {
            State::Held { by, .. } if by == self.me => Ok(slot),
            _ => Err(Corrupt("a state")),
        }
    }

    #[inline]
    pub(super) fn enqueue(&self, index: u32) -> Result<(), Corrupt> {
        self.insert(index)?;
        self.ring_arrived();
        Ok(())
    }

    /// As [`enqueue`](Self::enqueue), where somebody else rings.
    #[inline]
    pub(super) fn insert(&self, index: u32) -> Result<(), Corrupt> {
        self.index().insert(index)?;
        let head = self.memory.head();
        let queued = head.queued.load(Relaxed);
        head.queued.store(queued.wrapping_add(1), Relaxed);
        Ok(())
    }

    #[inline]
    fn dequeue(&self, leaf: u32) -> Result<(), Corrupt> {
        self.index().pop(leaf)?;
        let queued = &self.memory.head().queued;
        queued.store(queued.load(Relaxed).wrapping_sub(1), Relaxed);
        Ok(())
    }

    /// Puts a slot that just became free with the free ones.
    #[inline]
    pub(super) fn vacate(&self, index: u32) -> Result<(), Corrupt> {
        self.put_vacant(index)?;
        let taken = &self.memory.head().taken;
        taken.store(taken.load(Relaxed).wrapping_sub(1), Relaxed);
        self.ring_freed();
        Ok(())
    }

    /// As [`vacate`](Self::vacate), for one that was not taken.
    #[inline]
    pub(super) fn put_vacant(&self, index: u32) -> Result<(), Corrupt> {
        let vacant = &self.memory.head().vacant;
        let top = vacant.load(Relaxed);
        self.memory.stack(top)?.store(index, Relaxed);
        vacant.store(top + 1, Relaxed);
        Ok(())
    }

    #[inline]
    pub(super) fn count_taken(&self, more: u32) {
        let taken = &self.memory.head().taken;
        taken.store(taken.load(Relaxed).wrapping_add(more), Relaxed);
    }

    #[inline]
    pub(super) fn holds(&self, owner: OwnerId, more: bool) -> Result<(), Corrupt> {
        let holds = &self.memory.peer(owner.slot())?.holds;
        let before = holds.load(Relaxed);
        let after = if more { before.wrapping_add(1) } else { before.wrapping_sub(1) };
        holds.store(after, Relaxed);
        Ok(())
    }

    /// The second ring in one act means that there is something for more than one.
    #[inline]
    pub(super) fn ring_arrived(&self) {
        let many = self.arrived.get().is_some();
        if let Some(ring) = bell::ring(&self.memory.head().arrived, many) {
            self.arrived.set(Some(ring));
        }
    }

    #[inline]
    pub(super) fn ring_freed(&self) {
        let many = self.freed.get().is_some();
        if let Some(ring) = bell::ring(&self.memory.head().freed, many) {
            self.freed.set(Some(ring));
        }
    }
}
