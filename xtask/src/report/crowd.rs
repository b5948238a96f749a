//! Cases that differ only in a number: of processes that want one lock, of messages in a queue.

use super::group::{bytes, size};
use crate::bench::Row;

/// How many there were, if the case's name counts them: `mutex contended by 4`, `1k queued`.
pub(super) fn count(row: &Row) -> Option<u64> {
    let words: Vec<_> = row.text("case").split(' ').collect();
    let last = words.iter().rposition(|word| ["by", "from", "to"].contains(word));
    let after = last.and_then(|at| words.get(at + 1));
    let counted =
        ["senders", "receivers", "processes", "writers", "readers", "producers", "queued"];
    let before = words.iter().position(|word| counted.contains(word));
    let before = before.and_then(|at| words.get(at.checked_sub(1)?));
    let number = |word: &str| match word.strip_suffix('k') {
        Some(thousands) => Some(thousands.parse::<u64>().ok()? * 1000),
        None => word.parse().ok(),
    };
    [after, before].into_iter().flatten().find_map(|word| number(word))
}

/// What is compared: the subject, and what its case says beside the count and the size.
pub(super) fn name(row: &Row) -> String {
    let dull = [
        "contended",
        "by",
        "from",
        "to",
        "fan-in",
        "fan-out",
        "senders",
        "receivers",
        "queued",
        "send",
        "recv",
        "+",
        "processes",
        "busy",
        "block",
        "one-core",
        "of",
    ];
    let mut case = row.text("case").replace(',', " ");
    if let Some(size) = size(row) {
        case = case.replace(&format!(" {}", bytes(size)), " ");
    }
    let words: Vec<_> = case
        .split_whitespace()
        .filter(|word| !dull.contains(word) && !word.starts_with(|c: char| c.is_ascii_digit()))
        .collect();
    format!("{} ({})", row.text("subject"), words.join(" "))
}

#[cfg(test)]
mod tests {
    use crate::bench::saved::tests::{row, run};

    #[test]
    fn a_name_has_neither_count_nor_size() {
        let lock = row("c", "mutex contended by 16", "Mutex", "ours", 64, 1.0);
        let rows = run(&[lock.replace("\"size\":64,", ""), lock.replace(" by 16", " by 16 64 B")]);
        assert!(rows.rows[0].get("size").is_none());
        for row in &rows.rows {
            assert_eq!(super::name(row), "Mutex (mutex)");
        }
    }

    #[test]
    fn a_crowd_is_counted_by_the_name() {
        for (case, count) in [
            ("mutex contended by 16", Some(16)),
            ("ring fan-in 64 B, 4 senders", Some(4)),
            ("shm fan-in 48 B from 8", Some(8)),
            ("shm broadcast 64 B to 2", Some(2)),
            ("file copied by hand", None),
            ("file to pipe 1 MiB block", None),
            ("file to file 16 KiB", None),
            ("mq shared send + recv any, 100k queued", Some(100_000)),
            ("signal queued signalfd busy", None),
            ("senders", None),
        ] {
            let rows = run(&[row("c", case, "s", "ours", 64, 1.0)]).rows;
            assert_eq!(super::count(&rows[0]), count, "{case}");
        }
    }
}
