//! One run over all benches: what was asked for, what came out so far, and where it is put.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Instant;

use super::interrupt::Interrupt;
use super::run::{self, Surroundings, Told};
use super::saved::{self, Run};
use super::schema::{Row, Schema};
use super::table::{self, Look};
use super::{Options, against, budget, csv};
use crate::clean;
use crate::crates::Workspace;
use crate::step::{Cmd, Console, Verdict};

/// The state of a run.
pub(super) struct Harness {
    options: Options,
    schema: Schema,
    interrupt: Interrupt,
    /// Where the report and the runs go.
    folder: PathBuf,
    root: PathBuf,
    last: PathBuf,
    /// The file of `--save`, and the run of `--against`.
    save: Option<PathBuf>,
    before: Option<Run>,
    run: RefCell<Run>,
    /// Processes that we had to end.
    stopped: RefCell<Vec<u32>>,
    plan: RefCell<Plan>,
}

/// How many cases there are, and how far we are.
#[derive(Default)]
struct Plan {
    total: u64,
    done: u64,
    since: Option<Instant>,
    seconds_per_case: Option<f64>,
}

impl Harness {
    pub(super) fn new(workspace: &Workspace, options: Options) -> Result<Self, String> {
        let save = options.save.as_ref().map(|name| saved::named(workspace, name)).transpose()?;
        let before = options.against.as_ref().map(|name| saved::kept(workspace, name));
        let before = before.transpose()?.map(|path| Run::load(&path)).transpose();
        let before = before.map_err(|why| format!("--against: {why}"))?;
        let shown = options.show.as_ref().map(|name| saved::kept(workspace, name)).transpose()?;
        let shown = shown.map(|path| Run::load(&path)).transpose();
        let shown = shown.map_err(|why| format!("--show: {why}"))?;
        // Now, not after an hour of measuring.
        for (path, text) in [(&options.json, "[]\n"), (&options.csv, "")] {
            path.as_ref().map_or(Ok(()), |path| saved::write(path, text))?;
        }
        let run = Run {
            date: crate::clock::now(),
            command: options.command.clone(),
            quick: options.quick,
            ..Run::default()
        };
        Ok(Self {
            schema: Schema::load(&workspace.root),
            interrupt: Interrupt::watch(),
            folder: saved::folder(workspace),
            root: workspace.root.clone(),
            last: saved::last(workspace),
            save,
            before,
            run: RefCell::new(shown.unwrap_or(run)),
            stopped: RefCell::default(),
            plan: RefCell::default(),
            options,
        })
    }

    /// Adds the words after `--` that every bench understands.
    fn with_words(&self, cmd: Cmd, more: &[String]) -> Cmd {
        let mut words = Vec::new();
        if self.options.quick {
            words.push("--quick".to_owned());
        }
        if let Some(filter) = &self.options.filter {
            words.extend(["--filter".to_owned(), filter.clone()]);
        }
        words.extend(more.iter().cloned());
        if words.is_empty() { cmd } else { cmd.args(["--"]).args(words) }
    }

    /// Builds one bench.
    pub(super) fn build(&self, console: &Console, cmd: &Cmd) -> Verdict {
        if self.interrupt.came() {
            return Verdict::Skipped("interrupted".to_owned());
        }
        console.run(cmd).into()
    }

    /// Asks all benches for their cases, and shares the time out.
    pub(super) fn plan(&self, console: &Console, benches: &[Cmd]) -> Verdict {
        let list = ["--list".to_owned()];
        let counts = benches.iter().map(|cmd| {
            if self.interrupt.came() {
                return 0;
            }
            budget::count(console, &self.with_words(cmd.clone(), &list))
        });
        let total = counts.sum();
        let seconds = budget::seconds(self.options.quick, self.options.versus);
        let per_case = budget::per_case(total, seconds, self.options.quick);
        let share = per_case.map_or(String::new(), |share| format!(", {share:.2} s for each"));
        console.say(&format!("{total} cases{share}"));
        let mut run = self.run.borrow_mut();
        run.commit = commit(console);
        let since = Some(Instant::now());
        *self.plan.borrow_mut() = Plan { total, done: 0, since, seconds_per_case: per_case };
        Verdict::Passed
    }

    /// Runs one bench and shows its rows.
    pub(super) fn bench(&self, console: &Console, name: &str, cmd: &Cmd) -> Verdict {
        if self.interrupt.came() {
            return Verdict::Skipped("interrupted".to_owned());
        }
        let (told, ended) = {
            let plan = self.plan.borrow();
            let share = plan.seconds_per_case.map(|share| format!("{share:.3}"));
            let more: Vec<_> = share
                .into_iter()
                .flat_map(|share| ["--seconds-per-case".to_owned(), share])
                .collect();
            let around = Surroundings {
                console,
                schema: &self.schema,
                interrupt: &self.interrupt,
                silence: self.options.silence.unwrap_or(run::SILENCE),
                before: plan.done,
                total: plan.total,
                since: plan.since.unwrap_or_else(Instant::now),
            };
            run::run(&around, &self.with_words(cmd.clone(), &more))
        };
        self.plan.borrow_mut().done += told.cases;
        self.stopped.borrow_mut().extend(&told.stopped);
        self.keep(console, told);
        if let Err(why) = &ended {
            self.run.borrow_mut().failures.push(format!("{name}: {why}"));
        }
        ended.into()
    }

