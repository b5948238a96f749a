//! A half in a process of its own, and the orders that its supervisor gives it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use hdrhistogram::Histogram;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, Signal, WaitOptions};
use serde::{Deserialize, Serialize};

use super::machine;
use super::model::{Half, SendHalf};
use super::payload::Turns;
use super::start_line::StartLine;
use crate::channel::{Channel, Message};
use crate::sys;

/// What a supervisor asks of a half.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// Do `count` turns from `first` on; the measured half looks at the clock after each `batch`.
    Run { mode: Mode, first: u64, count: u64, batch: u64 },
    /// Tell what all timed blocks together were like.
    Report,
}

/// What a block is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Mode {
    /// Every byte is checked.
    Verify,
    /// As if timed, but left out of the report.
    Warm,
    /// Its samples count.
    Time,
}

/// What a half answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Done(Block),
    Report(Samples),
    Failed(String),
}

/// One block, as one half saw it.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Block {
    pub(super) wall_ns: u64,
    pub(super) cpu_ns: u64,
    /// Median time of a turn; only the measured half has it.
    pub(super) p50_ns: f64,
}

/// All samples of a subject, summed up. A sample is the mean of a batch.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Samples {
    pub(super) p50_ns: f64,
    pub(super) p99_ns: f64,
    pub(super) p999_ns: f64,
    pub(super) max_ns: f64,
    pub(super) count: u64,
}

/// The half that is timed, or the one that keeps it company.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Measured { alone: bool },
    Peer,
}

/// What a half is and where it runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Post {
    pub(super) side: Side,
    pub(super) cpu: Option<usize>,
    /// Whether it shares its process with the other half.
    pub(super) thread: bool,
}

/// A forked process that serves one half, or a second thread of such a process. Dropping it ends both.
#[derive(Debug)]
pub(super) struct Worker {
    /// Nothing for a thread: it ends with the worker whose process it lives in.
    pid: Option<Pid>,
    channel: Channel,
}

impl Worker {
    /// Forks a process for `half`. The caller drops its own copy of both halves afterwards.
    ///
    /// `other` is what this process must not keep: the half that belongs to its partner.
    pub(super) fn start(
        half: &mut Option<Half>,
        other: &mut Option<Half>,
        post: Post,
        line: &Arc<StartLine>,
    ) -> io::Result<Self> {
        let (ours, theirs) = Channel::pair()?;
        let pid = sys::fork(|| {
            drop(other.take());
            let half = half.take().expect("each half is started once");
            status(half, post, line, &theirs)
        })?;
        Ok(Self { pid: Some(pid), channel: ours })
    }

    /// Forks one process for both halves, and gives the peer a thread in it.
    pub(super) fn start_threads(
        measured: &mut Option<Half>,
        peer: SendHalf,
        cpus: [Option<usize>; 2],
        line: &Arc<StartLine>,
    ) -> io::Result<[Self; 2]> {
        let (ours, theirs) = Channel::pair()?;
        let (peers, peers_theirs) = Channel::pair()?;
        let post = |side, cpu| Post { side, cpu, thread: true };
        let pid = sys::fork(move || {
            let half = measured.take().expect("each half is started once");
            let beside = Arc::clone(line);
            // Nobody joins it: the end of the process is its end.
            std::thread::spawn(move || {
                status(peer, post(Side::Peer, cpus[1]), &beside, &peers_theirs)
            });
            status(half, post(Side::Measured { alone: false }, cpus[0]), line, &theirs)
        })?;
        Ok([Self { pid: Some(pid), channel: ours }, Self { pid: None, channel: peers }])
    }

    pub(super) fn order(&self, order: Order) -> io::Result<()> {
        let text = serde_json::to_string(&order)?;
        self.channel.send_text(&text).map_err(|error| match error {
            rustix::io::Errno::PIPE => dead(),
            other => other.into(),
        })
    }

    /// The answer to the last order; waits for it. A half that failed or died is an error.
    pub(super) fn answer(&self) -> io::Result<Answer> {
        match self.channel.receive()? {
            Some(Message::Text(text)) => match serde_json::from_str(&text)? {
                Answer::Failed(reason) => Err(io::Error::other(reason)),
                answer => Ok(answer),
            },
            _ => Err(dead()),
        }
    }
}

fn dead() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the process died")
}

