//! `cargo xtask alone`: the first example of a crate's README, run in a package that knows only that
//! crate, as a newcomer's would.
//!
//! The package lives outside the workspace, so nothing of ours can leak in: no features of siblings,
//! no dev-dependency. It uses our lock file, so it needs no network that the workspace did not need.

mod readme;

use std::fs;
use std::path::PathBuf;

use crate::crates::{Kind, Package, Workspace};
use crate::scratch::Scratch;
use crate::step::{Cmd, Console, Step};

/// The steps for these packages; those that are no library have none.
pub(crate) fn steps(workspace: &Workspace, packages: &[&Package]) -> Vec<Step> {
    let libraries = packages.iter().filter(|package| package.kind == Kind::Library);
    libraries.map(|package| step(workspace, package)).collect()
}

fn step(workspace: &Workspace, package: &Package) -> Step {
    let skip = |why| Step::skip(&package.name, "alone", why);
    if !package.is_published() {
        return skip("the crate is private");
    }
    let Ok(text) = fs::read_to_string(package.dir.join("README.md")) else {
        return skip("no README.md");
    };
    let Some(example) = readme::first_example(&text) else {
        return skip("no example in README.md");
    };
    let plan = Plan {
        name: package.name.clone(),
        manifest: manifest(package),
        main: readme::program(&example.code),
        lock: workspace.root.join("Cargo.lock"),
        target: workspace.root.join(workspace.target_dir()).join("alone"),
        verb: if example.no_run { "build" } else { "run" },
    };
    Step::call(&package.name, "alone", move |console| plan.carry_out(console).into())
}

/// Everything that one scratch package needs.
struct Plan {
    name: String,
    manifest: String,
    main: String,
    lock: PathBuf,
    target: PathBuf,
    verb: &'static str,
}

impl Plan {
    fn carry_out(&self, console: &Console) -> Result<(), String> {
        let scratch = Scratch::new(&format!("alone-{}", self.name))?;
        scratch.write("Cargo.toml", &self.manifest)?;
        scratch.write("src/main.rs", &self.main)?;
        fs::copy(&self.lock, scratch.path().join("Cargo.lock"))
            .map_err(|e| format!("copy {}: {e}", self.lock.display()))?;

        let manifest = scratch.path().join("Cargo.toml");
        let manifest = manifest.to_string_lossy();
        let offline = Cmd::cargo(["tree", "--offline", "--manifest-path", &manifest]);
        let cmd = Cmd::cargo([self.verb, "--quiet", "--manifest-path", &manifest])
            .args(["--target-dir", &self.target.to_string_lossy()])
            .args(console.succeeds(&offline).then_some("--offline"));
        console.run(&cmd)
    }
}

/// A manifest whose only dependency is `package`.
fn manifest(package: &Package) -> String {
    let name = &package.name;
    let path = package.dir.display().to_string();
    // The umbrella without a feature is empty.
    let (dependency, is_on) = match name.as_str() {
        "ipc" => (format!("{{ path = {path:?}, features = [\"full\"] }}"), true),
        _ => (format!("{{ path = {path:?} }}"), false),
    };
    // An example may ask for the crate's features, as it does in the crate's own documentation.
    let table = package.manifest.get("features").and_then(toml::Value::as_table);
    let names: Vec<_> = table.into_iter().flat_map(toml::Table::keys).collect();
    let names: Vec<_> = names.into_iter().filter(|name| *name != "default").collect();
    let features: String = names.iter().map(|name| format!("{name} = []\n")).collect();
    let default = if is_on { names } else { Vec::new() };
    format!(
        "[package]\nname = \"alone-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\n{name} = {dependency}\n\n\
         [features]\ndefault = {default:?}\n{features}\n[workspace]\n"
    )
}

#[cfg(test)]
mod tests {
    use super::manifest;
    use crate::crates::{Kind, Package};

    fn written(name: &str) -> toml::Table {
        let manifest_text = "[features]\ndefault = []\nlog = []\npipe = []";
        let package = Package {
            name: name.to_owned(),
            folder: format!("crates/{name}"),
            dir: format!("/r/{name}").into(),
            kind: Kind::Library,
            manifest: manifest_text.parse().unwrap(),
        };
        manifest(&package).parse().unwrap()
    }

    #[test]
    fn the_only_dependency_is_the_crate() {
        let manifest = written("ipc-pipe");
        assert_eq!(manifest["dependencies"].as_table().unwrap().len(), 1);
        assert_eq!(manifest["dependencies"]["ipc-pipe"]["path"].as_str(), Some("/r/ipc-pipe"));
        assert!(manifest["features"]["default"].as_array().unwrap().is_empty());
    }

    #[test]
    fn the_umbrella_is_tried_with_everything_in_it() {
        let manifest = written("ipc");
        assert_eq!(manifest["dependencies"]["ipc"]["features"][0].as_str(), Some("full"));
        assert_eq!(manifest["features"]["default"].as_array().unwrap().len(), 2);
    }
}
