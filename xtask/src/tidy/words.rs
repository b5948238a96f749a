//! Words that do not belong: sleeps in tests, silent exceptions, notes to oneself.

use super::source::{Source, has_word};
use super::{Finding, Tree};

/// Words of code, with what to do instead.
const CODE: [(&str, &str, &str); 3] = [
    ("todo!(", "unfinished", "write it, or leave it out"),
    ("unimplemented!(", "unfinished", "write it, or leave it out"),
    ("#[ignore", "ignored-test", "repair the test, or let it skip with a message"),
];

/// Words of comments.
const NOTES: [&str; 2] = ["FIXME", "XXX"];

/// A note to oneself, in any file. Written in two halves so that it is not found here.
const NOTE: &str = concat!("TO", "DO:");

/// The start of a path that exists on one machine only.
const HOMES: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ho", "me/")];

pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for source in &tree.sources {
        check_code(source, findings);
        check_attributes(source, findings);
        check_sleeps(source, findings);
        check_text(&source.path, source.lines.iter().map(String::as_str), findings);
    }
    for (path, text) in &tree.texts {
        check_text(path, text.lines(), findings);
    }
}

fn check_code(source: &Source, findings: &mut Vec<Finding>) {
    for (index, line) in source.code.iter().enumerate() {
        for (word, rule, advice) in CODE {
            if line.contains(word) {
                findings.push(Finding::new(&source.path, index, rule, advice));
            }
        }
    }
    for (index, line) in source.comments.iter().enumerate() {
        for word in NOTES.into_iter().filter(|word| has_word(line, word)) {
            let advice = format!("do it, or say in a sentence why it is as it is, without {word}");
            findings.push(Finding::new(&source.path, index, "note", advice));
        }
    }
}

/// An exception to a lint is expected, and says why.
fn check_attributes(source: &Source, findings: &mut Vec<Finding>) {
    for (index, line) in source.code.iter().enumerate() {
        if line.contains("#[allow(") || line.contains("#![allow(") {
            let advice = "write `#[expect(lint, reason = \"...\")]`";
            findings.push(Finding::new(&source.path, index, "bare-allow", advice));
        }
        if line.contains("#[expect(") || line.contains("#![expect(") {
            let attribute = &source.code[index..];
            let last = attribute.iter().position(|line| line.contains(")]"));
            let lines = &attribute[..=last.unwrap_or(0)];
            if !lines.iter().any(|line| has_word(line, "reason")) {
                let advice = "say why: `#[expect(lint, reason = \"...\")]`";
                findings.push(Finding::new(&source.path, index, "bare-expect", advice));
            }
        }
    }
}

/// A test waits for the event itself; where time is the subject, an attribute says so.
fn check_sleeps(source: &Source, findings: &mut Vec<Finding>) {
    for (index, line) in source.code.iter().enumerate() {
        let in_test = source.is_test_file() || source.is_test[index];
        let sleeps = line.contains("thread::sleep") || has_word(line, "nanosleep");
        if !in_test || !sleeps {
            continue;
        }
        let above = &source.code[index.saturating_sub(3)..=index];
        let expected = above
            .iter()
            .any(|line| line.contains("#[expect(") && line.contains("clippy::disallowed_methods"));
        if !expected {
            let advice = "wait for the event; if time itself is tested, put \
                          `#[expect(clippy::disallowed_methods, reason = \"...\")]` above";
            findings.push(Finding::new(&source.path, index, "sleep", advice));
        }
    }
}

fn check_text<'a>(path: &str, lines: impl Iterator<Item = &'a str>, findings: &mut Vec<Finding>) {
    for (index, line) in lines.enumerate() {
        if line.contains(NOTE) {
            findings.push(Finding::new(path, index, "note", "do it, or leave it out"));
        }
        for home in HOMES {
            // Only where an absolute path starts: `net/home/` is somebody's folder, not ours.
            let starts = line.match_indices(home).any(|(at, _)| {
                !line[..at].ends_with(|c: char| c.is_alphanumeric() || "_-.~/}$".contains(c))
            });
            if starts {
                let advice = "no path of one machine: make it relative, or ask for it at run time";
                findings.push(Finding::new(path, index, "machine-path", advice));
            }
        }
    }
}
