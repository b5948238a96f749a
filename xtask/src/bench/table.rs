//! The tables on the terminal: one line a case, in at most 120 columns.

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table};

use super::against::{Change, Compared};
use super::protocol::Ratio;
use super::schema::Row;
use super::units;
use crate::step;

/// Differences that nobody can use: 2 % of a call, or 5 ns.
const EQUAL_RATIO: f64 = 0.02;
pub(super) const EQUAL_NS: f64 = 5.0;

/// Below this size a rate is told in messages, from here on in bytes.
const BYTES_FROM: f64 = 4096.0;

const LEGEND: &str = "x raw, x floor: ours divided by the other (lower is better for times, higher for rates).\n\
                      ~: not decided, the machine's own spread is wider than the difference.";

/// How a table is to look.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    /// A line for every row, not only for ours.
    pub(crate) all_rows: bool,
    pub(crate) terminal: bool,
    pub(crate) color: bool,
}

/// The table of one bench.
pub(crate) fn render(rows: &[Row], ratios: &[Ratio], look: Look) -> String {
    let mut table = step::table(look.color);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if !look.terminal {
        table.set_width(120);
    }
    table.set_header(["case", "p50", "p99", "rate", "CPU/msg", "x raw", "x floor", "verdict"]);
    for column in table.column_iter_mut().skip(1).take(6) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for (case, rows) in cases(rows) {
        let ratios: Vec<_> = ratios.iter().filter(|ratio| ratio.case == case).collect();
        add_case(&mut table, case, &rows, &ratios, look.all_rows);
    }
    let legend = if ratios.is_empty() { String::new() } else { format!("\n{LEGEND}") };
    format!("{table}{legend}")
}

/// The rows of each case, in the order in which they came.
fn cases(rows: &[Row]) -> Vec<(&str, Vec<&Row>)> {
    let mut cases: Vec<(&str, Vec<&Row>)> = Vec::new();
    for row in rows {
        let case = row.text("case");
        match cases.iter_mut().find(|(name, _)| *name == case) {
            Some((_, rows)) => rows.push(row),
            None => cases.push((case, vec![row])),
        }
    }
    cases
}

fn add_case(table: &mut Table, case: &str, rows: &[&Row], ratios: &[&Ratio], all_rows: bool) {
    let (ours, others): (Vec<&Row>, Vec<&Row>) =
        rows.iter().partition(|row| row.text("role") == "ours");
    for row in &ours {
        let subject = row.text("subject");
        let find = |role| ratios.iter().find(|r| r.role == role && r.ours == subject).copied();
        let (raw, floor) = (find("raw"), find("floor"));
        let word = verdict(raw);
        let name = if ours.len() == 1 { case.to_owned() } else { format!("{case}: {subject}") };
        let mut cells = figures(name, row);
        cells.extend([times(raw), times(floor), Cell::new(word).fg(color(word))]);
        table.add_row(cells);
    }
    // A case without ours is a fact about the machine: its rows are all there is to show.
    let shown = if all_rows || ours.is_empty() { others } else { Vec::new() };
    for row in shown {
        let (role, subject) = (row.text("role"), row.text("subject"));
        let name = if !ours.is_empty() {
            format!("  {role}: {subject}")
        } else if case.contains(subject) {
            case.to_owned()
        } else {
            format!("{case}: {subject}")
        };
        let mut cells = figures(name, row);
        let role = Cell::new(role).add_attribute(Attribute::Dim);
        cells.extend([Cell::new(""), Cell::new(""), role]);
        table.add_row(cells);
    }
}

fn figures(name: String, row: &Row) -> Vec<Cell> {
    let time = |field| row.number(field).map(units::time);
    let large = row.number("size").is_some_and(|size| size >= BYTES_FROM);
    let bandwidth = row.number("bytes_per_s").map(units::bandwidth);
    let rate = row.number("msgs_per_s").map(units::rate);
    let rate = if large { bandwidth.or(rate) } else { rate.or(bandwidth) };
    let figures = [time("p50_ns"), time("p99_ns"), rate, time("cpu_ns_per_msg")];
    let cells = figures.into_iter().map(|figure| Cell::new(figure.unwrap_or("-".to_owned())));
    [Cell::new(name)].into_iter().chain(cells).collect()
}

fn times(ratio: Option<&Ratio>) -> Cell {
    Cell::new(match ratio {
        Some(r) if r.decided => format!("{:.2}", r.ratio),
        Some(r) => format!("~{:.2}", r.ratio),
        None => "-".to_owned(),
    })
}

/// Ours beside another, in a word.
pub(crate) fn verdict(ratio: Option<&Ratio>) -> &'static str {
    let Some(ratio) = ratio else { return "-" };
    if !ratio.decided {
        return "not decided";
    }
    let small_delta = ratio.delta_ns.is_some_and(|delta| delta.abs() <= EQUAL_NS);
    let equal = (ratio.ratio - 1.0).abs() <= EQUAL_RATIO || small_delta && ratio.lower_is_better;
    match (ratio.ratio < 1.0) == ratio.lower_is_better {
        _ if equal => "equal",
        true => "faster",
        false => "slower",
    }
}

