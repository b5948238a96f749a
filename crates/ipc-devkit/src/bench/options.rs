//! The command line of a bench binary.

use std::time::Duration;

use super::running::LEAST_BATCHES;

/// Odd, so that the median over the rounds is a measured one; enough for quartiles.
pub(super) const ROUNDS: usize = 11;

/// What the command line asks for.
#[derive(Debug, PartialEq)]
pub(super) struct Options {
    quick: bool,
    seconds_per_case: Option<f64>,
    /// Part of the names of the cases to run; all contain the empty one.
    pub(super) filter: String,
    pub(super) list: bool,
}

impl Options {
    pub(super) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options =
            Self { quick: false, seconds_per_case: None, filter: String::new(), list: false };
        while let Some(word) = words.next() {
            match word.as_str() {
                // Cargo adds this one.
                "--bench" => {}
                "--quick" => options.quick = true,
                "--list" => options.list = true,
                "--filter" => options.filter = words.next().ok_or("--filter needs a text")?,
                "--seconds-per-case" => {
                    let seconds = words.next().and_then(|word| word.parse().ok());
                    let seconds = seconds.filter(|seconds| (0.01..=3600.0).contains(seconds));
                    let seconds =
                        seconds.ok_or("--seconds-per-case needs a number, 0.01 to 3600")?;
                    options.seconds_per_case = Some(seconds);
                }
                other => return Err(format!("there is no option {other:?}")),
            }
        }
        Ok(options)
    }

    /// How many batches a block has at least: where one takes long, a quick run has just one.
    pub(super) fn least_batches(&self) -> u64 {
        if self.quick { 1 } else { LEAST_BATCHES }
    }

    /// How long a block lasts in a case with so many subjects.
    pub(super) fn block(&self, subjects: usize) -> Duration {
        const FULL: Duration = Duration::from_millis(30);
        const QUICK: Duration = Duration::from_millis(2);
        match self.seconds_per_case {
            Some(seconds) => Duration::from_secs_f64(seconds / (ROUNDS * subjects.max(1)) as f64),
            None if self.quick => QUICK,
            None => FULL,
        }
    }
}
