//! Rings beside the floors: the same bytes in C shape.

use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use ipc_devkit::bench::{Bench, Buffer, Case, Pair, Placement, Turns};
use ipc_shm::Wait;
use ipc_shm::ring::{Options, Receiver, RingEnd, Sender};

/// All cases of rings.
pub(super) fn cases(bench: &mut Bench) {
    for size in [48, 64, 1024, 65536] {
        for wait in [Wait::Spin, Wait::Block] {
            bench.case(
                Case::round_trip(name("round-trip", size, wait, "busy"), size, Placement::Busy)
                    .floor_exchange()
                    .ours(subject(wait), move || Ok(round_trip(size, wait))),
            );
        }
    }
    for wait in [Wait::Spin, Wait::Block] {
        bench.case(
            Case::round_trip(name("typed round-trip", 64, wait, "busy"), 64, Placement::Busy)
                .floor_exchange()
                .ours("ring of [u8; 64]", move || Ok(typed_round_trip(wait))),
        );
    }
    bench.case(
        Case::one_way("shm ring typed one-way 64 B busy", 64, Placement::Busy)
            .floor_one_way()
            .ours("ring of [u8; 64]", || Ok(typed_one_way())),
    );
    for placement in [Placement::OneCore, Placement::Block] {
        let case = name("round-trip", 64, Wait::Block, placement.name());
        bench.case(
            Case::round_trip(case, 64, placement)
                .floor_exchange()
                .ours("ring", || Ok(round_trip(64, Wait::Block))),
        );
    }
    for size in [48, 64, 256, 1024, 4096, 65536, 1 << 20] {
        // A long message takes longer than a blocking call looks before it sleeps; the floor looks on.
        let wait = if size < 65536 { Wait::Block } else { Wait::Spin };
        bench.case(
            Case::one_way(name("one-way", size, Wait::Block, "busy"), size, Placement::Busy)
                .floor_one_way()
                .ours(subject(wait), move || Ok(one_way(size, wait))),
        );
    }
}

fn name(what: &str, size: usize, wait: Wait, placement: &str) -> String {
    let calls = if wait == Wait::Spin { "spin " } else { "" };
    format!("shm ring {what} {} {calls}{placement}", bytes(size))
}

fn subject(wait: Wait) -> &'static str {
    if wait == Wait::Spin { "ring, spinning" } else { "ring" }
}

pub(super) fn bytes(size: usize) -> String {
    match size {
        1024.. if size % (1 << 20) == 0 => format!("{} MiB", size >> 20),
        1024.. if size % 1024 == 0 => format!("{} KiB", size >> 10),
        _ => format!("{size} B"),
    }
}

/// A ring that both halves open on their first turn, each in its own process.
pub(super) struct Named {
    name: String,
    options: Options,
}

impl Named {
    /// A ring for at least four messages.
    pub(super) fn new(size: usize, wait: Wait) -> Rc<Self> {
        Self::with(size, 4, wait)
    }

    /// A ring for at least so many messages.
    pub(super) fn with(size: usize, messages: usize, wait: Wait) -> Rc<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ipc-t-{}-{number}-ring", std::process::id());
        let capacity = (128 << 10).max(messages * (size + 256));
        Rc::new(Self { name, options: Options::new().capacity(capacity).wait(wait) })
    }

    /// The end that is wanted.
    pub(super) fn end<E: RingEnd>(&self) -> io::Result<E> {
        Ok(self.options.open_or_create(&self.name)?)
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = Sender::unlink(&self.name);
    }
}

pub(super) fn round_trip(size: usize, wait: Wait) -> Pair {
    let (there, back) = (Named::new(size, wait), Named::new(size, wait));
    let (there_too, back_too) = (Rc::clone(&there), Rc::clone(&back));
    let mut near: Option<(Sender, Receiver)> = None;
    let mut far: Option<(Receiver, Sender)> = None;
    let (mut question, mut answer) = (Buffer::new(size), Buffer::new(size));
    Pair::two(
        move |turns: Turns| {
            let (send, recv) = ends(&mut near, || Ok((there.end()?, back.end()?)))?;
            for number in turns.sequence() {
                turns.fill(&mut question, number);
                send.send(&question)?;
                recv.recv_into(&mut question)?;
                turns.check(&question, number)?;
            }
            Ok(())
        },
        move |turns: Turns| {
            let (recv, send) = ends(&mut far, || Ok((there_too.end()?, back_too.end()?)))?;
            for number in turns.sequence() {
                recv.recv_into(&mut answer)?;
                turns.check(&answer, number)?;
                send.send(&answer)?;
            }
            Ok(())
        },
    )
}

