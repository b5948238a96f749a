//! A run as it is kept: every row and ratio, and what one must know to believe them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::protocol::{Ratio, facts};
use super::schema::Row;
use crate::crates::Workspace;

/// The layout of the file. Another one is not read.
const FORMAT: u64 = 1;

/// One run of `cargo xtask bench`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    pub(crate) date: String,
    pub(crate) command: String,
    pub(crate) commit: String,
    pub(crate) quick: bool,
    /// Somebody stopped it: it is a part of a run.
    pub(crate) interrupted: bool,
    /// The machine in the words of the first bench.
    pub(crate) machine: Map<String, Value>,
    pub(crate) rows: Vec<Row>,
    pub(crate) ratios: Vec<Ratio>,
    pub(crate) notes: Vec<String>,
    /// What did not come to its end, and why.
    pub(crate) failures: Vec<String>,
}

impl Run {
    /// The machine in one line, or nothing if no bench told.
    pub(crate) fn machine_line(&self) -> Option<String> {
        (!self.machine.is_empty()).then(|| facts(&self.machine))
    }

    /// The ratio of one of our subjects to the subject of this role.
    pub(crate) fn ratio(&self, row: &Row, role: &str) -> Option<&Ratio> {
        let (case, subject) = (row.text("case"), row.text("subject"));
        self.ratios.iter().find(|r| r.case == case && r.ours == subject && r.role == role)
    }

    fn to_json(&self) -> Value {
        json!({
            "format": FORMAT,
            "date": self.date,
            "command": self.command,
            "commit": self.commit,
            "quick": self.quick,
            "interrupted": self.interrupted,
            "machine": self.machine,
            "notes": self.notes,
            "failures": self.failures,
            "ratios": self.ratios.iter().map(Ratio::to_json).collect::<Vec<_>>(),
            "rows": self.rows.iter().map(Row::to_json).collect::<Vec<_>>(),
        })
    }

    /// Writes the run; a reader never sees half of it.
    pub(crate) fn save(&self, path: &Path) -> Result<(), String> {
        write(path, &format!("{}\n", self.to_json()))
    }

    /// Reads what `save` wrote.
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        Self::parse(&text).map_err(|why| format!("{}: {why}", path.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let value: Value =
            serde_json::from_str(text).map_err(|e| format!("not a saved run: {e}"))?;
        if value["format"] != FORMAT {
            return Err(format!("not a saved run of format {FORMAT}"));
        }
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let flag = |key: &str| value[key].as_bool().unwrap_or(false);
        let list = |key: &str| value[key].as_array().cloned().unwrap_or_default();
        let texts = |key: &str| {
            list(key).iter().filter_map(|v| Some(v.as_str()?.to_owned())).collect::<Vec<_>>()
        };
        let object = |value: Value| match value {
            Value::Object(fields) => Ok(fields),
            other => Err(format!("not an object: {other}")),
        };
        Ok(Self {
            date: text("date"),
            command: text("command"),
            commit: text("commit"),
            quick: flag("quick"),
            interrupted: flag("interrupted"),
            machine: value["machine"].as_object().cloned().unwrap_or_default(),
            rows: list("rows")
                .into_iter()
                .map(|row| object(row).map(Row::new))
                .collect::<Result<_, _>>()?,
            ratios: list("ratios")
                .into_iter()
                .map(|ratio| Ratio::from_json(&object(ratio)?))
                .collect::<Result<_, _>>()?,
            notes: texts("notes"),
            failures: texts("failures"),
        })
    }
}

/// The folder of everything that a run leaves.
pub(crate) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.root.join(workspace.target_dir()).join("bench")
}

/// The name of the most recent run, which nobody has to give.
const LAST: &str = "last";

/// The file of a run that was kept under this name, or of the last one.
pub(crate) fn kept(workspace: &Workspace, name: &str) -> Result<PathBuf, String> {
    if name == LAST { Ok(last(workspace)) } else { named(workspace, name) }
}

