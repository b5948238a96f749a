//! The other tables: mechanisms side by side, ratios, changes, every row.

use super::cells::{Cell, RANKS_NOTHING, Table};
use super::group::{Group, bytes, groups};
use crate::bench::saved::Run;
use crate::bench::{Change, Ratio, Row, compare, doubts, units, verdict};

/// From this size on a rate is told in bytes.
const BYTES_FROM: u64 = 4096;

/// A table for each scenario, size and placement in which several things were measured.
pub(crate) fn side_by_side(run: &Run) -> Vec<Table> {
    groups(run).iter().map(|group| side(run, group)).collect()
}

fn side(run: &Run, group: &Group<'_>) -> Table {
    let head =
        vec!["what", "p50", "p99", "p99.9", "max", "rate", "CPU/msg", "x raw", "x floor", "crate"];
    let size = group.size.map_or(String::new(), |size| format!(", {}", bytes(size)));
    let waits = group.entries.iter().any(|entry| entry.row.text("wait") != "none");
    let placement = if waits { format!(", {}", group.placement) } else { String::new() };
    let rows = group.entries.iter().map(|entry| {
        let row = entry.row;
        let mut cells =
            vec![Cell::text(format!("{}{}", entry.series, entry.mark())).at_row(entry.index)];
        cells.extend(times(row));
        cells.push(Cell::number(rate(row)));
        cells.push(Cell::number(row.number("cpu_ns_per_msg").map(units::time)));
        cells.extend(["raw", "floor"].map(|role| Cell::number(run.ratio(row, role).map(factor))));
        cells.push(Cell::text(row.text("crate")));
        cells
    });
    Table {
        title: format!("{}{size}{placement}", group.scenario),
        text: if group.placement == "block" { RANKS_NOTHING.to_owned() } else { String::new() },
        head,
        rows: rows.collect(),
        cards: false,
    }
}

fn times(row: &Row) -> impl Iterator<Item = Cell> + '_ {
    let fields = ["p50_ns", "p99_ns", "p999_ns", "max_ns"];
    fields.into_iter().map(|field| Cell::number(row.number(field).map(units::time)))
}

/// In messages where they are short, in bytes where they are long.
pub(crate) fn rate(row: &Row) -> Option<String> {
    let messages = row.number("msgs_per_s").map(units::rate);
    let bandwidth = row.number("bytes_per_s").map(units::bandwidth);
    let long = row.number("size").is_some_and(|size| size >= BYTES_FROM as f64);
    if long { bandwidth.or(messages) } else { messages.or(bandwidth) }
}

fn factor(ratio: &Ratio) -> String {
    format!("{}{:.2}", if ratio.decided { "" } else { "~" }, ratio.ratio)
}

/// Ours beside the raw calls and the floor, case by case.
pub(crate) fn ratios(run: &Run) -> Table {
    let head = vec!["case", "ours", "x raw", "quartiles", "x floor", "beside raw", "raw is"];
    let ours = run.rows.iter().enumerate().filter(|(_, row)| row.text("role") == "ours");
    let rows = ours.filter_map(|(index, row)| {
        let (raw, floor) = (run.ratio(row, "raw"), run.ratio(row, "floor"));
        let any = raw.or(floor)?;
        let figure =
            if any.lower_is_better { row.number("p50_ns").map(units::time) } else { rate(row) };
        let quartiles = raw.map(|r| format!("{:.2} to {:.2}", r.low, r.high));
        Some(vec![
            Cell::text(row.text("case")).at_row(index),
            Cell::number(figure),
            Cell::number(raw.map(factor)),
            Cell::number(quartiles),
            Cell::number(floor.map(factor)),
            Cell::text(marked(verdict(raw))),
            Cell::text(raw.map_or("-", |raw| raw.against.as_str())),
        ])
    });
    Table {
        title: "Beside the raw system calls and the floor".to_owned(),
        text: "Ours divided by the other: lower is better for times, higher for rates. `~` and \"not \
               decided\": the machine's own spread is wider than the difference. \"Equal\" is within \
               2 % or 5 ns."
            .to_owned(),
        head,
        rows: rows.collect(),
        cards: false,
    }
}

/// A verdict with a sign, so that it can be told without colours.
fn marked(verdict: &str) -> String {
    let sign = match verdict {
        "faster" => "▲ ",
        "slower" => "▼ ",
        "equal" => "= ",
        "not decided" => "? ",
        _ => "",
    };
    format!("{sign}{verdict}")
}

