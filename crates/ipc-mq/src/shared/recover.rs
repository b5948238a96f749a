//! After a death: what the dead held comes back, and what they left half done is made whole.
//!
//! Both acts may be cut short by the next death at any instruction and begun again.

use std::sync::atomic::Ordering::Relaxed;

use ipc_core::life::OwnerId;

use super::drain::{advance, slot_of};
use super::held::Held;
use super::order::mark;
use super::shape::Corrupt;
use super::state::State;
use crate::log;

impl Held<'_> {
    /// Somebody detached or died, outside the lock: takes back what belonged to the dead.
    #[cold]
    pub(super) fn sweep(&self) -> Result<(), Corrupt> {
        let members = self.memory.segment().members();
        let deaths = members.deaths();
        let mut left = false;
        for slot in 0..members.slots() {
            let peer = self.memory.peer(slot)?;
            let dead = OwnerId::from_bits(peer.owner.load(Relaxed))
                .is_some_and(|owner| !members.is_alive(owner));
            left |= dead && peer.holds.load(Relaxed) != 0;
        }
        for at in self.memory.lanes() {
            let owner = OwnerId::from_bits(self.memory.lane(at)?.owner.load(Relaxed));
            left |= !owner.is_some_and(|owner| members.is_alive(owner));
        }
        if left {
            await_the_last_instruction();
            self.take_back()?;
            self.clear_lanes_of_the_dead()?;
        }
        self.memory.head().deaths.store(deaths, Relaxed);
        Ok(())
    }

    /// Looks at every slot for those of the dead.
    fn take_back(&self) -> Result<(), Corrupt> {
        let members = self.memory.segment().members();
        for index in 0..self.used() {
            let slot = self.memory.slot(index)?;
            match State::load(&slot.state) {
                State::Held { by, .. } if !members.is_alive(by) => {
                    State::Queued { again: true }.store(&slot.state);
                    self.forget(by)?;
                    self.enqueue(index)?;
                }
                State::Writing { by } if !members.is_alive(by) => {
                    State::Free.store(&slot.state);
                    self.forget(by)?;
                    self.vacate(index)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// One slot less belongs to a dead owner, unless its place in the table is another's by now.
    fn forget(&self, dead: OwnerId) -> Result<(), Corrupt> {
        let peer = self.memory.peer(dead.slot())?;
        if peer.owner.load(Relaxed) == dead.bits() { self.holds(dead, false) } else { Ok(()) }
    }

    /// The lock's owner died in it: only the states of the slots are believed, all else is made of them.
    #[cold]
    pub(super) fn rebuild(&self, name: &str, owner: OwnerId) -> Result<(), Corrupt> {
        let (head, members) = (self.memory.head(), self.memory.segment().members());
        log::warn(format_args!(
            "queue {name:?}: process {} died inside it; its order is made anew",
            self.memory.peer(owner.slot())?.pid.load(Relaxed)
        ));
        await_the_last_instruction();
        let (deaths, mark) = (members.deaths(), mark(&head.tickets));
        self.begin_turn();
        self.index().clear();
        for count in [&head.vacant, &head.queued] {
            count.store(0, Relaxed);
        }
        for slot in 0..members.slots() {
            self.memory.peer(slot)?.holds.store(0, Relaxed);
        }
        let lent = self.look_at_lanes()?;

        // By number, and by ticket.
        let (mut waiting, mut sent) = (Vec::new(), Vec::new());
        let (mut taken, mut last) = (0, head.next_id.load(Relaxed));
        for index in 0..self.used() {
            let slot = self.memory.slot(index)?;
            match State::load(&slot.state) {
                State::Held { by, .. } if !members.is_alive(by) => {
                    State::Queued { again: true }.store(&slot.state);
                }
                State::Writing { by } if !members.is_alive(by) => State::Free.store(&slot.state),
                _ => {}
            }
            let id = slot.id.load(Relaxed);
            match State::load(&slot.state) {
                State::Free => {
                    if lent.binary_search(&index).is_err() {
                        self.put_vacant(index)?;
                    }
                    continue;
                }
                State::Sent => {
                    // What was sent since is left to those who look into the lanes.
                    let ticket = slot.ticket.load(Relaxed);
                    if ticket < mark {
                        sent.push((ticket, index));
                    }
                    continue;
                }
                State::Queued { .. } => waiting.push((id, index)),
                State::Held { by, .. } => self.holds(by, true)?,
                State::Writing { by } => {
                    // It has no number yet.
                    self.holds(by, true)?;
                    taken += 1;
                    continue;
                }
            }
            last = last.max(id);
            taken += 1;
        }
        head.taken.store(taken, Relaxed);
        head.next_id.store(last, Relaxed);
        waiting.sort_unstable();
        for (_, index) in waiting {
            self.enqueue(index)?;
        }
        sent.sort_unstable();
        for (_, index) in sent {
            self.number(index)?;
            self.ring_arrived();
        }
        self.put_lanes_right()?;
        self.end_turn();
        if head.taken.load(Relaxed) < self.memory.sizes().capacity {
            self.ring_freed();
        }
        head.deaths.store(deaths, Relaxed);
        Ok(())
    }

    /// Of the lanes only the owners and the claims are believed. The slots that are lent to the living.
    fn look_at_lanes(&self) -> Result<Vec<u32>, Corrupt> {
        let members = self.memory.segment().members();
        let mut lent = Vec::new();
        for at in 0..members.slots() {
            let lane = self.memory.lane(at)?;
            let owner = OwnerId::from_bits(lane.owner.load(Relaxed));
            let alive = owner.is_some_and(|owner| members.is_alive(owner));
            self.mark_lane(at, alive);
            if alive {
                lane.granted.store(lane.claim.load().granted, Relaxed);
                for place in self.places(lane)? {
                    lent.push(slot_of(lane, place));
                }
            } else {
                lane.claim.revoke();
                lane.owner.store(0, Relaxed);
            }
        }
        lent.sort_unstable();
        Ok(lent)
    }

    /// What the index has by now is passed in the lanes of the living.
    fn put_lanes_right(&self) -> Result<(), Corrupt> {
        for at in self.memory.lanes() {
            let lane = self.memory.lane(at)?;
            let mut passed = 0;
            for place in self.places(lane)? {
                let slot = self.memory.slot(slot_of(lane, place))?;
                match State::load(&slot.state) {
                    State::Free | State::Sent => break,
                    _ => passed += 1,
                }
            }
            advance(lane, passed);
        }
        Ok(())
    }

    /// Slots that were ever used.
    fn used(&self) -> u32 {
        self.memory.head().used.load(Relaxed).min(self.memory.sizes().capacity)
    }
}

/// A process counts as dead when one thread of it has ended, its keeper. Others, on other processors, may
/// run on until the kernel's interrupt reaches them: some microseconds, in which they could fill slots
/// that are another's by now. The barrier interrupts all of them, and none of a killed process
/// comes back from an interrupt. (The signal is pending in all threads before the first one ends.)
#[cold]
fn await_the_last_instruction() {
    // Where the kernel refuses it, their lanes are closed at once, which leaves them one message.
    ipc_core::fence::still();
}
