//! What is done to the lanes under the queue's lock: slots are lent and taken back, and what was sent
//! gets its number and its place in the index, in the order that `order` finds.
//!
//! Each act may be cut short by a death at any instruction: then all is made anew, see `recover`.

use std::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::atomic::{AtomicU64, fence};

use ipc_core::life::OwnerId;

use super::claim::Span;
use super::held::Held;
use super::lane::{AHEAD, Inside};
use super::order::{Found, Lanes, look};
use super::shape::{Corrupt, LENT, Lane, NONE};
use super::state::State;

impl Held<'_> {
    /// Takes over what was sent into the lanes: afterwards the index has all that there is.
    #[inline]
    pub(super) fn drain(&self) -> Result<(), Corrupt> {
        match look(self)? {
            Found::Nothing => Ok(()),
            Found::InOne { lane, count } => self.take_over(lane, count),
            Found::InOrder(found) => self.take_all_over(&found),
        }
    }

    fn take_over(&self, at: usize, count: u32) -> Result<(), Corrupt> {
        let lane = self.memory.lane(at)?;
        self.begin_turn();
        for place in self.places(lane)?.take(count as usize) {
            self.number(slot_of(lane, place))?;
        }
        advance(lane, count);
        self.end_turn();
        Ok(())
    }

    #[cold]
    fn take_all_over(&self, found: &[(u32, usize)]) -> Result<(), Corrupt> {
        self.begin_turn();
        for (slot, at) in found {
            self.number(*slot)?;
            advance(self.memory.lane(*at)?, 1);
        }
        self.end_turn();
        Ok(())
    }

    /// Gives what was sent in a slot its number and its place.
    pub(super) fn number(&self, index: u32) -> Result<(), Corrupt> {
        let (head, slot) = (self.memory.head(), self.memory.slot(index)?);
        let id = head.next_id.load(Relaxed).wrapping_add(1);
        slot.id.store(id, Relaxed);
        State::Queued { again: false }.store(&slot.state);
        head.next_id.store(id, Relaxed);
        self.count_taken(1);
        self.insert(index)
    }

    /// Lends up to `want` slots to this process, as far as there are free ones. How many.
    pub(super) fn lend(&self, outlet: &Inside<'_>, want: u32) -> Result<u32, Corrupt> {
        let lane = self.memory.lane(self.me.slot())?;
        if lane.owner.load(Relaxed) != self.me.bits() {
            self.bind(outlet, lane);
        }
        if self.not_drained(lane)? > LENT / 2 {
            self.drain()?;
        }
        let mut free = self.free();
        if free == 0 {
            self.take_back_lent()?;
            free = self.free();
        }
        let span = lane.claim.load();
        let fair = free.div_ceil(self.count_lanes());
        let count = want.min(fair).min(LENT - self.not_drained(lane)?);
        for place in (0..count).map(|more| span.granted.wrapping_add(more)) {
            let slot = self.vacant()?.ok_or(Corrupt("the free slots"))?;
            outlet.place(place).store(slot, Relaxed);
            lane.slots[(place % LENT) as usize].store(slot, Relaxed);
        }
        lane.granted.store(span.granted.wrapping_add(count), Relaxed);
        show_next(lane);
        if !lane.claim.grant(span, count) {
            return Err(Corrupt("a lane"));
        }
        let span = Span { granted: span.granted.wrapping_add(count), ..span };
        outlet.remember(span);
        (0..=AHEAD).for_each(|ahead| outlet.fetch(self.memory, span, ahead));
        Ok(count)
    }

    /// Makes a lane ours that is nobody's.
    #[cold]
    fn bind(&self, outlet: &Inside<'_>, lane: &Lane) {
        lane.claim.reset();
        for word in [&lane.drained, &lane.granted, &lane.next] {
            word.store(0, Relaxed);
        }
        outlet.remember(Span::from_word(0));
        lane.owner.store(self.me.bits(), Relaxed);
        self.mark_lane(self.me.slot(), true);
    }

    /// Takes back what was lent to anybody, ourselves included, and is not being filled.
    #[cold]
    pub(super) fn take_back_lent(&self) -> Result<(), Corrupt> {
        for at in self.memory.lanes() {
            let lane = self.memory.lane(at)?;
            let span = lane.claim.revoke();
            self.free_places(lane, span)?;
            lane.granted.store(span.taken, Relaxed);
            show_next(lane);
        }
        Ok(())
    }

    /// Takes over what the dead sent, and takes back what was lent to them.
    pub(super) fn clear_lanes_of_the_dead(&self) -> Result<(), Corrupt> {
        let members = self.memory.segment().members();
        for at in self.memory.lanes() {
            let lane = self.memory.lane(at)?;
            let owner = OwnerId::from_bits(lane.owner.load(Relaxed));
            if owner.is_some_and(|owner| members.is_alive(owner)) {
                continue;
            }
            lane.claim.revoke();
            self.drain()?;
            let taken = lane.drained.load(Relaxed);
            self.free_places(lane, Span { taken, granted: lane.granted.load(Relaxed) })?;
            lane.granted.store(taken, Relaxed);
            show_next(lane);
            lane.owner.store(0, Relaxed);
            self.mark_lane(at, false);
        }
        Ok(())
    }

    fn free_places(&self, lane: &Lane, span: Span) -> Result<(), Corrupt> {
        if span.left() > LENT {
            return Err(Corrupt("a lane"));
        }
        for more in 0..span.left() {
            self.put_vacant(slot_of(lane, span.taken.wrapping_add(more)))?;
        }
        Ok(())
    }

    /// How many places of a lane may have something that was not taken over.
    fn not_drained(&self, lane: &Lane) -> Result<u32, Corrupt> {
        let count = lane.granted.load(Relaxed).wrapping_sub(lane.drained.load(Relaxed));
        if count <= LENT { Ok(count) } else { Err(Corrupt("a lane")) }
    }

    /// They.
    pub(super) fn places(&self, lane: &Lane) -> Result<impl Iterator<Item = u32> + use<>, Corrupt> {
        let from = lane.drained.load(Relaxed);
        Ok((0..self.not_drained(lane)?).map(move |more| from.wrapping_add(more)))
    }

    /// Messages are on their way from the lanes to the index: who looks without the lock must not
    /// believe that there are none.
    pub(super) fn begin_turn(&self) {
        let turn = &self.memory.head().turn;
        turn.store(turn.load(Relaxed) | 1, Relaxed);
        fence(Release);
    }

    pub(super) fn end_turn(&self) {
        let turn = &self.memory.head().turn;
        turn.store((turn.load(Relaxed) | 1).wrapping_add(1), Release);
    }

    fn count_lanes(&self) -> u32 {
        let words = &self.memory.head().lanes;
        words.iter().map(|word| word.load(Relaxed).count_ones()).sum::<u32>().max(1)
    }

    pub(super) fn mark_lane(&self, at: usize, bound: bool) {
        let word = &self.memory.head().lanes[at / 64];
        let (old, bit) = (word.load(Relaxed), 1 << (at % 64));
        word.store(if bound { old | bit } else { old & !bit }, Relaxed);
    }
}

