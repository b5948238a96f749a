//! Runs one bench binary and listens to it.

use std::io::{BufRead, BufReader};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use indicatif::ProgressBar;

use super::protocol::{self, Event, Ratio};
use super::schema::{Row, Schema};
use crate::step::{Cmd, Console};

/// A bench that says nothing for this long hangs.
pub(super) const SILENCE: Duration = Duration::from_secs(120);

/// More errors than these are more of the same.
const ERRORS_SHOWN: usize = 10;

/// What one bench told us.
#[derive(Default)]
pub(super) struct Told {
    pub(super) machine: Option<String>,
    pub(super) rows: Vec<Row>,
    pub(super) ratios: Vec<Ratio>,
    pub(super) notes: Vec<String>,
    cases: u64,
    planned: u64,
    errors: Vec<String>,
}

/// Runs `cmd` to its end, or kills it when it was silent for too long. What it told is worth showing
/// even if it failed.
pub(super) fn run(
    console: &Console,
    schema: &Schema,
    cmd: &Cmd,
    silence: Duration,
) -> (Told, Result<(), String>) {
    let mut told = Told::default();
    let (bench, output) = match console.start(cmd) {
        Ok(started) => started,
        Err(error) => return (told, Err(error)),
    };
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    let bar = console.bar(0, "cases");
    let silent = loop {
        match lines.recv_timeout(silence) {
            Ok(line) => told.hear(&line, schema, console, &bar),
            Err(RecvTimeoutError::Timeout) => break true,
            Err(RecvTimeoutError::Disconnected) => break false,
        }
    };
    bar.finish_and_clear();
    if silent {
        bench.kill();
        return (told, Err(format!("killed: silent for {} s", silence.as_secs())));
    }
    let ended = bench.wait(silence).and_then(|()| told.complaint());
    (told, ended)
}

impl Told {
    fn hear(&mut self, line: &str, schema: &Schema, console: &Console, bar: &ProgressBar) {
        if line.trim().is_empty() {
            return;
        }
        match protocol::parse(line) {
            Ok(Event::Machine(facts)) => self.machine = Some(facts),
            Ok(Event::Plan(cases)) => {
                self.planned = cases;
                bar.set_length(cases);
            }
            Ok(Event::Case(case)) => {
                // The case before this one is done.
                bar.set_position(self.cases);
                self.cases += 1;
                let left = bar.eta().as_secs();
                bar.set_message(format!(", {left} s left  {case}"));
                if !console.is_terminal() {
                    console.say(&format!("  case {}/{}: {case}", self.cases, self.planned));
                }
            }
            Ok(Event::Row(row)) => match schema.check_row(&row) {
                Ok(()) => self.rows.push(row),
                Err(error) => self.errors.push(error),
            },
            Ok(Event::Ratio(ratio)) => self.ratios.push(ratio),
            Ok(Event::Note(note)) => self.notes.push(note),
            Err(error) => self.errors.push(error),
        }
    }

    /// What was wrong with the lines, if anything was.
    fn complaint(&self) -> Result<(), String> {
        if self.errors.is_empty() {
            return Ok(());
        }
        let count = self.errors.len();
        let shown: Vec<_> = self.errors.iter().take(ERRORS_SHOWN).cloned().collect();
        Err(format!("{count} bad lines\n  {}", shown.join("\n  ")))
    }
}

#[cfg(test)]
mod tests {
    use super::{SILENCE, run};
    use crate::bench::schema::Schema;
    use crate::step::{Cmd, Console};
    use std::path::Path;
    use std::time::Duration;

    /// Plays a bench: a shell that prints `lines` and ends with `status`.
    fn play(lines: &str, status: i32) -> (super::Told, Result<(), String>) {
        shell(&format!("printf '%s\\n' '{lines}'; exit {status}"), SILENCE)
    }

    fn shell(script: &str, silence: Duration) -> (super::Told, Result<(), String>) {
        let root = Path::new(".");
        let cmd = Cmd::new("sh", ["-c", script]);
        run(&Console::new(root), &Schema::load(root), &cmd, silence)
    }

    #[test]
    fn a_silent_bench_is_killed() {
        let (told, ended) = shell("sleep 600", Duration::from_millis(10));
        assert_eq!(told.rows.len(), 0);
        assert!(ended.unwrap_err().starts_with("killed: silent"));
    }

    const ROW: &str = r#"{"kind":"row","case":"a","crate":"c","scenario":"one-way","subject":"s",
        "role":"ours","placement":"busy","wait":"spin","msgs_per_s":1,"samples":1}"#;

    #[test]
    fn rows_are_gathered() {
        let row = ROW.replace('\n', "");
        let (told, ended) = play(&format!("{{\"kind\":\"plan\",\"cases\":1}}\n{row}\n"), 0);
        assert_eq!(ended, Ok(()));
        assert_eq!((told.planned, told.rows.len()), (1, 1));
    }

    #[test]
    fn a_failed_bench_keeps_its_rows() {
        let (told, ended) = play(&ROW.replace('\n', ""), 3);
        assert_eq!(told.rows.len(), 1);
        assert!(ended.unwrap_err().contains('3'));
    }

    #[test]
    fn a_bad_line_fails_the_bench() {
        let (told, ended) = play(&ROW.replace('\n', "").replace("busy", "lazy"), 0);
        assert_eq!(told.rows.len(), 0);
        assert!(ended.unwrap_err().contains("placement `lazy`"));
    }
}
