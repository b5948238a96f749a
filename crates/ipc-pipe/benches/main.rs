//! Pipes beside the system calls they are made of, and beside the floor.
//!
//! `raw` makes the cheapest calls that keep our promises: no SIGPIPE (`RWF_NOSIGNAL`), and where it must
//! not wait, no change of a shared description (`RWF_NOWAIT`). `plain` is what a C programmer writes:
//! `read` and `write`, on descriptors of its own that may be non-blocking.

mod life;
mod raw;
mod zero_copy;

use std::io;
use std::process::ExitCode;

use ipc_devkit::bench::stream::{Ends, alone, one_way, round_trip};
use ipc_devkit::bench::{self, Bench, Better, Case, Placement, Scenario};
use ipc_pipe::{Error, PipeOptions};

/// Calls that reach nobody else.
const CALL: Scenario = Scenario::new("call", Better::LowerTime);

const SIZES: [(usize, &str); 5] = [
    (64, "64 B"),
    (1 << 10, "1 KiB"),
    (4 << 10, "4 KiB"),
    (64 << 10, "64 KiB"),
    (1 << 20, "1 MiB"),
];
const CAPACITIES: [(usize, &str); 2] = [(64 << 10, "pipe"), (1 << 20, "pipe 1 MiB")];

fn main() -> ExitCode {
    bench::main("ipc-pipe", |bench| {
        calls(bench);
        for (capacity, pipe) in CAPACITIES {
            for (size, label) in SIZES {
                for placement in Placement::ALL {
                    messages(bench, pipe, capacity, label, size, placement);
                }
            }
        }
        zero_copy::cases(bench);
        life::cases(bench);
    })
}

/// Write and read in one process: what a pair of calls costs, with nobody to wait for.
fn calls(bench: &mut Bench) {
    const SIZE: usize = 64;
    for (busy, form) in [(false, "write + read"), (true, "try_write + try_read")] {
        bench.case(
            Case::alone(CALL, format!("pipe {form} 64 B"))
                .size(SIZE)
                .raw("raw pipe", move || Ok(alone(SIZE, raw::pipe(64 << 10, busy)?)))
                .ours("ipc-pipe", move || Ok(alone(SIZE, ours(64 << 10, busy)?)))
                .peer("plain pipe", move || Ok(alone(SIZE, raw::plain(64 << 10, busy)?))),
        );
    }
}

/// Messages of one size through pipes of one capacity, there and back, and one way.
fn messages(
    bench: &mut Bench,
    pipe: &str,
    capacity: usize,
    label: &str,
    size: usize,
    placement: Placement,
) {
    let place = placement.name();
    let busy = placement == Placement::Busy;
    bench.case(
        Case::round_trip(format!("{pipe} round-trip {label} {place}"), size, placement)
            .floor_exchange()
            .raw("raw pipe", move || round_trip(size, || raw::pipe(capacity, busy)))
            .ours("ipc-pipe", move || round_trip(size, || ours(capacity, busy)))
            .peer("plain pipe", move || round_trip(size, || raw::plain(capacity, busy))),
    );
    bench.case(
        Case::one_way(format!("{pipe} one-way {label} {place}"), size, placement)
            .floor_one_way()
            .raw("raw pipe", move || Ok(one_way(size, raw::pipe(capacity, busy)?)))
            .ours("ipc-pipe", move || Ok(one_way(size, ours(capacity, busy)?)))
            .peer("plain pipe", move || Ok(one_way(size, raw::plain(capacity, busy)?))),
    );
}

/// Ours: the `try_` forms where both sides spin, the plain forms where they sleep.
fn ours(capacity: usize, busy: bool) -> io::Result<Ends> {
    let (mut reader, mut writer) = PipeOptions::new().capacity(capacity).create()?;
    Ok(if busy {
        Ends {
            send: Box::new(move |bytes| spin(|| writer.try_write(bytes))),
            receive: Box::new(move |bytes| spin(|| reader.try_read(bytes))),
        }
    } else {
        Ends {
            send: Box::new(move |bytes| Ok(writer.write(bytes)?)),
            receive: Box::new(move |bytes| Ok(reader.read(bytes)?)),
        }
    })
}

/// Asks again for as long as the call would have to wait.
#[inline]
fn spin(mut call: impl FnMut() -> ipc_pipe::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(Error::WouldBlock) => {}
            done => return Ok(done?),
        }
    }
}
