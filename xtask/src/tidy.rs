//! `cargo xtask tidy`: the rules of the house that no compiler knows.
//!
//! Each rule has a test that plants a violation and sees it found: a rule that cannot fail is a
//! defect. Every finding is one line, `path:line: rule: what to do`.

mod files;
mod licences;
mod manifests;
mod source;
mod suites;
#[cfg(test)]
mod tests;
mod unsafety;
mod words;

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use crate::choose::docs;
use crate::crates::{Package, Workspace};
use crate::step::{Console, Step, Verdict};
use source::Source;

/// One place where the house differs from its rules.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    rule: &'static str,
    advice: String,
}

impl Finding {
    /// `index` counts from 0, as lines do in a vector.
    fn new(path: &str, index: usize, rule: &'static str, advice: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: index + 1, rule, advice: advice.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.advice)
    }
}

/// Everything that the rules look at.
struct Tree {
    workspace: Workspace,
    sources: Vec<Source>,
    /// Files that are not Rust: path and text.
    texts: Vec<(String, String)>,
}

impl Tree {
    fn load(root: &Path) -> Result<Self, String> {
        let workspace = Workspace::load(root)?;
        let mut tree = Self { workspace, sources: Vec::new(), texts: Vec::new() };
        let folders: Vec<_> =
            tree.workspace.packages.iter().map(|package| package.folder.clone()).collect();
        for folder in folders.iter().map(String::as_str).chain(["docs", ".ci"]) {
            tree.walk(root, folder);
        }
        for file in ["Cargo.toml", "README.md", ".clippy.toml", "deny.toml"] {
            tree.read(root, file);
        }
        tree.sources.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    fn walk(&mut self, root: &Path, folder: &str) {
        for entry in fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            let path = format!("{folder}/{name}");
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && name != "target" => self.walk(root, &path),
                Ok(kind) if kind.is_file() => self.read(root, &path),
                _ => {}
            }
        }
    }

    fn read(&mut self, root: &Path, path: &str) {
        // What is not text, or not there, has no rules here.
        let Ok(text) = fs::read_to_string(root.join(path)) else { return };
        if path.ends_with(".rs") {
            self.sources.push(Source::new(path.to_owned(), &text));
        } else {
            self.texts.push((path.to_owned(), text));
        }
    }

    /// The Rust files of one package.
    fn sources_of(&self, package: &Package) -> impl Iterator<Item = &Source> {
        let prefix = format!("{}/", package.folder);
        self.sources.iter().filter(move |source| source.path.starts_with(&prefix))
    }
}

/// Prints every finding; with `fix`, first rewrites what is generated.
pub(crate) fn run(root: &Path, fix: bool) -> Result<ExitCode, String> {
    let console = Console::new(root);
    if fix {
        suites::fix(&Tree::load(root)?)?;
        docs::fix(root)?;
    }
    Ok(match check(root, &console)? {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Tidy as one step of a longer run.
pub(crate) fn step(root: &Path) -> Step {
    let root = root.to_owned();
    Step::call("all", "tidy", move |console| match check(&root, console) {
        Ok(0) => Verdict::Passed,
        Ok(count) => Verdict::Failed(format!("{count} findings")),
        Err(error) => Verdict::Failed(error),
    })
}

/// Prints the findings and counts them.
fn check(root: &Path, console: &Console) -> Result<usize, String> {
    let mut findings = findings(&Tree::load(root)?);
    findings.extend(docs::stale(root).into_iter().map(|path| {
        Finding::new(path, 0, "rules", "differs from the rules; run `cargo xtask tidy --fix`")
    }));
    findings.extend(licences::check(root)?);
    for finding in &findings {
        console.say(&finding.to_string());
    }
    console.say(&match findings.len() {
        0 => "tidy: nothing to do".to_owned(),
        1 => "tidy: 1 finding".to_owned(),
        count => format!("tidy: {count} findings"),
    });
    Ok(findings.len())
}

/// All rules but the licences, which need cargo.
fn findings(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    files::check(tree, &mut findings);
    manifests::check(tree, &mut findings);
    unsafety::check(tree, &mut findings);
    words::check(tree, &mut findings);
    suites::check(tree, &mut findings);
    findings.sort();
    findings
}
