//! Manifests: policy lives once in the root, and arrows point down.

use super::{Finding, Tree};
use crate::crates::{Kind, Package};

/// One crate a mechanism: none may know another.
const MECHANISMS: [&str; 7] =
    ["ipc-signal", "ipc-pipe", "ipc-fifo", "ipc-sem", "ipc-shm", "ipc-mq", "ipc-sock"];

/// What every member takes from the root.
const INHERITED: [&str; 4] = ["edition", "license", "rust-version", "repository"];

pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for package in &tree.workspace.packages {
        let manifest = Manifest::new(tree, package);
        manifest.check_inherited(findings);
        manifest.check_dependencies(findings);
        if package.kind == Kind::Library {
            manifest.check_texts(tree, findings);
        }
    }
}

/// A manifest with its text, to find lines in.
struct Manifest<'a> {
    package: &'a Package,
    path: String,
    text: &'a str,
}

impl<'a> Manifest<'a> {
    fn new(tree: &'a Tree, package: &'a Package) -> Self {
        let path = format!("{}/Cargo.toml", package.folder);
        let text = tree.texts.iter().find(|(other, _)| *other == path);
        Self { package, path, text: text.map_or("", |(_, text)| text) }
    }

    fn finding(&self, key: &str, rule: &'static str, advice: impl Into<String>) -> Finding {
        let names_key = |line: &str| {
            let rest = line.strip_prefix(key);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '.', '=']))
        };
        let index = self.text.lines().position(names_key).unwrap_or(0);
        Finding::new(&self.path, index, rule, advice)
    }

    fn check_inherited(&self, findings: &mut Vec<Finding>) {
        for key in INHERITED {
            if !inherits(self.package.value(&["package", key])) {
                let advice = format!("write `{key}.workspace = true`");
                findings.push(self.finding(key, "inherit", advice));
            }
        }
        if !inherits(self.package.value(&["lints"])) {
            let advice = "write `[lints]` and `workspace = true`";
            findings.push(self.finding("[lints]", "inherit", advice));
        }
    }

    fn check_dependencies(&self, findings: &mut Vec<Finding>) {
        let this = self.package.name.as_str();
        for (name, value, is_dev) in dependencies(&self.package.manifest) {
            if !inherits(Some(value)) {
                let advice = format!("write `{name}.workspace = true`; the version is the root's");
                findings.push(self.finding(name, "inherit", advice));
            }
            let is_ours = name == "ipc" || name.starts_with("ipc-");
            if is_ours && !may_depend(this, name, is_dev) {
                let kind = if is_dev { "for tests " } else { "" };
                let advice = format!("{this} must not depend {kind}on {name}: arrows point down");
                findings.push(self.finding(name, "arrow", advice));
            }
        }
    }

    fn check_texts(&self, tree: &Tree, findings: &mut Vec<Finding>) {
        let folder = &self.package.folder;
        let text = |file: &str| {
            let path = format!("{folder}/{file}");
            tree.texts.iter().find(|(other, _)| *other == path).map(|(_, text)| text)
        };
        if text("README.md").is_none() {
            findings.push(self.finding("name", "readme", "add README.md: the crate's front page"));
        }
        let version = self.package.value(&["package", "version"]).and_then(toml::Value::as_str);
        let version = version.unwrap_or_default();
        match text("CHANGELOG.md") {
            None => findings.push(self.finding("version", "changelog", "add CHANGELOG.md")),
            Some(log) if !log.lines().any(|line| is_heading(line, version)) => {
                let advice = format!("give {version} a heading in CHANGELOG.md");
                findings.push(self.finding("version", "changelog", advice));
            }
            Some(_) => {}
        }
    }
}

/// A heading with this version as one of its words.
fn is_heading(line: &str, version: &str) -> bool {
    let is_edge = |c: char| !c.is_ascii_alphanumeric() && !".-+".contains(c);
    line.starts_with('#') && line.split(is_edge).any(|word| word == version)
}

fn inherits(value: Option<&toml::Value>) -> bool {
    let inherited = value.and_then(|value| value.get("workspace"));
    inherited.and_then(toml::Value::as_bool) == Some(true)
}

/// Every dependency of a manifest, those of single platforms too, and whether it is for tests only.
fn dependencies(manifest: &toml::Table) -> Vec<(&str, &toml::Value, bool)> {
    let platforms = manifest.get("target").and_then(toml::Value::as_table);
    let platforms = platforms.into_iter().flat_map(toml::Table::values);
    let tables = platforms.filter_map(toml::Value::as_table).chain([manifest]);
    let kinds =
        [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)];
    let mut found = Vec::new();
    for table in tables {
        for (kind, is_dev) in kinds {
            let entries = table.get(kind).and_then(toml::Value::as_table).into_iter().flatten();
            found.extend(entries.map(|(name, value)| (name.as_str(), value, is_dev)));
        }
    }
    found
}

/// The arrows of the house: examples, umbrella, mechanisms, core, each only downwards.
fn may_depend(from: &str, to: &str, is_dev: bool) -> bool {
    let is_library = from.starts_with("ipc") && from != "ipc-examples";
    if is_dev && to == "ipc-devkit" {
        return is_library && from != "ipc-devkit";
    }
    match from {
        "ipc" => MECHANISMS.contains(&to),
        "ipc-examples" => to == "ipc",
        "ipc-core" | "ipc-devkit" | "xtask" => false,
        _ if MECHANISMS.contains(&from) => to == "ipc-core",
        _ => matches!(to, "ipc-core" | "ipc-devkit"),
    }
}
