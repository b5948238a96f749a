//! Tells the bench which compiler, and so which standard library, it was built with.

use std::process::Command;

fn main() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let told = Command::new(rustc).arg("--version").output();
    let told = told.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    // "rustc 1.95.0 (...)"
    let version = told.ok().and_then(|text| text.split(' ').nth(1).map(str::to_owned));
    println!("cargo::rustc-env=IPC_VERSUS_RUST={}", version.as_deref().unwrap_or("?"));
    println!("cargo::rerun-if-changed=build.rs");
}
