//! What a peer can write into its memory, word by word, while its victim works.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ipc_devkit::alone;
use ipc_shm::ring::untrusted::{Options, Receiver, Sender};
use ipc_shm::{Error, Result};
use proptest::prelude::*;
use rustix::io::Errno;

use super::rogue::{self, CAPACITY, PAD, RECEIVER, Rogue, SENDER, TAIL, header, ring};
use super::sockets;

const LONGEST: u64 = CAPACITY - 128;

/// A victim, which offers, and its rogue.
pub(super) fn victim() -> (Sender, Receiver, Rogue) {
    let (here, there) = sockets();
    let accepting = std::thread::spawn(move || Rogue::accept(here));
    let options = Options::new().capacity(CAPACITY as usize);
    let (sender, receiver) = options.offer(there).expect("offer");
    (sender, receiver, accepting.join().expect("the rogue"))
}

/// The values that a word is given: both ends of every range, and neighbours of what it should be.
fn values(current: u64) -> Vec<u64> {
    let plain = [0, 1, 3, 8, CAPACITY - 1, CAPACITY, CAPACITY + 1, LONGEST, LONGEST + 1];
    let large = [1 << 31, (1 << 32) - 1, 1 << 61, 1 << 62, (1 << 62) - 1, u64::MAX];
    let near = [current.wrapping_sub(1), current.wrapping_add(1), current ^ 4, current << 1];
    let mut values: Vec<u64> = plain.into_iter().chain(large).chain(near).collect();
    // The same as lengths in a header, and as pads.
    values.extend(values.clone().into_iter().map(|value| value | 1 << 63));
    values.extend([PAD, PAD | 1, PAD | CAPACITY]);
    values
}

/// A buffer with a guard on each side.
struct Guarded(Vec<u8>);

const GUARD: usize = 256;

impl Guarded {
    fn new() -> Self {
        Self(vec![0xa5; 2 * GUARD + CAPACITY as usize])
    }

    fn buf(&mut self) -> &mut [u8] {
        let end = self.0.len() - GUARD;
        &mut self.0[GUARD..end]
    }

    /// Nothing outside of the message was written.
    fn check(&self, received: &Result<usize>) {
        let len = received.as_ref().map_or(0, |len| *len);
        assert!(len as u64 <= LONGEST, "{len}");
        assert!(self.0[..GUARD].iter().all(|byte| *byte == 0xa5), "written before the buffer");
        let behind = &self.0[GUARD + len..];
        assert!(behind.iter().all(|byte| *byte == 0xa5), "written behind the message");
    }
}

fn allowed<T: std::fmt::Debug>(result: &Result<T>) {
    use Error::{BufferTooShort, Closed, Corrupt, TimedOut, WouldBlock};
    let fine = match result {
        Ok(_) => true,
        Err(error) => matches!(
            error,
            WouldBlock | TimedOut | Corrupt { .. } | Closed { .. } | BufferTooShort { .. }
        ),
    };
    assert!(fine, "{result:?}");
}

const MOMENT: Duration = Duration::from_millis(1);

/// Each way to receive, once.
fn receive_all_ways(receiver: &mut Receiver) -> bool {
    let mut buf = Guarded::new();
    let got = receiver.try_recv_into(buf.buf());
    buf.check(&got);
    allowed(&got);
    let mut corrupt = matches!(got, Err(Error::Corrupt { .. }));
    let got = receiver.try_recv_into(&mut [0; 2]);
    allowed(&got);
    let got = receiver.recv_timeout(MOMENT);
    assert!(got.as_ref().map_or(0, Vec::len) as u64 <= LONGEST);
    allowed(&got);
    corrupt |= matches!(got, Err(Error::Corrupt { .. }));
    let _ = receiver.is_closed();
    corrupt
}

/// S7: a header that lies, at the start of the ring and behind a message, is a message that fits or an error.
#[test]
fn lying_headers() {
    alone("untrusted::lies::lying_headers", || {
        let mut corrupt = 0;
        for first in [None, Some(1), Some(100), Some(1500)] {
            for value in values(header(40)) {
                let (_sender, mut receiver, rogue) = victim();
                let mut at = ring();
                if let Some(len) = first {
                    rogue.store(at, header(len));
                    assert_eq!(receiver.try_recv().expect("a message").len() as u64, len);
                    at += rogue.seen(TAIL) as usize;
                }
                rogue.store(at, value);
                corrupt += usize::from(receive_all_ways(&mut receiver));
            }
        }
        assert!(corrupt > 60, "{corrupt} were noticed");
    });
}

/// S7: what says how far the peer has received may be anything: there is room, there is none, or an error.
#[test]
fn lying_tails() {
    alone("untrusted::lies::lying_tails", || {
        let mut corrupt = 0;
        for value in values(64) {
            let (mut sender, _receiver, rogue) = victim();
            while sender.try_send(&[9; 100]).is_ok() {}
            rogue.store(TAIL, 64);
            allowed(&sender.try_send(&[9; 40]));
            rogue.store(TAIL, value);
            for _ in 0..4 {
                let sent = sender.try_send(&[9; 300]);
                allowed(&sent);
                let sent_later = sender.send_timeout(&[9; LONGEST as usize], MOMENT);
                allowed(&sent_later);
                corrupt += usize::from(matches!(sent, Err(Error::Corrupt { .. })));
            }
        }
        assert!(corrupt > 60, "{corrupt} were noticed");
    });
}

