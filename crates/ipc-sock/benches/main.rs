//! Unix sockets beside the system calls they are made of, and beside the floor.
//!
//! `raw` makes the cheapest calls that keep our promises: no SIGPIPE (`MSG_NOSIGNAL`), the real length
//! of a message (`MSG_TRUNC`), no wait where none is wanted (`MSG_DONTWAIT`), and buffers as large as
//! ours. `std` is `std::os::unix::net` as it comes, with the system's buffers; `interprocess` likewise.

mod death;
mod link;
mod more;
mod net;
mod opening;
mod raw;
mod tcp;

use std::process::ExitCode;

use ipc_devkit::bench::{self, Bench, Better, Buffer, Case, Pair, Placement, Scenario, Turns};
use link::{Fds, Kind, Link};

/// Calls that reach nobody else.
const CALL: Scenario = Scenario::new("call", Better::LowerTime);

const SIZES: [(usize, &str); 5] = [
    (64, "64 B"),
    (1 << 10, "1 KiB"),
    (4 << 10, "4 KiB"),
    (64 << 10, "64 KiB"),
    (1 << 20, "1 MiB"),
];

fn main() -> ExitCode {
    bench::main("ipc-sock", |bench| {
        for kind in Kind::ALL {
            calls(bench, kind);
            for (size, label) in SIZES {
                for placement in Placement::ALL {
                    messages(bench, kind, label, size, placement);
                }
            }
        }
        descriptors(bench);
        opening::cases(bench);
        more::cases(bench);
        net::cases(bench);
        tcp::cases(bench);
        death::cases(bench);
    })
}

/// Send and receive in one process: what a pair of calls costs, with nobody to wait for.
fn calls(bench: &mut Bench, kind: Kind) {
    const SIZE: usize = 64;
    for (busy, form) in [(false, "send + recv"), (true, "try_send + try_recv")] {
        bench.case(
            Case::alone(CALL, format!("{} {form} 64 B", kind.name()))
                .size(SIZE)
                .raw("raw socket", move || alone(SIZE, link::raw(kind, busy)?))
                .ours("ipc-sock", move || alone(SIZE, link::ours(kind, busy)?)),
        );
    }
}

/// Messages of one size over one kind of socket, there and back, and one way.
fn messages(bench: &mut Bench, kind: Kind, label: &str, size: usize, placement: Placement) {
    let (place, name) = (placement.name(), kind.name());
    let busy = placement == Placement::Busy;
    let mut round = Case::round_trip(format!("{name} round-trip {label} {place}"), size, placement)
        .floor_exchange()
        .raw("raw socket", move || round_trip(size, link::raw(kind, busy)?))
        .ours("ipc-sock", move || round_trip(size, link::ours(kind, busy)?));
    let mut stream = Case::one_way(format!("{name} one-way {label} {place}"), size, placement)
        .floor_one_way()
        .raw("raw socket", move || one_way(size, link::raw(kind, busy)?))
        .ours("ipc-sock", move || one_way(size, link::ours(kind, busy)?));
    if kind == Kind::Stream {
        round = round.peer("std", move || round_trip(size, link::std(busy)?));
        stream = stream.peer("std", move || one_way(size, link::std(busy)?));
        round = round.peer("interprocess", move || round_trip(size, link::interprocess(busy)?));
        stream = stream.peer("interprocess", move || one_way(size, link::interprocess(busy)?));
    }
    bench.case(round);
    bench.case(stream);
}

/// Descriptors beside one byte, received and closed again.
fn descriptors(bench: &mut Bench) {
    for count in [1, 16] {
        bench.case(
            Case::alone(CALL, format!("seqpacket pass {count} descriptors"))
                .size(8)
                .raw("raw sendmsg", move || pass(Fds::raw(count)?))
                .ours("ipc-sock", move || pass(Fds::ours(count)?)),
        );
    }
}

fn pass(mut fds: Fds) -> std::io::Result<Pair> {
    Ok(Pair::alone(move |turns: Turns| {
        for number in turns.sequence() {
            let mut message = [0; 8];
            turns.fill(&mut message, number);
            turns.check(&fds.there_and_back(message)?, number)?;
        }
        Ok(())
    }))
}

fn alone(size: usize, (mut to, mut from): (Link, Link)) -> std::io::Result<Pair> {
    let mut message = Buffer::new(size);
    Ok(Pair::alone(move |turns: Turns| {
        for number in turns.sequence() {
            turns.fill(&mut message, number);
            to.send(&message)?;
            from.recv(&mut message)?;
            turns.check(&message, number)?;
        }
        Ok(())
    }))
}

fn round_trip(size: usize, (mut near, mut far): (Link, Link)) -> std::io::Result<Pair> {
    let (mut question, mut answer) = (Buffer::new(size), Buffer::new(size));
    Ok(Pair::two(
        move |turns: Turns| {
            for number in turns.sequence() {
                turns.fill(&mut question, number);
                near.send(&question)?;
                near.recv(&mut question)?;
                turns.check(&question, number)?;
            }
            Ok(())
        },
        move |turns: Turns| {
            for number in turns.sequence() {
                far.recv(&mut answer)?;
                turns.check(&answer, number)?;
                far.send(&answer)?;
            }
            Ok(())
        },
    ))
}

fn one_way(size: usize, (mut near, mut far): (Link, Link)) -> std::io::Result<Pair> {
    let (mut into, mut from) = (Buffer::new(size), Buffer::new(size));
    Ok(Pair::two(
        move |turns: Turns| {
            for number in turns.sequence() {
                near.recv(&mut into)?;
                turns.check(&into, number)?;
            }
            Ok(())
        },
        move |turns: Turns| {
            for number in turns.sequence() {
                turns.fill(&mut from, number);
                far.send(&from)?;
            }
            Ok(())
        },
    ))
}
