//! Which charts a page has: what on which axis, and which rows in them.

use super::axis::Scale;
use super::crowd::{count, name};
use super::group::{self, Entry, size};
use super::summary;
use crate::bench::Row;
use crate::bench::saved::Run;
use crate::mechanism;

/// So many lines in one chart can still be told apart.
const MOST: usize = 12;

/// The place of the floor's colour in the list of colours.
const FLOOR_COLOR: usize = 8;

/// One line or one kind of mark.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
    pub(super) color: usize,
    pub(super) style: usize,
    pub(super) dashed: bool,
}

/// One picture.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) x: Scale,
    pub(super) y: Scale,
    pub(super) series: Vec<Series>,
    /// Of a chart with a line for each name; otherwise empty.
    pub(super) names: Vec<String>,
    pub(super) block: bool,
}

/// Charts under one heading.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) charts: Vec<Chart>,
}

/// So many times is a contended lock taken in one operation; docs/benchmarks.md says so too.
const PAIRS: f64 = 200_000.0;

const PERCENTILES: [&str; 4] = ["p50_ns", "p99_ns", "p999_ns", "max_ns"];
const PLACEMENTS: [&str; 3] = ["busy", "one-core", "block"];

/// All charts that the rows are enough for.
pub(super) fn sections(run: &Run) -> Vec<Section> {
    let each = |chart: &dyn Fn(&Run, &str) -> Option<Chart>| {
        PLACEMENTS.iter().filter_map(|placement| chart(run, placement)).collect::<Vec<_>>()
    };
    let sections = [
        ("One short message there and back", each(&ranges)),
        ("Latency against message size", each(&latency)),
        ("Throughput against message size", each(&throughput)),
        ("How late is the latest? Percentiles of a round trip", each(&percentiles)),
        ("More processes, or more in the queue", scaling(run)),
    ];
    let sections = sections.map(|(title, charts)| Section { title, charts });
    sections.into_iter().filter(|section| !section.charts.is_empty()).collect()
}

fn words(placement: &str) -> &'static str {
    match placement {
        "busy" => "both awake, on a core each",
        "one-core" => "both on one core, sleeping in turn",
        _ => "asleep, on a core each",
    }
}

/// The shortest message of each mechanism: percentiles on one axis.
fn ranges(run: &Run, placement: &str) -> Option<Chart> {
    let mut entries: Vec<_> = mechanism::ALL
        .iter()
        .filter_map(|mechanism| summary::find(run, mechanism, "round-trip", placement))
        .map(|(index, row)| Entry::new(index, row))
        .collect();
    let floors = run.rows.iter().enumerate().filter(|(_, row)| {
        row.text("role") == "floor"
            && row.text("scenario") == "round-trip"
            && row.text("placement") == placement
            && size(row) == Some(64)
    });
    let floor = floors.reduce(|old, new| if group::lower(new.1, old.1) { new } else { old });
    if entries.len() < 2 {
        return None;
    }
    entries.extend(floor.map(|(index, row)| Entry::new(index, row)));
    entries.sort_by(|a, b| group::by_time(a.row, b.row));
    let labels = ["median", "p99", "p99.9", "longest"];
    let series = PERCENTILES.iter().zip(labels).enumerate().map(|(style, (field, label))| Series {
        name: label.to_owned(),
        points: (0_u32..)
            .zip(&entries)
            .filter_map(|(line, entry)| Some((entry.row.number(field)?, f64::from(line))))
            .collect(),
        color: [0, 1, 3, FLOOR_COLOR][style],
        style,
        dashed: false,
    });
    let name = |entry: &Entry<'_>| match (entry.row.text("role"), size(entry.row)) {
        ("floor", _) => "floor of the machine".to_owned(),
        (_, Some(64)) => mechanism_name(entry).to_owned(),
        (_, Some(other)) if other > 0 => {
            format!("{}, {}", mechanism_name(entry), group::bytes(other))
        }
        _ => format!("{}, 0 B", mechanism_name(entry)),
    };
    Some(Chart {
        title: format!("64 B, {}", words(placement)),
        x: Scale::Nanoseconds,
        y: Scale::Count,
        series: series.collect(),
        names: entries.iter().map(name).collect(),
        block: placement == "block",
    })
}