/// S7: the words that say who sleeps or has gone cost a wake-up or are an end, nothing else.
#[test]
fn lying_states() {
    alone("untrusted::lies::lying_states", || {
        for place in [RECEIVER, SENDER] {
            for value in values(1) {
                let (mut sender, mut receiver, rogue) = victim();
                rogue.store(place, value);
                for _ in 0..3 {
                    allowed(&sender.try_send(&[1; 10]));
                    allowed(&sender.send_timeout(&[1; 10], MOMENT));
                    receive_all_ways(&mut receiver);
                }
                rogue.store(ring(), header(3));
                assert_eq!(receiver.try_recv().expect("a message").len(), 3);
            }
        }
    });
}

/// X17: records that lead round and round are walked once at most.
#[test]
fn pads_lead_nowhere_for_long() {
    alone("untrusted::lies::pads_lead_nowhere_for_long", || {
        let (_sender, mut receiver, rogue) = victim();
        for at in (0..CAPACITY as usize).step_by(8) {
            rogue.store(ring() + at, PAD);
        }
        rogue.store(ring(), header(1));
        receiver.recv().expect("the only message");
        rogue.store(ring(), PAD);
        let lost = receiver.recv();
        assert!(matches!(lost, Err(Error::Corrupt { .. })), "{lost:?}");
        let lost = receiver.try_recv();
        assert!(matches!(lost, Err(Error::Corrupt { .. })), "it stays so: {lost:?}");
    });
}

/// S7, S8: a word that changes right after it was loaded changes nothing: it is not loaded again. And a word
/// that changes all the time costs the deadline.
#[test]
fn flipping_words() {
    alone("untrusted::lies::flipping_words", || {
        let until = Instant::now() + Duration::from_secs(1);
        let mut corrupt = 0_u32;
        while Instant::now() < until {
            let (mut sender, mut receiver, rogue) = victim();
            let stop = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let at = ring() + receiver_at(&rogue);
                        for value in [header(16), header(LONGEST), 0, header(1 << 40), header(9)] {
                            rogue.store(at, value);
                            rogue.store(TAIL, value & 0xff8);
                            rogue.store(TAIL, 0);
                        }
                    }
                });
                for _ in 0..50 {
                    let before = Instant::now();
                    allowed(&sender.send_timeout(&[1; 500], MOMENT));
                    assert!(before.elapsed() < Duration::from_millis(500));
                    if receive_all_ways(&mut receiver) {
                        corrupt += 1;
                        break;
                    }
                }
                stop.store(true, Ordering::Relaxed);
            });
        }
        assert!(corrupt > 0, "the flips were seen");
    });
}

/// S8: what the peer changes in a message after it was received is not seen.
#[test]
fn a_received_message_is_ours() {
    alone("untrusted::lies::a_received_message_is_ours", || {
        for len in [8, 56, 64, 255, 256, 300, 1024, 1025, LONGEST] {
            let (_sender, mut receiver, rogue) = victim();
            for at in (8..CAPACITY as usize).step_by(8) {
                rogue.store(ring() + at, 0x0101_0101_0101_0101);
            }
            rogue.store(ring(), header(len));
            let message = receiver.recv().expect("a message");
            for at in (0..CAPACITY as usize).step_by(8) {
                rogue.store(ring() + at, u64::MAX);
            }
            assert_eq!(message, vec![1; len as usize], "{len}");
        }
    });
}

/// A peer that wakes nobody costs a slice: what it published is found by then.
#[test]
fn a_peer_that_never_wakes() {
    alone("untrusted::lies::a_peer_that_never_wakes", || {
        let (mut sender, mut receiver, rogue) = victim();
        let none = receiver.recv_timeout(Duration::from_millis(20));
        assert!(matches!(none, Err(Error::TimedOut)));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| receiver.recv());
            // Odd: it says that it sleeps.
            while rogue.seen(RECEIVER) & 1 == 0 {
                std::thread::yield_now();
            }
            let before = Instant::now();
            rogue.store(ring(), header(3));
            assert_eq!(waiting.join().expect("it").expect("a message").len(), 3);
            assert!(before.elapsed() < Duration::from_millis(500), "{:?}", before.elapsed());
        });
        while sender.try_send(&[1; 400]).is_ok() {}
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| sender.send(&[1; 400]));
            while rogue.seen(SENDER) & 1 == 0 {
                std::thread::yield_now();
            }
            // Two records: one for the message, and a piece of one for the end of the ring.
            rogue.store(TAIL, 2 * 408);
            waiting.join().expect("it").expect("there is room");
        });
    });
}

