//! Files: each starts with what it is for, and fits in a head.

use super::source::Source;
use super::{Finding, Tree};

/// The whole of ipc-core in lines of code: small enough to be audited in one sitting.
const CORE_LINES: usize = 3200;

pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for source in &tree.sources {
        if !source.lines.first().is_some_and(|line| line.starts_with("//!")) {
            let advice = "say in `//!` what the file is for, on its first line";
            findings.push(Finding::new(&source.path, 0, "front-line", advice));
        }
        let (length, limit) = (length(source), limit(source));
        if length > limit {
            let advice = format!("{length} lines; split it: at most {limit} without tests");
            findings.push(Finding::new(&source.path, limit, "file-length", advice));
        }
    }
    let is_core = |source: &&Source| source.path.starts_with("crates/ipc-core/src/");
    let core = tree.sources.iter().filter(is_core).filter(|source| !source.is_test_file());
    let total: usize = core.map(Source::code_length).sum();
    if total > CORE_LINES {
        let advice = format!("{total} lines of code; ipc-core has at most {CORE_LINES}");
        findings.push(Finding::new("crates/ipc-core/src", 0, "core-length", advice));
    }
}

fn length(source: &Source) -> usize {
    if source.is_test_file() { source.lines.len() } else { source.length() }
}

fn limit(source: &Source) -> usize {
    if source.is_test_file() {
        return 600;
    }
    match source.path.rsplit('/').next() {
        Some("lib.rs") => 120,
        Some("sys.rs") => 250,
        _ => 400,
    }
}