pub(super) fn one_way(size: usize, wait: Wait) -> Pair {
    let ring = Named::new(size, wait);
    let ring_too = Rc::clone(&ring);
    let mut near: Option<Receiver> = None;
    let mut far: Option<Sender> = None;
    let (mut received, mut sent) = (Buffer::new(size), Buffer::new(size));
    Pair::two(
        move |turns: Turns| {
            let receiver = ends(&mut near, || ring.end())?;
            for number in turns.sequence() {
                receiver.recv_into(&mut received)?;
                turns.check(&received, number)?;
            }
            Ok(())
        },
        move |turns: Turns| {
            let sender = ends(&mut far, || ring_too.end())?;
            for number in turns.sequence() {
                turns.fill(&mut sent, number);
                sender.send(&sent)?;
            }
            Ok(())
        },
    )
}

/// A message of a ring of values, as the bench fills and checks it.
type Value = [u8; 64];

#[inline]
fn value(bytes: &[u8]) -> Value {
    bytes.try_into().unwrap_or([0; 64])
}

fn typed_round_trip(wait: Wait) -> Pair {
    use ipc_shm::ring::typed::{Receiver, Sender};
    let (there, back) = (Named::new(64, wait), Named::new(64, wait));
    let (there_too, back_too) = (Rc::clone(&there), Rc::clone(&back));
    let options = ipc_shm::ring::of::<Value>().wait(wait);
    let options_too = options.clone();
    let mut near: Option<(Sender<Value>, Receiver<Value>)> = None;
    let mut far: Option<(Receiver<Value>, Sender<Value>)> = None;
    let (mut question, mut answer) = (Buffer::new(64), Buffer::new(64));
    Pair::two(
        move |turns: Turns| {
            let (send, recv) = ends(&mut near, || {
                Ok((options.open_or_create(&there.name)?, options.open_or_create(&back.name)?))
            })?;
            for number in turns.sequence() {
                turns.fill(&mut question, number);
                send.send(value(&question)).map_err(|rejected| rejected.error)?;
                question.copy_from_slice(&recv.recv()?);
                turns.check(&question, number)?;
            }
            Ok(())
        },
        move |turns: Turns| {
            let (recv, send) = ends(&mut far, || {
                let there = options_too.open_or_create(&there_too.name)?;
                Ok((there, options_too.open_or_create(&back_too.name)?))
            })?;
            for number in turns.sequence() {
                answer.copy_from_slice(&recv.recv()?);
                turns.check(&answer, number)?;
                send.send(value(&answer)).map_err(|rejected| rejected.error)?;
            }
            Ok(())
        },
    )
}

fn typed_one_way() -> Pair {
    let ring = Named::new(64, Wait::Block);
    let ring_too = Rc::clone(&ring);
    let options = ipc_shm::ring::of::<Value>();
    let options_too = options.clone();
    let mut near = None;
    let mut far = None;
    let (mut received, mut sent) = (Buffer::new(64), Buffer::new(64));
    Pair::two(
        move |turns: Turns| {
            let receiver: &mut ipc_shm::ring::typed::Receiver<Value> =
                ends(&mut near, || Ok(options.open_or_create(&ring.name)?))?;
            for number in turns.sequence() {
                received.copy_from_slice(&receiver.recv()?);
                turns.check(&received, number)?;
            }
            Ok(())
        },
        move |turns: Turns| {
            let sender: &mut ipc_shm::ring::typed::Sender<Value> =
                ends(&mut far, || Ok(options_too.open_or_create(&ring_too.name)?))?;
            for number in turns.sequence() {
                turns.fill(&mut sent, number);
                sender.send(value(&sent)).map_err(|rejected| rejected.error)?;
            }
            Ok(())
        },
    )
}

/// What is opened on the first turn: it belongs to the process that uses it.
pub(super) fn ends<T>(
    place: &mut Option<T>,
    open: impl FnOnce() -> io::Result<T>,
) -> io::Result<&mut T> {
    if place.is_none() {
        *place = Some(open()?);
    }
    place.as_mut().ok_or_else(|| io::Error::other("was just opened"))
}
