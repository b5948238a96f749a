//! Licences: whatever a user of ours compiles, they may use on our terms.
//!
//! cargo knows the licence of every package from its own copy of the sources: no network is needed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::Finding;
use crate::step::Cmd;

/// Licences that ask for no more than a notice.
const ALLOWED: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
];

/// Asks cargo and judges the answer.
pub(super) fn check(root: &Path) -> Result<Vec<Finding>, String> {
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let words = ["metadata", "--format-version=1", "--locked", "--filter-platform", &platform];
    let offline = Cmd::cargo(words).args(["--offline"]);
    let text = output(&offline, root).or_else(|_| output(&Cmd::cargo(words), root))?;
    let metadata = serde_json::from_str(&text).map_err(|e| format!("cargo metadata: {e}"))?;
    findings(&metadata).ok_or_else(|| "cargo metadata: an answer of unknown form".to_owned())
}

fn output(cmd: &Cmd, root: &Path) -> Result<String, String> {
    let output = cmd.to_command(root).output().map_err(|e| format!("start `{cmd}`: {e}"))?;
    if !output.status.success() {
        return Err(format!("`{cmd}`: {}", String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout).map_err(|e| format!("`{cmd}`: {e}"))
}

/// A finding for each foreign package under a library crate whose licence is not on the list.
fn findings(metadata: &Value) -> Option<Vec<Finding>> {
    let by_id = |entries: &'_ Value| -> Option<BTreeMap<String, Value>> {
        let entries = entries.as_array()?.iter();
        entries.map(|entry| Some((entry["id"].as_str()?.to_owned(), entry.clone()))).collect()
    };
    let packages = by_id(&metadata["packages"])?;
    let nodes = by_id(&metadata["resolve"]["nodes"])?;
    let root = metadata["workspace_root"].as_str()?;
    let is_library = |package: &Value| {
        let path = package["manifest_path"].as_str().unwrap_or_default();
        path.strip_prefix(root).is_some_and(|path| path.starts_with("/crates/"))
    };

    let mut todo: Vec<_> = packages.values().filter(|package| is_library(package)).collect();
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    while let Some(package) = todo.pop() {
        let id = package["id"].as_str()?;
        if !seen.insert(id) {
            continue;
        }
        let licence = package["license"].as_str().unwrap_or_default();
        if !is_allowed(licence) {
            let (name, version) = (package["name"].as_str()?, package["version"].as_str()?);
            let licence = if licence.is_empty() { "none stated" } else { licence };
            let advice =
                format!("{name} {version}: licence not allowed ({licence}): do without it");
            findings.push(Finding::new("Cargo.lock", 0, "licence", advice));
        }
        for dependency in nodes.get(id)?["deps"].as_array()? {
            let kinds = dependency["dep_kinds"].as_array()?;
            if kinds.iter().any(|kind| kind["kind"] != "dev") {
                todo.extend(packages.get(dependency["pkg"].as_str()?));
            }
        }
    }
    Some(findings)
}

/// True if the SPDX expression can be met with the licences of the list.
fn is_allowed(expression: &str) -> bool {
    // Old manifests write `MIT/Apache-2.0` for OR.
    let text = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<_> = text.split_whitespace().collect();
    let mut rest = words.as_slice();
    either(&mut rest) == Some(true) && rest.is_empty()
}

fn either(rest: &mut &[&str]) -> Option<bool> {
    let mut allowed = both(rest)?;
    while let Some(after) = after_word(rest, "or") {
        *rest = after;
        allowed |= both(rest)?;
    }
    Some(allowed)
}

fn both(rest: &mut &[&str]) -> Option<bool> {
    let mut allowed = single(rest)?;
    while let Some(after) = after_word(rest, "and") {
        *rest = after;
        allowed &= single(rest)?;
    }
    Some(allowed)
}

fn after_word<'a, 'b>(rest: &'a [&'b str], word: &str) -> Option<&'a [&'b str]> {
    let (first, after) = rest.split_first()?;
    first.eq_ignore_ascii_case(word).then_some(after)
}

fn single(rest: &mut &[&str]) -> Option<bool> {
    match *rest {
        ["(", after @ ..] => {
            *rest = after;
            let allowed = either(rest)?;
            *rest = rest.strip_prefix(&[")"])?;
            Some(allowed)
        }
        [name, "WITH", exception, after @ ..] => {
            *rest = after;
            Some(ALLOWED.contains(&format!("{name} WITH {exception}").as_str()))
        }
        [name, after @ ..] => {
            *rest = after;
            Some(ALLOWED.contains(name))
        }
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{findings, is_allowed};
    use serde_json::json;

    #[test]
    fn expressions_are_met_or_not() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-3.0 OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
        ] {
            assert!(is_allowed(good), "{good}");
        }
        for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT", "MIT)", "MIT OR", "Apache-2.0 WITH x"]
        {
            assert!(!is_allowed(bad), "{bad}");
        }
    }

    #[test]
    fn a_foreign_licence_under_a_library_is_found_and_one_for_tests_is_not() {
        let package = |name: &str, licence: &str, path: &str| {
            json!({ "id": name, "name": name, "version": "1.0.0", "license": licence,
                    "manifest_path": path })
        };
        let edge = |name: &str, kind: Option<&str>| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
        let metadata = json!({
            "workspace_root": "/r",
            "packages": [
                package("ipc-a", "MIT", "/r/crates/ipc-a/Cargo.toml"),
                package("xtask", "MIT", "/r/xtask/Cargo.toml"),
                package("deep", "GPL-3.0", "/c/deep/Cargo.toml"),
                package("middle", "ISC", "/c/middle/Cargo.toml"),
                package("tests", "GPL-3.0", "/c/tests/Cargo.toml"),
                package("tool", "GPL-3.0", "/c/tool/Cargo.toml"),
            ],
            "resolve": { "nodes": [
                { "id": "ipc-a", "deps": [edge("middle", None), edge("tests", Some("dev"))] },
                { "id": "xtask", "deps": [edge("tool", None)] },
                { "id": "middle", "deps": [edge("deep", Some("build"))] },
                { "id": "deep", "deps": [] },
                { "id": "tests", "deps": [] },
                { "id": "tool", "deps": [] },
            ] },
        });
        let found = findings(&metadata).unwrap();
        assert_eq!(found.len(), 1);
        assert!(found[0].advice.starts_with("deep 1.0.0"), "{}", found[0]);
    }
}
