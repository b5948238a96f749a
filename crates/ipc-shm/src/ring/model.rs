//! The protocol of a ring, as the models in `tests/loom.rs` use it. Not a part of any other build.

use super::flow::{self, Words};
use super::record;
use crate::atomic::AtomicU64;

/// The words of a ring, without its data.
#[derive(Debug)]
pub struct Ring {
    headers: Vec<AtomicU64>,
    taken: AtomicU64,
    tail: AtomicU64,
}

impl Ring {
    /// Words for `size` bytes, a multiple of 64.
    #[must_use]
    pub fn new(size: usize) -> Self {
        // No record begins elsewhere while messages are short.
        let headers = (0..size / record::LINE).map(|_| AtomicU64::new(0)).collect();
        Self { headers, taken: AtomicU64::new(0), tail: AtomicU64::new(0) }
    }
}

impl Words for Ring {
    fn size(&self) -> usize {
        self.headers.len() * record::LINE
    }

    fn header(&self, at: usize) -> &AtomicU64 {
        &self.headers[at / record::LINE]
    }

    fn taken(&self) -> &AtomicU64 {
        &self.taken
    }

    fn tail(&self) -> &AtomicU64 {
        &self.tail
    }
}

/// Where a message stands.
#[derive(Clone, Copy, Debug)]
pub struct Place(record::Place);

impl Place {
    /// The cache line of its header.
    #[must_use]
    pub fn line(self) -> usize {
        self.0.at / record::LINE
    }

    /// Its length.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a message of no bytes is not special")]
    pub fn len(self) -> usize {
        self.0.len
    }
}

/// The sending side.
#[derive(Debug)]
pub struct Tx(flow::Tx);

impl Tx {
    /// Goes on behind what was sent.
    #[must_use]
    pub fn find(ring: &Ring) -> Option<Self> {
        flow::Tx::find(ring).ok().map(Self)
    }

    /// A place, as far as `tail` tells or, if `exactly`, as `taken` does.
    pub fn place(&mut self, ring: &Ring, len: usize, exactly: bool) -> Option<Place> {
        let near = self.0.place(len);
        let found = match (near, exactly) {
            (Some(place), _) => Some(place),
            (None, true) => self.0.find_place_exactly(ring, len).expect("sound"),
            (None, false) => self.0.find_place(ring, len).expect("sound"),
        };
        found.map(Place)
    }

    /// Sends one.
    pub fn commit(&mut self, ring: &Ring, place: Place) {
        self.0.commit(ring, place.0);
    }

    /// Steps over the first one of a batch.
    pub fn prepare(&mut self, ring: &Ring, place: Place) {
        self.0.prepare(ring, place.0);
    }

    /// Shows a batch.
    pub fn publish(ring: &Ring, first: Place) {
        flow::Tx::publish(ring, first.0);
    }

    /// Whether a wait for room would end, when no place was found.
    #[must_use]
    pub fn may_go_on(&self, ring: &Ring, len: usize) -> bool {
        flow::Tx::has_room_now(ring, self.0.needs(ring, len))
    }
}

/// The receiving side.
#[derive(Debug)]
pub struct Rx(flow::Rx);

impl Rx {
    /// Goes on behind what was taken.
    #[must_use]
    pub fn find(ring: &Ring) -> Option<Self> {
        flow::Rx::find(ring).ok().map(Self)
    }

    /// Whether something was sent.
    #[must_use]
    pub fn ready(&self, ring: &Ring) -> bool {
        self.0.ready(ring)
    }

    /// The next message, if one stands here.
    #[must_use]
    pub fn message(&self, ring: &Ring) -> Option<Place> {
        self.0.message(ring).map(Place)
    }

    /// The next message, also behind padding.
    pub fn next(&mut self, ring: &Ring) -> Option<Place> {
        self.0.next(ring).expect("sound").map(Place)
    }

    /// Gives its room back.
    pub fn take(&mut self, ring: &Ring, place: Place) {
        self.0.take(ring, place.0);
    }

    /// Steps over one of a batch.
    pub fn pass(&mut self, ring: &Ring, place: Place) {
        self.0.pass(ring, place.0.end);
    }

    /// Gives the room of a batch back.
    pub fn settle(&mut self, ring: &Ring) {
        self.0.settle(ring);
    }

    /// Tells a streaming sender.
    pub fn tell(&mut self, ring: &Ring) {
        self.0.tell(ring);
    }
}
