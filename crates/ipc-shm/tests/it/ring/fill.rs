//! What fits, what does not, and what is done in place.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ipc_shm::Error;
use ipc_shm::ring::{Options, Receiver, Sender};

use super::{Gone, LONG, pattern, small};

/// Too long a message is refused, a buffer too short leaves the message; both calls can go on.
#[test]
fn lengths_that_do_not_fit_change_nothing() {
    let (mut sender, mut receiver) = small().pair().expect("make");
    let long = [0; 1025];
    let too_long =
        |error: Error| matches!(error, Error::MessageTooLong { real: 1025, limit: 1024 });
    assert!(sender.send(&long).is_err_and(too_long));
    assert!(sender.try_send(&long).is_err_and(too_long));
    assert!(sender.send_timeout(&long, LONG).is_err_and(too_long));
    assert!(sender.reserve(1025).is_err_and(too_long));
    assert!(sender.reserve(usize::MAX).is_err());
    assert!(sender.try_send_many(&[long]).is_err_and(too_long));
    let rejected = sender.send_many(&[&b"a"[..], b"b", &long, b"c"]).expect_err("too long");
    assert_eq!(rejected.value, 2);
    assert!(too_long(rejected.error));
    assert_eq!(sender.try_send_many(&[&b"c"[..], &long]).expect("the first"), 1);

    let mut buf = [0; 8];
    for wanted in [b"a", b"b", b"c"] {
        let short = receiver.recv_into(&mut []);
        assert!(matches!(short, Err(Error::BufferTooShort { len: 0, needed: 1 })), "{short:?}");
        assert_eq!(receiver.recv_into(&mut buf).expect("still there"), 1);
        assert_eq!(&buf[..1], wanted);
    }
    sender.send(&[]).expect("an empty one");
    assert_eq!(receiver.recv_into(&mut []).expect("fits"), 0);
    assert!(matches!(receiver.try_recv_into(&mut []), Err(Error::WouldBlock)));
}

/// The capacity fits, wherever the ring stands; so does what `reserve` gives.
#[test]
fn the_capacity_always_fits() {
    for capacity in [1, 7, 8, 56, 57, 64, 100, 1023, 1024, 1025, 1100, 5000] {
        let (mut sender, mut receiver) = Options::new().capacity(capacity).pair().expect("make");
        assert_eq!((sender.capacity(), receiver.capacity()), (capacity, capacity));
        for round in 0..200 {
            for len in [usize::try_from(round).expect("small") % capacity, capacity] {
                let message = pattern(round, len);
                skip_padding(&mut sender, &mut receiver, len);
                sender.try_send(&message).expect("an empty ring");
                assert_eq!(receiver.try_recv().expect("it"), message);
            }
        }
    }
}

/// Of an empty ring: a long message may need the padding's room, too, which the receiver has to skip.
fn skip_padding(sender: &mut Sender, receiver: &mut Receiver, len: usize) {
    assert!(receiver.is_empty());
    if sender.try_reserve(len).is_err() {
        assert!(matches!(receiver.try_recv(), Err(Error::WouldBlock)));
    }
}

/// A slot that is dropped sends nothing and costs nothing; one that is committed is a message.
#[test]
fn slots_are_sent_or_not() {
    let (mut sender, mut receiver) = small().pair().expect("make");
    for round in 0..300 {
        let len = usize::try_from(round * 37 % 1025).expect("small");
        skip_padding(&mut sender, &mut receiver, len);
        let mut slot = sender.try_reserve(len).expect("room");
        assert_eq!(slot.len(), len);
        slot.fill(0xee);
        assert!(format!("{slot:?}").contains(&len.to_string()));
        drop(slot);
        assert!(matches!(receiver.try_recv(), Err(Error::WouldBlock)));
        // Shorter or longer than the one that was not sent.
        let message = pattern(round, usize::try_from(round * 91 % 1025).expect("small"));
        skip_padding(&mut sender, &mut receiver, message.len());
        let mut slot = sender.try_reserve(message.len()).expect("room");
        slot.copy_from_slice(&message);
        slot.commit();
        assert_eq!(receiver.try_recv().expect("it"), message);
    }
}

/// A look leaves the message, a release takes it.
#[test]
fn a_look_takes_nothing() {
    let (mut sender, mut receiver) = small().pair().expect("make");
    for message in [&b"one"[..], b"two", b"three"] {
        sender.send(message).expect("send");
    }
    for _ in 0..2 {
        assert_eq!(&*receiver.peek().expect("there"), b"one");
    }
    let look = receiver.peek().expect("there");
    assert!(format!("{look:?}").contains('3'));
    drop(look);
    assert_eq!(receiver.recv().expect("still there"), b"one");
    receiver.try_peek().expect("there").release();
    assert_eq!(receiver.recv().expect("the last"), b"three");
}

