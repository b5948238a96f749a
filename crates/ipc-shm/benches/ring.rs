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
    for placement in [Placement::OneCore, Placement::Block] {
        let case = name("round-trip", 64, Wait::Block, placement.name());
        bench.case(
            Case::round_trip(case, 64, placement)
                .floor_exchange()
                .ours("ring", || Ok(round_trip(64, Wait::Block))),
        );
    }
    for size in [48, 64, 256, 1024, 4096, 65536, 1 << 20] {
        bench.case(
            Case::one_way(name("one-way", size, Wait::Block, "busy"), size, Placement::Busy)
                .floor_one_way()
                .ours("ring", move || Ok(one_way(size, Wait::Block))),
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

fn bytes(size: usize) -> String {
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
    pub(super) fn new(size: usize, wait: Wait) -> Rc<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ipc-t-{}-{number}-ring", std::process::id());
        let capacity = (128 << 10).max(size * 5);
        Rc::new(Self { name, options: Options::new().capacity(capacity).wait(wait) })
    }

    /// The end that is wanted.
    fn end<E: RingEnd>(&self) -> io::Result<E> {
        Ok(self.options.open_or_create(&self.name)?)
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = Sender::unlink(&self.name);
    }
}

fn round_trip(size: usize, wait: Wait) -> Pair {
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

fn one_way(size: usize, wait: Wait) -> Pair {
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
