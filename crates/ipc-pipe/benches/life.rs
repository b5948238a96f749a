//! Making a pipe, and the death of who holds its other end.
//!
//! Each death needs a new process, which takes longer than what is measured: the subjects time it
//! themselves, from the kill to the end of the stream in a thread that sleeps.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ipc_devkit::bench::{Bench, Case, Pair, Scenario, Turns};
use rustix::pipe::{PipeFlags, pipe_with};

/// The reader sleeps after this time.
const ASLEEP: Duration = Duration::from_millis(3);

pub(super) fn cases(bench: &mut Bench) {
    bench.case(
        Case::alone(Scenario::OPEN_CLOSE, "pipe open-close")
            .raw("raw pipe", || each(|| pipe_with(PipeFlags::CLOEXEC).map(drop)))
            .ours("ipc-pipe", || each(|| ipc_pipe::pipe().map(drop))),
    );
    bench.case(
        Case::alone(Scenario::DEATH, "pipe death of the writer")
            .raw("raw pipe", || deaths(raw))
            .ours("ipc-pipe", || deaths(ours)),
    );
}

fn each<E: Into<io::Error>>(mut call: impl FnMut() -> Result<(), E> + 'static) -> io::Result<Pair> {
    Ok(Pair::alone(move |turns: Turns| turns.sequence().try_for_each(|_| call().map_err(E::into))))
}

/// Waits for the end of the stream; true if it was that.
type Read = Box<dyn FnMut() -> io::Result<bool> + Send>;

fn raw() -> io::Result<(Read, OwnedFd)> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    Ok((Box::new(move || Ok(rustix::io::read(&reader, &mut [0; 8])? == 0)), writer))
}

fn ours() -> io::Result<(Read, OwnedFd)> {
    let (mut reader, writer) = ipc_pipe::pipe()?;
    Ok((Box::new(move || Ok(reader.read(&mut [0; 8])? == 0)), writer.into()))
}

fn deaths(make: fn() -> io::Result<(Read, OwnedFd)>) -> io::Result<Pair> {
    Ok(Pair::alone(move |turns: Turns| {
        for _ in turns.sequence() {
            turns.report(death(make()?)?);
        }
        Ok(())
    }))
}

fn death((mut read, writer): (Read, OwnedFd)) -> io::Result<Duration> {
    // The command is a temporary: it is dropped here, and with it our copy of the writing end.
    let mut holder =
        Command::new("sleep").arg("1000").stdin(Stdio::null()).stdout(writer).spawn()?;
    let time = std::thread::scope(|scope| {
        let reader = scope.spawn(move || read().map(|ended| (ended, Instant::now())));
        let begun = Instant::now();
        while begun.elapsed() < ASLEEP {
            std::thread::park_timeout(ASLEEP);
        }
        let since = Instant::now();
        holder.kill()?;
        let (ended, at) = reader.join().map_err(|_| io::Error::other("the reader panicked"))??;
        if !ended {
            return Err(io::Error::other("bytes came from one that writes none"));
        }
        Ok(at.saturating_duration_since(since))
    });
    holder.wait()?;
    time
}
