//! `bench` needs a library that draws; everything else must start without it.
//!
//! So the plain xtask, when asked for a bench, becomes the one with the feature `report`: same process,
//! same arguments. Cargo builds that one the first time only.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// True in the xtask that can draw.
pub(crate) const IS_COMPLETE: bool = cfg!(feature = "report");

/// Becomes the xtask with the feature `report`. Returns only if that failed.
pub(crate) fn become_complete(root: &Path) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = root.join("Cargo.toml");
    let error = Command::new(cargo)
        .args(["run", "--quiet", "--package", "xtask", "--features", "report", "--manifest-path"])
        .arg(manifest)
        .arg("--")
        .args(std::env::args_os().skip(1))
        .exec();
    format!("start cargo to build the report: {error}")
}
