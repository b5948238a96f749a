//! One subject while it is measured: its processes, its block length, and the blocks so far.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::model::{Better, Company, Placement, Role, Subject};
use super::run::Settings;
use super::start_line::StartLine;
use super::worker::{Answer, Block, Mode, Order, Post, Samples, Side, Worker};

/// A block that takes longer than this hangs.
const BLOCK_DEADLINE: Duration = Duration::from_secs(30);

/// No block needs more turns to be long enough, unless its turns do nothing.
const MOST_TURNS: u64 = 1 << 27;

/// So many batches make at least a block, unless the run is a quick one.
pub(super) const LEAST_BATCHES: u64 = 4;

/// A subject with its processes.
pub(super) struct Running {
    pub(super) name: String,
    pub(super) role: Role,
    /// The measured half first, then its peer if it has one.
    workers: Vec<Worker>,
    /// The number of the next message.
    next: u64,
    pub(super) turn_ns: f64,
    pub(super) batch: u64,
    pub(super) count: u64,
    /// Each timed block, and its turns.
    pub(super) blocks: Vec<(u64, Block)>,
}

impl Running {
    pub(super) fn start(
        subject: &mut Subject,
        placement: Placement,
        settings: &Settings,
    ) -> io::Result<Self> {
        let pair = (subject.set_up)()?;
        let mut measured = Some(pair.measured);
        let line = Arc::new(StartLine::new()?);
        let first = settings.cpus.first().copied();
        let second =
            if placement == Placement::OneCore { first } else { settings.cpus.get(1).copied() };
        let post = |side, cpu| Post { side, cpu, thread: false };
        let workers = match pair.company {
            Company::Nobody => {
                let post = post(Side::Measured { alone: true }, first);
                vec![Worker::start(&mut measured, &mut None, post, &line)?]
            }
            Company::Process(peer) => {
                let mut peer = Some(peer);
                let here = post(Side::Measured { alone: false }, first);
                let there = post(Side::Peer, second);
                vec![
                    Worker::start(&mut measured, &mut peer, here, &line)?,
                    Worker::start(&mut peer, &mut measured, there, &line)?,
                ]
            }
            Company::Thread(peer) => {
                Worker::start_threads(&mut measured, peer, [first, second], &line)?.into()
            }
        };
        Ok(Self {
            name: subject.name.clone(),
            role: subject.role,
            workers,
            next: 0,
            turn_ns: 0.0,
            batch: 1,
            count: 1,
            blocks: Vec::new(),
        })
    }

    /// Every byte of some messages: at least enough to go several times round a short buffer. Turns
    /// without bytes may take long, and a few show that they work.
    pub(super) fn verify(&mut self, size: usize) -> io::Result<()> {
        const BYTES: usize = 1 << 20;
        let count = BYTES.checked_div(size).map_or(4, |count| count.clamp(4, 256)) as u64;
        self.block(Mode::Verify, count, count).map(drop)
    }

    /// Finds out how long a turn takes, by blocks that grow to a quarter of the length wanted.
    pub(super) fn calibrate(&mut self, block: Duration) -> io::Result<()> {
        let mut count = 2;
        loop {
            let wall = self.block(Mode::Warm, count, count)?.wall_ns;
            self.turn_ns = (wall as f64 / count as f64).max(0.1);
            if u128::from(wall) >= block.as_nanos() / 4 || count > MOST_TURNS {
                return Ok(());
            }
            count *= 8;
        }
    }

    /// One timed block of about the length `wanted`.
    ///
    /// Sleeping halves may be a hundred times slower in one block than in another, because now and then
    /// neither gets as far as sleeping. A block that was far too long or too short makes the next one fit.
    pub(super) fn measure(&mut self, wanted: Duration, least: u64) -> io::Result<()> {
        let block = self.block(Mode::Time, self.count, self.batch)?;
        self.blocks.push((self.count, block));
        let fraction = block.wall_ns as f64 / wanted.as_nanos() as f64;
        if !(0.33..3.0).contains(&fraction) {
            let batches = (self.count / self.batch) as f64;
            // Slow to grow: the next block may be a slow one again.
            let batches = whole((batches / fraction).min(batches * 2.0));
            self.count = self.batch * batches.max(least);
        }
        Ok(())
    }