/// A peer that always says it sleeps and never reads what wakes it does not stop its victim.
#[test]
fn a_peer_that_never_reads_its_bell() {
    alone("untrusted::lies::a_peer_that_never_reads_its_bell", || {
        let (mut sender, _receiver, rogue) = victim();
        for number in 0..20_000 {
            rogue.store(RECEIVER, number * 2 + 1);
            rogue.store(TAIL, number * 64);
            sender.try_send(b"ring").expect("there is room");
        }
    });
}

/// K8: a flood of bytes and descriptors costs the deadline, and leaves no descriptor.
#[test]
fn a_flood_on_the_socket() {
    alone("untrusted::lies::a_flood_on_the_socket", || {
        let (mut sender, mut receiver, rogue) = victim();
        let before = std::fs::read_dir("/proc/self/fd").expect("list").count();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let fd = rogue.socket.as_fd();
                while !stop.load(Ordering::Relaxed) {
                    use rustix::net::SendFlags;
                    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                    let _ = rustix::net::send(fd, &[b'r', b's', 0, 255], flags);
                }
            });
            for _ in 0..4 {
                let start = Instant::now();
                let limit = Duration::from_millis(30);
                assert!(matches!(receiver.recv_timeout(limit), Err(Error::TimedOut)));
                assert!(start.elapsed() < limit * 20);
            }
            stop.store(true, Ordering::Relaxed);
        });
        // Full, with nobody writing any more.
        let flags = rustix::net::SendFlags::DONTWAIT | rustix::net::SendFlags::NOSIGNAL;
        while rustix::net::send(&rogue.socket, &[b's'; 64], flags).is_ok() {}
        let none = receiver.recv_timeout(Duration::from_millis(2));
        assert!(matches!(none, Err(Error::TimedOut)), "{none:?}");
        for _ in 0..8 {
            // Refused by the kernel, or thrown away by it.
            rogue::send(&rogue.socket, b"r", &[rogue.socket.as_fd(); 200]);
            let none = receiver.recv_timeout(Duration::from_millis(2));
            assert!(matches!(none, Err(Error::TimedOut)), "{none:?}");
        }
        assert_eq!(std::fs::read_dir("/proc/self/fd").expect("list").count(), before);
        sender.try_send(b"still").expect("send");
    });
}

/// S1, S3: what the peer gets of our memory cannot be shortened, punched, written or mapped for writing.
#[test]
fn our_memory_is_sealed_when_it_leaves_us() {
    use rustix::fs::{FallocateFlags, fallocate, fcntl_add_seals, fcntl_get_seals, ftruncate};
    alone("untrusted::lies::our_memory_is_sealed_when_it_leaves_us", || {
        let (here, there) = sockets();
        let offering = std::thread::spawn(move || Options::new().capacity(1).offer(there));
        let (_, theirs) = rogue::receive(&here).expect("an offer");
        let seals = fcntl_get_seals(&theirs).expect("seals");
        assert!(seals.contains(rogue::SEALS), "{seals:?}");
        let size = rustix::fs::fstat(&theirs).expect("stat").st_size as u64;
        assert_eq!(ftruncate(&theirs, 0), Err(Errno::PERM));
        assert_eq!(ftruncate(&theirs, size + 4096), Err(Errno::PERM));
        let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        assert_eq!(fallocate(&theirs, punch, 0, size), Err(Errno::PERM));
        assert_eq!(rustix::io::pwrite(&theirs, b"x", 0), Err(Errno::PERM));
        assert_eq!(fcntl_add_seals(&theirs, rustix::fs::SealFlags::WRITE), Err(Errno::PERM));
        assert_eq!(rogue::map_for_writing(&theirs), Err(Errno::PERM));
        drop(here);
        assert!(offering.join().expect("the victim").is_err());
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    /// S7: any words anywhere, between any operations.
    #[test]
    fn any_words(steps in proptest::collection::vec(step(), 1..40)) {
        let (mut sender, mut receiver, rogue) = victim();
        for (place, value, turn) in steps {
            let next = receiver_at(&rogue);
            let at = match place {
                0..=3 => ring() + next,
                4 => TAIL,
                5 => RECEIVER,
                6 => SENDER,
                place => ring() + usize::from(place) * 8 % CAPACITY as usize,
            };
            rogue.store(at, value);
            match turn {
                0 => allowed(&sender.try_send(&vec![3; value as usize % 700])),
                1 => drop(receive_all_ways(&mut receiver)),
                _ => {
                    let mut buf = Guarded::new();
                    let got = receiver.try_recv_into(buf.buf());
                    buf.check(&got);
                    allowed(&got);
                }
            }
        }
    }
}

/// Where the victim looks for its next message.
fn receiver_at(rogue: &Rogue) -> usize {
    (rogue.seen(TAIL) % CAPACITY) as usize
}

fn step() -> impl Strategy<Value = (u16, u64, u8)> {
    let value = prop_oneof![
        any::<u64>(),
        (0..2 * CAPACITY).prop_map(header),
        (0..2 * CAPACITY).prop_map(|value| value & !7),
        Just(PAD),
        Just(0),
    ];
    (0_u16..600, value, 0_u8..3)
}
