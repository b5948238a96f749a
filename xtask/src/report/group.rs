//! Rows of all crates that answer one question: the same scenario, size and placement.
//!
//! A case compares within one crate. What a user wants to compare is a pipe with a socket.

use crate::bench::Row;
use crate::bench::saved::Run;

/// How the cases of the rivals' workspace begin. Their crate is the one of ours that is compared.
const VERSUS: &str = "versus ";

/// The words of a case's name that its row tells in other fields.
const TOLD: [&str; 10] = [
    "round-trip",
    "one-way",
    "hand-over",
    "queued",
    "exchange",
    "open-close",
    "death",
    "busy",
    "block",
    "one-core",
];

/// One row beside others.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    /// What it is, without what the whole group has in common.
    pub(crate) series: String,
    pub(crate) row: &'a Row,
    /// Its place among the rows of the run.
    pub(crate) index: usize,
}

/// Rows that may be set side by side.
#[derive(Clone, Debug)]
pub(crate) struct Group<'a> {
    pub(crate) scenario: &'a str,
    pub(crate) size: Option<u64>,
    pub(crate) placement: &'a str,
    pub(crate) entries: Vec<Entry<'a>>,
}

impl<'a> Entry<'a> {
    pub(crate) fn new(index: usize, row: &'a Row) -> Self {
        Self { series: series(row), row, index }
    }

    /// Our own word, unless it is only there for comparison.
    pub(crate) fn mark(&self) -> &'static str {
        match self.row.text("role") {
            "peer" => " (peer)",
            "floor" => " (floor)",
            _ => "",
        }
    }
}

/// The groups in which at least two different things can be compared, fastest entry first.
pub(crate) fn groups(run: &Run) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let taken = |(_, row): &(usize, &Row)| takes_part(row) || row.text("role") == "floor";
    for (index, row) in run.rows.iter().enumerate().filter(taken) {
        let (scenario, placement, size) = (row.text("scenario"), row.text("placement"), size(row));
        let same = |group: &&mut Group<'_>| {
            (group.scenario, group.size, group.placement) == (scenario, size, placement)
        };
        let entry = Entry::new(index, row);
        match groups.iter_mut().find(same) {
            // The floor is the same in all cases of a group, so the fastest of them is the one.
            Some(group) if is_floor(&entry) => match group.entries.iter_mut().find(|e| is_floor(e))
            {
                Some(old) if lower(row, old.row) => *old = entry,
                Some(_) => {}
                None => group.entries.push(entry),
            },
            Some(group) => group.entries.push(entry),
            None => groups.push(Group { scenario, size, placement, entries: vec![entry] }),
        }
    }
    groups.retain(|group| {
        let mut names = group.entries.iter().filter(|entry| !is_floor(entry)).map(|e| &e.series);
        names.next().is_some_and(|first| names.any(|name| name != first))
    });
    for group in &mut groups {
        group.entries.sort_by(|a, b| by_time(a.row, b.row));
    }
    groups.sort_by_key(|group| {
        let order = ["round-trip", "one-way", "wake", "open-close", "death", "file-to-file"];
        let scenario = order.iter().position(|name| *name == group.scenario);
        let placement = ["busy", "one-core", "block"].iter().position(|p| *p == group.placement);
        (scenario.unwrap_or(order.len()), group.scenario, placement, group.size)
    });
    groups
}

/// The order of medians; what has none comes last.
pub(crate) fn by_time(a: &Row, b: &Row) -> std::cmp::Ordering {
    let time = |row: &Row| row.number("p50_ns").unwrap_or(f64::INFINITY);
    time(a).total_cmp(&time(b))
}

/// True for the better of two floors. Each case measures it anew, and a slow phase of the machine makes it
/// look slower than what it bounds. Where both sleep it is only fast if they happened not to.
pub(crate) fn lower(new: &Row, old: &Row) -> bool {
    new.text("placement") != "block" && by_time(new, old).is_lt()
}

fn is_floor(entry: &Entry<'_>) -> bool {
    entry.row.text("role") == "floor"
}

/// Our own figures, and the rivals; not the variants by which a crate explains its own figure.
fn takes_part(row: &Row) -> bool {
    match row.text("role") {
        "ours" => true,
        "peer" => {
            let subject = row.text("subject");
            let variant = ["plain", "raw", "ipc-"].iter().any(|start| subject.starts_with(start));
            is_versus(row) || !variant
        }
        _ => false,
    }
}

