//! `cargo xtask ci`: everything that must hold before a change is taken, the same here and there.

use std::process::ExitCode;

use crate::bench;
use crate::crates::{Kind, Package, Workspace};
use crate::step::{self, Cmd, Console, Step};
use crate::{test, tidy};

/// Runs every check and ends with the line `N passed, M failed`.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode, String> {
    let all: Vec<_> = workspace.packages.iter().collect();
    let mut steps = vec![Step::command("all", "fmt", Cmd::cargo(["fmt", "--all", "--check"]))];
    steps.extend(all.iter().map(|package| clippy(package)));
    steps.push(tidy::step(&workspace.root));
    steps.extend(test::steps(workspace, &all));
    steps.extend(all.iter().filter(|package| package.kind == Kind::Library).map(|p| doc(p)));
    steps.extend(bench_smoke(workspace)?);

    let report = step::run(&workspace.root, steps);
    let code = report.summary(Some(&test::skip_log(workspace)));
    report.tally();
    Ok(code)
}

fn clippy(package: &Package) -> Step {
    let cmd = Cmd::cargo(["clippy", "-p", &package.name, "--all-targets", "--all-features"])
        .args(["--", "-D", "warnings"]);
    Step::command(&package.name, "clippy", cmd)
}

fn doc(package: &Package) -> Step {
    let cmd = Cmd::cargo(["doc", "--no-deps", "-p", &package.name, "--all-features"])
        .env("RUSTDOCFLAGS", "-D warnings");
    Step::command(&package.name, "doc", cmd)
}

/// Every bench once and quickly; the figures do not matter, the checks in them and the file do.
fn bench_smoke(workspace: &Workspace) -> Result<Vec<Step>, String> {
    let json = workspace.root.join(workspace.target_dir()).join("bench.json");
    let options = bench::Options { quick: true, json: Some(json.clone()), ..Default::default() };
    let mut steps = bench::steps(workspace, &[], options)?;
    let root = workspace.root.clone();
    let check = move |_: &Console| bench::check_file(&root, &json).into();
    steps.push(Step::call("all", "bench file", check));
    Ok(steps)
}