impl Lanes for Held<'_> {
    type Error = Corrupt;

    #[inline]
    fn lanes(&self) -> impl Iterator<Item = usize> {
        self.memory.lanes()
    }

    #[inline]
    fn sent(&self, at: usize, nth: u32) -> Result<Option<(u32, u64)>, Corrupt> {
        let lane = self.memory.lane(at)?;
        if nth >= self.not_drained(lane)? {
            return Ok(None);
        }
        let index = slot_of(lane, lane.drained.load(Relaxed).wrapping_add(nth));
        let slot = self.memory.slot(index)?;
        if State::load(&slot.state) != State::Sent {
            return Ok(None);
        }
        self.memory.fetch(index);
        Ok(Some((index, slot.ticket.load(Relaxed))))
    }

    fn tickets(&self) -> &AtomicU64 {
        &self.memory.head().tickets
    }
}

pub(super) fn slot_of(lane: &Lane, place: u32) -> u32 {
    lane.slots[(place % LENT) as usize].load(Relaxed)
}

/// So many more places have nothing that is not in the index.
pub(super) fn advance(lane: &Lane, count: u32) {
    lane.drained.store(lane.drained.load(Relaxed).wrapping_add(count), Relaxed);
    show_next(lane);
}

/// Says which slot is to be looked at.
pub(super) fn show_next(lane: &Lane) {
    let drained = lane.drained.load(Relaxed);
    let any = drained != lane.granted.load(Relaxed);
    let slot = lane.slots[(drained % LENT) as usize].load(Relaxed);
    lane.next.store(if any { slot.wrapping_add(1) } else { NONE }, Relaxed);
}
