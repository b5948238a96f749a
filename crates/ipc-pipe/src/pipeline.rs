//! Programs in a row, each reading what the one before it writes: the shell's `a | b | c`.

mod feed;
mod finished;
mod lines;
mod running;
mod start;

use std::borrow::Cow;
use std::fmt;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::Command;
use std::time::{Duration, Instant};

use ipc_core::Deadline;
use ipc_core::cancel;

use crate::canceller::Canceller;
use crate::error::{Error, Result};

pub use finished::{Finished, Stage};
pub use lines::Lines;
use running::Running;

/// Programs in a row, each reading what the one before it writes.
///
/// Every stage's status comes back, not only the last one's. Nothing of the pipeline outlives the
/// call that runs it: no process unreaped, no thread (there is none), no descriptor. No stage gets an
/// end that is not its own.
///
/// `'c` is that of commands given as `&mut Command`, `'a` that of the input and the output.
///
/// The stages, and what they start, are a process group of their own, unless the first one reads a
/// terminal: then they stay in ours, as a shell's foreground job.
///
/// ```
/// # fn main() -> Result<(), ipc_pipe::Error> {
/// use ipc_pipe::Pipeline;
/// use std::process::Command;
///
/// let done = Pipeline::new(Command::new("printf").arg("one\ntwo\nthree\n"))
///     .pipe(Command::new("grep").arg("t"))
///     .pipe(Command::new("wc").arg("-l"))
///     .output()?
///     .check()?;
/// assert_eq!(done.output.trim_ascii(), b"2");
/// assert_eq!(done.stages.len(), 3);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Pipeline<'c, 'a> {
    stages: Vec<StageCommand<'c>>,
    input: Input<'a>,
    output: Output<'a>,
    timeout: Option<Duration>,
    deadline: Option<Instant>,
    capacity: Option<usize>,
    limit: usize,
    linger: Duration,
    canceller: Option<cancel::Canceller>,
}

/// A command for a stage: a [`Command`], or a `&mut Command` as its own methods return it.
#[derive(Debug)]
pub struct StageCommand<'a>(Owner<'a>);

#[derive(Debug)]
enum Owner<'a> {
    Us(Command),
    Caller(&'a mut Command),
}

impl From<Command> for StageCommand<'_> {
    fn from(command: Command) -> Self {
        Self(Owner::Us(command))
    }
}

impl<'a> From<&'a mut Command> for StageCommand<'a> {
    fn from(command: &'a mut Command) -> Self {
        Self(Owner::Caller(command))
    }
}

impl StageCommand<'_> {
    fn command(&mut self) -> &mut Command {
        match &mut self.0 {
            Owner::Us(command) => command,
            Owner::Caller(command) => command,
        }
    }
}

