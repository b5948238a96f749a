//! What became of a pipeline.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use crate::error::{Error, Result};

/// A pipeline that has run to its end: every stage's status.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finished {
    /// The stages, in their order.
    pub stages: Vec<Stage>,
    /// What the last stage wrote, if it was collected.
    pub output: Vec<u8>,
    /// The first stage ended or closed its input before it had read all that was given.
    pub unread_input: bool,
    /// The reader of the output closed it before its end.
    pub(super) enough: bool,
}

/// What became of one stage.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stage {
    /// Its program, as the command has it.
    pub program: String,
    /// How it ended.
    pub status: ExitStatus,
    /// The end, at most 64 KiB, of what it complained: only if its command said
    /// `stderr(Stdio::piped())`.
    pub stderr: Vec<u8>,
}

impl Stage {
    /// Whether SIGPIPE ended it: it wrote when nobody read any more.
    #[must_use]
    pub fn died_of_sigpipe(&self) -> bool {
        const SIGPIPE: i32 = rustix::process::Signal::PIPE.as_raw();
        self.status.signal() == Some(SIGPIPE)
    }
}

impl Finished {
    /// Whether no stage failed.
    #[must_use]
    pub fn success(&self) -> bool {
        self.first_failure().is_none()
    }

    /// The first stage that failed, and its index: the shell's `pipefail`. That SIGPIPE ended a stage
    /// because a later one had enough is no failure (as in `yes | head`).
    #[must_use]
    pub fn first_failure(&self) -> Option<(usize, &Stage)> {
        let had_enough = self.had_enough();
        self.stages
            .iter()
            .enumerate()
            .find(|(index, stage)| !stage.status.success() && !had_enough.contains(index))
    }

    /// The stages that SIGPIPE ended because who read from them had enough.
    #[must_use]
    pub fn had_enough(&self) -> Vec<usize> {
        let last = self.stages.len().saturating_sub(1);
        let cut = |(index, stage): &(usize, &Stage)| {
            stage.died_of_sigpipe() && (*index < last || self.enough)
        };
        self.stages.iter().enumerate().filter(cut).map(|(index, _)| index).collect()
    }

    /// Takes a failed stage for an error.
    ///
    /// # Errors
    /// `Stage { index, program, error: Failed { status } }`: the first one that failed.
    pub fn check(self) -> Result<Self> {
        match self.first_failure() {
            Some((index, stage)) => {
                Err(Error::Failed { status: stage.status }.at(index, &stage.program))
            }
            None => Ok(self),
        }
    }
}
