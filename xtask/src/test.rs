//! `cargo xtask test`: every crate alone, with every feature set, then its documentation, its models
//! and the first example of its README in a package of its own.
//!
//! Tests that cannot run here (a missing tool, a missing right) say so in the file that
//! `IPC_SKIP_LOG` names; the summary prints it. Where `CI=true`, a skip is a failure.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::alone;
use crate::crates::{Kind, Package, Workspace};
use crate::features;
use crate::step::{Cmd, Step};

/// An example is a small program that ends by itself.
const EXAMPLE_LIMIT: Duration = Duration::from_secs(60);

/// The steps for these packages.
pub(crate) fn steps(workspace: &Workspace, packages: &[&Package]) -> Vec<Step> {
    let context = Context::new(workspace);
    let mut steps: Vec<_> =
        packages.iter().flat_map(|package| context.package_steps(package)).collect();
    steps.extend(alone::steps(workspace, packages));
    steps
}

/// The file in which tests note what they skipped.
pub(crate) fn skip_log(workspace: &Workspace) -> PathBuf {
    workspace.root.join(workspace.target_dir()).join("ipc-skips.log")
}

/// What is the same for every command of a run.
struct Context {
    skip_log: PathBuf,
    loom_target: String,
    nextest: bool,
    require: bool,
}

impl Context {
    fn new(workspace: &Workspace) -> Self {
        let skip_log = skip_log(workspace);
        // The notes of an earlier run are not news. Usually there are none.
        let _ = fs::remove_file(&skip_log);
        Self {
            skip_log,
            loom_target: workspace.target_dir().join("loom").display().to_string(),
            nextest: has_nextest(),
            require: std::env::var_os("CI").is_some_and(|value| value == "true"),
        }
    }

    fn package_steps(&self, package: &Package) -> Vec<Step> {
        match package.kind {
            Kind::Examples => self.example_steps(package),
            Kind::Xtask => self.feature_steps(package),
            Kind::Library => {
                let mut steps = self.feature_steps(package);
                let doc = ["test", "-p", &package.name, "--doc", "--all-features"];
                steps.push(Step::command(&package.name, "doctests", self.tell(Cmd::cargo(doc))));
                if package.has("tests/loom.rs") {
                    steps.push(Step::command(&package.name, "loom", self.loom(package)));
                }
                steps
            }
        }
    }

    fn feature_steps(&self, package: &Package) -> Vec<Step> {
        let step = |set: features::FeatureSet| {
            let words: &[&str] =
                if self.nextest { &["nextest", "run", "--no-tests=pass"] } else { &["test"] };
            let cmd = Cmd::cargo(words.iter().copied())
                .args(["-p", package.name.as_str(), "--tests"])
                .args(set.args);
            Step::command(&package.name, &format!("test, {}", set.label), self.tell(cmd))
        };
        features::sets(package).into_iter().map(step).collect()
    }

    fn loom(&self, package: &Package) -> Cmd {
        Cmd::cargo(["test", "-p", &package.name, "--test", "loom", "--release"])
            .args(["--target-dir", &self.loom_target])
            .env("RUSTFLAGS", "--cfg loom")
    }

    fn example_steps(&self, package: &Package) -> Vec<Step> {
        let name = package.name.as_str();
        let build = Cmd::cargo(["build", "-p", name, "--examples"]);
        let mut steps = vec![Step::command(name, "build examples", build)];
        for example in package.examples() {
            let run = Cmd::cargo(["run", "--quiet", "-p", name, "--example", &example]);
            let step = format!("run {example}");
            steps.push(Step::command(name, &step, run.limit(EXAMPLE_LIMIT)));
        }
        steps
    }

    /// Tells the tests where to note what they skip, or that they must not.
    fn tell(&self, cmd: Cmd) -> Cmd {
        let cmd = cmd.quiet_env("IPC_SKIP_LOG", &self.skip_log.to_string_lossy());
        if self.require { cmd.env("IPC_REQUIRE", "1") } else { cmd }
    }
}

/// True if cargo-nextest can be found, without starting it.
fn has_nextest() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join("cargo-nextest").is_file())
}
