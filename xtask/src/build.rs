//! `cargo xtask build`: every crate alone, with every feature set.
//!
//! Never `--workspace`: cargo would then join the features of all crates, and a crate that only
//! builds beside its siblings would look healthy.

use crate::crates::{Kind, Package};
use crate::features;
use crate::step::{Cmd, Step};

/// The steps for these packages.
pub(crate) fn steps(packages: &[&Package]) -> Vec<Step> {
    packages.iter().flat_map(|package| package_steps(package)).collect()
}

fn package_steps(package: &Package) -> Vec<Step> {
    let build = Cmd::cargo(["build", "-p", &package.name]);
    if package.kind == Kind::Examples {
        return vec![Step::command(&package.name, "build examples", build.args(["--examples"]))];
    }
    features::sets(package)
        .into_iter()
        .map(|set| {
            let name = format!("build, {}", set.label);
            Step::command(&package.name, &name, build.clone().args(set.args))
        })
        .collect()
}