/// The file of a run with a name. A name is one word, since it becomes a file's.
pub(crate) fn named(workspace: &Workspace, name: &str) -> Result<PathBuf, String> {
    if name == LAST {
        return Err(format!("`{LAST}` always is the most recent run: use another name"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return Err(format!("`{name}` is no name for a run: use letters, digits, `-`, `_`, `.`"));
    }
    Ok(folder(workspace).join("saved").join(format!("{name}.json")))
}

/// The file of the most recent run.
pub(crate) fn last(workspace: &Workspace) -> PathBuf {
    folder(workspace).join("last.json")
}

/// Every run that was kept here, the newest first. What cannot be read is not one.
pub(crate) fn all(workspace: &Workspace) -> Vec<Run> {
    let saved = fs::read_dir(folder(workspace).join("saved")).into_iter().flatten().flatten();
    let paths = saved.map(|entry| entry.path()).chain([last(workspace)]);
    let mut runs: Vec<_> = paths.filter_map(|path| Run::load(&path).ok()).collect();
    runs.sort_by(|a, b| b.date.cmp(&a.date));
    runs
}

/// Writes a file beside its place and moves it there, so that nobody ever sees a half of it.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let written = fs::create_dir_all(folder)
        .and_then(|()| fs::write(&new, text))
        .and_then(|()| fs::rename(&new, path));
    written.map_err(|e| {
        // A half of it is of no use, and may be what filled the disk.
        let _ = fs::remove_file(&new);
        format!("cannot write {}: {e}", path.display())
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Run, all, kept, last, named, write};
    use crate::bench::protocol::{Event, parse};
    use crate::crates::Workspace;
    use crate::scratch::Scratch;
    use serde_json::json;

    /// A run of these lines of a bench.
    pub(crate) fn run(lines: &[String]) -> Run {
        let mut run = Run { date: "2026-01-02 03:04 UTC".to_owned(), ..Run::default() };
        for line in lines {
            match parse(line).unwrap() {
                Event::Row(row) => run.rows.push(row),
                Event::Ratio(ratio) => run.ratios.push(ratio),
                Event::Machine(machine) => run.machine = machine,
                other => panic!("{other:?}"),
            }
        }
        run
    }

    /// A row of a round trip, busy.
    pub(crate) fn row(
        krate: &str,
        case: &str,
        subject: &str,
        role: &str,
        size: u64,
        p50: f64,
    ) -> String {
        json!({
            "kind": "row", "case": case, "crate": krate, "scenario": "round-trip",
            "subject": subject, "role": role, "placement": "busy", "wait": "spin", "size": size,
            "p50_ns": p50, "p99_ns": p50 * 2.0, "p999_ns": p50 * 3.0, "max_ns": p50 * 50.0,
            "msgs_per_s": 1e9 / p50, "bytes_per_s": 1e9 / p50 * size as f64,
            "cpu_ns_per_msg": p50 * 2.0, "samples": 1000,
        })
        .to_string()
    }

    /// The ratio of `ipc-pipe` to a raw pipe.
    pub(crate) fn ratio(case: &str, ratio: f64, half_width: f64, spread: f64) -> String {
        json!({
            "kind": "ratio", "case": case, "role": "raw", "against": "raw pipe", "ours": "ipc-pipe",
            "ratio": ratio, "low": ratio - half_width, "high": ratio + half_width, "pairs": 11,
            "better": "lower", "spread": spread, "decided": (ratio - 1.0).abs() > spread,
            "delta_ns": (ratio - 1.0) * 1000.0,
        })
        .to_string()
    }

    #[test]
    fn a_run_is_read_as_it_was_written() {
        let dir = Scratch::new("saved").unwrap();
        let machine = json!({ "kind": "machine", "kernel": "6.18", "cpus": 2 }).to_string();
        let mut run = run(&[
            machine,
            row("ipc-pipe", "pipe round-trip 64 B busy", "ipc-pipe", "ours", 64, 1000.0),
            ratio("pipe round-trip 64 B busy", 1.02, 0.01, 0.05),
        ]);
        run.quick = true;
        run.notes = vec!["a \"note\"".to_owned()];
        let path = dir.path().join("new/run.json");
        run.save(&path).unwrap();
        let read = Run::load(&path).unwrap();
        assert_eq!(read.to_json(), run.to_json());
        assert_eq!(read.machine_line().unwrap(), "6.18, cpus 2");
        assert_eq!(read.ratio(&read.rows[0], "raw").unwrap().high, 1.03);
        assert!(read.ratio(&read.rows[0], "floor").is_none());
    }

    #[test]
    fn what_is_no_run_is_said_to_be_none() {
        let dir = Scratch::new("saved").unwrap();
        for text in ["", "[]", "{}", r#"{"format":2}"#, r#"{"format":1,"rows":[1]}"#] {
            dir.write("run.json", text).unwrap();
            assert!(Run::load(&dir.path().join("run.json")).is_err(), "{text}");
        }
        assert!(Run::load(&dir.path().join("none.json")).unwrap_err().contains("none.json"));
    }

    #[test]
    fn names_are_words_and_runs_are_found_newest_first() {
        let dir = Scratch::new("saved").unwrap();
        let workspace = Workspace { root: dir.path().to_owned(), packages: Vec::new() };
        for name in ["", ".x", "a/b", "../x", "a b", "last"] {
            assert!(named(&workspace, name).is_err(), "{name}");
        }
        assert_eq!(kept(&workspace, "last").unwrap(), last(&workspace));
        assert_eq!(kept(&workspace, "one"), named(&workspace, "one"));
        let path = named(&workspace, "before-1.2").unwrap();
        Run { date: "2026-01-01".to_owned(), ..Run::default() }.save(&path).unwrap();
        let newest = Run { date: "2026-01-02".to_owned(), ..Run::default() };
        newest.save(&last(&workspace)).unwrap();
        write(&path.with_file_name("broken.json"), "{").unwrap();
        let dates: Vec<_> = all(&workspace).into_iter().map(|run| run.date).collect();
        assert_eq!(dates, ["2026-01-02", "2026-01-01"]);
    }
}
