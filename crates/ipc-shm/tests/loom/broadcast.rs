//! Broadcasts: what is believed is what was sent, and nobody is overtaken who must not be.

use ipc_shm::broadcast::flow::{EVICTED, Rx, Shape, Tx};
use ipc_shm::memory::Memory as _;
use loom::sync::Arc;
use loom::sync::atomic::Ordering;

use super::Words;

/// Two records fit, with the number behind the second.
const CAPACITY: usize = 16;
/// The first cursor's owner.
const OWNER: usize = 512 + 8;

fn message(number: u64) -> [u8; 8] {
    (number * 0x0101 + 7).to_le_bytes()
}

/// One attempt to receive: number of the message and how many were missed before it.
fn attempt(memory: &Words, shape: Shape, rx: &mut Rx, ours: impl Fn() -> bool) -> Taken {
    let whole = |rx: &Rx| rx.is_whole(memory) && ours();
    match rx.next(memory) {
        Ok(None) => return Taken::Nothing,
        Ok(Some(found)) if whole(rx) => {
            let mut bytes = [0; 8];
            assert_eq!(found.len(), 8);
            shape.copy_out(memory, found, &mut bytes);
            if whole(rx) {
                return Taken::Message(bytes, rx.pass(found));
            }
        }
        Ok(Some(_)) => {}
        Err(_) => assert!(!whole(rx), "corrupt"),
    }
    Taken::Overwritten
}

#[derive(Debug)]
enum Taken {
    Nothing,
    Message([u8; 8], u64),
    Overwritten,
}

/// Lossy: a sender overwrites what a receiver copies. What is believed is whole, and received and missed
/// are what was sent.
#[test]
fn lossy() {
    const COUNT: u64 = 3;
    loom::model(|| {
        let shape = Shape::new(CAPACITY, 0, true).expect("small");
        let memory = Arc::new(Words::new(shape.end()));
        let mut rx = Rx::join(&*memory, shape, None).expect("sound").expect("nobody sends");
        let mut tx = Tx::find(&*memory, shape).expect("sound");
        tx.make_room(&*memory, 8).expect("sound");
        tx.send(&*memory, &message(0));
        let receiver = {
            let memory = Arc::clone(&memory);
            loom::thread::spawn(move || {
                let mut books = Books { received: 0, missed: 0 };
                if books.look(&memory, shape, &mut rx) {
                    books.look(&memory, shape, &mut rx);
                }
                (rx, books)
            })
        };
        for number in 1..COUNT {
            tx.make_room(&*memory, 8).expect("sound");
            tx.send(&*memory, &message(number));
        }
        let (mut rx, mut books) = receiver.join().expect("no panic");
        for _ in 0..4 {
            books.look(&memory, shape, &mut rx);
        }
        assert_eq!(books.received + books.missed, COUNT);
    });
}

/// What a lossy receiver got and learnt that it lost.
struct Books {
    received: u64,
    missed: u64,
}

impl Books {
    /// True: the message was overwritten, and it goes on at the oldest.
    fn look(&mut self, memory: &Words, shape: Shape, rx: &mut Rx) -> bool {
        match attempt(memory, shape, rx, || true) {
            Taken::Message(bytes, lost) => {
                self.missed += lost;
                assert_eq!(bytes, message(self.received + self.missed), "torn");
                self.received += 1;
            }
            Taken::Overwritten => {
                rx.resume(memory).expect("sound");
                return true;
            }
            Taken::Nothing => {}
        }
        false
    }
}

/// Lossless: who joins while the sender goes on is not overtaken, whether the sender saw its cursor or not.
#[test]
fn joining() {
    const COUNT: u64 = 3;
    loom::model(|| {
        let shape = Shape::new(CAPACITY, 1, false).expect("small");
        let memory = Arc::new(Words::new(shape.end()));
        let sender = {
            let memory = Arc::clone(&memory);
            loom::thread::spawn(move || {
                let mut tx = Tx::find(&*memory, shape).expect("sound");
                (0..COUNT)
                    .take_while(|number| {
                        if !tx.has_room(8) {
                            let lowest = tx.lowest(&*memory, |_| true);
                            tx.raise(lowest);
                        }
                        let room = tx.has_room(8);
                        if room {
                            tx.send(&*memory, &message(*number));
                        }
                        room
                    })
                    .count()
            })
        };
        let owner = memory.word(OWNER);
        owner.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed).expect("free");
        let mut rx = Rx::join(&*memory, shape, Some(0)).expect("sound").expect("lossless");
        let lag = rx.lag(&*memory).expect("lossless");
        let mut last = None;
        for _ in 0..3 {
            match attempt(&memory, shape, &mut rx, || true) {
                Taken::Message(bytes, 0) => {
                    let number = (0..COUNT).find(|number| message(*number) == bytes);
                    let number = number.expect("whole");
                    assert!(last.is_none_or(|last| number == last + 1), "in order");
                    last = Some(number);
                    rx.tell(&*memory, 0);
                }
                Taken::Nothing => {}
                other => panic!("{other:?}"),
            }
        }
        let sent = sender.join().expect("no panic");
        assert!(lag <= sent as u64);
    });
}

/// Lossless: a receiver that is evicted while it copies believes nothing that was overwritten.
#[test]
fn evicted() {
    loom::model(|| {
        let shape = Shape::new(CAPACITY, 1, false).expect("small");
        let memory = Arc::new(Words::new(shape.end()));
        memory.word(OWNER).store(1, Ordering::Relaxed);
        let mut rx = Rx::join(&*memory, shape, Some(0)).expect("sound").expect("lossless");
        let mut tx = Tx::find(&*memory, shape).expect("sound");
        let room = tx.lowest(&*memory, |_| true);
        tx.raise(room);
        tx.send(&*memory, &message(0));
        let sender = {
            let memory = Arc::clone(&memory);
            loom::thread::spawn(move || {
                let owner = memory.word(OWNER);
                let evict =
                    owner.compare_exchange(1, 1 | EVICTED, Ordering::AcqRel, Ordering::Relaxed);
                evict.expect("it was there");
                for number in 1..3 {
                    let lowest = tx.lowest(&*memory, |_| true);
                    tx.raise(lowest);
                    assert!(tx.has_room(8), "nobody holds us back");
                    tx.send(&*memory, &message(number));
                }
            })
        };
        let ours = || memory.word(OWNER).load(Ordering::Relaxed) == 1;
        match attempt(&memory, shape, &mut rx, ours) {
            Taken::Message(bytes, 0) => assert_eq!(bytes, message(0), "torn"),
            Taken::Overwritten => assert!(!ours()),
            other => panic!("{other:?}"),
        }
        sender.join().expect("no panic");
    });
}
