//! The packages of this workspace, read from disk: nothing here has to be told about a new crate.
//!
//! A package is a folder under `crates/`, or `examples`, or `xtask`. A folder that is a workspace of
//! its own (the rivals of the benchmarks) is none of ours.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What a package is for, which decides the steps that it gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Library,
    Examples,
    Xtask,
}

/// One package and its manifest.
pub(crate) struct Package {
    pub(crate) name: String,
    /// The folder, relative to the root, with `/` between the parts.
    pub(crate) folder: String,
    pub(crate) dir: PathBuf,
    pub(crate) kind: Kind,
    pub(crate) manifest: toml::Table,
}

/// The repository.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) packages: Vec<Package>,
}

impl Workspace {
    /// Finds the repository around the current folder.
    pub(crate) fn find() -> Result<Self, String> {
        let here = std::env::current_dir().map_err(|e| format!("current folder: {e}"))?;
        let root = here
            .ancestors()
            .find(|dir| dir.join("xtask/Cargo.toml").is_file() && dir.join("Cargo.lock").is_file())
            .ok_or("run this inside the repository: no xtask/Cargo.toml above here")?;
        Self::load(root)
    }

    /// Reads every package under `root`.
    pub(crate) fn load(root: &Path) -> Result<Self, String> {
        let mut packages = Vec::new();
        for folder in folders(root)? {
            let kind = match folder.as_str() {
                "examples" => Kind::Examples,
                "xtask" => Kind::Xtask,
                _ => Kind::Library,
            };
            let dir = root.join(&folder);
            let manifest = read_manifest(&dir.join("Cargo.toml"))?;
            if manifest.contains_key("workspace") {
                continue;
            }
            let name = manifest
                .get("package")
                .and_then(|package| package.get("name")?.as_str())
                .ok_or_else(|| format!("{folder}/Cargo.toml: no package.name"))?
                .to_owned();
            packages.push(Package { name, folder, dir, kind, manifest });
        }
        Ok(Self { root: root.to_owned(), packages })
    }

    /// The packages with these names, or all if none is named.
    pub(crate) fn select(&self, names: &[String]) -> Result<Vec<&Package>, String> {
        if names.is_empty() {
            return Ok(self.packages.iter().collect());
        }
        names
            .iter()
            .map(|name| self.packages.iter().find(|p| p.name == *name).ok_or(name))
            .collect::<Result<_, _>>()
            .map_err(|name| {
                let known: Vec<_> = self.packages.iter().map(|p| p.name.as_str()).collect();
                format!("no crate `{name}` here; known: {}", known.join(", "))
            })
    }

    /// Where cargo puts what it builds, as short as it can be written.
    pub(crate) fn target_dir(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from)
    }
}

impl Package {
    pub(crate) fn has(&self, file: &str) -> bool {
        self.dir.join(file).is_file()
    }

    /// False for packages that stay in this repository.
    pub(crate) fn is_published(&self) -> bool {
        self.value(&["package", "publish"]).and_then(toml::Value::as_bool) != Some(false)
    }

    /// The files that may say `unsafe`, relative to the package.
    pub(crate) fn unsafe_files(&self) -> Vec<&str> {
        self.value(&["package", "metadata", "ipc", "unsafe-files"])
            .and_then(toml::Value::as_array)
            .map(|files| files.iter().filter_map(toml::Value::as_str).collect())
            .unwrap_or_default()
    }

    /// The value at this path of the manifest.
    pub(crate) fn value(&self, path: &[&str]) -> Option<&toml::Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.manifest.get(*first)?, |value, key| value.get(key))
    }

    /// The names of the runnable examples in `examples/`.
    pub(crate) fn examples(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.dir.join("examples")) else { return Vec::new() };
        let names = entries.flatten().filter_map(|entry| {
            let path = entry.path();
            let is_rust = path.extension().is_some_and(|ext| ext == "rs");
            is_rust.then(|| path.file_stem()?.to_str().map(str::to_owned)).flatten()
        });
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// The folders that may hold a package, in the order in which we treat them.
fn folders(root: &Path) -> Result<Vec<String>, String> {
    let crates = root.join("crates");
    let entries = fs::read_dir(&crates).map_err(|e| format!("read {}: {e}", crates.display()))?;
    let mut found: Vec<_> = entries
        .flatten()
        .filter_map(|entry| Some(format!("crates/{}", entry.file_name().to_str()?)))
        .collect();
    // The ground floor first and the umbrella last, so that the first failure is the one to read.
    found.sort_by_key(|folder| match folder.as_str() {
        "crates/ipc-core" => (0, folder.clone()),
        "crates/ipc-devkit" => (1, folder.clone()),
        "crates/ipc" => (3, folder.clone()),
        _ => (2, folder.clone()),
    });
    found.extend(["examples".to_owned(), "xtask".to_owned()]);
    found.retain(|folder| root.join(folder).join("Cargo.toml").is_file());
    Ok(found)
}

fn read_manifest(path: &Path) -> Result<toml::Table, String> {
    let text = fs::read_to_string(path).map_err(|e| format!("read {}: {e}", path.display()))?;
    text.parse().map_err(|e| format!("{}: {e}", path.display()))
}
