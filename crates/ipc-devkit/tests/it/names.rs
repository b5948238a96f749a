//! Scratch names agree between the halves; directories come and go; skips are recorded.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use ipc_devkit::{alone, scratch, skip, two_process};

#[test]
fn halves_agree_on_names() {
    two_process(
        "names::halves_agree_on_names",
        |mut child| {
            let names = [scratch::name("a"), scratch::name("b"), scratch::name("a")];
            assert_ne!(names[0], names[2]);
            assert!(names[0].starts_with(&format!("ipc-t-{}-", std::process::id())));
            assert_eq!(child.hear(), names.join(" "));
        },
        |mut parent| {
            let names = [scratch::name("a"), scratch::name("b"), scratch::name("a")];
            parent.tell(&names.join(" "));
        },
    );
}

#[test]
fn a_directory_is_private_and_goes_with_its_guard() {
    alone("names::a_directory_is_private_and_goes_with_its_guard", || {
        let dir = scratch::dir();
        let path = dir.path().to_owned();
        std::fs::write(path.join("file"), "text").unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        drop(dir);
        assert!(!path.exists());
    });
}

/// Run by the tests below in a harness of its own.
#[test]
fn skips() {
    if std::env::var_os("IPC_SKIP_LOG").is_some_and(|log| log.to_string_lossy().contains("ipc-t-"))
    {
        skip("a reason");
    }
}

fn run_skips(log: &std::path::Path, require: &str) -> bool {
    Command::new(std::env::current_exe().unwrap())
        .args(["names::skips", "--exact", "--test-threads=2"])
        .env("IPC_SKIP_LOG", log)
        .env("IPC_REQUIRE", require)
        .output()
        .unwrap()
        .status
        .success()
}

#[test]
fn a_skip_is_logged() {
    let dir = scratch::dir();
    let log = dir.path().join("skips");
    assert!(run_skips(&log, "0"));
    assert_eq!(std::fs::read_to_string(log).unwrap(), "names::skips: a reason\n");
}

#[test]
fn a_skip_is_a_failure_where_nothing_may_be_skipped() {
    assert!(!run_skips(&scratch::dir().path().join("skips"), "1"));
}
