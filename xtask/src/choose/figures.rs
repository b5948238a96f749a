//! What was measured, for the advice: on this machine if it was, else from the committed record.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::bench::saved::{self, Run};
use crate::bench::{RECORDS, Row, units};
use crate::crates::Workspace;
use crate::mechanism::Mechanism;
use crate::report::group::{bytes, size};
use crate::report::summary::find_sized;

/// Runs to look figures up in, the best first.
pub(crate) struct Figures(Vec<Source>);

struct Source {
    run: Run,
    /// Whose figures these are, in words.
    origin: String,
}

/// One figure for the advice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    /// In words, with the origin.
    pub(crate) text: String,
    pub(crate) round_trip_ns: Option<f64>,
    pub(crate) per_second: Option<f64>,
}

impl Figures {
    pub(crate) fn load(workspace: &Workspace) -> Self {
        let mut runs = saved::all(workspace);
        // A quick run shows that it works: any whole one says more.
        runs.sort_by_key(|run| run.quick);
        let mut sources: Vec<_> = runs
            .into_iter()
            .map(|run| {
                let quick = if run.quick { ", a quick one" } else { "" };
                let origin = format!("this machine, run of {}{quick}", run.date);
                Source { run, origin }
            })
            .collect();
        sources.extend(record(&workspace.root));
        Self(sources)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The figures of a mechanism for messages of about this size.
    pub(crate) fn of(&self, mechanism: &Mechanism, wanted: u64) -> Option<Measured> {
        self.0.iter().find_map(|source| {
            let run = &source.run;
            let find =
                |scenario, placement| find_sized(run, mechanism, scenario, placement, wanted);
            let time = |found: Option<(usize, &Row)>| found?.1.number("p50_ns");
            let (awake, shared) = (find("round-trip", "busy"), find("round-trip", "one-core"));
            let rate = find("one-way", "busy");
            let per_second = rate.and_then(|(_, row)| row.number("msgs_per_s"));
            let mut parts = Vec::new();
            if let Some(ns) = time(awake) {
                parts.push(format!("round trip {} awake", units::time(ns)));
            }
            if let Some(ns) = time(shared) {
                parts.push(format!("{} asleep on one core", units::time(ns)));
            }
            if let Some(rate) = per_second {
                parts.push(units::rate(rate));
            }
            let row = [awake, shared, rate].into_iter().flatten().next()?.1;
            let of = size(row).map(|size| format!(" of {}", bytes(size))).unwrap_or_default();
            let text = format!("{}{of} ({})", parts.join(", "), source.origin);
            let round_trip_ns = time(awake).or(time(shared));
            Some(Measured { text, round_trip_ns, per_second })
        })
    }
}

/// The newest record that is committed: its folder begins with the date.
fn record(root: &Path) -> Option<Source> {
    let entries = fs::read_dir(root.join(RECORDS)).ok()?.flatten();
    let mut folders: Vec<_> = entries.map(|entry| entry.path()).collect();
    folders.sort();
    folders.into_iter().rev().find_map(|folder| {
        let text = fs::read_to_string(folder.join("rows.json")).ok()?;
        let values: Vec<Value> = serde_json::from_str(&text).ok()?;
        let rows = values.into_iter().filter_map(|value| match value {
            Value::Object(fields) => Some(Row::new(fields)),
            _ => None,
        });
        let rows: Vec<_> = rows.collect();
        let name = folder.file_name()?.to_str()?.to_owned();
        let origin = format!("another machine: {RECORDS}/{name}");
        (!rows.is_empty()).then(|| Source { run: Run { rows, ..Run::default() }, origin })
    })
}

#[cfg(test)]
mod tests {
    use super::Figures;
    use crate::bench::saved::tests::{row, run};
    use crate::bench::saved::{Run, last, named};
    use crate::crates::Workspace;
    use crate::mechanism::by_key;
    use crate::scratch::Scratch;

    fn pipe(p50: f64) -> Run {
        run(&[row("ipc-pipe", "pipe round-trip 64 B busy", "ipc-pipe", "ours", 64, p50)])
    }

    #[test]
    fn own_figures_come_before_the_record_and_whole_runs_before_quick_ones() {
        let dir = Scratch::new("figures").unwrap();
        let workspace = Workspace { root: dir.path().to_owned(), packages: Vec::new() };
        let mechanism = by_key("pipe").unwrap();
        let text = |figures: Figures| figures.of(mechanism, 64).map(|m| m.text).unwrap_or_default();
        assert!(Figures::load(&workspace).is_empty());

        let rows: Vec<_> = pipe(3000.0).rows.iter().map(|row| row.to_json()).collect();
        let rows = serde_json::Value::from(rows).to_string();
        dir.write("docs/bench/2026-01-01-box/rows.json", &rows).unwrap();
        dir.write("docs/bench/README.md", "").unwrap();
        let found = text(Figures::load(&workspace));
        assert_eq!(
            found,
            "round trip 3.00 us awake of 64 B (another machine: docs/bench/2026-01-01-box)"
        );

        let quick = Run { quick: true, date: "2026-02-02".to_owned(), ..pipe(2000.0) };
        quick.save(&last(&workspace)).unwrap();
        assert!(text(Figures::load(&workspace)).contains("2.00 us"));
        let whole = Run { date: "2026-01-01".to_owned(), ..pipe(1000.0) };
        whole.save(&named(&workspace, "a").unwrap()).unwrap();
        let found = text(Figures::load(&workspace));
        assert!(found.contains("1.00 us") && found.contains("this machine"), "{found}");
        assert!(Figures::load(&workspace).of(by_key("fifo").unwrap(), 64).is_none());
    }
}