    /// One block of both halves; processor time of both together.
    fn block(&mut self, mode: Mode, count: u64, batch: u64) -> io::Result<Block> {
        let order = Order::Run { mode, first: self.next, count, batch };
        self.next += count;
        let mut both = Block::default();
        for (index, answer) in self.ask(order)? {
            let Answer::Done(block) = answer else { return Err(self.confused()) };
            both.cpu_ns += block.cpu_ns;
            if index == 0 {
                both.wall_ns = block.wall_ns;
                both.p50_ns = block.p50_ns;
            }
        }
        Ok(both)
    }

    pub(super) fn samples(&mut self) -> io::Result<Samples> {
        match self.ask(Order::Report)?.into_iter().next() {
            Some((_, Answer::Report(samples))) => Ok(samples),
            _ => Err(self.confused()),
        }
    }

    /// Gives an order to each half and waits for the answers, the measured half's first.
    fn ask(&self, order: Order) -> io::Result<Vec<(usize, Answer)>> {
        let deadline = Instant::now() + BLOCK_DEADLINE;
        let who = |index: usize| if index == 0 { "measured half" } else { "peer half" };
        let blame = |index: usize, error: io::Error| {
            io::Error::new(error.kind(), format!("{}, {}: {error}", self.name, who(index)))
        };
        for (index, worker) in self.workers.iter().enumerate() {
            worker.order(order).map_err(|error| blame(index, error))?;
        }
        let mut answers: Vec<(usize, Answer)> = Vec::new();
        while answers.len() < self.workers.len() {
            let left = deadline.saturating_duration_since(Instant::now());
            let waiting: Vec<usize> = (0..self.workers.len())
                .filter(|index| answers.iter().all(|(answered, _)| answered != index))
                .collect();
            let mut events: Vec<PollFd<'_>> = waiting
                .iter()
                .map(|index| PollFd::new(&self.workers[*index], PollFlags::IN))
                .collect();
            let left = Timespec::try_from(left).expect("the deadline is near");
            if poll(&mut events, Some(&left))? == 0 {
                let text = format!("no answer within {} s", BLOCK_DEADLINE.as_secs());
                return Err(blame(waiting[0], io::Error::new(io::ErrorKind::TimedOut, text)));
            }
            for (index, event) in waiting.iter().zip(&events) {
                if !event.revents().is_empty() {
                    let answer = self.workers[*index].answer();
                    answers.push((*index, answer.map_err(|error| blame(*index, error))?));
                }
            }
        }
        answers.sort_by_key(|(index, _)| *index);
        Ok(answers)
    }

    fn confused(&self) -> io::Error {
        io::Error::other(format!("{}: an answer to another question", self.name))
    }

    /// The median time of a turn, block by block.
    pub(super) fn times(&self) -> impl Iterator<Item = f64> {
        self.blocks.iter().map(|(_, block)| block.p50_ns)
    }

    /// Turns a second, block by block.
    pub(super) fn rates(&self) -> impl Iterator<Item = f64> {
        self.blocks.iter().map(|(count, block)| *count as f64 * 1e9 / block.wall_ns as f64)
    }

    /// What the scenario compares, block by block.
    pub(super) fn figures(&self, better: Better) -> Vec<f64> {
        match better {
            Better::LowerTime => self.times().collect(),
            Better::HigherRate => self.rates().collect(),
        }
    }
}

/// At least 1: how many turns, rounded up.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and small")]
pub(super) fn whole(number: f64) -> u64 {
    number.ceil().max(1.0) as u64
}
