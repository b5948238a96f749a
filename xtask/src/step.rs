//! A run is a list of steps: each prints its command, runs, and leaves one line in the summary.
//!
//! A step that fails does not stop the rest: one run shows everything there is to repair.

pub(crate) mod command;
pub(crate) mod console;
pub(crate) mod process;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use comfy_table::{Cell, CellAlignment, Color, Table, TableComponent, presets};

pub(crate) use command::Cmd;
pub(crate) use console::Console;

/// How a step ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    Failed(String),
    Skipped(String),
}

impl From<Result<(), String>> for Verdict {
    fn from(result: Result<(), String>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}

/// One thing to do.
pub(crate) struct Step {
    package: String,
    name: String,
    action: Box<dyn FnOnce(&Console) -> Verdict>,
}

impl Step {
    /// A step that is one command.
    pub(crate) fn command(package: &str, name: &str, cmd: Cmd) -> Self {
        Self::call(package, name, move |console| console.run(&cmd).into())
    }

    /// A step that is left out, with the reason.
    pub(crate) fn skip(package: &str, name: &str, why: &str) -> Self {
        let why = why.to_owned();
        Self::call(package, name, move |_| Verdict::Skipped(why))
    }

    /// A step that is more than one command.
    pub(crate) fn call(
        package: &str,
        name: &str,
        action: impl FnOnce(&Console) -> Verdict + 'static,
    ) -> Self {
        Self { package: package.to_owned(), name: name.to_owned(), action: Box::new(action) }
    }
}

/// What became of one step.
struct Done {
    package: String,
    name: String,
    verdict: Verdict,
    time: Duration,
}

/// What became of all of them.
pub(crate) struct Report {
    console: Console,
    done: Vec<Done>,
}

/// Runs every step, whatever becomes of the ones before it.
pub(crate) fn run(root: &Path, steps: Vec<Step>) -> Report {
    let console = Console::new(root);
    let total = steps.len();
    let bar = console.bar(u64::try_from(total).unwrap_or(0), "steps");
    let mut done = Vec::new();
    for (index, step) in steps.into_iter().enumerate() {
        bar.set_message(format!("  {} {}", step.package, step.name));
        let heading = format!("[{}/{total}] {}: {}", index + 1, step.package, step.name);
        console.say(&format!("\n{heading}"));
        let start = Instant::now();
        let verdict = (step.action)(&console);
        match &verdict {
            Verdict::Passed => {}
            Verdict::Failed(why) => console.say(&console.red(&format!("failed: {why}"))),
            Verdict::Skipped(why) => console.say(&console.yellow(&format!("skipped: {why}"))),
        }
        done.push(Done { package: step.package, name: step.name, verdict, time: start.elapsed() });
        bar.inc(1);
    }
    bar.finish_and_clear();
    Report { console, done }
}

impl Report {
    /// How many steps passed, and how many failed.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let count =
            |wanted: fn(&Verdict) -> bool| self.done.iter().filter(|d| wanted(&d.verdict)).count();
        (count(|v| *v == Verdict::Passed), count(|v| matches!(v, Verdict::Failed(_))))
    }

    /// Prints the summary table, then what the tests themselves skipped, from their log.
    pub(crate) fn summary(&self, skip_log: Option<&Path>) -> ExitCode {
        let mut table = table(self.console.has_color());
        table.set_header(["crate", "step", "result", "seconds"]);
        if let Some(column) = table.column_mut(3) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        for done in &self.done {
            let (word, color) = match &done.verdict {
                Verdict::Passed => ("ok".to_owned(), Color::Green),
                Verdict::Failed(why) => (format!("FAILED: {}", short(why)), Color::Red),
                Verdict::Skipped(why) => (format!("skipped: {}", short(why)), Color::Yellow),
            };
            let seconds = format!("{:.1}", done.time.as_secs_f64());
            let result = Cell::new(word).fg(color);
            table.add_row([
                Cell::new(&done.package),
                Cell::new(&done.name),
                result,
                seconds.into(),
            ]);
        }
        self.console.say(&format!("\n{table}"));
        self.print_skips(skip_log);
        let (_, failed) = self.counts();
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn print_skips(&self, skip_log: Option<&Path>) {
        let text = skip_log.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        let mut lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines.sort_unstable();
        lines.dedup();
        if lines.is_empty() {
            return;
        }
        self.console.say(&self.console.yellow("Tests that skipped themselves:"));
        for line in lines {
            self.console.say(&format!("  {line}"));
        }
    }

    /// Prints the line by which programs know the outcome.
    pub(crate) fn tally(&self) {
        let (passed, failed) = self.counts();
        self.console.say(&format!("{passed} passed, {failed} failed"));
    }
}

/// An empty table with a line under its head and no others.
pub(crate) fn table(color: bool) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    for line in [
        TableComponent::HorizontalLines,
        TableComponent::MiddleIntersections,
        TableComponent::LeftBorderIntersections,
        TableComponent::RightBorderIntersections,
    ] {
        table.remove_style(line);
    }
    if !color {
        table.force_no_tty();
    }
    table
}

/// The start of a reason, for a table; the whole of it stands where it happened.
fn short(why: &str) -> String {
    const WIDTH: usize = 60;
    let line = why.lines().next().unwrap_or_default();
    if line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    line.chars().take(WIDTH).chain(['…']).collect()
}
