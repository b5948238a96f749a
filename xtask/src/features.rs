//! The feature sets that a crate is built and tested with: none, each one alone, and all.
//!
//! Sets that switch on the same features are one set, so a crate without features is built once.

use std::collections::BTreeSet;

use crate::crates::Package;

/// One choice of features.
#[derive(Debug)]
pub(crate) struct FeatureSet {
    /// How the summary calls it.
    pub(crate) label: String,
    /// The words for cargo's command line.
    pub(crate) args: Vec<String>,
}

/// Every distinct feature set of `package`.
pub(crate) fn sets(package: &Package) -> Vec<FeatureSet> {
    let Some(table) = package.manifest.get("features").and_then(toml::Value::as_table) else {
        return vec![FeatureSet { label: "no features".to_owned(), args: Vec::new() }];
    };
    let bare = || "--no-default-features".to_owned();
    let mut seen = BTreeSet::from([BTreeSet::new()]);
    let mut sets = vec![FeatureSet { label: "no features".to_owned(), args: vec![bare()] }];
    for name in table.keys().filter(|name| *name != "default") {
        if seen.insert(closure(table, [name.as_str()])) {
            let args = vec![bare(), "--features".to_owned(), name.clone()];
            sets.push(FeatureSet { label: format!("feature {name}"), args });
        }
    }
    let names = table.keys().map(String::as_str).filter(|name| *name != "default");
    if seen.insert(closure(table, names)) {
        let args = vec!["--all-features".to_owned()];
        sets.push(FeatureSet { label: "all features".to_owned(), args });
    }
    sets
}

/// The features that are on if `names` are. A feature that only bundles others does not count
/// itself, so `full` and "all" are one set.
fn closure<'a>(
    table: &'a toml::Table,
    names: impl IntoIterator<Item = &'a str>,
) -> BTreeSet<&'a str> {
    let mut on = BTreeSet::new();
    let mut todo: Vec<&str> = names.into_iter().collect();
    while let Some(name) = todo.pop() {
        let parts = table.get(name).and_then(toml::Value::as_array);
        let parts: Vec<&str> =
            parts.into_iter().flatten().filter_map(toml::Value::as_str).collect();
        let bundles = !parts.is_empty() && parts.iter().all(|part| table.contains_key(*part));
        if bundles || on.insert(name) {
            todo.extend(parts.into_iter().filter(|part| table.contains_key(*part)));
        }
    }
    on
}

#[cfg(test)]
mod tests {
    use super::sets;
    use crate::crates::{Kind, Package};

    fn labels(manifest: &str) -> Vec<String> {
        let package = Package {
            name: "a".to_owned(),
            folder: "crates/a".to_owned(),
            dir: "crates/a".into(),
            kind: Kind::Library,
            manifest: manifest.parse().unwrap(),
        };
        sets(&package).into_iter().map(|set| set.label).collect()
    }

    #[test]
    fn a_crate_without_features_is_built_once() {
        assert_eq!(labels(""), ["no features"]);
    }

    #[test]
    fn one_feature_alone_is_all_features() {
        assert_eq!(labels("[features]\nlog = ['dep:log']"), ["no features", "feature log"]);
    }

    #[test]
    fn a_bundle_of_everything_is_all_features() {
        let manifest =
            "[features]\ndefault = []\nfull = ['pipe', 'sem']\npipe = ['dep:p']\nsem = ['dep:s']";
        assert_eq!(
            labels(manifest),
            ["no features", "feature full", "feature pipe", "feature sem"]
        );
    }

    #[test]
    fn separate_features_end_with_all() {
        let manifest = "[features]\nlog = []\nserde = []";
        assert_eq!(
            labels(manifest),
            ["no features", "feature log", "feature serde", "all features"]
        );
    }
}