/// Where the first stage's input comes from.
enum Input<'a> {
    /// Nobody said: as the call that runs the pipeline has it.
    Unsaid,
    Bytes(Cow<'a, [u8]>),
    File(OwnedFd),
    Read(Box<dyn Read + Send + 'a>),
}

/// Where the last stage's output goes.
enum Output<'a> {
    Unsaid,
    File(OwnedFd),
    Write(Box<dyn Write + Send + 'a>),
}

impl<'c, 'a> Pipeline<'c, 'a> {
    /// A pipeline of one stage, to which [`pipe`](Self::pipe) adds.
    ///
    /// A command given as `&mut Command` is changed: its streams and its process group are the
    /// pipeline's afterwards.
    pub fn new(command: impl Into<StageCommand<'c>>) -> Self {
        Self {
            stages: vec![command.into()],
            input: Input::Unsaid,
            output: Output::Unsaid,
            timeout: None,
            deadline: None,
            capacity: None,
            limit: 64 << 20,
            linger: Duration::from_millis(250),
            canceller: None,
        }
    }

    /// Adds a stage that reads what the last one so far writes.
    pub fn pipe(mut self, command: impl Into<StageCommand<'c>>) -> Self {
        self.stages.push(command.into());
        self
    }

    /// The first stage reads these bytes.
    pub fn input(mut self, bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        self.input = Input::Bytes(bytes.into());
        self
    }

    /// The first stage reads this file, pipe or socket itself.
    pub fn input_file(mut self, file: impl Into<OwnedFd>) -> Self {
        self.input = Input::File(file.into());
        self
    }

    /// The first stage reads what `reader` gives. If `reader` waits, everything waits for it, the
    /// deadline too: give what has a descriptor to [`input_file`](Self::input_file).
    pub fn input_from(mut self, reader: impl Read + Send + 'a) -> Self {
        self.input = Input::Read(Box::new(reader));
        self
    }

    /// The last stage writes to this file, pipe or socket itself.
    pub fn output_file(mut self, file: impl Into<OwnedFd>) -> Self {
        self.output = Output::File(file.into());
        self
    }

    /// What the last stage writes goes to `writer`. If `writer` waits, everything waits for it, the
    /// deadline too: give what has a descriptor to [`output_file`](Self::output_file).
    pub fn output_to(mut self, writer: impl Write + Send + 'a) -> Self {
        self.output = Output::Write(Box::new(writer));
        self
    }

    /// Kills and reaps the whole pipeline if it still runs when `timeout` has passed, counted from
    /// its start.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Kills and reaps the whole pipeline if it still runs at `deadline`.
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The capacity of all the pipes in bytes, instead of the system's 64 KiB. If the system does not
    /// grant it, they have what it gives.
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = Some(bytes);
        self
    }

    /// The most that [`output`](Self::output) collects, and the longest line of
    /// [`lines`](Self::lines): 64 MiB unless said otherwise.
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// How long to wait in silence for the end of the output when all stages have ended, but a
    /// process that one of them started still holds it: 250 ms unless said otherwise.
    pub fn linger(mut self, time: Duration) -> Self {
        self.linger = time;
        self
    }

    /// A handle that ends the run, from another thread or from a signal handler: the pipeline is
    /// killed and reaped, and the call that runs it returns `Cancelled`.
    ///
    /// # Errors
    /// `Limit`: no descriptor could be had for it.
    pub fn canceller(&mut self) -> Result<Canceller> {
        let made = match &self.canceller {
            Some(canceller) => canceller.clone(),
            None => {
                let made = cancel::Canceller::new();
                let made = made.map_err(|errno| Error::os("create canceller", errno))?;
                self.canceller.insert(made).clone()
            }
        };
        Ok(Canceller(made))
    }

    /// Runs the pipeline to its end. Unless said otherwise, the first stage reads and the last one
    /// writes what their commands say: our standard streams.
    ///
    /// A stage that fails is not an error of this call: see [`Finished::check`].
    ///
    /// # Errors
    /// `Stage { index, program, error }` names the stage, and `error` says what happened to it:
    /// `NotFound`, `Os` (not executable), `Limit`; at the deadline, `TimedOut` or `Stopped`;
    /// `KeptOpen`; more output than [`limit`](Self::limit), `MessageTooLong`. `Cancelled`. `NoSpace`
    /// or `Os`: a `Read` or `Write` given as input or output failed. In every case all stages are
    /// killed and reaped.
    ///
    /// # Linux
    /// [`posix_spawn(3)`](https://man7.org/linux/man-pages/man3/posix_spawn.3.html),
    /// [`pidfd_open(2)`](https://man7.org/linux/man-pages/man2/pidfd_open.2.html) (Linux 5.3).
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_pipe::Error> {
    /// use ipc_pipe::Pipeline;
    /// use std::process::Command;
    ///
    /// let mut sorted = Vec::new();
    /// let done = Pipeline::new(Command::new("sort"))
    ///     .pipe(Command::new("false"))
    ///     .input(b"b\na\n")
    ///     .output_to(&mut sorted)
    ///     .run()?;
    /// let (index, stage) = done.first_failure().unwrap();
    /// assert_eq!((index, stage.program.as_str()), (1, "false"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn run(mut self) -> Result<Finished> {
        let mut running = self.start(false)?;
        match &mut self.output {
            Output::Write(sink) => running.drain(|bytes| {
                sink.write_all(bytes).map_err(|error| Error::io("write output of pipeline", error))
            })?,
            // A command whose output is piped by itself; nobody asked for it.
            _ => running.drain(|_| Ok(()))?,
        }
        running.finish()
    }

    /// Runs the pipeline to its end and collects what the last stage writes, whatever output was
    /// chosen. Unless said otherwise the first stage has nothing to read.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn output(mut self) -> Result<Finished> {
        let mut running = self.start(true)?;
        let limit = self.limit;
        let mut output = Vec::new();
        let mut too_long = false;
        let drained = running.drain(|bytes| {
            too_long = bytes.len() > limit - output.len();
            if too_long {
                return Err(Error::MessageTooLong { real: output.len() + bytes.len(), limit });
            }
            output.extend_from_slice(bytes);
            Ok(())
        });
        drained.map_err(|error| if too_long { running.last(error) } else { error })?;
        let mut finished = running.finish()?;
        finished.output = output;
        Ok(finished)
    }

    /// Starts the pipeline and hands out the lines that the last stage writes, as they come. Unless
    /// said otherwise the first stage has nothing to read.
    ///
    /// # Errors
    /// As [`run`](Self::run), as far as the start is concerned.
    pub fn lines(mut self) -> Result<Lines<'a>> {
        let limit = self.limit;
        self.start(true).map(|running| Lines::new(running, limit))
    }

    fn start(&mut self, capture: bool) -> Result<Running<'a>> {
        let after = self.timeout.map_or(Deadline::NEVER, Deadline::after);
        let deadline = match self.deadline {
            Some(at) if after.remaining().is_none_or(|left| Instant::now() + left > at) => {
                Deadline::at(at)
            }
            _ => after,
        };
        start::start(self, deadline, capture)
    }
}

impl fmt::Debug for Pipeline<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("stages", &self.stages).finish_non_exhaustive()
    }
}
