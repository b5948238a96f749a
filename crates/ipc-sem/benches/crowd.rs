//! Many that want one lock: processes or threads, which run only while a turn is measured.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::time::{Duration, Instant};

use ipc_devkit::bench::{Pair, Turns};

use crate::raw::{self, Gate};

/// Locks and unlocks in one turn, by all together.
pub(super) const PAIRS: u64 = 200_000;
/// Of so many waits, one is timed.
const TIMED: u64 = 16;

/// Does its share of a turn: until all together have done enough.
fn share(gate: &Gate, mut work: impl FnMut(&dyn Fn()) -> io::Result<()>) -> io::Result<()> {
    let inside = || {
        let done = gate.done.load(Relaxed) + 1;
        gate.done.store(done, Relaxed);
        if done % PAIRS == 0 {
            gate.open.store(0, Relaxed);
        }
    };
    let mut count = 0u64;
    while gate.open.load(Relaxed) == 1 {
        count += 1;
        if count % TIMED == 0 {
            let since = Instant::now();
            work(&inside)?;
            let nanos = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
            gate.longest.fetch_max(nanos, Relaxed);
        } else {
            work(&inside)?;
        }
    }
    Ok(())
}

/// One turn, seen by the half that is measured: opens the gate, does its share, waits for the others.
fn turn(gate: &Gate, others: u32, work: impl FnMut(&dyn Fn()) -> io::Result<()>) -> io::Result<()> {
    gate.finished.store(0, Relaxed);
    gate.open.store(1, Relaxed);
    gate.turn.fetch_add(1, AcqRel);
    raw::wake_all(&gate.turn);
    share(gate, work)?;
    let since = Instant::now();
    while gate.finished.load(Acquire) != others {
        raw::sleep_while_changing(&gate.finished, others);
        if since.elapsed() > Duration::from_secs(10) {
            return Err(io::Error::other("somebody in the crowd hangs or died"));
        }
    }
    Ok(())
}

/// One of the others: its share of every turn, until the process ends.
fn other(gate: &Gate, mut work: impl FnMut(&dyn Fn()) -> io::Result<()>) -> io::Result<()> {
    let mut seen = 0;
    loop {
        seen = raw::sleep_while(&gate.turn, seen);
        share(gate, &mut work)?;
        gate.finished.fetch_add(1, AcqRel);
        raw::wake_all(&gate.finished);
    }
}

/// Says on standard error how long the longest wait was, when the subject is done.
struct Report(&'static str, usize, &'static Gate);

impl Drop for Report {
    fn drop(&mut self) {
        let longest = Duration::from_nanos(self.2.longest.load(Relaxed));
        if self.2.turn.load(Relaxed) > 0 {
            eprintln!("{} by {}: longest wait {longest:?} (1 in {TIMED} timed)", self.0, self.1);
        }
    }
}

/// A crowd of processes, forked before any of them uses the lock.
pub(super) fn processes(
    name: &'static str,
    crowd: usize,
    mut work: impl FnMut(&dyn Fn()) -> io::Result<()> + 'static,
) -> io::Result<Pair> {
    let gate = raw::gate()?;
    let others = u32::try_from(crowd - 1).unwrap_or(0);
    let report = Report(name, crowd, gate);
    let mut started = false;
    Ok(Pair::alone(move |turns: Turns| {
        let _ = &report;
        if !started {
            started = true;
            raw::unpin()?;
            for _ in 0..others {
                if raw::fork_tied()? {
                    // The child: it never comes back.
                    let ended = other(gate, &mut work);
                    eprintln!("{name}: {ended:?}");
                    std::process::exit(1);
                }
            }
        }
        turns.sequence().try_for_each(|_| turn(gate, others, &mut work))
    }))
}

/// A crowd of threads.
pub(super) fn threads(
    name: &'static str,
    crowd: usize,
    work: impl Fn(&dyn Fn()) -> io::Result<()> + Send + Sync + 'static,
) -> io::Result<Pair> {
    let gate = raw::gate()?;
    let others = u32::try_from(crowd - 1).unwrap_or(0);
    let work = Arc::new(work);
    let report = Report(name, crowd, gate);
    let mut started = false;
    Ok(Pair::alone(move |turns: Turns| {
        let _ = &report;
        if !started {
            started = true;
            raw::unpin()?;
            for _ in 0..others {
                let work = Arc::clone(&work);
                std::thread::spawn(move || other(gate, |inside| work(inside)));
            }
        }
        turns.sequence().try_for_each(|_| turn(gate, others, |inside| work(inside)))
    }))
}
