//! One command line: what we print is what the reader can paste, and what we run.

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Longer than any honest step; a step that hangs must not hold the rest back for ever.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// A command to print and run in the root of the repository.
#[derive(Clone, Debug)]
pub(crate) struct Cmd {
    program: &'static str,
    args: Vec<String>,
    shown: Vec<(String, String)>,
    hidden: Vec<(String, String)>,
    pub(crate) limit: Duration,
}

impl Cmd {
    /// `cargo` with these words.
    pub(crate) fn cargo<'a>(args: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new("cargo", args)
    }

    /// Any other program.
    pub(crate) fn new<'a>(program: &'static str, args: impl IntoIterator<Item = &'a str>) -> Self {
        let args = args.into_iter().map(str::to_owned).collect();
        Self { program, args, shown: Vec::new(), hidden: Vec::new(), limit: LIMIT }
    }

    /// More words at the end.
    pub(crate) fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// A variable that changes what the command does, so the printed line has it too.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.shown.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A variable that only helps us to report.
    pub(crate) fn quiet_env(mut self, name: &str, value: &str) -> Self {
        self.hidden.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Kills the command, and all it started, after this long.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The command for the standard library, without input.
    pub(crate) fn to_command(&self, root: &Path) -> Command {
        let mut command = Command::new(self.program);
        command.args(&self.args).current_dir(root).stdin(Stdio::null());
        command.envs(self.shown.iter().chain(&self.hidden).map(|(name, value)| (name, value)));
        command
    }
}

impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.shown {
            write!(f, "{name}={} ", quote(value))?;
        }
        f.write_str(self.program)?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", quote(arg)))
    }
}

/// Quotes a word for a shell, if it needs that.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./=:,@%+-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::Cmd;

    #[test]
    fn the_printed_line_can_be_pasted() {
        let cmd = Cmd::cargo(["test", "--", "it's a name", ""])
            .env("RUSTFLAGS", "--cfg loom")
            .quiet_env("IPC_SKIP_LOG", "x");
        assert_eq!(cmd.to_string(), r"RUSTFLAGS='--cfg loom' cargo test -- 'it'\''s a name' ''");
    }
}
