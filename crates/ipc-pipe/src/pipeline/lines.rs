//! The output of a pipeline, line by line, while it runs.

use std::fmt;
use std::io;

use super::finished::Finished;
use super::running::Running;
use crate::error::{Error, Result};

/// The lines that a running pipeline writes, as they come.
///
/// As an iterator it gives text; [`next_line`](Self::next_line) gives bytes. After the last line,
/// [`finish`](Self::finish) tells how the stages ended: the end of the lines says nothing about that.
/// Dropping it before kills and reaps the stages.
///
/// ```
/// # fn main() -> Result<(), ipc_pipe::Error> {
/// use ipc_pipe::Pipeline;
/// use std::process::Command;
///
/// let mut lines = Pipeline::new(Command::new("yes")).pipe(Command::new("cat").arg("-n")).lines()?;
/// for line in lines.by_ref().take(2) {
///     assert!(line?.ends_with("y"));
/// }
/// // We had enough, and so the stages had: that is no failure.
/// assert!(lines.finish()?.success());
/// # Ok(())
/// # }
/// ```
pub struct Lines<'a> {
    running: Running<'a>,
    limit: usize,
    /// What was read: `buffer[at..end]` is not handed out yet, `buffer[at..seen]` has no line end.
    buffer: Vec<u8>,
    at: usize,
    seen: usize,
    end: usize,
    /// The output has ended, or failed.
    over: bool,
}

const ROOM: usize = 64 << 10;

impl<'a> Lines<'a> {
    pub(super) fn new(running: Running<'a>, limit: usize) -> Self {
        Self { running, limit, buffer: vec![0; ROOM], at: 0, seen: 0, end: 0, over: false }
    }

    /// The next line without its end, or `None` after the last one. Waits for it.
    ///
    /// # Errors
    /// As [`Pipeline::run`](crate::Pipeline::run); a line longer than
    /// [`Pipeline::limit`](crate::Pipeline::limit) is `MessageTooLong`. Nothing comes after an error.
    pub fn next_line(&mut self) -> Result<Option<&[u8]>> {
        loop {
            let unseen = &self.buffer[self.seen..self.end];
            if let Some(length) = unseen.iter().position(|byte| *byte == b'\n') {
                let line = self.at..self.seen + length;
                self.at = line.end + 1;
                self.seen = self.at;
                return Ok(Some(&self.buffer[line]));
            }
            self.seen = self.end;
            if self.over {
                let line = self.at..self.end;
                self.at = self.end;
                return Ok(if line.is_empty() { None } else { Some(&self.buffer[line]) });
            }
            self.fill().inspect_err(|_| {
                self.over = true;
                self.at = self.end;
            })?;
        }
    }

    /// Reads more, after making room for it.
    fn fill(&mut self) -> Result<()> {
        let length = self.end - self.at;
        if length > self.limit {
            let (real, limit) = (length, self.limit);
            return Err(self.running.last(Error::MessageTooLong { real, limit }));
        }
        self.buffer.copy_within(self.at..self.end, 0);
        (self.at, self.seen, self.end) = (0, length, length);
        if self.buffer.len() - length < ROOM / 2 {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let got = self.running.next(&mut self.buffer[length..])?;
        self.over = got == 0;
        self.end += got;
        Ok(())
    }

    /// Closes the output, waits until all stages have ended, and tells how. Lines that were not
    /// taken are lost; stages that write on get SIGPIPE, as from any reader that had enough.
    ///
    /// # Errors
    /// As [`Pipeline::run`](crate::Pipeline::run).
    pub fn finish(mut self) -> Result<Finished> {
        self.running.enough = self.running.output.take().is_some();
        while self.running.next(&mut [])? > 0 {}
        self.running.finish()
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<String>;

    /// The next line. One that is not UTF-8 is `Os`; those after it still come.
    fn next(&mut self) -> Option<Self::Item> {
        let line = self.next_line().transpose()?;
        Some(line.and_then(|line| {
            String::from_utf8(line.to_vec()).map_err(|error| Error::Os {
                op: "read line of pipeline",
                source: io::Error::new(io::ErrorKind::InvalidData, error),
            })
        }))
    }
}

impl fmt::Debug for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("over", &self.over).finish_non_exhaustive()
    }
}