fn color(verdict: &str) -> Color {
    match verdict {
        "equal" | "faster" => Color::Green,
        "slower" => Color::Red,
        "not decided" => Color::Yellow,
        _ => Color::Reset,
    }
}

/// What changed since another run; what did not is only counted.
pub(crate) fn changes(compared: &[Compared], with_color: bool) -> String {
    let mut table = step::table(with_color);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["case", "before", "now", "x, by", "change"]);
    for column in table.column_iter_mut().skip(1).take(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let time = |ns: Option<f64>| ns.map_or("-".to_owned(), units::time);
    for one in compared.iter().filter(|c| matches!(c.change, Change::Better | Change::Worse)) {
        let color = if one.change == Change::Better { Color::Green } else { Color::Red };
        let factor = one.factor.map_or(String::new(), |f| format!("{f:.2}, {}", one.by));
        table.add_row([
            Cell::new(&one.case),
            time(one.before_ns).into(),
            time(one.now_ns).into(),
            factor.into(),
            Cell::new(one.change.word()).fg(color),
        ]);
    }
    let count = |change| compared.iter().filter(|c| c.change == change).count();
    let rest = format!(
        "{} better, {} worse, {} not decided, {} new",
        count(Change::Better),
        count(Change::Worse),
        count(Change::NotDecided),
        count(Change::New)
    );
    if table.is_empty() { rest } else { format!("{table}\n{rest}") }
}

#[cfg(test)]
mod tests {
    use super::super::protocol::{Event, Ratio, parse};
    use super::super::schema::Row;
    use super::{Look, render};

    const PLAIN: Look = Look { all_rows: false, terminal: false, color: false };

    fn row(case: &str, subject: &str, role: &str) -> Row {
        let line = format!(
            r#"{{"kind":"row","case":"{case}","crate":"ipc-pipe","scenario":"round-trip",
            "subject":"{subject}","role":"{role}","placement":"busy","wait":"spin","size":64,
            "p50_ns":1234.0,"p99_ns":2000.0,"p999_ns":3000.0,"max_ns":1e6,"msgs_per_s":810000,
            "cpu_ns_per_msg":2400,"samples":1000}}"#
        );
        let Ok(Event::Row(row)) = parse(&line) else { panic!("{line}") };
        row
    }

    fn ratio(role: &str, ratio: f64, decided: bool, better: &str) -> Ratio {
        let line = format!(
            r#"{{"kind":"ratio","case":"a","role":"{role}","against":"x","ours":"ipc-pipe",
            "ratio":{ratio},"low":1,"high":2,"pairs":11,"spread":0.1,"decided":{decided},"delta_ns":20,
            "better":"{better}"}}"#
        );
        let Ok(Event::Ratio(ratio)) = parse(&line) else { panic!("{line}") };
        ratio
    }

    /// The words of the line that starts with `name`.
    fn line(text: &str, name: &str) -> String {
        let line = text.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or(text);
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_case_is_one_line_unless_all_are_wanted() {
        let rows = [row("a", "ipc-pipe", "ours"), row("a", "raw pipe", "raw")];
        let ratios = [ratio("raw", 1.5, true, "lower"), ratio("floor", 9.0, false, "lower")];
        let text = render(&rows, &ratios, PLAIN);
        let expected = "a 1.23 us 2.00 us 810 k/s 2.40 us 1.50 ~9.00 slower";
        assert_eq!(line(&text, "a "), expected);
        assert!(!text.contains("raw pipe"), "{text}");
        assert!(text.lines().take(5).all(|line| line.chars().count() <= 120), "{text}");

        let text = render(&rows, &ratios, Look { all_rows: true, ..PLAIN });
        assert_eq!(line(&text, "raw:"), "raw: raw pipe 1.23 us 2.00 us 810 k/s 2.40 us raw");
    }

    #[test]
    fn verdicts_know_the_direction_and_doubt() {
        for (other, word) in [
            (ratio("raw", 0.5, true, "lower"), "faster"),
            (ratio("raw", 0.5, true, "higher"), "slower"),
            (ratio("raw", 1.5, true, "higher"), "faster"),
            (ratio("raw", 1.01, true, "lower"), "equal"),
            (ratio("raw", 1.5, false, "lower"), "not decided"),
            (Ratio { delta_ns: Some(4.0), ..ratio("raw", 1.1, true, "lower") }, "equal"),
        ] {
            let text = render(&[row("a", "ipc-pipe", "ours")], &[other], PLAIN);
            assert!(line(&text, "a ").ends_with(word), "{word}: {text}");
        }
    }

    #[test]
    fn a_case_without_ours_shows_its_rows() {
        let text = render(&[row("clock", "vdso", "floor")], &[], PLAIN);
        assert_eq!(line(&text, "clock"), "clock: vdso 1.23 us 2.00 us 810 k/s 2.40 us floor");
    }
}
