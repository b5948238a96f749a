//! The table of the textbook, with figures: the answer to "which one?" at one glance.

use super::cells::{Cell, Table};
use super::group::{self, bytes, size};
use crate::bench::saved::Run;
use crate::bench::{Row, units};
use crate::choose::LADDER;
use crate::mechanism::{self, Mechanism};

/// The size at which mechanisms are compared first.
const SIZE: u64 = 64;

/// A line for each mechanism that was measured.
pub(crate) fn table(run: &Run) -> Table {
    let head = vec![
        "mechanism",
        "how much data",
        "between whom",
        "who synchronises",
        "round trip, awake",
        "round trip, one core",
        "messages a second",
        "most bytes a second",
        "when the other side dies",
        "crate",
    ];
    let rows = mechanism::ALL.iter().filter_map(|mechanism| line(run, mechanism)).collect();
    let text = format!(
        "Messages of {SIZE} B where nothing else is said; the median. Awake: both sides on a core each, \
         asking again and again. One core: both on one, sleeping in turn."
    );
    Table { title: "Which one?".to_owned(), text, head, rows, cards: true }
}

/// The recommendation: the ladder of `cargo xtask choose`, with what was measured here.
pub(crate) fn advice(run: &Run) -> Table {
    let rows = LADDER.iter().filter_map(|step| {
        let mechanism = step.mechanism()?;
        let time = |placement| {
            figure(find(run, mechanism, "round-trip", placement), |row| {
                row.number("p50_ns").map(units::time)
            })
        };
        Some(vec![
            Cell::text(step.question),
            Cell::text(mechanism.name),
            time("busy"),
            time("one-core"),
            Cell::text(mechanism.krate),
        ])
    });
    Table {
        title: "In short".to_owned(),
        text: "The first yes decides. `cargo xtask choose` knows more, and has the code to begin with."
            .to_owned(),
        head: vec!["question", "take", "round trip, awake", "round trip, one core", "crate"],
        rows: rows.collect(),
        cards: true,
    }
}

fn line(run: &Run, mechanism: &'static Mechanism) -> Option<Vec<Cell>> {
    let of_it = |row: &Row| mechanism::of(row).is_some_and(|m| m.key == mechanism.key);
    run.rows.iter().find(|row| row.text("role") == "ours" && of_it(row))?;
    let latency = |placement| {
        figure(find(run, mechanism, "round-trip", placement), |row| {
            row.number("p50_ns").map(units::time)
        })
    };
    let rate = figure(find(run, mechanism, "one-way", "busy"), |row| {
        row.number("msgs_per_s").map(units::rate)
    });
    Some(vec![
        Cell::text(mechanism.name),
        Cell::text(mechanism.amount),
        Cell::text(mechanism.between),
        Cell::text(mechanism.sync),
        latency("busy"),
        latency("one-core"),
        rate,
        bandwidth(run, mechanism),
        Cell::text(mechanism.death),
        Cell::text(mechanism.krate),
    ])
}

/// The row that speaks for a mechanism: of the size closest to 64 bytes, its plainest variant.
pub(crate) fn find<'a>(
    run: &'a Run,
    mechanism: &Mechanism,
    scenario: &str,
    placement: &str,
) -> Option<(usize, &'a Row)> {
    find_sized(run, mechanism, scenario, placement, SIZE)
}

/// The same for another size: not more than eight times away, unless the mechanism has but one.
pub(crate) fn find_sized<'a>(
    run: &'a Run,
    mechanism: &Mechanism,
    scenario: &str,
    placement: &str,
    wanted: u64,
) -> Option<(usize, &'a Row)> {
    let rows = run.rows.iter().enumerate().filter(|(_, row)| {
        row.text("role") == "ours"
            && row.text("scenario") == scenario
            && row.text("placement") == placement
            && mechanism::of(row).is_some_and(|m| m.key == mechanism.key)
    });
    rows.min_by_key(|(_, row)| {
        let distance = size(row).unwrap_or(0).max(1).ilog2().abs_diff(wanted.max(1).ilog2());
        (distance, group::series(row).len())
    })
}

/// A figure and the size it is for, if that is not the usual one.
fn figure(found: Option<(usize, &Row)>, value: impl Fn(&Row) -> Option<String>) -> Cell {
    let Some((index, row)) = found else { return Cell::number(None) };
    let Some(text) = value(row) else { return Cell::number(None) };
    let text = match size(row) {
        Some(SIZE) => text,
        Some(other) if other > 0 => format!("{text} ({})", bytes(other)),
        _ => format!("{text} (no data)"),
    };
    Cell::number(Some(text)).at_row(index)
}

fn bandwidth(run: &Run, mechanism: &'static Mechanism) -> Cell {
    let rate = |row: &Row| row.number("bytes_per_s").unwrap_or(0.0);
    // What is passed in place is not copied: its rate grows with the size, and ranks nothing here.
    let rows = run.rows.iter().enumerate().filter(|(_, row)| {
        row.text("role") == "ours"
            && row.text("scenario") == "one-way"
            && !row.text("case").contains(" in place ")
            && mechanism::of(row).is_some_and(|m| m.key == mechanism.key)
    });
    let Some((index, row)) = rows.max_by(|a, b| rate(a.1).total_cmp(&rate(b.1))) else {
        return Cell::number(None);
    };
    match size(row) {
        Some(size) if size > 8 => {
            let text = format!("{} ({})", units::bandwidth(rate(row)), bytes(size));
            Cell::number(Some(text)).at_row(index)
        }
        _ => Cell::number(None),
    }
}

#[cfg(test)]
mod tests {
    use super::{advice, find_sized, table};
    use crate::bench::saved::tests::{row, run};
    use crate::mechanism::by_key;

    #[test]
    fn figures_are_of_the_plain_variant_and_name_their_row() {
        let run = run(&[
            row("ipc-pipe", "pipe 1 MiB round-trip 64 B busy", "ipc-pipe", "ours", 64, 2.0),
            row("ipc-pipe", "pipe round-trip 4 KiB busy", "ipc-pipe", "ours", 4096, 3.0),
            row("ipc-pipe", "pipe round-trip 64 B busy", "raw pipe", "raw", 64, 1.0),
            row("ipc-pipe", "pipe round-trip 64 B busy", "ipc-pipe", "ours", 64, 1000.0),
            row("ipc-signal", "signal round-trip signalfd busy", "ipc-signal", "ours", 4, 2000.0),
        ]);
        let table = table(&run);
        assert_eq!(table.rows.len(), 2, "only what was measured");
        let (signal, pipe) = (&table.rows[0], &table.rows[1]);
        assert_eq!(signal[4].text, "2.00 us (4 B)");
        assert_eq!((pipe[4].text.as_str(), pipe[4].row), ("1.00 us", Some(3)));
        assert_eq!(pipe[5].text, "-");
        let steps = advice(&run).rows;
        let step = steps.iter().find(|step| step[1].text == "pipe").unwrap();
        assert_eq!((step[2].text.as_str(), step[2].row), ("1.00 us", Some(3)));
        let pipe = by_key("pipe").unwrap();
        assert_eq!(find_sized(&run, pipe, "round-trip", "busy", 4000).unwrap().0, 1);
    }
}