/// True for a row that was measured beside rivals.
pub(crate) fn is_versus(row: &Row) -> bool {
    row.text("case").starts_with(VERSUS)
}

/// The number of bytes of a message.
pub(crate) fn size(row: &Row) -> Option<u64> {
    row.get("size")?.as_u64()
}

/// The bytes as the names of cases write them.
pub(crate) fn bytes(size: u64) -> String {
    match size {
        s if s >= 1 << 20 && s % (1 << 20) == 0 => format!("{} MiB", s >> 20),
        s if s >= 1 << 10 && s % (1 << 10) == 0 => format!("{} KiB", s >> 10),
        s => format!("{s} B"),
    }
}

/// What a row measures, in the words of its case that nothing else tells.
pub(crate) fn series(row: &Row) -> String {
    let (role, subject) = (row.text("role"), row.text("subject"));
    if is_versus(row) {
        return if role == "ours" {
            format!("{subject} (beside rivals)")
        } else {
            subject.to_owned()
        };
    }
    if role == "floor" {
        return subject.to_owned();
    }
    let mut name = format!(" {} ", row.text("case"));
    if let Some(size) = size(row) {
        let told = format!(" {} ", bytes(size));
        if let Some(at) = name.rfind(&told) {
            name.replace_range(at..at + told.len(), " ");
        }
    }
    let words = name.split_whitespace().filter(|word| !TOLD.contains(word));
    let name = words.collect::<Vec<_>>().join(" ");
    match role {
        "ours" if name.is_empty() => subject.to_owned(),
        "ours" => name,
        _ => format!("{name}: {subject}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, groups, series};
    use crate::bench::saved::tests::{row, run};

    #[test]
    fn a_series_is_what_a_case_tells_beyond_its_fields() {
        for (krate, case, subject, role, size, name) in [
            (
                "ipc-pipe",
                "pipe 1 MiB round-trip 1 MiB busy",
                "ipc-pipe",
                "ours",
                1 << 20,
                "pipe 1 MiB",
            ),
            (
                "ipc-signal",
                "signal queued sigwait block",
                "ipc-signal",
                "ours",
                4,
                "signal sigwait",
            ),
            ("ipc-sem", "semaphore hand-over busy", "Semaphore", "ours", 0, "semaphore"),
            ("ipc-pipe", "file to file 16 KiB", "ipc-pipe copy", "ours", 16384, "file to file"),
            ("ipc-sock", "stream one-way 64 B busy", "std", "peer", 64, "stream: std"),
            ("ipc-shm", "versus x 64 B", "iceoryx2 0.10", "peer", 64, "iceoryx2 0.10"),
            ("ipc-shm", "versus x 64 B", "ipc-shm", "ours", 64, "ipc-shm (beside rivals)"),
        ] {
            let rows = run(&[row(krate, case, subject, role, size, 1.0)]).rows;
            assert_eq!(series(&rows[0]), name);
        }
        assert_eq!(
            [0, 48, 1000, 1024, 3 << 20].map(bytes),
            ["0 B", "48 B", "1000 B", "1 KiB", "3 MiB"]
        );
    }

    #[test]
    fn groups_cross_crates_and_the_fastest_comes_first() {
        let run = run(&[
            row("ipc-pipe", "pipe round-trip 64 B busy", "ipc-pipe", "ours", 64, 900.0),
            row("ipc-pipe", "pipe round-trip 64 B busy", "raw pipe", "raw", 64, 1.0),
            row("ipc-pipe", "pipe round-trip 64 B busy", "plain pipe", "peer", 64, 1.0),
            row("ipc-sock", "stream round-trip 64 B busy", "ipc-sock", "ours", 64, 800.0),
            row("ipc-pipe", "pipe round-trip 64 B busy", "line", "floor", 64, 1.0),
            row("ipc-sock", "stream round-trip 64 B busy", "line", "floor", 64, 1.0),
            row("ipc-shm", "versus ring", "rival 1", "peer", 64, 850.0),
            row("ipc-pipe", "pipe round-trip 4 KiB busy", "ipc-pipe", "ours", 4096, 900.0),
        ]);
        let groups = groups(&run);
        assert_eq!(groups.len(), 1, "one of a kind is nothing to compare: {groups:?}");
        let names: Vec<_> = groups[0].entries.iter().map(|e| e.series.as_str()).collect();
        assert_eq!(names, ["line", "stream", "rival 1", "pipe"]);
        assert_eq!(groups[0].entries[3].index, 0);
    }
}
