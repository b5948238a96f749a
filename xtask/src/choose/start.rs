//! The first lines of code for each mechanism, cut out of a test that compiles and runs.

use std::fs;
use std::path::Path;

/// The test whose functions hold the lines, each between `// start: KEY` and `// end`.
const FILE: &str = "crates/ipc/tests/starts.rs";

/// The lines for a mechanism, or where to look instead.
pub(super) fn lines(root: &Path, key: &str, krate: &str) -> Vec<String> {
    let text = fs::read_to_string(root.join(FILE)).unwrap_or_default();
    let found = cut(&text, key);
    if found.is_empty() {
        return vec![format!("see crates/{krate}/README.md")];
    }
    found
}

/// The lines between the marks, moved to the left edge.
fn cut(text: &str, key: &str) -> Vec<String> {
    let mark = format!("// start: {key}");
    let lines = text.lines().skip_while(|line| line.trim() != mark).skip(1);
    let lines: Vec<_> = lines.take_while(|line| line.trim() != "// end").collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let filled = lines.iter().filter(|line| !line.trim().is_empty());
    let margin = filled.map(|line| indent(line)).min().unwrap_or(0);
    lines.into_iter().map(|line| line.get(margin..).unwrap_or_default().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::{FILE, cut};
    use crate::mechanism::ALL;
    use std::path::Path;

    #[test]
    fn lines_are_moved_to_the_edge() {
        let text = "fn a() {\n    // start: pipe\n    one {\n        two\n\n    }\n    // end\n}\n";
        assert_eq!(cut(text, "pipe"), ["one {", "    two", "", "}"]);
        assert!(cut(text, "fifo").is_empty());
    }

    #[test]
    fn every_mechanism_whose_crate_is_there_has_its_lines() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let text = std::fs::read_to_string(root.join(FILE)).unwrap();
        let umbrella = std::fs::read_to_string(root.join("crates/ipc/Cargo.toml")).unwrap();
        for mechanism in ALL.iter().filter(|m| umbrella.contains(&format!("\n{} = ", m.krate))) {
            let lines = cut(&text, mechanism.key);
            assert!((3..=15).contains(&lines.len()), "{}: {} lines", mechanism.key, lines.len());
        }
    }
}
