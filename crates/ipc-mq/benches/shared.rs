//! Queues in shared memory, kill-safe, beside POSIX queues by raw calls and beside Boost's.
//!
//! `ipc-mq` receives for good (`recv_now`); `ipc-mq ack` holds each message and acknowledges it;
//! `ipc-mq batch` sends and receives up to 16 at a time.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use ipc_devkit::bench::{Bench, Better, Buffer, Case, Pair, Placement, Scenario, Turns};
use ipc_mq::Error;
use ipc_mq::shared::{Envelope, Filter, Queue, QueueOptions};

use super::{Ends, Send, boost, one_way, raw, round_trip};

/// A queue that is never empty.
const DEEP: Scenario = Scenario::new("deep", Better::LowerTime);
/// As many messages as a POSIX queue has by default.
const CAPACITY: usize = 10;
/// For ours, which needs no privilege for more.
const ROOMY: usize = 256;
const BATCH: usize = 16;

pub(crate) fn cases(bench: &mut Bench) {
    for (size, label) in [(64, "64 B"), (1 << 10, "1 KiB"), (8 << 10, "8 KiB")] {
        for placement in Placement::ALL {
            messages(bench, label, size, placement);
        }
    }
    for (depth, label) in [(10, "10"), (1_000, "1k"), (100_000, "100k")] {
        deep(bench, label, depth);
    }
}

fn messages(bench: &mut Bench, label: &str, size: usize, placement: Placement) {
    let (place, busy) = (placement.name(), placement == Placement::Busy);
    bench.case(
        Case::round_trip(format!("mq shared round-trip {label} {place}"), size, placement)
            .floor_exchange()
            .raw("raw posix mq", move || round_trip(size, || raw::posix(size, busy)))
            .ours("ipc-mq", move || round_trip(size, || Ok(ours(CAPACITY, size, busy))))
            .peer("ipc-mq ack", move || round_trip(size, || Ok(acknowledged(CAPACITY, size, busy))))
            .peer("boost", move || round_trip(size, || boost::ends(CAPACITY, size, busy))),
    );
    bench.case(
        Case::one_way(format!("mq shared one-way {label} {place}"), size, placement)
            .floor_one_way()
            .raw("raw posix mq", move || one_way(size, raw::posix(size, busy)?))
            .ours("ipc-mq", move || one_way(size, ours(ROOMY, size, busy)))
            .peer("ipc-mq 10 deep", move || one_way(size, ours(CAPACITY, size, busy)))
            .peer("ipc-mq ack", move || one_way(size, acknowledged(ROOMY, size, busy)))
            .peer("ipc-mq batch", move || batches(size, busy))
            .peer("boost", move || one_way(size, boost::ends(ROOMY, size, busy)?))
            .peer("boost 10 deep", move || one_way(size, boost::ends(CAPACITY, size, busy)?)),
    );
}

/// A queue by name, which each half opens for itself on its first turn: an attachment is not inherited.
struct Opener {
    name: String,
    options: QueueOptions,
    queue: Option<Queue>,
    named: bool,
}

impl Opener {
    /// The sender's and the receiver's.
    fn pair(capacity: usize, size: usize) -> (Self, Self) {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("ipc-mq-bench-{}-{number}", std::process::id());
        let options = QueueOptions::new().capacity(capacity).message_size(size);
        let half =
            || Self { name: name.clone(), options: options.clone(), queue: None, named: true };
        (half(), half())
    }

    #[inline]
    fn queue(&mut self) -> io::Result<&Queue> {
        match &mut self.queue {
            Some(queue) => Ok(queue),
            empty => Ok(empty.insert(self.options.open_or_create(&self.name)?)),
        }
    }

    /// The receiver has a message: both are there, and the name can go.
    #[inline]
    fn both_are_there(&mut self) -> io::Result<()> {
        if self.named {
            self.named = false;
            Queue::unlink(&self.name)?;
        }
        Ok(())
    }
}

fn sender(mut to: Opener, busy: bool) -> Send {
    Box::new(move |bytes| {
        let queue = to.queue()?;
        if busy { spin(|| queue.try_send(0, bytes)) } else { Ok(queue.send(0, bytes)?) }
    })
}

fn ours(capacity: usize, size: usize, busy: bool) -> Ends {
    let (to, mut from) = Opener::pair(capacity, size);
    let receive = move |into: &mut [u8]| {
        let queue = from.queue()?;
        let message = if busy { spin(|| queue.try_recv_now())? } else { queue.recv_now()? };
        into.copy_from_slice(&message.bytes);
        from.both_are_there()
    };
    Ends { send: sender(to, busy), receive: Box::new(receive) }
}

