//! The protocol of a ring under every interleaving that the memory model allows.
//!
//! The flow is the real one; the data is one cell for each cache line, so that a read which a write may
//! still overlap is found. What must be as it is (each was weakened to `Relaxed` once):
//!
//! | in `flow` | which model fails then |
//! |---|---|
//! | `publish`: the store of a header | `a_message_is_whole` |
//! | `message`: the load of a header | `a_message_is_whole` |
//! | `next`: the load of a header | `a_batch_is_seen_whole` |
//! | `make_place`: the store of padding | `padding_leads_to_nothing_old` |
//! | `skip`: the load of the first header | `padding_leads_to_nothing_old` |
//! | `settle`: the store of `taken` | `room_is_given_back_after_the_read` |
//! | `tell`: the store of `tail` | `a_streaming_sender_trusts_tail` |
//! | `look`: the load of `taken` or `tail` | both of the two above |

use ipc_core::wait::Bell;
use ipc_shm::ring::model::{Place, Ring, Rx, Tx};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

/// Fits a line with its header.
const SHORT: usize = 8;

struct World {
    ring: Ring,
    data: Vec<UnsafeCell<u64>>,
    arrived: Bell,
    freed: Bell,
}

// SAFETY: loom's cells report each access that another may overlap: that is what is tested.
unsafe impl Sync for World {}
// SAFETY: it is plain memory.
unsafe impl Send for World {}

impl World {
    fn new(lines: usize) -> Arc<Self> {
        let data = (0..lines).map(|_| UnsafeCell::new(0)).collect();
        let (arrived, freed) = (Bell::new(), Bell::new());
        Arc::new(Self { ring: Ring::new(lines * 64), data, arrived, freed })
    }

    fn write(&self, place: Place, value: u64) {
        // SAFETY: loom reports a second access at the same time.
        self.data[place.line()].with_mut(|cell| unsafe { *cell = value });
    }

    fn read(&self, place: Place) -> u64 {
        // SAFETY: loom reports a write at the same time.
        self.data[place.line()].with(|cell| unsafe { *cell })
    }

    fn tx(&self) -> Tx {
        Tx::find(&self.ring).expect("sound")
    }

    fn rx(&self) -> Rx {
        Rx::find(&self.ring).expect("sound")
    }
}

fn send(world: &World, tx: &mut Tx, value: u64, exactly: bool) -> bool {
    let Some(place) = tx.place(&world.ring, SHORT, exactly) else { return false };
    world.write(place, value);
    tx.commit(&world.ring, place);
    true
}

fn receive(world: &World, rx: &mut Rx) -> Option<u64> {
    let place = rx.message(&world.ring).or_else(|| rx.next(&world.ring))?;
    assert_eq!(place.len(), SHORT);
    let value = world.read(place);
    rx.take(&world.ring, place);
    Some(value)
}

/// What the receiver sees of a message is all of it, in order.
#[test]
fn a_message_is_whole() {
    loom::model(|| {
        let world = World::new(4);
        let (mut tx, mut rx) = (world.tx(), world.rx());
        let sender = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                for value in 1..=2 {
                    assert!(send(&world, &mut tx, value, true));
                }
            })
        };
        let mut next = 1;
        for _ in 0..2 {
            if let Some(value) = receive(&world, &mut rx) {
                assert_eq!(value, next);
                next += 1;
            }
        }
        sender.join().expect("no panic");
        while let Some(value) = receive(&world, &mut rx) {
            assert_eq!(value, next);
            next += 1;
        }
        assert_eq!(next, 3);
    });
}

/// A full ring: the sender writes over a message only after the receiver has read it, across a wrap.
fn full_ring(exactly: bool, told: bool) {
    loom::model(move || {
        let world = World::new(3);
        let (mut tx, mut rx) = (world.tx(), world.rx());
        let mut sent = 0;
        while send(&world, &mut tx, sent + 1, true) {
            sent += 1;
        }
        assert_eq!(sent, 2, "the line of the next header stays free");
        let sender = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                let mut value = sent;
                for _ in 0..2 {
                    value += u64::from(send(&world, &mut tx, value + 1, exactly));
                }
                (tx, value)
            })
        };
        for wanted in 1..=2 {
            assert_eq!(receive(&world, &mut rx), Some(wanted));
            if told {
                rx.tell(&world.ring);
            }
        }
        let (mut tx, mut value) = sender.join().expect("no panic");
        // Everything was taken: there is room for two again, however many of them are there.
        rx.tell(&world.ring);
        while value < 4 && send(&world, &mut tx, value + 1, true) {
            value += 1;
        }
        for wanted in 3..=value {
            assert_eq!(receive(&world, &mut rx), Some(wanted));
        }
        assert_eq!((receive(&world, &mut rx), value), (None, 4));
    });
}

