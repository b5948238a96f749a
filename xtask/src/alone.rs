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
    // The umbrella without a feature is empty.
    let features = if package.name == "ipc" { r#", features = ["full"]"# } else { "" };
    let name = &package.name;
    let path = package.dir.display().to_string();
    format!(
        "[package]\nname = \"alone-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\n{name} = {{ path = {path:?}{features} }}\n\n[workspace]\n"
    )
}
