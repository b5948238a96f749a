//! `unsafe` stays in the few files that an auditor reads.

use std::collections::BTreeSet;

use super::source::has_word;
use super::{Finding, Tree};
use crate::crates::{Kind, Package};

pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for package in &tree.workspace.packages {
        check_package(tree, package, findings);
        check_root(tree, package, findings);
    }
}

fn check_package(tree: &Tree, package: &Package, findings: &mut Vec<Finding>) {
    let listed: BTreeSet<_> = package.unsafe_files().into_iter().collect();
    let mut used = BTreeSet::new();
    for source in tree.sources_of(package) {
        let file = &source.path[package.folder.len() + 1..];
        for (index, line) in source.code.iter().enumerate() {
            if !has_word(line, "unsafe") {
                continue;
            }
            used.insert(file);
            if !listed.contains(file) {
                let advice =
                    "move it to a file of [package.metadata.ipc] unsafe-files, such as sys.rs";
                findings.push(Finding::new(&source.path, index, "unsafe-file", advice));
            }
        }
    }
    for file in listed.difference(&used) {
        let advice = format!("{file} has no `unsafe`: take it off unsafe-files");
        let manifest = format!("{}/Cargo.toml", package.folder);
        findings.push(Finding::new(&manifest, 0, "unsafe-file", advice));
    }
}

/// The root of each crate makes the compiler hold the rule, too.
fn check_root(tree: &Tree, package: &Package, findings: &mut Vec<Finding>) {
    let file = if package.kind == Kind::Xtask { "main.rs" } else { "lib.rs" };
    let path = format!("{}/src/{file}", package.folder);
    let Some(root) = tree.sources.iter().find(|source| source.path == path) else { return };
    let is_lint = |line: &String| {
        let line = line.trim();
        line.starts_with("#![deny(unsafe_code") || line.starts_with("#![forbid(unsafe_code")
    };
    if !root.code.iter().any(is_lint) {
        let advice = "add `#![deny(unsafe_code)]`";
        findings.push(Finding::new(&path, 0, "deny-unsafe", advice));
    }
}