/// What changed since another run.
pub(crate) fn changes(run: &Run, before: &Run) -> Table {
    let mut compared = compare(run, before);
    // What changed first.
    compared.sort_by_key(|one| match one.change {
        Change::Better | Change::Worse => 0,
        Change::New => 1,
        Change::NotDecided => 2,
    });
    let rows = compared.into_iter().map(|one| {
        let find = |(_, row): &(usize, &Row)| {
            row.text("case") == one.case && row.text("subject") == one.subject
        };
        let index = run.rows.iter().enumerate().find(find).map(|(index, _)| index);
        vec![
            Cell { row: index, ..Cell::text(one.case) },
            Cell::number(one.before_ns.map(units::time)),
            Cell::number(one.now_ns.map(units::time)),
            Cell::number(one.factor.map(|factor| format!("{factor:.2}"))),
            Cell::text(one.by),
            Cell::text(one.change.word()),
        ]
    });
    let mut text = format!(
        "Now against {} ({}). The factor is of the ratios to the subject named beside it, which was \
         measured in turn with ours in both runs; a change counts if it is larger than the scatter of \
         the pairs and of the floor in both.",
        before.date, before.commit
    );
    for doubt in doubts(run, before) {
        text += &format!(" Note: {doubt}.");
    }
    Table {
        title: "What changed".to_owned(),
        text,
        head: vec!["case", "before", "now", "factor", "by", "change"],
        rows: rows.collect(),
        cards: false,
    }
}

/// Every row, for the figures above to be traced to.
pub(crate) fn all(run: &Run) -> Table {
    let head = vec![
        "row", "case", "subject", "role", "crate", "p50", "p99", "p99.9", "max", "rate", "CPU/msg",
        "batch", "samples",
    ];
    let rows = run.rows.iter().enumerate().map(|(index, row)| {
        let count = |field: &str| row.get(field).map(ToString::to_string);
        let mut cells = vec![Cell::number(Some((index + 1).to_string()))];
        cells.extend(["case", "subject", "role", "crate"].map(|field| Cell::text(row.text(field))));
        cells.extend(times(row));
        cells.push(Cell::number(rate(row)));
        cells.push(Cell::number(row.number("cpu_ns_per_msg").map(units::time)));
        cells.extend([Cell::number(count("batch")), Cell::number(count("samples"))]);
        cells
    });
    Table {
        title: "Every row".to_owned(),
        text: "Percentiles are of single operations, or of means over a batch. CPU/msg is of both \
               processes together."
            .to_owned(),
        head,
        rows: rows.collect(),
        cards: false,
    }
}

#[cfg(test)]
mod tests {
    use super::{all, changes, ratios, side_by_side};
    use crate::bench::saved::tests::{ratio, row, run};

    #[test]
    fn tables_follow_the_rows() {
        let case = "pipe round-trip 64 B busy";
        let run = run(&[
            row("ipc-pipe", case, "ipc-pipe", "ours", 64, 1000.0),
            row("ipc-pipe", case, "raw pipe", "raw", 64, 500.0),
            row("ipc-sock", "stream round-trip 64 B busy", "ipc-sock", "ours", 64, 1500.0),
            ratio(case, 2.0, 0.1, 0.05),
        ]);
        let side = &side_by_side(&run)[0];
        assert_eq!(side.title, "round-trip, 64 B, busy");
        let texts = |row: &[super::Cell]| row.iter().map(|c| c.text.clone()).collect::<Vec<_>>();
        let first = texts(&side.rows[0]);
        assert_eq!(first[..5], ["pipe", "1.00 us", "2.00 us", "3.00 us", "50.0 us"]);
        assert_eq!(first[5..], ["1.00 M/s", "2.00 us", "2.00", "-", "ipc-pipe"]);

        let table = ratios(&run);
        assert_eq!(table.rows.len(), 1);
        let line = texts(&table.rows[0]);
        assert_eq!(line[1..], ["1.00 us", "2.00", "1.90 to 2.10", "-", "▼ slower", "raw pipe"]);

        assert_eq!(all(&run).rows.len(), 3);
        let table = changes(&run, &run);
        assert_eq!(texts(&table.rows[0])[3..], ["1.00", "raw pipe", "? not decided"]);
        assert_eq!(texts(&table.rows[1])[3..], ["-", "", "? not decided"]);
        assert_eq!(table.rows[1][0].row, Some(2));
    }
}