fn mechanism_name<'a>(entry: &'a Entry<'_>) -> &'a str {
    mechanism::of(entry.row).map_or(entry.series.as_str(), |mechanism| mechanism.name)
}

fn latency(run: &Run, placement: &str) -> Option<Chart> {
    let series = by_size(run, "round-trip", placement, "p50_ns");
    lines("Median round trip", placement, (Scale::Bytes, Scale::Nanoseconds), series)
}

fn throughput(run: &Run, placement: &str) -> Option<Chart> {
    let series = by_size(run, "one-way", placement, "bytes_per_s");
    lines("One way", placement, (Scale::Bytes, Scale::BytesPerSecond), series)
}

fn lines(
    title: &str,
    placement: &str,
    (x, y): (Scale, Scale),
    series: Vec<Series>,
) -> Option<Chart> {
    let title = format!("{title}, {}", words(placement));
    let enough = series.iter().any(|one| one.color != FLOOR_COLOR);
    let block = placement == "block";
    enough.then_some(Chart { title, x, y, series, names: Vec::new(), block })
}

/// A line for each series with at least two sizes, and the floor.
fn by_size(run: &Run, scenario: &str, placement: &str, field: &str) -> Vec<Series> {
    let mut found: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
    let mut floors: Vec<(f64, &Row)> = Vec::new();
    for (index, row) in run.rows.iter().enumerate() {
        let (Some(size), Some(value)) = (row.number("size"), row.number(field)) else { continue };
        let here = row.text("scenario") == scenario && row.text("placement") == placement;
        // The floor is measured at 48 B too, which nothing else is.
        if !here || size == 0.0 || size == 48.0 || value == 0.0 {
            continue;
        }
        match row.text("role") {
            "floor" => match floors.iter_mut().find(|(known, _)| *known == size) {
                Some((_, old)) if group::lower(row, old) => *old = row,
                Some(_) => {}
                None => floors.push((size, row)),
            },
            "ours" if !group::is_versus(row) => {
                add(&mut found, Entry::new(index, row).series, (size, value))
            }
            "peer" if group::is_versus(row) => {
                add(&mut found, Entry::new(index, row).series, (size, value));
            }
            _ => {}
        }
    }
    found.retain(|(_, points)| points.len() >= 2);
    // A variant with its own option beside the plain one: the tables have both.
    let names: Vec<_> = found.iter().map(|(name, _)| format!("{name} ")).collect();
    found.retain(|(name, _)| !names.iter().any(|plain| name.starts_with(plain.as_str())));
    // A floor under nothing only makes the chart wider.
    let known = |size: f64| found.iter().any(|(_, points)| points.iter().any(|p| p.0 == size));
    let floor = floors.iter().filter(|(size, _)| known(*size));
    let mut floor: Vec<_> =
        floor.filter_map(|(size, row)| Some((*size, row.number(field)?))).collect();
    let mut series = styled(found, &palette(run));
    if floor.len() >= 2 {
        floor.sort_by(|a, b| a.0.total_cmp(&b.0));
        let name = "floor".to_owned();
        let (color, style) = (FLOOR_COLOR, 5);
        series.push(Series { name, points: floor, color, style, dashed: true });
    }
    series
}

fn add(found: &mut Vec<(String, Vec<(f64, f64)>)>, name: String, point: (f64, f64)) {
    match found.iter_mut().find(|(known, _)| *known == name) {
        Some((_, points)) => points.push(point),
        None => found.push((name, vec![point])),
    }
}

