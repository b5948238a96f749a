//! `cargo xtask bench`: the floors of this machine first, then each crate beside them.
//!
//! Every bench is a program of its own that prints what it measured, line by line; here we only run
//! them one after the other, check what they print, and lay it out.

mod protocol;
mod run;
mod schema;
mod table;
mod units;

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::Value;

use crate::crates::{Package, Workspace};
use crate::step::{Cmd, Console, Step, Verdict};
use schema::{Row, Schema};
use table::Look;

/// The crate whose bench measures the floors, which all others are compared with.
const FLOORS: &str = "ipc-devkit";

/// What the command line asks for.
#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) quick: bool,
    pub(crate) all_rows: bool,
    pub(crate) filter: Option<String>,
    /// An absolute path.
    pub(crate) json: Option<PathBuf>,
}

/// The steps: build and run each bench, then judge the rows together.
pub(crate) fn steps(
    workspace: &Workspace,
    names: &[String],
    options: Options,
) -> Result<Vec<Step>, String> {
    if let Some(path) = &options.json {
        // Now, not after an hour of measuring.
        write_json(path, &[])?;
    }
    let harness = Rc::new(Harness {
        schema: Schema::load(&workspace.root),
        options,
        rows: RefCell::default(),
        machine: RefCell::default(),
    });
    let mut steps = Vec::new();
    for package in selected(workspace, names)? {
        if !package.has("benches/main.rs") {
            if !names.is_empty() {
                steps.push(Step::skip(&package.name, "bench", "no benches/main.rs"));
            }
            continue;
        }
        let build = Cmd::cargo(["bench", "-p", &package.name, "--bench", "main", "--no-run"]);
        steps.push(Step::command(&package.name, "build bench", build));
        let cmd = harness.command(package);
        let harness = Rc::clone(&harness);
        steps.push(Step::call(&package.name, "bench", move |console| harness.run(console, &cmd)));
    }
    steps.push(Step::call("all", "rows", move |console| harness.finish(console).into()));
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

fn write_json(path: &Path, rows: &[Row]) -> Result<(), String> {
    let values: Vec<_> = rows.iter().map(Row::to_json).collect();
    let lines: Vec<_> = values.iter().map(Value::to_string).collect();
    let text = format!("[\n{}\n]\n", lines.join(",\n"));
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|e| format!("cannot write {}: {e}", path.display()))
}

/// One run over all benches.
struct Harness {
    schema: Schema,
    options: Options,
    rows: RefCell<Vec<Row>>,
    machine: RefCell<Option<String>>,
}

impl Harness {
    fn command(&self, package: &Package) -> Cmd {
        let mut words = Vec::new();
        if self.options.quick {
            words.push("--quick".to_owned());
        }
        if let Some(filter) = &self.options.filter {
            words.extend(["--filter".to_owned(), filter.clone()]);
        }
        let cmd = Cmd::cargo(["bench", "-p", &package.name, "--bench", "main"]);
        if words.is_empty() { cmd } else { cmd.args(["--"]).args(words) }
    }

    fn run(&self, console: &Console, cmd: &Cmd) -> Verdict {
        let (told, ended) = run::run(console, &self.schema, cmd, run::SILENCE);
        if let Some(facts) = told.machine {
            let mut machine = self.machine.borrow_mut();
            if machine.as_ref() != Some(&facts) {
                console.say(&format!("\nmachine: {facts}"));
                *machine = Some(facts);
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
        for note in told.notes {
            console.say(&console.yellow(&format!("note: {note}")));
        }
        self.rows.borrow_mut().extend(told.rows);
        ended.into()
    }

    /// Judges all rows together and writes the file.
    fn finish(&self, console: &Console) -> Result<(), String> {
        let rows = self.rows.borrow();
        if let Some(path) = &self.options.json {
            write_json(path, &rows)?;
            console.say(&format!("{} rows in {}", rows.len(), path.display()));
        }
        let errors = Schema::check_cases(&rows);
        for error in &errors {
            console.say(&console.red(error));
        }
        match errors.len() {
            0 => Ok(()),
            count => Err(format!("{count} cases whose rows do not belong together")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Options, Schema, check_text, steps, write_json};
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
        write_json(&path, &[row(), row()]).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let schema = Schema::load(dir.path());
        assert_eq!(check_text(&schema, &text), Ok(()));
        assert!(check_text(&schema, &text.replace("busy", "lazy")).is_err());
        assert!(check_text(&schema, "[1]").is_err());
        assert!(check_text(&schema, "[]").is_err());
    }

    #[test]
    fn an_unwritable_file_is_an_error_before_anything_runs() {
        let dir = Scratch::new("bench").unwrap();
        dir.write("file", "").unwrap();
        let workspace = Workspace { root: dir.path().to_owned(), packages: Vec::new() };
        let json = Some(dir.path().join("file/rows.json"));
        let result = steps(&workspace, &[], Options { json, ..Options::default() });
        assert!(result.err().unwrap().contains("cannot write"));
    }
}
