//! What senders and receivers of a shared queue do to each other without the lock, under every
//! interleaving that the memory model allows. The files are the crate's own.
#![cfg(loom)]
#![expect(dead_code, reason = "each file has more than the models need")]

#[path = "../src/shared/bell.rs"]
mod bell;
#[path = "../src/shared/claim.rs"]
mod claim;
#[path = "../src/shared/order.rs"]
mod order;

mod atomic {
    pub(super) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
}

/// Nothing really sleeps: the models look at the bell's word instead.
mod futex {
    pub(super) fn wake_one(_: &super::atomic::AtomicU32) -> bool {
        true
    }
    pub(super) fn wake_all(_: &super::atomic::AtomicU32) {}
}

use atomic::{AtomicU32, AtomicU64, Ordering};
use claim::{Claim, Span};
use loom::sync::Arc;
use loom::thread;
use order::{Found, Lanes};

const SENT: u64 = 4;

/// Each place of a lane is filled by its owner or taken back.
#[test]
fn a_place_is_taken_or_taken_back() {
    loom::model(|| {
        let first = Span { taken: 7, granted: 9 };
        let shared = Arc::new((Claim::new(first), [AtomicU32::new(0), AtomicU32::new(0)]));
        let owner = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut span = first;
                while span.left() != 0 {
                    let place = span.taken - first.taken;
                    let Some(after) = shared.0.take(span) else { break };
                    shared.1[place as usize].fetch_add(1, Ordering::Relaxed);
                    span = after;
                }
            })
        };
        let back = shared.0.revoke();
        for place in back.taken..back.granted {
            shared.1[(place - first.taken) as usize].fetch_add(1, Ordering::Relaxed);
        }
        owner.join().expect("no panic");
        assert_eq!(shared.0.load().left(), 0);
        for count in &shared.1 {
            assert_eq!(count.load(Ordering::Relaxed), 1);
        }
    });
}

const LANES: usize = 3;
/// Messages a lane has room for.
const PLACES: usize = 2;

/// One message, or none yet.
struct Slot {
    state: AtomicU64,
    ticket: AtomicU64,
    bytes: AtomicU32,
}

/// The lanes of one sender each.
struct Model {
    slots: [[Slot; PLACES]; LANES],
    tickets: AtomicU64,
}

impl Model {
    fn new() -> Self {
        let slot = || Slot {
            state: AtomicU64::new(0),
            ticket: AtomicU64::new(0),
            bytes: AtomicU32::new(0),
        };
        let slots = std::array::from_fn(|_| std::array::from_fn(|_| slot()));
        Self { slots, tickets: AtomicU64::new(0) }
    }

    fn send(&self, lane: usize, nth: usize) {
        let slot = &self.slots[lane][nth];
        slot.bytes.store(1, Ordering::Relaxed);
        slot.ticket.store(order::ticket(&self.tickets), Ordering::Relaxed);
        claim::publish(&slot.state, SENT);
    }
}

/// A receiver's view, and how many of each lane it took over.
struct View<'a>(&'a Model, [usize; LANES]);

impl Lanes for View<'_> {
    type Error = ();

    fn lanes(&self) -> impl Iterator<Item = usize> {
        0..LANES
    }

    fn sent(&self, lane: usize, nth: u32) -> Result<Option<(u32, u64)>, ()> {
        let place = self.1[lane] + nth as usize;
        let Some(slot) = self.0.slots[lane].get(place) else { return Ok(None) };
        let sent = slot.state.load(Ordering::Acquire) == SENT;
        Ok(sent.then(|| (nth, slot.ticket.load(Ordering::Relaxed))))
    }

    fn tickets(&self) -> &AtomicU64 {
        &self.0.tickets
    }
}

impl<'a> View<'a> {
    fn new(model: &'a Model) -> Self {
        Self(model, [0; LANES])
    }

    /// Takes over what there is: lane and place of each, in order.
    fn drain(&mut self) -> Vec<(usize, usize)> {
        let lanes = match order::look(self).expect("no error") {
            Found::Nothing => Vec::new(),
            Found::InOne { lane, count } => vec![lane; count as usize],
            Found::InOrder(found) => found.into_iter().map(|(_, lane)| lane).collect(),
        };
        let took = |lane: usize| {
            let place = self.1[lane];
            let bytes = &self.0.slots[lane][place].bytes;
            assert_eq!(bytes.load(Ordering::Relaxed), 1, "published whole");
            self.1[lane] += 1;
            (lane, place)
        };
        lanes.into_iter().map(took).collect()
    }
}

/// What was sent first is taken over first, whichever way the second sender heard of it.
#[test]
fn what_was_sent_first_comes_first() {
    for first in [0, 1] {
        loom::model(move || {
            let shared = Arc::new((Model::new(), AtomicU32::new(0)));
            let one = {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    shared.0.send(first, 0);
                    shared.1.store(1, Ordering::Release);
                })
            };
            let other = {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let heard = shared.1.load(Ordering::Acquire) == 1;
                    if heard {
                        shared.0.send(1 - first, 0);
                    }
                    heard
                })
            };
            let mut view = View::new(&shared.0);
            let mut order = view.drain();
            one.join().expect("no panic");
            let heard = other.join().expect("no panic");
            order.extend(view.drain());
            let both = [(first, 0), (1 - first, 0)];
            assert_eq!(order, if heard { &both[..] } else { &both[..1] });
        });
    }
}

/// The same while other lanes have messages, so that the tickets decide, and into a lane that was looked
/// into already.
#[test]
fn what_was_sent_meanwhile_waits_for_what_was_sent_before() {
    loom::model(|| {
        let model = Arc::new(Model::new());
        model.send(1, 0);
        model.send(2, 0);
        let sender = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                model.send(0, 0);
                model.send(2, 1);
            })
        };
        let mut view = View::new(&model);
        let mut order = view.drain();
        sender.join().expect("no panic");
        order.extend(view.drain());
        assert_eq!(order, [(1, 0), (2, 0), (0, 0), (2, 1)]);
    });
}

/// Two that send at the same time: in any order, but both, once each.
#[test]
fn nothing_is_lost_or_doubled() {
    loom::model(|| {
        let shared = Arc::new(Model::new());
        let senders = [0, 1].map(|lane| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.send(lane, 0))
        });
        let mut view = View::new(&shared);
        let mut order = view.drain();
        for sender in senders {
            sender.join().expect("no panic");
        }
        order.extend(view.drain());
        order.sort_unstable();
        assert_eq!(order, [(0, 0), (1, 0)]);
    });
}

/// A receiver that found nothing, announced itself and found nothing again is rung for.
#[test]
fn no_sleeper_is_missed() {
    loom::model(|| {
        let shared = Arc::new((Model::new(), AtomicU32::new(0)));
        let sender = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.0.send(0, 0);
                if let Some(ring) = bell::ring(&shared.1, false) {
                    bell::wake(&shared.1, ring);
                }
            })
        };
        let mut view = View::new(&shared.0);
        let sleeps = if view.drain().is_empty() {
            let expected = bell::announce(&shared.1, false);
            view.drain().is_empty().then_some(expected)
        } else {
            None
        };
        sender.join().expect("no panic");
        if let Some(expected) = sleeps {
            // The futex sleeps only while the word is as announced.
            assert_ne!(shared.1.load(Ordering::Relaxed), expected, "asleep, and nobody rings");
        }
    });
}
