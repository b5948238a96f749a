//! FIFOs beside the system calls they are made of, and beside the floor.
//!
//! `raw` makes the cheapest calls that keep our promises: no SIGPIPE (`RWF_NOSIGNAL`), and where it must
//! not wait, `O_NONBLOCK` on a description of its own. `plain` is what a C programmer writes: `read` and
//! `write`.

mod opening;
mod raw;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use ipc_devkit::bench::stream::{Ends, alone, one_way, round_trip};
use ipc_devkit::bench::{self, Bench, Better, Case, Placement, Scenario};
use ipc_fifo::{Error, FifoOptions};

/// Calls that reach nobody else.
const CALL: Scenario = Scenario::new("call", Better::LowerTime);

const SIZES: [(usize, &str); 5] = [
    (64, "64 B"),
    (1 << 10, "1 KiB"),
    (4 << 10, "4 KiB"),
    (64 << 10, "64 KiB"),
    (1 << 20, "1 MiB"),
];
const CAPACITIES: [(usize, &str); 2] = [(64 << 10, "fifo"), (1 << 20, "fifo 1 MiB")];

fn main() -> ExitCode {
    directory();
    let done = bench::main("ipc-fifo", |bench| {
        calls(bench);
        opening::cases(bench);
        for (capacity, fifo) in CAPACITIES {
            for (size, label) in SIZES {
                for placement in Placement::ALL {
                    messages(bench, fifo, capacity, label, size, placement);
                }
            }
        }
    });
    let _ = std::fs::remove_dir_all(directory());
    done
}

/// Write and read in one process: what a pair of calls costs, with nobody to wait for.
fn calls(bench: &mut Bench) {
    const SIZE: usize = 64;
    for (busy, form) in [(false, "write + read"), (true, "try_write + try_read")] {
        bench.case(
            Case::alone(CALL, format!("fifo {form} 64 B"))
                .size(SIZE)
                .raw("raw fifo", move || Ok(alone(SIZE, raw::fifo(64 << 10, busy)?)))
                .ours("ipc-fifo", move || Ok(alone(SIZE, ours(64 << 10, busy)?)))
                .peer("plain fifo", move || Ok(alone(SIZE, raw::plain(64 << 10, busy)?))),
        );
    }
}

/// Messages of one size through FIFOs of one capacity, there and back, and one way.
fn messages(
    bench: &mut Bench,
    fifo: &str,
    capacity: usize,
    label: &str,
    size: usize,
    placement: Placement,
) {
    let place = placement.name();
    let busy = placement == Placement::Busy;
    bench.case(
        Case::round_trip(format!("{fifo} round-trip {label} {place}"), size, placement)
            .floor_exchange()
            .raw("raw fifo", move || round_trip(size, || raw::fifo(capacity, busy)))
            .ours("ipc-fifo", move || round_trip(size, || ours(capacity, busy)))
            .peer("plain fifo", move || round_trip(size, || raw::plain(capacity, busy))),
    );
    bench.case(
        Case::one_way(format!("{fifo} one-way {label} {place}"), size, placement)
            .floor_one_way()
            .raw("raw fifo", move || Ok(one_way(size, raw::fifo(capacity, busy)?)))
            .ours("ipc-fifo", move || Ok(one_way(size, ours(capacity, busy)?)))
            .peer("plain fifo", move || Ok(one_way(size, raw::plain(capacity, busy)?))),
    );
}

/// Ours: the `try_` forms where both sides spin, the plain forms where they sleep.
fn ours(capacity: usize, busy: bool) -> io::Result<Ends> {
    let fifo = FifoOptions::new().capacity(capacity).create(fresh_path())?;
    let (mut reader, mut writer) = (fifo.try_open_reader()?, fifo.try_open_writer()?);
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
fn spin(mut call: impl FnMut() -> ipc_fifo::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(Error::WouldBlock) => {}
            done => return Ok(done?),
        }
    }
}

/// A path that no other subject has, in a directory that goes with the run. Halves that are processes of
/// their own end without dropping anything.
fn fresh_path() -> PathBuf {
    static MADE: AtomicU32 = AtomicU32::new(0);
    directory().join(MADE.fetch_add(1, Ordering::Relaxed).to_string())
}

fn directory() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("ipc-t-{}-bench", std::process::id()));
        std::fs::create_dir(&path).expect("make a directory for FIFOs");
        path
    })
}
