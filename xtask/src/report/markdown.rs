//! The report in words: for terminals, mails and the record that is committed.

use super::cells::Table;
use super::{Page, page};
use crate::bench::saved::Run;

/// The whole report but the list of all rows, which `--json` and `--csv` write.
pub(crate) fn render(run: &Run, before: Option<&Run>) -> String {
    let Page { title, facts, warnings, advice, goals, tables, notes, .. } = page(run, before);
    let mut text = format!("# {title}\n\n");
    for fact in facts {
        text += &format!("- {}: {}\n", fact.0, fact.1);
    }
    for warning in warnings {
        text += &format!("\n> {}\n", warning.replace('\n', " "));
    }
    for table in advice.iter().chain([&goals]).chain(&tables) {
        text += &self::table(table);
    }
    if !notes.is_empty() {
        text += "\n## Notes of the benches\n\n";
        notes.iter().for_each(|note| text += &format!("- {note}\n"));
    }
    text
}

fn table(table: &Table) -> String {
    if table.rows.is_empty() {
        return String::new();
    }
    let mut text = format!("\n## {}\n\n", table.title);
    if !table.text.is_empty() {
        text += &format!("{}\n\n", table.text);
    }
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    text += &line(table.head.iter().map(ToString::to_string).collect());
    let first = table.rows.first().map(Vec::as_slice).unwrap_or_default();
    let align = first.iter().map(|cell| if cell.number { "---:" } else { "---" }.to_owned());
    text += &line(align.collect());
    for row in &table.rows {
        // A bar would end the cell.
        text += &line(row.iter().map(|cell| cell.text.replace('|', "\\|")).collect());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::bench::saved::tests::{row, run};

    #[test]
    fn tables_keep_their_columns() {
        let mut run = run(&[
            row("ipc-pipe", "pipe round-trip 64 B busy", "ipc-pipe", "ours", 64, 1000.0),
            row("ipc-sock", "a|b round-trip 64 B busy", "ipc-sock", "ours", 64, 1500.0),
        ]);
        run.failures.push("ipc-fifo: killed".to_owned());
        run.notes.push("a note".to_owned());
        let text = render(&run, None);
        assert!(text.contains("\n| a\\|b | 1.50 us |"), "{text}");
        assert!(text.contains("\n> ipc-fifo: killed\n"), "{text}");
        assert!(text.contains("\n- a note\n"), "{text}");
        let widths = |start: &str| {
            let lines = text.lines().skip_while(|line| !line.starts_with(start)).take(3);
            lines.map(|line| line.matches(" |").count()).collect::<Vec<_>>()
        };
        assert_eq!(widths("| what | p50"), [10, 10, 10]);
    }
}
