//! How late a deadline of a System V queue is kept, by each of our means, beside a bare sleep.

use std::io;
use std::time::Duration;

use ipc_devkit::bench::{Bench, Better, Case, Pair, Scenario, Turns};
use ipc_mq::Error;
use ipc_mq::sysv::{Filter, QueueOptions, Timing};
use rustix::event::{Timespec, poll};

/// A wait of 1 ms that nothing satisfies; what is above 1 ms is added.
const TIMEOUT: Scenario = Scenario::new("timeout", Better::LowerTime);
const WAIT: Duration = Duration::from_millis(1);

pub(super) fn cases(bench: &mut Bench) {
    bench.case(
        Case::alone(TIMEOUT, "sysv msg recv_timeout 1 ms")
            .raw("poll 1 ms", || Ok(Pair::alone(sleep)))
            .ours("ipc-mq by signal", || by(Timing::Signal))
            .peer("ipc-mq by polling", || by(Timing::Polling)),
    );
}

fn sleep(turns: Turns) -> io::Result<()> {
    for _ in turns.sequence() {
        poll(&mut [], Some(&Timespec { tv_sec: 0, tv_nsec: 1_000_000 }))?;
    }
    Ok(())
}

fn by(timing: Timing) -> io::Result<Pair> {
    let queue = QueueOptions::new().timing(timing).private()?;
    let queue = super::Removed(queue, std::process::id());
    Ok(Pair::alone(move |turns: Turns| {
        for _ in turns.sequence() {
            match queue.0.recv_timeout(Filter::Any, WAIT) {
                Err(Error::TimedOut) => {}
                other => return Err(io::Error::other(format!("not a time-out: {other:?}"))),
            }
        }
        Ok(())
    }))
}
