//! Knowing that a peer died: the life table of a segment, and this process's place in it.
//!
//! Two parts that stay apart. The *table* alone is correct: a sleeper looks again at least every
//! 250 ms and judges the current owner by it ([`sleep`]). The *notice* makes it fast: one keeper
//! thread a segment watches the table and reports a death to all sleepers at once (`keeper`).
//! `docs/architecture.md` says why it is built this way, `docs/safety.md` why no sleeper is missed.

pub mod alarm;
pub mod sleep;

mod keeper;
mod list;
pub(crate) mod table;

use std::num::NonZeroU32;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::io::Errno;

use crate::segment::{Fault, Map, Segment};
use alarm::Alarms;
use keeper::Keeper;
use list::Station;

/// Who owns something in a segment: 31 bits, slot (10) and generation (21), never 0.
///
/// A slot that is used again has another generation, so a new owner never passes for a dead one. (One
/// that was used two million times while a lock stayed untouched would.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct OwnerId(NonZeroU32);

impl OwnerId {
    /// All bits that an owner id may have. As a value it is none: there is no slot 1023.
    pub const MASK: u32 = 0x7fff_ffff;
    const SLOT_BITS: u32 = 10;
    const GENERATION: u32 = Self::MASK >> Self::SLOT_BITS;

    /// The id in the lowest 31 bits; none if they are 0.
    #[must_use]
    #[inline]
    pub const fn from_bits(bits: u32) -> Option<Self> {
        match NonZeroU32::new(bits & Self::MASK) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    fn new(slot: usize, generation: u32) -> Option<Self> {
        let slot = u32::try_from(slot).ok()?;
        Self::from_bits(((generation & Self::GENERATION) << Self::SLOT_BITS) | slot)
    }

    /// The id as a number of 31 bits.
    #[must_use]
    #[inline]
    pub const fn bits(self) -> u32 {
        self.0.get()
    }

    /// Which slot of the table it has.
    #[must_use]
    pub const fn slot(self) -> usize {
        (self.bits() & ((1 << Self::SLOT_BITS) - 1)) as usize
    }

    /// Which use of that slot, modulo 2^21.
    #[must_use]
    pub const fn generation(self) -> u32 {
        self.bits() >> Self::SLOT_BITS
    }
}

/// The place of this process in one segment, from its attach to its detach.
#[derive(Debug)]
pub struct Membership {
    map: Arc<Map>,
    station: Arc<Station>,
    keeper: Keeper,
    alarms: Arc<Alarms>,
}

impl Membership {
    /// Takes a slot. The caller holds the segment's attach lock.
    pub(crate) fn attach(map: Arc<Map>) -> Result<Self, Fault> {
        let station = Station::new().map_err(|errno| Fault::Os { op: "map a page", errno })?;
        let station = Arc::new(station);
        let alarms = Arc::new(Alarms::default());
        let keeper = Keeper::start(Arc::clone(&map), Arc::clone(&station), Arc::clone(&alarms))?;
        Ok(Self { map, station, keeper, alarms })
    }

    /// Our id. One load of a private page that a fork wipes; none in a forked child.
    #[must_use]
    #[inline]
    pub fn me(&self) -> Option<OwnerId> {
        OwnerId::from_bits(self.station.page().owner.load(Ordering::Relaxed))
    }

    /// The word that [`me`](Self::me) looks at, 0 in a forked child; it stays where it is as long as this
    /// lives. Only for looking.
    #[must_use]
    #[inline]
    pub fn me_word(&self) -> &AtomicU32 {
        &self.station.page().owner
    }

    /// Whether `owner` still lives: one load of its slot.
    #[must_use]
    pub fn is_alive(&self, owner: OwnerId) -> bool {
        table::is_alive(&self.map, owner)
    }

    /// How many slots the table has.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.map.header().slots
    }

    /// The live owner in a slot.
    #[must_use]
    pub fn owner_in(&self, slot: usize) -> Option<OwnerId> {
        table::owner_in(&self.map, slot)
    }

    /// How many processes live in the segment, this one included.
    #[must_use]
    pub fn live(&self) -> usize {
        (0..self.slots()).filter(|slot| self.owner_in(*slot).is_some()).count()
    }

    /// A count of deaths; it changes after every one, by one or more, and when somebody [rouses](Self::rouse)
    /// the others.
    #[must_use]
    #[inline]
    pub fn deaths(&self) -> u32 {
        self.deaths_word().load(Ordering::Acquire)
    }

    /// The word that [`deaths`](Self::deaths) looks at. Only for looking.
    #[must_use]
    #[inline]
    pub fn deaths_word(&self) -> &AtomicU32 {
        &self.map.control().deaths
    }

    /// Makes `event`, an eventfd, readable once `word` is not `expected` any more, or somebody died since
    /// `deaths` was read, or now and then for no reason. Once: arm it again after looking. `slice` is how
    /// long a change may go unseen whose maker was stopped or killed before it woke the sleepers.
    ///
    /// False: no place is left ([`MOST_ALARMS`](alarm::MOST_ALARMS)), or the word is in no part of the
    /// segment, or the kernel cannot wait for several words.
    pub fn arm(
        &self,
        word: &AtomicU32,
        expected: u32,
        deaths: u32,
        slice: Duration,
        event: &Arc<OwnedFd>,
    ) -> bool {
        let armed = sleep::has_waitv()
            && self.alarms.add(&self.map, word, (expected, deaths), slice, event);
        if armed {
            keeper::rouse(&self.station);
        }
        armed
    }

    /// Ends what [`arm`](Self::arm) began for this event.
    pub fn disarm(&self, event: &Arc<OwnedFd>) {
        if self.me().is_some() {
            self.alarms.remove(event);
        }
    }

    /// Makes all who sleep in the segment look again: something changed that is no thing of theirs.
    pub fn rouse(&self) {
        table::rouse(&self.map);
    }

    pub(crate) fn map(&self) -> &Map {
        &self.map
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if self.me().is_some() {
            self.keeper.stop(&self.station);
        } else {
            // A forked child: the keeper does not exist here, and the slot is the parent's.
            self.keeper.forget();
        }
    }
}

/// Tells whether this process was forked from the one that made it.
#[derive(Debug)]
pub(crate) struct ForkMark(Station);

impl ForkMark {
    pub(crate) fn new() -> Result<Self, Errno> {
        let station = Station::new()?;
        station.page().owner.store(1, Ordering::Relaxed);
        Ok(Self(station))
    }

    #[inline]
    pub(crate) fn forked(&self) -> bool {
        self.0.page().owner.load(Ordering::Relaxed) == 0
    }
}

/// An attachment made on the calling thread, without a keeper: lets a test step through it.
#[doc(hidden)]
#[derive(Debug)]
pub struct ByHand(Arc<Map>, Station, OwnerId);

#[doc(hidden)]
impl ByHand {
    /// What attaching needs before its first step.
    ///
    /// # Errors
    /// What the kernel reports.
    pub fn prepare(segment: &Segment) -> Result<impl FnOnce() -> Result<Self, Fault>, Fault> {
        let failed = |errno| Fault::Os { op: "prepare", errno };
        let station = Station::new().map_err(failed)?;
        station.register().map_err(failed)?;
        let map = segment.map();
        Ok(move || table::claim(&map, &station).map(|id| Self(map, station, id)))
    }

    /// Gives the slot back.
    pub fn detach(&self) {
        table::release(&self.0, &self.1, self.2);
    }
}