/// Batches arrive in order; what does not fit is told.
#[test]
fn batches_arrive_in_order() {
    let (mut sender, mut receiver) = small().pair().expect("make");
    let none: [&[u8]; 0] = [];
    sender.send_many(&none).expect("nothing to send");
    assert_eq!(sender.try_send_many(&none).expect("nothing to send"), 0);
    let all: Vec<_> = (0..100).map(|number| pattern(number, 90)).collect();
    let mut sent = 0;
    let mut got = Vec::new();
    while sent < all.len() {
        sent += sender.try_send_many(&all[sent..]).expect("room for one at least");
        assert!(sender.try_send(&[0; 90]).is_err(), "so many as there was room for");
        let fits = receiver.len();
        assert_eq!(receiver.drain(2, |message| got.push(message.to_vec())).expect("two"), 2);
        let others = receiver.drain(99, |message| got.push(message.to_vec())).expect("others");
        assert_eq!(others + 2, fits);
    }
    assert_eq!(got, all);

    std::thread::scope(|scope| {
        scope.spawn(|| sender.send_many(&all).expect("in several turns"));
        for message in &all {
            assert_eq!(receiver.recv_timeout(LONG).expect("one"), *message);
        }
    });
}

/// The counts tell what waits.
#[test]
fn counts_tell_what_waits() {
    let (mut sender, mut receiver) = small().pair().expect("make");
    for round in 0..50 {
        assert!(sender.is_empty() && receiver.is_empty());
        for count in 1..=3 {
            sender.try_send(&pattern(round, 150)).expect("room");
            assert_eq!((sender.len(), receiver.len()), (count, count));
            assert!(!sender.is_empty() && !receiver.is_empty());
        }
        assert_eq!(receiver.drain(99, |_| {}).expect("all"), 3);
        assert_eq!((sender.len(), receiver.len()), (0, 0));
    }
    assert!(!sender.is_closed() && !receiver.is_closed());
    drop(receiver);
    assert!(sender.is_closed());
    let closed = sender.send(b"nobody reads this");
    assert!(matches!(closed, Err(Error::Closed { peer_died: false })), "{closed:?}");
}

/// Bytes that change each time they are asked for, or panic.
struct Moody(Cell<u32>, u32);

impl AsRef<[u8]> for Moody {
    fn as_ref(&self) -> &[u8] {
        self.0.set(self.0.get() + 1);
        assert!(self.0.get() != self.1, "asked too often");
        if self.0.get() == 1 { &[1; 10] } else { &[2; 1000] }
    }
}

/// X17: messages that change their mind, or panic, break no ring.
#[test]
fn moody_messages_do_no_harm() {
    let (mut sender, mut receiver) = small().pair().expect("make");
    let moody = || Moody(Cell::new(0), 0);
    sender.send_many(&[moody(), moody()]).expect("send");
    assert_eq!(sender.try_send_many(&[moody()]).expect("send"), 1);
    for _ in 0..3 {
        assert_eq!(receiver.recv().expect("one"), [1; 10]);
    }
    let batch = [moody(), moody(), Moody(Cell::new(0), 1), moody()];
    let panicked = catch_unwind(AssertUnwindSafe(|| sender.send_many(&batch)));
    assert!(panicked.is_err());
    sender.send(b"after").expect("send");
    for _ in 0..2 {
        assert_eq!(receiver.try_recv().expect("what was before the panic"), [1; 10]);
    }
    assert_eq!(receiver.try_recv().expect("what came after"), b"after");

    sender.send_many(&["x", "y"]).expect("send");
    let panicked =
        catch_unwind(AssertUnwindSafe(|| receiver.drain(9, |_| panic!("in the handler"))));
    assert!(panicked.is_err());
    assert_eq!(receiver.recv().expect("it was not handled"), b"x");
    assert_eq!(receiver.recv().expect("the next"), b"y");
}

/// X17: sizes that cannot be are refused.
#[test]
fn sizes_that_cannot_be_are_refused() {
    let options = Options::new();
    for options in [
        options.clone().capacity(0),
        options.clone().capacity((1 << 46) + 1),
        options.clone().capacity(usize::MAX),
        options.clone().peers(0),
        options.clone().peers(241),
    ] {
        let made = options.anonymous::<Sender>();
        assert!(matches!(made, Err(Error::InvalidInput { .. })), "{options:?}");
    }
    let huge = options.capacity(1 << 46).create::<Receiver>(&Gone::new("huge").0);
    assert!(matches!(huge, Err(Error::NoSpace { .. } | Error::Limit { .. })), "{huge:?}");
}
