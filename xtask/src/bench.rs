//! `cargo xtask bench`: the floors of this machine first, then each crate beside them.
//!
//! Every bench is a program of its own that prints what it measured, line by line; here we only run
//! them one after the other, check what they print, and lay it out.

mod against;
mod budget;
mod csv;
mod harness;
mod interrupt;
mod protocol;
mod record;
pub(crate) mod rerun;
mod run;
pub(crate) mod saved;
mod schema;
mod table;
pub(crate) mod units;

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

pub(crate) use against::{Change, compare, doubts};
pub(crate) use protocol::Ratio;
pub(crate) use record::FOLDER as RECORDS;
pub(crate) use schema::Row;
pub(crate) use table::verdict;

use crate::crates::{Package, Workspace};
use crate::step::{Cmd, Step};
use harness::Harness;
use schema::Schema;

/// The crate whose bench measures the floors, which all others are compared with.
const FLOORS: &str = "ipc-devkit";

/// The workspace of the rivals.
const VERSUS: &str = "ipc-versus";

/// What the command line asks for.
#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) quick: bool,
    pub(crate) all_rows: bool,
    pub(crate) versus: bool,
    pub(crate) filter: Option<String>,
    /// Absolute paths.
    pub(crate) json: Option<PathBuf>,
    pub(crate) csv: Option<PathBuf>,
    /// Names of runs.
    pub(crate) save: Option<String>,
    pub(crate) against: Option<String>,
    /// Only shows this one, and measures nothing.
    pub(crate) show: Option<String>,
    /// The name of this machine in the record, or an empty one.
    pub(crate) record: Option<String>,
    /// As the user typed it.
    pub(crate) command: String,
    /// A bench that says nothing for this long hangs; there is a usual value.
    pub(crate) silence: Option<Duration>,
}

/// The steps: build all benches, run each, then judge the rows together.
pub(crate) fn steps(
    workspace: &Workspace,
    names: &[String],
    options: Options,
) -> Result<Vec<Step>, String> {
    let (versus, show) = (options.versus, options.show.is_some());
    let harness = Rc::new(Harness::new(workspace, options)?);
    if show {
        return Ok(vec![Step::call("all", "report", move |console| {
            harness.report(console).into()
        })]);
    }
    let mut skipped = Vec::new();
    let mut benches = Vec::new();
    for package in selected(workspace, names)? {
        if package.has("benches/main.rs") {
            let words = ["bench", "-p", &package.name, "--bench", "main"];
            benches.push((package.name.clone(), Cmd::cargo(words)));
        } else if !names.is_empty() {
            skipped.push(Step::skip(&package.name, "bench", "no benches/main.rs"));
        }
    }
    if versus {
        let manifest = format!("crates/{VERSUS}/Cargo.toml");
        if workspace.root.join(&manifest).is_file() {
            let words = ["bench", "--manifest-path", &manifest, "--bench", "main"];
            benches.push((VERSUS.to_owned(), Cmd::cargo(words)));
        } else {
            let harness = Rc::clone(&harness);
            let why = format!("the rivals are not here: {manifest} is missing");
            skipped.push(Step::call(VERSUS, "bench", move |_| harness.missing(&why)));
        }
    }
    let mut steps = skipped;
    for (name, cmd) in &benches {
        let (harness, build) = (Rc::clone(&harness), cmd.clone().args(["--no-run"]));
        let build = move |console: &_| harness.build(console, &build);
        steps.push(Step::call(name, "build bench", build));
    }
    let planner = Rc::clone(&harness);
    let all: Vec<_> = benches.iter().map(|(_, cmd)| cmd.clone()).collect();
    steps.push(Step::call("all", "plan", move |console| planner.plan(console, &all)));
    for (name, cmd) in benches {
        let (harness, label) = (Rc::clone(&harness), name.clone());
        let run = move |console: &_| harness.bench(console, &label, &cmd);
        steps.push(Step::call(&name, "bench", run));
    }
    let judge = Rc::clone(&harness);
    steps.push(Step::call("all", "rows", move |console| judge.rows(console).into()));
    steps.push(Step::call("all", "report", move |console| harness.report(console).into()));
    Ok(steps)
}

/// Checks a file that `--json` wrote.
pub(crate) fn check_file(root: &Path, path: &Path) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    check_text(&Schema::load(root), &text)
}

fn check_text(schema: &Schema, text: &str) -> Result<(), String> {
    let values: Vec<Value> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    if values.is_empty() {
        return Err("no rows".to_owned());
    }
    let mut rows = Vec::new();
    for value in values {
        let Value::Object(fields) = value else { return Err(format!("not a row: {value}")) };
        let row = Row::new(fields);
        schema.check_row(&row)?;
        rows.push(row);
    }
    match Schema::check_cases(&rows).into_iter().next() {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// The floors first, then what was asked for.
fn selected<'a>(workspace: &'a Workspace, names: &[String]) -> Result<Vec<&'a Package>, String> {
    let mut packages = workspace.select(names)?;
    packages.retain(|package| package.name != FLOORS);
    let floors = workspace.packages.iter().find(|package| package.name == FLOORS);
    Ok(floors.into_iter().chain(packages).collect())
}

#[cfg(test)]
mod tests {
    use super::harness::json_text;
    use super::{Options, Schema, check_text, saved, steps};
    use crate::bench::schema::Row;
    use crate::crates::Workspace;
    use crate::scratch::Scratch;
    use serde_json::json;

    fn row() -> Row {
        let value = json!({
            "case": "a", "crate": "c", "scenario": "one-way", "subject": "s", "role": "ours",
            "placement": "busy", "wait": "spin", "msgs_per_s": 1.5, "samples": 1,
        });
        Row::new(value.as_object().unwrap().clone())
    }

    #[test]
    fn what_we_write_we_can_read() {
        let dir = Scratch::new("bench").unwrap();
        let path = dir.path().join("new/folder/rows.json");
        saved::write(&path, &json_text(&[row(), row()])).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let schema = Schema::load(dir.path());
        assert_eq!(check_text(&schema, &text), Ok(()));
        assert!(check_text(&schema, &text.replace("busy", "lazy")).is_err());
        assert!(check_text(&schema, "[1]").is_err());
        assert!(check_text(&schema, "[]").is_err());
    }

    /// A repository without packages.
    fn empty(dir: &Scratch) -> Workspace {
        Workspace { root: dir.path().to_owned(), packages: Vec::new() }
    }

    #[test]
    fn an_unwritable_file_is_an_error_before_anything_runs() {
        let dir = Scratch::new("bench").unwrap();
        dir.write("file", "").unwrap();
        let path = Some(dir.path().join("file/rows"));
        for options in [
            Options { json: path.clone(), ..Options::default() },
            Options { csv: path, ..Options::default() },
        ] {
            let result = steps(&empty(&dir), &[], options);
            assert!(result.err().unwrap().contains("cannot write"));
        }
    }

    #[test]
    fn a_run_that_is_not_there_is_an_error_before_anything_runs() {
        let dir = Scratch::new("bench").unwrap();
        let options = Options { against: Some("none".to_owned()), ..Options::default() };
        let error = steps(&empty(&dir), &[], options).err().unwrap();
        assert!(error.starts_with("--against") && error.contains("none.json"), "{error}");
    }
}
