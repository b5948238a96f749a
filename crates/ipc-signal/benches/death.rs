//! The death of a process, as seen by one that sleeps on its descriptor.
//!
//! Each needs a new process, which takes longer than what is measured: the subjects time it themselves.

use std::io;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ipc_devkit::bench::{Bench, Case, Pair, Scenario, Turns};
use ipc_signal::Process;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// The watcher sleeps after this time.
const ASLEEP: Duration = Duration::from_millis(3);

pub(super) fn cases(bench: &mut Bench) {
    bench.case(
        Case::alone(Scenario::DEATH, "process death by its descriptor")
            .raw("raw pidfd", || deaths(raw))
            .ours("ipc-signal", || deaths(ours)),
    );
}

/// Waits for the end of a process.
type Watch = Box<dyn FnMut() -> io::Result<()> + Send>;

fn raw(child: &Child) -> io::Result<Watch> {
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    Ok(Box::new(move || {
        poll(&mut [PollFd::new(&process, PollFlags::IN)], None).map(drop).map_err(io::Error::from)
    }))
}

fn ours(child: &Child) -> io::Result<Watch> {
    let mut process = Process::from_child(child)?;
    Ok(Box::new(move || process.wait().map(drop).map_err(io::Error::from)))
}

fn deaths(watch: fn(&Child) -> io::Result<Watch>) -> io::Result<Pair> {
    Ok(Pair::alone(move |turns: Turns| {
        for _ in turns.sequence() {
            let sleeper = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn()?;
            turns.report(death(sleeper, watch)?);
        }
        Ok(())
    }))
}

fn death(mut child: Child, watch: fn(&Child) -> io::Result<Watch>) -> io::Result<Duration> {
    let mut watch = watch(&child)?;
    let time = std::thread::scope(|scope| {
        let watcher = scope.spawn(move || watch().map(|()| Instant::now()));
        let begun = Instant::now();
        while begun.elapsed() < ASLEEP {
            std::thread::park_timeout(ASLEEP);
        }
        let since = Instant::now();
        child.kill()?;
        let at = watcher.join().map_err(|_| io::Error::other("the watcher panicked"))??;
        Ok(at.saturating_duration_since(since))
    });
    child.wait()?;
    time
}