impl AsFd for Worker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // An idle worker sees the end of its orders, drops its half and leaves; one that hangs does not.
        self.channel.finish_sending();
        let Some(pid) = self.pid else { return };
        let mut events = [PollFd::new(&self.channel, PollFlags::IN)];
        let patience = Timespec { tv_sec: 1, tv_nsec: 0 };
        let _ = rustix::event::poll(&mut events, Some(&patience));
        let _ = rustix::process::kill_process(pid, Signal::KILL);
        let options = WaitOptions::empty();
        let _ = rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(pid), options));
    }
}

/// Serves until the end; the exit status.
fn status(half: Half, post: Post, line: &StartLine, channel: &Channel) -> i32 {
    match catch_unwind(AssertUnwindSafe(|| serve(half, post, line, channel))) {
        Ok(Ok(())) => 0,
        // The supervisor is gone, or the panic has been printed.
        Ok(Err(_)) | Err(_) => 1,
    }
}

/// The life of a worker: orders in, answers out, until the supervisor closes the channel.
fn serve(mut half: Half, post: Post, line: &StartLine, channel: &Channel) -> io::Result<()> {
    let Post { side, cpu, thread } = post;
    if let Some(cpu) = cpu {
        machine::pin(cpu)?;
    }
    let mut recorder = Recorder::new();
    while let Some(Message::Text(text)) = channel.receive()? {
        let answer = match serde_json::from_str(&text)? {
            Order::Report => Answer::Report(recorder.samples()),
            Order::Run { mode, first, count, batch } => {
                let start = line.meet(side, first + 1);
                let cpu = machine::cpu_time(thread);
                let ran = match side {
                    Side::Measured { .. } => {
                        recorder.time(&mut half, mode, first, count, batch, start)
                    }
                    Side::Peer => half(Turns::new(first, count, mode == Mode::Verify)),
                };
                let (cpu_ns, wall_ns) = (machine::cpu_time(thread) - cpu, machine::now() - start);
                match ran {
                    Ok(()) => {
                        let p50_ns = recorder.finish(mode, batch);
                        Answer::Done(Block { wall_ns, cpu_ns, p50_ns })
                    }
                    Err(error) => Answer::Failed(error.to_string()),
                }
            }
        };
        channel.send_text(&serde_json::to_string(&answer)?)?;
    }
    Ok(())
}

/// Keeps the samples of the measured half: those of the block in hand, and the sum of all timed blocks.
struct Recorder {
    /// Nanoseconds of each batch of this block.
    block: Vec<u64>,
    /// Picoseconds a turn, since short turns differ by less than a nanosecond.
    all: Histogram<u64>,
}

impl Recorder {
    fn new() -> Self {
        let all = Histogram::new(3).expect("three digits are allowed");
        Self { block: Vec::new(), all }
    }

    /// Does `count` turns in batches and notes the time of each batch.
    fn time(
        &mut self,
        half: &mut Half,
        mode: Mode,
        first: u64,
        count: u64,
        batch: u64,
        start: u64,
    ) -> io::Result<()> {
        let mut last = start;
        for number in (first..first + count).step_by(usize::try_from(batch).unwrap_or(usize::MAX)) {
            half(Turns::new(number, batch, mode == Mode::Verify))?;
            let now = machine::now();
            match Turns::reported() {
                own if own.is_empty() => self.block.push(now - last),
                // Each is one turn's, not a batch's.
                own => {
                    self.block.extend(own.into_iter().map(|sample| sample.saturating_mul(batch)))
                }
            }
            last = now;
        }
        Ok(())
    }

    /// Ends a block: its median in nanoseconds a turn, or 0 where nothing was timed.
    fn finish(&mut self, mode: Mode, batch: u64) -> f64 {
        self.block.sort_unstable();
        let middle = self.block.get(self.block.len() / 2).copied().unwrap_or(0);
        if mode == Mode::Time {
            for sample in &self.block {
                // It grows as needed, and below a day of picoseconds it can.
                self.all.record(sample * 1000 / batch).expect("the histogram grows");
            }
        }
        self.block.clear();
        middle as f64 / batch as f64
    }

    fn samples(&self) -> Samples {
        let at = |quantile| self.all.value_at_quantile(quantile) as f64 / 1000.0;
        Samples {
            p50_ns: at(0.5),
            p99_ns: at(0.99),
            p999_ns: at(0.999),
            max_ns: self.all.max() as f64 / 1000.0,
            count: self.all.len(),
        }
    }
}
