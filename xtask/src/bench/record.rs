//! `--record`: a run as it is committed, with everything needed to repeat it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::csv;
use super::harness::json_text;
use super::saved::{Run, write};
use crate::clock;
use crate::report::markdown;
use crate::step::{Cmd, Console};

/// Where the records are, relative to the root.
pub(crate) const FOLDER: &str = "docs/bench";

/// Writes the record of `run` into a folder of its own, and tells which. The label names the machine;
/// an empty one is made from the processor.
pub(super) fn write_record(
    console: &Console,
    root: &Path,
    run: &Run,
    label: &str,
) -> Result<PathBuf, String> {
    if run.interrupted || run.quick {
        return Err("a record is made of a whole run: no --quick, no interruption".to_owned());
    }
    let cpu = fact(run, "cpu").unwrap_or_else(|| "machine".to_owned());
    let cpus = fact(run, "cpus").map_or(String::new(), |cpus| format!("-{cpus}cpu"));
    let name = if label.is_empty() { format!("{}{cpus}", slug(&cpu)) } else { slug(label) };
    let folder = Path::new(FOLDER).join(format!("{}-{name}", clock::today()));
    let ask = |program, words: &[&str]| {
        let text = console.output(&Cmd::new(program, words.iter().copied()));
        text.map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
    };
    let page = readme(run, &ask("uname", &["-a"]), &ask("rustc", &["--version"]));
    for (file, text) in [
        ("README.md", page),
        ("rows.json", json_text(&run.rows)),
        ("raw.csv", csv::render(&run.rows)),
        ("summary.md", markdown::render(run, None)),
    ] {
        write(&root.join(&folder).join(file), &text)?;
    }
    Ok(folder)
}

/// A fact about the machine as plain text.
fn fact(run: &Run, key: &str) -> Option<String> {
    match run.machine.get(key)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn readme(run: &Run, uname: &str, rustc: &str) -> String {
    let fact = |key: &str| fact(run, key).unwrap_or_else(|| "not told by the system".to_owned());
    let pinned = match run.machine.get("pinned").and_then(Value::as_bool) {
        Some(true) => "each half of a pair bound to a processor",
        _ => "none: binding was not possible",
    };
    let failures = if run.failures.is_empty() {
        "none".to_owned()
    } else {
        run.failures.iter().map(|why| why.replace('\n', " ")).collect::<Vec<_>>().join("; ")
    };
    format!(
        "# Benchmark record of {date}\n\n\
         | what | |\n|---|---|\n\
         | command | `{command}` |\n| commit | {commit} |\n| date | {date} |\n\
         | `uname -a` | `{uname}` |\n| system | {os} |\n| processor | {cpu} |\n\
         | processors | {cpus} |\n| governor | {governor} |\n| pinning | {pinned} |\n\
         | one clock reading | {clock} ns |\n| compiler | {rustc} |\n| failed | {failures} |\n\n\
         [summary.md](summary.md) holds the figures in tables, `rows.json` and `raw.csv` every row.\n\
         The fields are explained in [docs/benchmarks.md](../../benchmarks.md).\n",
        date = run.date,
        command = run.command,
        commit = run.commit,
        os = fact("os"),
        cpu = fact("cpu"),
        cpus = fact("cpus"),
        governor = fact("governor"),
        clock = fact("clock_ns"),
    )
}

/// Lower-case words with `-` between them, from any text.
fn slug(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.take(5).map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::{FOLDER, slug, write_record};
    use crate::bench::saved::Run;
    use crate::bench::saved::tests::{ratio, row, run};
    use crate::scratch::Scratch;
    use crate::step::Console;
    use serde_json::json;

    fn measured() -> Run {
        let machine = json!({ "kind": "machine", "cpu": "A(R) CPU @ 2.0", "cpus": 2,
                              "pinned": true, "governor": null });
        const CASE: &str = "pipe round-trip 64 B busy";
        let ours = row("ipc-pipe", CASE, "ipc-pipe", "ours", 64, 1000.0);
        let raw = row("ipc-pipe", CASE, "raw pipe", "raw", 64, 1000.0);
        run(&[machine.to_string(), ours, raw, ratio(CASE, 1.0, 0.0, 0.0)])
    }

    #[test]
    fn a_record_has_all_four_files() {
        let dir = Scratch::new("record").unwrap();
        let console = Console::new(dir.path());
        let folder = write_record(&console, dir.path(), &measured(), "").unwrap();
        let name = folder.file_name().unwrap().to_str().unwrap();
        assert!(folder.starts_with(FOLDER) && name.ends_with("-a-r-cpu-2-0-2cpu"), "{name}");
        let read =
            |file: &str| std::fs::read_to_string(dir.path().join(&folder).join(file)).unwrap();
        assert!(read("README.md").contains("| processor | A(R) CPU @ 2.0 |"));
        assert!(read("README.md").contains("bound to a processor"));
        assert!(read("README.md").contains("| governor | not told by the system |"));
        assert!(read("rows.json").starts_with("[\n{"));
        assert!(read("raw.csv").lines().count() == 3);
        assert!(read("summary.md").contains("| death of a peer seen by a sleeper |"));
        assert_eq!(slug("My Box!"), "my-box");
    }

    #[test]
    fn a_part_of_a_run_is_no_record() {
        let dir = Scratch::new("record").unwrap();
        let console = Console::new(dir.path());
        for run in [Run { quick: true, ..measured() }, Run { interrupted: true, ..measured() }] {
            assert!(write_record(&console, dir.path(), &run, "x").is_err());
        }
    }
}
