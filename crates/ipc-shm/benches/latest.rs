//! Reading the newest value, beside a plain copy: with nobody writing, and with a writer in another process
//! that stores a million times a second.

use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

use ipc_devkit::bench::{Bench, Better, Case, Pair, Scenario, Turns};
use ipc_shm::{Latest, LatestReader};

use super::helper::{self, Helpers};
use super::moves;

/// One read of the newest value.
const READ: Scenario = Scenario::new("read", Better::LowerTime);
/// One store of a value, with nobody asleep.
const WRITE: Scenario = Scenario::new("write", Better::LowerTime);
/// How often the writer stores.
const PERIOD: Duration = Duration::from_micros(1);

/// All cases of the newest value.
pub(super) fn cases(bench: &mut Bench) {
    sizes::<8>(bench, "64 B", "latest-64");
    sizes::<512>(bench, "4 KiB", "latest-4096");
}

fn sizes<const N: usize>(bench: &mut Bench, size: &str, role: &'static str) {
    for (case, role) in [("quiet", None), ("written", Some(role))] {
        bench.case(
            Case::alone(READ, format!("shm latest read {size} {case}"))
                .size(N * 8)
                .raw("same moves", || Ok(plain::<N>(moves::copy)))
                .ours("Latest::load_into", move || Ok(read::<N>(role, true)))
                .peer("Latest::load", move || Ok(read::<N>(role, false)))
                .peer("memcpy", || Ok(plain::<N>(|from, to| *to = *from))),
        );
    }
    bench.case(
        Case::alone(WRITE, format!("shm latest store {size}"))
            .size(N * 8)
            .raw("same moves", || Ok(plain::<N>(moves::copy)))
            .ours("Latest::store_from", || Ok(store::<N>())),
    );
}

fn wrong() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a torn value")
}

/// Copies inside one process.
fn plain<const N: usize>(copy: fn(&[u64; N], &mut [u64; N])) -> Pair {
    let (from, mut to) = (Box::new([7; N]), Box::new([0; N]));
    Pair::alone(move |turns: Turns| {
        for _ in turns.sequence() {
            copy(black_box(&from), black_box(&mut to));
            if to[0] != to[N - 1] {
                return Err(wrong());
            }
        }
        Ok(())
    })
}

/// Loads, with a writer if there is a role for one.
fn read<const N: usize>(role: Option<&'static str>, into: bool) -> Pair {
    let mut there: Option<(LatestReader<[u64; N]>, Option<Helpers>)> = None;
    let mut value = Box::new([0; N]);
    Pair::alone(move |turns: Turns| {
        if there.is_none() {
            there = Some(open(role)?);
        }
        let Some((reader, _)) = &mut there else { return Ok(()) };
        for _ in turns.sequence() {
            let (first, last) = if into {
                reader.load_into(&mut value)?;
                (value[0], value[N - 1])
            } else {
                let value = reader.load()?;
                let value = black_box(&value);
                (value[0], value[N - 1])
            };
            if first != last {
                return Err(wrong());
            }
        }
        Ok(())
    })
}

fn open<const N: usize>(
    role: Option<&'static str>,
) -> io::Result<(LatestReader<[u64; N]>, Option<Helpers>)> {
    let name = helper::name("latest");
    let opened = (|| {
        let mut writer = Latest::<[u64; N]>::writer(&name)?;
        writer.store([7; N])?;
        let reader = Latest::reader(&name)?;
        drop(writer);
        Ok((reader, role.map(|role| Helpers::start(role, &name, 1)).transpose()?))
    })();
    Latest::<[u64; N]>::unlink(&name)?;
    opened
}

/// The writer in a process of its own.
pub(super) fn write<const N: usize>(name: &str) -> io::Result<()> {
    let mut writer = Latest::<[u64; N]>::writer(name)?;
    helper::ready();
    loop {
        let since = Instant::now();
        writer.store_from(&[writer.version(); N])?;
        while since.elapsed() < PERIOD {
            std::hint::spin_loop();
        }
    }
}

fn store<const N: usize>() -> Pair {
    let mut there = None;
    let mut value = Box::new([0; N]);
    Pair::alone(move |turns: Turns| {
        if there.is_none() {
            there = Some(Latest::<[u64; N]>::pair()?);
        }
        let Some((writer, reader)) = &mut there else { return Ok(()) };
        for number in turns.sequence() {
            value[0] = number;
            writer.store_from(&value)?;
        }
        let loaded = reader.load()?;
        if loaded[0] == value[0] { Ok(()) } else { Err(wrong()) }
    })
}
