//! The generated tables of docs/testing.md: which foreign suite's property, and which hazard, is
//! shown by which test.
//!
//! A table written by hand grows stale; this one is read from the comments above the tests.

use std::fs;

use super::source::Source;
use super::{Finding, Tree};

const PAGE: &str = "docs/testing.md";
const END: &str = "<!-- end -->";

/// Suites whose properties we show: the prefix of the test's name says where one comes from.
const SUITES: [&str; 4] = ["ltp_", "posix_", "kself_", "sn_"];

/// The order of hazard labels: all crates first, then one letter a crate.
const LETTERS: &str = "XGPFMSQK";

pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    let Some(text) = page(tree) else {
        findings.push(Finding::new(PAGE, 0, "tables", "write docs/testing.md"));
        return;
    };
    for (name, table) in tables(tree) {
        let start = marker(name);
        let line = text.lines().position(|line| line.trim() == start);
        match (line, replaced(text, name, &table)) {
            (Some(index), Some(new)) if new != text => {
                let advice = "stale; run `cargo xtask tidy --fix`";
                findings.push(Finding::new(PAGE, index, "tables", advice));
            }
            (_, Some(_)) => {}
            (line, None) => {
                let advice = format!("put the lines `{start}` and `{END}` where the table goes");
                findings.push(Finding::new(PAGE, line.unwrap_or(0), "tables", advice));
            }
        }
    }
}

/// Rewrites the tables.
pub(super) fn fix(tree: &Tree) -> Result<(), String> {
    let mut text = page(tree).ok_or_else(|| format!("{PAGE} is missing"))?.to_owned();
    for (name, table) in tables(tree) {
        // Without its markers a table has no place; `check` says so.
        text = replaced(&text, name, &table).unwrap_or(text);
    }
    let path = tree.workspace.root.join(PAGE);
    fs::write(&path, text).map_err(|e| format!("write {}: {e}", path.display()))
}

fn page(tree: &Tree) -> Option<&str> {
    tree.texts.iter().find(|(path, _)| path == PAGE).map(|(_, text)| text.as_str())
}

fn marker(name: &str) -> String {
    format!("<!-- generated: {name} -->")
}

/// The page with a new table between the markers; `None` if a marker is missing.
fn replaced(text: &str, name: &str, table: &str) -> Option<String> {
    let start = marker(name);
    let open = text.find(&start)? + start.len();
    let close = open + text[open..].find(END)?;
    Some(format!("{}\n\n{table}\n{}", &text[..open], &text[close..]))
}

fn tables(tree: &Tree) -> [(&'static str, String); 2] {
    let tests: Vec<_> = tree.sources.iter().flat_map(tests_of).collect();
    [("suites", suites(&tests)), ("hazards", hazards(&tests))]
}

/// One test of `crates/*/tests/it`.
struct Test<'a> {
    package: &'a str,
    module: &'a str,
    name: &'a str,
    /// The comment lines above it, without their slashes.
    comment: Vec<&'a str>,
}

fn suites(tests: &[Test<'_>]) -> String {
    let mut rows: Vec<_> = tests
        .iter()
        .filter(|test| test.module == "suites")
        .filter(|test| SUITES.iter().any(|prefix| test.name.starts_with(prefix)))
        .map(|test| {
            let property = test.comment.first().copied().unwrap_or("").replace('|', "\\|");
            format!("| {} | `{}` | {property} |\n", test.package, test.name)
        })
        .collect();
    rows.sort();
    table("| crate | test | property |\n|---|---|---|\n", &rows)
}

fn hazards(tests: &[Test<'_>]) -> String {
    let mut rows: Vec<_> = tests
        .iter()
        .flat_map(|test| labels(test).into_iter().map(move |label| (label, test)))
        .map(|((order, label), test)| {
            let row =
                format!("| {label} | {} | `{}::{}` |\n", test.package, test.module, test.name);
            (order, row)
        })
        .collect();
    rows.sort();
    let rows: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
    table("| hazard | crate | test |\n|---|---|---|\n", &rows)
}

fn table(head: &str, rows: &[String]) -> String {
    if rows.is_empty() { "None yet.\n".to_owned() } else { head.to_owned() + &rows.concat() }
}

/// The hazards that a comment like `X7, P3: what is shown` names, each with its place in the order.
fn labels<'a>(test: &Test<'a>) -> Vec<((usize, u32), &'a str)> {
    let Some((front, _)) = test.comment.first().and_then(|line| line.split_once(':')) else {
        return Vec::new();
    };
    let label = |word: &'a str| {
        let letter = word.chars().next()?;
        Some(((LETTERS.find(letter)?, word[1..].parse().ok()?), word))
    };
    front.split(',').map(str::trim).map(label).collect::<Option<_>>().unwrap_or_default()
}

fn tests_of(source: &Source) -> Vec<Test<'_>> {
    let parts: Vec<_> = source.path.split('/').collect();
    let ["crates", package, "tests", "it", .., file] = parts[..] else { return Vec::new() };
    let module = file.trim_end_matches(".rs");
    let is_test = |index: &usize| source.code[*index].trim() == "#[test]";
    (0..source.code.len())
        .filter(is_test)
        .filter_map(|index| {
            let name = source.code[index..].iter().find_map(|line| function_name(line))?;
            Some(Test { package, module, name, comment: comment_above(source, index) })
        })
        .collect()
}

fn function_name(code: &str) -> Option<&str> {
    let (name, _) = code.trim_start().strip_prefix("fn ")?.split_once('(')?;
    Some(name)
}

/// The comment lines above an attribute, other attributes left out.
fn comment_above(source: &Source, index: usize) -> Vec<&str> {
    let above = source.lines[..index].iter().rev().map(|line| line.trim());
    let mut lines: Vec<_> = above
        .take_while(|line| line.starts_with("//") || line.starts_with("#["))
        .filter(|line| line.starts_with("//"))
        .map(|line| line.trim_start_matches('/').trim())
        .collect();
    lines.reverse();
    lines
}