/// By `taken`, which a sender reads that would have to wait.
#[test]
fn room_is_given_back_after_the_read() {
    full_ring(true, false);
}

/// By `tail`, which a receiver of a stream writes now and then.
#[test]
fn a_streaming_sender_trusts_tail() {
    full_ring(false, true);
}

/// A batch becomes visible together, and its room is given back together.
#[test]
fn a_batch_is_seen_whole() {
    loom::model(|| {
        let world = World::new(5);
        let (mut tx, mut rx) = (world.tx(), world.rx());
        let sender = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                let first = tx.place(&world.ring, SHORT, true).expect("room");
                world.write(first, 1);
                tx.prepare(&world.ring, first);
                for value in 2..=3 {
                    assert!(send(&world, &mut tx, value, true));
                }
                Tx::publish(&world.ring, first);
                // Where the ring begins again.
                send(&world, &mut tx, 4, true)
            })
        };
        let mut got = Vec::new();
        for _ in 0..4 {
            let Some(place) = rx.next(&world.ring) else { break };
            got.push(world.read(place));
            rx.pass(&world.ring, place);
        }
        rx.settle(&world.ring);
        assert!(got.is_empty() || got.len() >= 3, "{got:?}");
        let fourth = sender.join().expect("no panic");
        while let Some(value) = receive(&world, &mut rx) {
            got.push(value);
        }
        let all: Vec<u64> = (1..=3 + u64::from(fourth)).collect();
        assert_eq!(got, all);
    });
}

/// Behind padding there is the new message or nothing, never one of the lap before.
#[test]
fn padding_leads_to_nothing_old() {
    /// Fits two lines with its header.
    const LONG: usize = 120;
    loom::model(|| {
        let world = World::new(4);
        let (mut tx, mut rx) = (world.tx(), world.rx());
        for value in 1..=3 {
            assert!(send(&world, &mut tx, value, true));
            assert_eq!(receive(&world, &mut rx), Some(value));
        }
        let sender = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                let place = tx.place(&world.ring, LONG, true).expect("room behind the padding");
                assert_eq!(place.line(), 0);
                world.write(place, 4);
                tx.commit(&world.ring, place);
            })
        };
        let early = rx.next(&world.ring).map(|place| (place.len(), world.read(place)));
        sender.join().expect("no panic");
        assert!(matches!(early, None | Some((LONG, 4))), "{early:?}");
        let place = rx.next(&world.ring).expect("it was sent");
        assert_eq!((place.len(), world.read(place)), (LONG, 4));
    });
}

/// A receiver that decided to sleep is rung for, or nothing was sent.
#[test]
fn no_sleeping_receiver_is_missed() {
    loom::model(|| {
        let world = World::new(3);
        let (mut tx, rx) = (world.tx(), world.rx());
        let sender = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                assert!(send(&world, &mut tx, 1, true));
                world.arrived.ring();
            })
        };
        let nap = world.arrived.announce();
        let sleeps = !rx.ready(&world.ring);
        sender.join().expect("no panic");
        assert!(!sleeps || !world.arrived.quiet_since(nap), "asleep, and nobody will ring");
        assert!(rx.ready(&world.ring));
    });
}

/// A sender that decided to sleep is rung for, or nothing was taken.
#[test]
fn no_sleeping_sender_is_missed() {
    loom::model(|| {
        let world = World::new(3);
        let (mut tx, mut rx) = (world.tx(), world.rx());
        while send(&world, &mut tx, 1, true) {}
        let receiver = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                assert_eq!(receive(&world, &mut rx), Some(1));
                world.freed.ring();
            })
        };
        let found = tx.place(&world.ring, SHORT, true).is_some();
        let nap = world.freed.announce();
        let sleeps = !found && !tx.may_go_on(&world.ring, SHORT);
        receiver.join().expect("no panic");
        assert!(!sleeps || !world.freed.quiet_since(nap), "asleep, and nobody will ring");
        assert!(send(&world, &mut tx, 2, true));
    });
}

/// A successor goes on where a sender was killed that had not published, whatever the receiver does.
#[test]
fn a_successor_finds_the_end() {
    loom::model(|| {
        let world = World::new(3);
        let (mut tx, mut rx) = (world.tx(), world.rx());
        assert!(send(&world, &mut tx, 1, true));
        let place = tx.place(&world.ring, SHORT, true).expect("room");
        world.write(place, 9);
        tx.prepare(&world.ring, place);
        let successor = {
            let world = Arc::clone(&world);
            thread::spawn(move || send(&world, &mut world.tx(), 2, true))
        };
        let first = receive(&world, &mut rx);
        let early = receive(&world, &mut rx);
        let sent = successor.join().expect("no panic");
        assert_eq!((first, sent), (Some(1), true));
        assert_eq!(early.or_else(|| receive(&world, &mut rx)), Some(2));
        assert_eq!(receive(&world, &mut rx), None);
    });
}
