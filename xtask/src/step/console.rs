//! Where everything is printed: lines above a progress bar on a terminal, plain lines elsewhere.

use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::command::Cmd;
use super::process::Running;

/// The terminal, or what stands in for it.
#[derive(Clone)]
pub(crate) struct Console {
    root: PathBuf,
    bars: Option<MultiProgress>,
    color: bool,
}

impl Console {
    pub(crate) fn new(root: &Path) -> Self {
        let terminal = std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
        let color = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { root: root.to_owned(), bars: terminal.then(MultiProgress::new), color }
    }

    /// Prints one line, or several, on standard output.
    pub(crate) fn say(&self, text: &str) {
        let print = || {
            // Whoever closed the other end of a pipe has read enough.
            let _ = writeln!(std::io::stdout(), "{text}");
        };
        match &self.bars {
            Some(bars) => bars.suspend(print),
            None => print(),
        }
    }

    pub(crate) fn red(&self, text: &str) -> String {
        self.paint("1;31", text)
    }

    pub(crate) fn yellow(&self, text: &str) -> String {
        self.paint("33", text)
    }

    pub(crate) fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(crate) fn has_color(&self) -> bool {
        self.color
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.bars.is_some()
    }

    /// A new progress bar at the bottom, invisible where there is no terminal.
    pub(crate) fn bar(&self, length: u64, unit: &str) -> ProgressBar {
        let Some(bars) = &self.bars else { return ProgressBar::hidden() };
        let template =
            format!("{{spinner}} [{{bar:24}}] {{pos}}/{{len}} {unit}, {{elapsed}}{{msg}}");
        let style = ProgressStyle::with_template(&template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
        let bar = bars.add(ProgressBar::new(length).with_style(style));
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    /// Prints the command and runs it, with its output passed through.
    pub(crate) fn run(&self, cmd: &Cmd) -> Result<(), String> {
        self.announce(cmd);
        let mut command = cmd.to_command(&self.root);
        if self.bars.is_some() {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        if self.color {
            command.env("CARGO_TERM_COLOR", "always");
        }
        let mut child = command.spawn().map_err(|e| format!("start `{cmd}`: {e}"))?;
        let output = child.stdout.take().map(|pipe| self.pass_on(pipe));
        let errors = child.stderr.take().map(|pipe| self.pass_on(pipe));
        let ended = Running::new(child).wait(cmd.limit);
        for reader in [output, errors].into_iter().flatten() {
            // An orphan may hold the pipe open: its last words are not worth a hang.
            let _ = reader.recv_timeout(Duration::from_secs(1));
        }
        ended
    }

    /// Runs a command for its success alone, without a word.
    pub(crate) fn succeeds(&self, cmd: &Cmd) -> bool {
        let mut command = cmd.to_command(&self.root);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// What a command prints, or nothing if it fails.
    pub(crate) fn output(&self, cmd: &Cmd) -> Option<String> {
        let output = cmd.to_command(&self.root).stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Starts a command whose standard output the caller reads. Ctrl-C does not reach it: the caller
    /// ends it.
    pub(crate) fn start(&self, cmd: &Cmd) -> Result<(Running, ChildStdout), String> {
        self.announce(cmd);
        let mut command = cmd.to_command(&self.root);
        command.stdout(Stdio::piped()).process_group(0);
        if self.bars.is_some() {
            command.stderr(Stdio::piped());
        }
        let mut child = command.spawn().map_err(|e| format!("start `{cmd}`: {e}"))?;
        if let Some(pipe) = child.stderr.take() {
            self.pass_on(pipe);
        }
        let output = child.stdout.take().ok_or("the child has no standard output")?;
        Ok((Running::new(child), output))
    }

    fn announce(&self, cmd: &Cmd) {
        self.say(&self.bold(&format!("$ {cmd}")));
    }

    /// Prints what comes out of a pipe, line by line, above the bar. The receiver is disconnected
    /// when the pipe ends.
    fn pass_on(&self, pipe: impl Read + Send + 'static) -> Receiver<()> {
        let console = self.clone();
        let (open, ended) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                console.say(&String::from_utf8_lossy(&line));
            }
            drop(open);
        });
        ended
    }
}