fn acknowledged(capacity: usize, size: usize, busy: bool) -> Ends {
    let (to, mut from) = Opener::pair(capacity, size);
    let receive = move |into: &mut [u8]| {
        let queue = from.queue()?;
        let message = if busy { spin(|| queue.try_recv())? } else { queue.recv()? };
        into.copy_from_slice(&message.bytes);
        message.ack()?;
        from.both_are_there()
    };
    Ends { send: sender(to, busy), receive: Box::new(receive) }
}

/// Asks again for as long as the call would have to wait.
#[inline]
fn spin<T>(mut call: impl FnMut() -> ipc_mq::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(Error::WouldBlock) => std::hint::spin_loop(),
            done => return Ok(done?),
        }
    }
}

/// One way, up to `BATCH` messages under one lock.
fn batches(size: usize, busy: bool) -> io::Result<Pair> {
    let (mut to, mut from) = Opener::pair(ROOMY, size);
    let mut buffers: Vec<Buffer> = (0..BATCH).map(|_| Buffer::new(size)).collect();
    Ok(Pair::two(
        move |turns: Turns| {
            let (mut number, end) = (turns.sequence().start, turns.sequence().end);
            while number < end {
                let queue = from.queue()?;
                let most = BATCH.min(usize::try_from(end - number).unwrap_or(BATCH));
                let got = if busy {
                    spin(|| queue.try_recv_many_now(most))?
                } else {
                    queue.recv_many_now(most)?
                };
                for message in got {
                    turns.check(&message.bytes, number)?;
                    number += 1;
                }
                from.both_are_there()?;
            }
            Ok(())
        },
        move |turns: Turns| {
            let (mut number, end) = (turns.sequence().start, turns.sequence().end);
            while number < end {
                let count = BATCH.min(usize::try_from(end - number).unwrap_or(BATCH));
                for (buffer, number) in buffers[..count].iter_mut().zip(number..) {
                    turns.fill(buffer, number);
                }
                let envelope = Envelope::new();
                let all: Vec<(Envelope, &[u8])> =
                    buffers[..count].iter().map(|buffer| (envelope, &buffer[..])).collect();
                let (queue, mut rest) = (to.queue()?, &all[..]);
                while !rest.is_empty() {
                    let sent = if busy {
                        spin(|| queue.try_send_many(rest))?
                    } else {
                        queue.send_many(rest)?
                    };
                    rest = &rest[sent..];
                }
                number += count as u64;
            }
            Ok(())
        },
    ))
}

/// Sends a message and receives one in a queue that holds `depth` others: any, and by type. With one type
/// and with a type for each message.
fn deep(bench: &mut Bench, label: &str, depth: usize) {
    let case = |what: &str| Case::alone(DEEP, format!("mq shared {what}, {label} queued")).size(64);
    bench.case(
        case("send + recv any")
            .ours("ipc-mq one type", move || alone(depth, 1, Filter::Any))
            .peer("ipc-mq a type each", move || alone(depth, i64::MAX, Filter::Any)),
    );
    bench.case(
        case("send + recv by type")
            .ours("ipc-mq one other type", move || alone(depth, 1, Filter::Type(OWN)))
            .peer("ipc-mq a type each", move || alone(depth, i64::MAX, Filter::Type(OWN))),
    );
    bench.case(
        case("send + recv except a type")
            .ours("ipc-mq one other type", move || alone(depth, 1, Filter::Except(1)))
            .peer("ipc-mq a type each", move || alone(depth, i64::MAX, Filter::Except(1))),
    );
}

/// The type of the messages that come and go.
const OWN: i64 = 1 << 40;

fn alone(depth: usize, types: i64, filter: Filter) -> io::Result<Pair> {
    let (mut own, _) = Opener::pair(depth + 1, 64);
    let mut message = Buffer::new(64);
    Ok(Pair::alone(move |turns: Turns| {
        let fresh = own.queue.is_none();
        let queue = own.queue()?;
        if fresh {
            for (number, _) in (0_i64..).zip(0..depth) {
                queue.send(Envelope::new().priority(0).kind(1 + number % types), &message)?;
            }
        }
        for number in turns.sequence() {
            turns.fill(&mut message, number);
            queue.send(Envelope::new().priority(1).kind(OWN), &message)?;
            let got = queue.only(filter).try_recv_now()?;
            turns.check(&got.bytes, number)?;
        }
        own.both_are_there()
    }))
}
