//! Where everything stands in a fan-in.
//!
//! ```text
//! 0     lanes, capacity of each     written once
//! 128   used      lanes that were ever taken; the receiver looks at no others
//! 136   receiver  its seat
//! 140   arrived   the bell on which it sleeps
//! 256   lanes     a ring each, whose `sender` is the seat of that lane
//! ```

use ipc_core::segment::{Segment, Spec};

use crate::area::Area;
use crate::atomic::Ordering;
use crate::memory::Memory as _;
use crate::ring::memory::Memory;
use crate::ring::record::ring_size;

/// What lives in the segment.
const KIND: u32 = u32::from_le_bytes(*b"SFAN");
/// Version of the layout above and of the rings in it.
const LAYOUT: u64 = 1;

const LANES: usize = 0;
const CAPACITY: usize = 8;
pub(super) const USED: usize = 128;
pub(super) const RECEIVER: usize = 136;
pub(super) const ARRIVED: usize = 140;
const FIRST: usize = 256;
/// Most lanes: places of the life table for their owners, the receiver, and some who are too many.
pub(super) const MOST_LANES: usize = 236;
/// A lane is no larger.
const MOST: usize = 1 << 38;

/// A sender, as the receiver knows it: no two have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SenderId(pub(super) u32);

/// The sizes: private copies, checked once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) lanes: usize,
    pub(super) capacity: usize,
    /// Bytes of data in each lane.
    size: usize,
}

impl Shape {
    pub(super) fn new(lanes: usize, capacity: usize) -> Option<Self> {
        let sound = (1..=MOST_LANES).contains(&lanes) && (1..=MOST).contains(&capacity);
        let size = ring_size(capacity).filter(|_| sound)?;
        Some(Self { lanes, capacity, size })
    }

    fn end(self) -> usize {
        self.lane(self.lanes)
    }

    fn lane(self, index: usize) -> usize {
        FIRST + index * Memory::bytes(self.size)
    }

    /// The segment for it.
    pub(super) fn spec(self) -> Spec {
        let spec = Spec::new(KIND, LAYOUT, self.end());
        Spec { slots: spec.slots.max(self.lanes + 4), ..spec }
    }

    /// Any fan-in's segment.
    pub(super) fn any() -> Spec {
        Spec::new(KIND, LAYOUT, FIRST)
    }

    /// Writes the sizes into a new segment.
    pub(super) fn write(self, segment: &Segment) {
        let area = Area::new(segment.clone());
        area.word(LANES).store(self.lanes as u64, Ordering::Relaxed);
        area.word(CAPACITY).store(self.capacity as u64, Ordering::Relaxed);
        (0..self.lanes)
            .for_each(|index| Memory::init(segment, self.lane(index), self.size, self.capacity));
    }

    /// Reads them from a segment, once.
    pub(super) fn read(area: &Area) -> Option<Self> {
        let get = |at| usize::try_from(area.word(at).load(Ordering::Relaxed)).ok();
        let shape = Self::new(get(LANES)?, get(CAPACITY)?)?;
        (shape.end() <= area.len()).then_some(shape)
    }

    /// The ring of a lane; none if its sizes cannot be.
    pub(super) fn memory(self, segment: &Segment, index: usize) -> Option<Memory> {
        let memory = Memory::new(segment.clone(), self.lane(index), ring_size)?;
        (memory.capacity() == self.capacity).then_some(memory)
    }
}
