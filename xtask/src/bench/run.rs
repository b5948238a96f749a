//! Runs one bench binary and listens to it.

use std::io::{BufRead, BufReader};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use serde_json::{Map, Value};

use super::interrupt::Interrupt;
use super::protocol::{self, Event, Ratio};
use super::schema::{Row, Schema};
use crate::step::{Cmd, Console};

/// A bench that says nothing for this long hangs.
pub(super) const SILENCE: Duration = Duration::from_secs(120);

/// How often we look whether somebody wants to stop.
const LOOK: Duration = Duration::from_millis(50);

/// How long the halves of a stopped bench may take to remove what they made.
const PATIENCE: Duration = Duration::from_secs(1);

/// More errors than these are more of the same.
const ERRORS_SHOWN: usize = 10;

/// What one bench told us.
#[derive(Default)]
pub(super) struct Told {
    pub(super) machine: Option<Map<String, Value>>,
    pub(super) rows: Vec<Row>,
    pub(super) ratios: Vec<Ratio>,
    pub(super) notes: Vec<String>,
    /// Its processes, if we had to end them.
    pub(super) stopped: Vec<u32>,
    /// The case that began last.
    case: String,
    pub(super) cases: u64,
    planned: u64,
    errors: Vec<String>,
}

/// What a run of one bench needs beside the command.
pub(super) struct Surroundings<'a> {
    pub(super) console: &'a Console,
    pub(super) schema: &'a Schema,
    pub(super) interrupt: &'a Interrupt,
    pub(super) silence: Duration,
    /// Cases done before this bench, and cases of all benches.
    pub(super) before: u64,
    pub(super) total: u64,
    /// When the first of them began.
    pub(super) since: Instant,
}

/// Runs `cmd` to its end, or ends it when it was silent for too long or somebody wants to stop. What
/// it told is worth showing even then.
pub(super) fn run(around: &Surroundings<'_>, cmd: &Cmd) -> (Told, Result<(), String>) {
    let Surroundings { console, interrupt, silence, .. } = around;
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
    let bar = console.bar(around.total, "cases");
    bar.set_position(around.before);
    let mut heard = Instant::now();
    let stopped = loop {
        match lines.recv_timeout(LOOK.min(*silence)) {
            Ok(line) => {
                heard = Instant::now();
                told.hear(&line, around, &bar);
            }
            Err(RecvTimeoutError::Timeout) if interrupt.came() => break Some("interrupted".into()),
            Err(RecvTimeoutError::Timeout) if heard.elapsed() >= *silence => {
                break Some(format!("killed: silent for {} s{}", silence.as_secs(), told.place()));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break None,
        }
    };
    bar.finish_and_clear();
    if let Some(why) = stopped {
        told.stopped = bench.stop(PATIENCE);
        return (told, Err(why));
    }
    let ended = bench.wait(*silence).and_then(|()| told.complaint());
    (told, ended)
}

impl Told {
    fn hear(&mut self, line: &str, around: &Surroundings<'_>, bar: &ProgressBar) {
        let Surroundings { console, schema, .. } = around;
        if line.trim().is_empty() {
            return;
        }
        match protocol::parse(line) {
            Ok(Event::Machine(facts)) => self.machine = Some(facts),
            Ok(Event::Plan(cases)) => {
                self.planned = cases;
                bar.set_length(around.total.max(around.before + cases));
            }
            Ok(Event::Case(case)) => {
                // The case before this one is done.
                let done = around.before + self.cases;
                bar.set_position(done);
                self.cases += 1;
                let left = left(around.since.elapsed(), done, around.total);
                bar.set_message(format!(", {left}  {case}"));
                if !console.is_terminal() {
                    console.say(&format!("  case {}/{}: {case}", self.cases, self.planned));
                }
                self.case = case;
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

    /// Where it stopped, if it had begun.
    fn place(&self) -> String {
        if self.case.is_empty() { String::new() } else { format!(", in `{}`", self.case) }
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

/// How long the rest takes, if it takes as long a case as what is done.
fn left(passed: Duration, done: u64, total: u64) -> String {
    let rest = total.saturating_sub(done);
    let each = passed.as_secs_f64() / u32::try_from(done.max(1)).map_or(f64::MAX, f64::from);
    let seconds = each * u32::try_from(rest).map_or(f64::MAX, f64::from);
    match seconds {
        _ if done == 0 => "time left unknown".to_owned(),
        s if s >= 90.0 => format!("{:.0} min left", s / 60.0),
        s => format!("{s:.0} s left"),
    }
}

#[cfg(test)]
mod tests {
    use super::{SILENCE, Surroundings, left, run};
    use crate::bench::interrupt::Interrupt;
    use crate::bench::schema::Schema;
    use crate::step::{Cmd, Console};
    use std::path::Path;
    use std::time::{Duration, Instant};

    /// Plays a bench: a shell that prints `lines` and ends with `status`.
    fn play(lines: &str, status: i32) -> (super::Told, Result<(), String>) {
        shell(&format!("printf '%s\\n' '{lines}'; exit {status}"), SILENCE)
    }

    fn shell(script: &str, silence: Duration) -> (super::Told, Result<(), String>) {
        interrupted(script, silence, &Interrupt::default())
    }

    fn interrupted(
        script: &str,
        silence: Duration,
        interrupt: &Interrupt,
    ) -> (super::Told, Result<(), String>) {
        let root = Path::new(".");
        let around = Surroundings {
            console: &Console::new(root),
            schema: &Schema::load(root),
            interrupt,
            silence,
            before: 0,
            total: 1,
            since: Instant::now(),
        };
        run(&around, &Cmd::new("sh", ["-c", script]))
    }

    #[test]
    fn an_interrupt_ends_a_bench_and_keeps_its_rows() {
        let interrupt = Interrupt::default();
        interrupt.set();
        let script = format!("printf '%s\\n' '{}'; sleep 600", ROW.replace('\n', ""));
        let (told, ended) = interrupted(&script, SILENCE, &interrupt);
        assert_eq!((told.rows.len(), ended), (1, Err("interrupted".to_owned())));
    }

    #[test]
    fn the_time_left_follows_from_the_time_passed() {
        let ten = Duration::from_secs(10);
        assert_eq!(left(ten, 0, 5), "time left unknown");
        assert_eq!(left(ten, 2, 5), "15 s left");
        assert_eq!(left(ten, 1, 61), "10 min left");
        assert_eq!(left(ten, 5, 5), "0 s left");
    }

    #[test]
    fn a_silent_bench_is_killed() {
        let (told, ended) = shell("sleep 600", Duration::from_millis(10));
        assert_eq!(told.rows.len(), 0);
        assert!(ended.unwrap_err().starts_with("killed: silent"));

        let case = r#"printf '{"kind":"case","case":"slow one"}\n'; sleep 600"#;
        let (_, ended) = shell(case, Duration::from_millis(200));
        assert!(ended.unwrap_err().ends_with("in `slow one`"));
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