    fn keep(&self, console: &Console, told: Told) {
        let mut run = self.run.borrow_mut();
        if let Some(facts) = told.machine {
            if run.machine.is_empty() {
                run.machine = facts;
                let line = run.machine_line().unwrap_or_default();
                console.say(&format!("\nmachine: {line}"));
            }
        }
        if told.rows.is_empty() {
            console.say("no rows");
        } else {
            let look = Look {
                all_rows: self.options.all_rows,
                terminal: console.is_terminal(),
                color: console.has_color(),
            };
            console.say(&table::render(&told.rows, &told.ratios, look));
        }
        for note in &told.notes {
            console.say(&console.yellow(&format!("note: {note}")));
        }
        run.rows.extend(told.rows);
        run.ratios.extend(told.ratios);
        run.notes.extend(told.notes);
    }

    /// Says that something could not be measured at all.
    pub(super) fn missing(&self, what: &str) -> Verdict {
        self.run.borrow_mut().notes.push(what.to_owned());
        Verdict::Skipped(what.to_owned())
    }

    /// Judges all rows together and writes the files of `--json` and `--csv`.
    pub(super) fn rows(&self, console: &Console) -> Result<(), String> {
        let run = self.run.borrow();
        let rows = &run.rows;
        if let Some(path) = &self.options.json {
            saved::write(path, &json_text(rows))?;
            console.say(&format!("{} rows in {}", rows.len(), path.display()));
        }
        if let Some(path) = &self.options.csv {
            saved::write(path, &csv::render(rows))?;
            console.say(&format!("{} rows in {}", rows.len(), path.display()));
        }
        let errors = Schema::check_cases(rows);
        for error in &errors {
            console.say(&console.red(error));
        }
        match errors.len() {
            0 => Ok(()),
            count => Err(format!("{count} cases whose rows do not belong together")),
        }
    }

    /// Keeps the run, compares it, and writes the report.
    pub(super) fn report(&self, console: &Console) -> Result<(), String> {
        let measured = self.options.show.is_none();
        let interrupted = self.interrupt.came();
        let mut run = self.run.borrow_mut();
        run.interrupted |= interrupted;
        if interrupted || !run.failures.is_empty() {
            let removed = clean::sweep(&self.stopped.borrow());
            if let Some(first) = removed.first() {
                let count = removed.len();
                console.say(&format!("removed what was left behind: {first}, {count} in all"));
            }
        }
        if run.rows.is_empty() {
            return Err("no rows, so no report".to_owned());
        }
        if let Some(before) = &self.before {
            console.say(&table::changes(&against::compare(&run, before), console.has_color()));
            for doubt in against::doubts(&run, before) {
                console.say(&console.yellow(&format!("note: {doubt}")));
            }
        }
        if measured {
            run.save(&self.last)?;
        }
        if let Some(path) = &self.save {
            run.save(path)?;
            console.say(&format!("saved as {}", path.display()));
        }
        self.draw(console, &run)?;
        if let Some(label) = &self.options.record {
            let folder = super::record::write_record(console, &self.root, &run, label)?;
            console.say(&format!("record in {}", folder.display()));
        }
        if interrupted {
            return Err("interrupted: this is a part of a run".to_owned());
        }
        Ok(())
    }

    #[cfg(feature = "report")]
    fn draw(&self, console: &Console, run: &Run) -> Result<(), String> {
        let page = crate::report::write(&self.folder, run, self.before.as_ref())?;
        console.say(&format!("report: {}", page.display()));
        Ok(())
    }

    #[cfg(not(feature = "report"))]
    fn draw(&self, console: &Console, run: &Run) -> Result<(), String> {
        let page = self.folder.join("report.md");
        saved::write(&page, &crate::report::markdown::render(run, self.before.as_ref()))?;
        console.say(&format!("report: {}", page.display()));
        Ok(())
    }
}

/// What `--json` writes: an array, one row a line.
pub(super) fn json_text(rows: &[Row]) -> String {
    let lines: Vec<_> = rows.iter().map(|row| row.to_json().to_string()).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

/// The commit that is measured, and whether files differ from it.
fn commit(console: &Console) -> String {
    let git = |words: &[&str]| console.output(&Cmd::new("git", words.iter().copied()));
    let Some(id) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".to_owned() };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]);
    let changed = changed.is_some_and(|text| !text.trim().is_empty());
    format!("{}{}", id.trim(), if changed { " with changes" } else { "" })
}
