//! What is done to a queue under its lock: each act is whole at every instruction.
//!
//! A message changes by one store to its slot's state. Whatever is derived from the states (the index,
//! the free slots, the counts) is done after it, and made anew from them if the lock's owner died.

use std::cell::Cell;
use std::sync::atomic::Ordering::{self, Relaxed};
use std::sync::atomic::fence;

use ipc_core::life::OwnerId;
use ipc_core::life::sleep::{CancelWord, Stop};
use ipc_core::lock::{LockFault, Locked};
use ipc_core::{Deadline, Wait};

use super::bell::{self, Ring};
use super::follow::Follow;
use super::index::Index;
use super::lane::Outlet;
use super::layout::Memory;
use super::shape::{Corrupt, LENT, Slot};
use super::state::State;
use super::{Envelope, Message};
use crate::error::{Error, Result};
use crate::sysv::Filter;

/// How long a form that does not wait for messages waits for the lock: its holder may be stopped.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(20);

/// One attached queue.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) memory: Memory,
    pub(super) name: String,
    pub(super) outlet: Outlet,
    pub(super) follow: Follow,
}

/// The queue while its lock is held.
pub(super) struct Held<'a> {
    pub(super) memory: &'a Memory,
    pub(super) me: OwnerId,
    arrived: Cell<Option<Ring>>,
    freed: Cell<Option<Ring>>,
}

impl Store {
    /// Does something under the lock, then wakes whom it concerns.
    #[inline]
    pub(super) fn locked<R>(
        &self,
        wait: Wait,
        cancel: Option<&CancelWord>,
        act: impl FnOnce(&Held<'_>) -> Result<R, Corrupt>,
    ) -> Result<R> {
        let (head, members) = (self.memory.head(), self.memory.segment().members());
        let locked = match head.lock.lock(members, Wait::No, None) {
            Err(LockFault::Stop(Stop::WouldBlock)) => self.wait_for_lock(wait, cancel)?,
            tried => tried.map_err(|fault| self.lock_fault(fault))?,
        };
        let me = members.me().ok_or_else(|| self.not_owner())?;
        let held = Held { memory: &self.memory, me, arrived: None.into(), freed: None.into() };
        let sound = match locked {
            Locked::Clean if members.deaths() == head.deaths.load(Relaxed) => Ok(()),
            Locked::Clean => held.sweep(),
            Locked::OwnerDied(owner) => held.rebuild(&self.name, owner),
        };
        let done = sound.and_then(|()| act(&held));
        head.lock.unlock(members);
        if let Some(ring) = held.arrived.take() {
            bell::wake(&head.arrived, ring);
        }
        if let Some(ring) = held.freed.take() {
            bell::wake(&head.freed, ring);
        }
        done.map_err(|corrupt| self.corrupt(corrupt))
    }

    /// Sends a message without the lock. False: no slot is lent to us, or another thread is at it.
    #[inline]
    pub(super) fn push(&self, envelope: Envelope, bytes: &[u8]) -> Result<bool> {
        // First of all: in a forked child the outlet is a copy, and may be busy for ever.
        let me = self.memory.segment().members().me().ok_or_else(|| self.not_owner())?;
        let Some(inside) = self.outlet.enter() else { return Ok(false) };
        let pushed = inside.push(&self.memory, me, envelope, bytes);
        drop(inside);
        let pushed = pushed.map_err(|corrupt| self.corrupt(corrupt))?;
        if pushed {
            let arrived = &self.memory.head().arrived;
            if let Some(ring) = bell::ring(arrived, false) {
                bell::wake(arrived, ring);
            }
        }
        Ok(pushed)
    }

    /// A sender that needs slots waits a little for several: each time it comes costs the receivers the
    /// lines that they work in.
    #[inline]
    pub(super) fn pace(&self) {
        let capacity = self.memory.sizes().capacity;
        let want = LENT.min(capacity / 4);
        for _ in 0..PACES {
            let free = capacity.wrapping_sub(self.memory.head().taken.load(Relaxed));
            if free == 0 || free >= want {
                return;
            }
            for _ in 0..want {
                std::hint::spin_loop();
            }
        }
    }

    #[cold]
    fn wait_for_lock(&self, wait: Wait, cancel: Option<&CancelWord>) -> Result<Locked> {
        let (lock, members) = (&self.memory.head().lock, self.memory.segment().members());
        // Not looking leaves the line to who works in it: both get more done.
        for turn in 1..=TURNS {
            for _ in 0..turn * PAUSES {
                std::hint::spin_loop();
            }
            match lock.lock(members, Wait::No, None) {
                Err(LockFault::Stop(Stop::WouldBlock)) => {}
                tried => return tried.map_err(|fault| self.lock_fault(fault)),
            }
        }
        let wait = match wait {
            Wait::No => Wait::Until(Deadline::after(PATIENCE)),
            wait => wait,
        };
        lock.lock(members, wait, cancel).map_err(|fault| self.lock_fault(fault))
    }

    /// Whether there may be a message. False is certain at this moment.
    #[inline]
    pub(super) fn may_receive(&self) -> bool {
        let head = self.memory.head();
        let turn = head.turn.load(Ordering::Acquire);
        let odd = turn & 1 != 0;
        if odd || head.queued.load(Ordering::Acquire) != 0 || self.memory.any_sent() {
            return true;
        }
        // What came out of the lanes since is in the index.
        fence(Ordering::Acquire);
        head.turn.load(Relaxed) != turn || self.somebody_died()
    }

    /// Whether there may be a free slot. False is certain at this moment.
    #[inline]
    pub(super) fn may_send(&self) -> bool {
        self.memory.head().taken.load(Ordering::Acquire) < self.memory.sizes().capacity
            || self.somebody_died()
    }

    #[inline]
    fn somebody_died(&self) -> bool {
        self.memory.segment().members().deaths() != self.memory.head().deaths.load(Relaxed)
    }

    #[cold]
    fn lock_fault(&self, fault: LockFault) -> Error {
        match fault {
            LockFault::NotRecoverable => self.corrupt(Corrupt("the lock")),
            LockFault::Stop(stop) => self.stop(stop),
        }
    }

    #[cold]
    pub(super) fn stop(&self, stop: Stop) -> Error {
        match stop {
            Stop::WouldBlock => Error::WouldBlock,
            Stop::TimedOut => Error::TimedOut,
            Stop::Cancelled => Error::Cancelled,
            Stop::Forked => self.not_owner(),
        }
    }

    #[cold]
    pub(super) fn not_owner(&self) -> Error {
        Error::NotOwner { name: self.name.clone() }
    }

    #[cold]
    pub(super) fn corrupt(&self, Corrupt(what): Corrupt) -> Error {
        Error::Corrupt { name: self.name.clone(), what }
    }
}

/// How often the lock is tried before sleeping, and how many pauses lie between at first.
const TURNS: u32 = 8;
const PAUSES: u32 = 24;
/// How often a sender looks for more free slots before it takes what there is, and the pauses between.
const PACES: u32 = 8;
const PACE_PAUSES: u32 = 40;

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

impl Held<'_> {
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
        let id = head.next_id.load(Relaxed) + 1;
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