/// The series of messages, in the order of the run: a series looks the same in each chart.
fn palette(run: &Run) -> Vec<String> {
    let mut names = Vec::new();
    for (index, row) in run.rows.iter().enumerate() {
        let message = row.text("role") == "ours"
            && row.text("scenario") == "round-trip"
            && size(row).is_some_and(|size| size > 0);
        let name = Entry::new(index, row).series;
        // A variant comes after all plain ones, so it never takes a colour from them.
        let variant = names.iter().any(|plain: &String| name.starts_with(&format!("{plain} ")));
        if message && !variant && mechanism::of(row).is_some() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Names of the palette look as it says; the others get what is left.
fn styled(found: Vec<(String, Vec<(f64, f64)>)>, palette: &[String]) -> Vec<Series> {
    let mut others = palette.len();
    let series = found.into_iter().take(MOST).map(|(name, mut points)| {
        let index = palette.iter().position(|known| *known == name).unwrap_or_else(|| {
            others += 1;
            others - 1
        });
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let color = index % FLOOR_COLOR;
        Series { name, points, color, style: index, dashed: index >= FLOOR_COLOR }
    });
    series.collect()
}

fn percentiles(run: &Run, placement: &str) -> Option<Chart> {
    let rows = mechanism::ALL
        .iter()
        .filter_map(|mechanism| summary::find(run, mechanism, "round-trip", placement));
    let found = rows.filter_map(|(index, row)| {
        let places = [0.0, 1.0, 2.0, 3.0].into_iter().zip(PERCENTILES);
        let points: Option<Vec<_>> =
            places.map(|(place, field)| Some((place, row.number(field)?))).collect();
        Some((Entry::new(index, row).series, points?))
    });
    let series = styled(found.collect(), &palette(run));
    let title = "Shortest message";
    if series.len() < 2 {
        return None;
    }
    lines(title, placement, (Scale::Percentile, Scale::Nanoseconds), series)
}

/// How the rate changes with the number of processes, and a call with the depth of the queue.
fn scaling(run: &Run) -> Vec<Chart> {
    let rate: fn(&Row) -> Option<f64> = |row| row.number("msgs_per_s");
    let pairs: fn(&Row) -> Option<f64> = |row| Some(row.number("msgs_per_s")? * PAIRS);
    let time: fn(&Row) -> Option<f64> = |row| row.number("p50_ns");
    [
        ("contended", "A lock that many want: pairs a second", Scale::PerSecond, pairs),
        ("fan-in", "Many senders, one receiver: messages a second", Scale::PerSecond, rate),
        ("fan-out", "One sender, many receivers: messages a second", Scale::PerSecond, rate),
        ("deep", "A message sent and received, so many in the queue", Scale::Nanoseconds, time),
    ]
    .into_iter()
    .filter_map(|(scenario, title, y, value)| {
        let mut found = Vec::new();
        let rows = run.rows.iter().filter(|row| !group::is_versus(row));
        for row in rows.filter(|row| row.text("scenario") == scenario) {
            if let (Some(count), Some(value)) = (count(row), value(row)) {
                add(&mut found, name(row), (count as f64, value));
            }
        }
        found.retain(|(_, points): &(String, Vec<_>)| points.len() >= 2);
        let series = styled(found, &[]);
        let title = title.to_owned();
        let names = Vec::new();
        (!series.is_empty()).then_some(Chart {
            title,
            x: Scale::Count,
            y,
            series,
            names,
            block: false,
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::sections;
    use crate::bench::saved::tests::{row, run};

    #[test]
    fn charts_need_something_to_compare() {
        assert!(sections(&run(&[])).is_empty());
        let one = row("ipc-pipe", "pipe round-trip 64 B busy", "ipc-pipe", "ours", 64, 1000.0);
        assert!(sections(&run(std::slice::from_ref(&one))).is_empty());
        let run = run(&[
            one,
            row("ipc-pipe", "pipe round-trip 4 KiB busy", "ipc-pipe", "ours", 4096, 2000.0),
            row("ipc-pipe", "pipe 1 MiB round-trip 64 B busy", "ipc-pipe", "ours", 64, 1000.0),
            row("ipc-pipe", "pipe 1 MiB round-trip 4 KiB busy", "ipc-pipe", "ours", 4096, 1000.0),
            row("ipc-sock", "stream round-trip 64 B busy", "ipc-sock", "ours", 64, 1500.0),
            row("ipc-devkit", "floor exchange 64 B busy", "cache line", "floor", 64, 100.0),
        ]);
        let sections = sections(&run);
        let titles: Vec<_> = sections.iter().map(|section| section.charts.len()).collect();
        assert_eq!(titles, [1, 1, 1], "ranges, latency, percentiles");
        assert_eq!(
            sections[0].charts[0].names,
            ["floor of the machine", "pipe", "Unix socket, stream"]
        );
        let latency = &sections[1].charts[0].series;
        assert_eq!(latency.len(), 1, "the variant stays in the tables");
        assert_eq!(latency[0].points, [(64.0, 1000.0), (4096.0, 2000.0)]);
    }
}
