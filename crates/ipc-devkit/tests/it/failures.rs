//! What goes wrong in a test process fails the test, and the message says what it was.

use std::process::{Command, Output};
use std::time::Instant;

use crate::subjects::MISBEHAVE;

/// Runs one of the [`subjects`](crate::subjects) in a harness of its own and lets it misbehave.
fn run_misbehaving(subject: &str) -> String {
    let Output { status, stdout, stderr } = Command::new(std::env::current_exe().unwrap())
        .args([&format!("subjects::{subject}"), "--exact", "--nocapture", "--test-threads=1"])
        .env(MISBEHAVE, "1")
        .env_remove("IPC_WATCHDOG_SECS")
        .output()
        .unwrap();
    let text =
        format!("{}\n{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert_eq!(status.code(), Some(101), "{text}");
    text
}

#[track_caller]
fn assert_says(text: &str, expected: &[&str]) {
    for part in expected {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
}

#[test]
fn a_panic_in_the_body() {
    let text = run_misbehaving("body_panics");
    assert_says(&text, &["the body gives up", "the parent half of subjects::body_panics failed"]);
}

#[test]
fn a_panic_in_the_child() {
    let text = run_misbehaving("child_panics");
    assert_says(&text, &["the child gives up", "child half 0 failed", "the parent half of"]);
}

#[test]
fn a_child_that_ends_without_a_word() {
    let text = run_misbehaving("child_is_silent");
    assert_says(&text, &["child half 0 ended without a word"]);
}

#[test]
fn a_leaked_descriptor() {
    let text = run_misbehaving("descriptor_leaks");
    assert_says(&text, &["the parent half leaks", "left open: descriptor", "/dev/null"]);
}

#[test]
fn a_leaked_channel_in_the_child() {
    let text = run_misbehaving("child_leaks_its_channel");
    assert_says(&text, &["the child half 0 leaks", "left open: descriptor", "socket:"]);
}

#[test]
fn a_leftover_name_is_reported_and_removed() {
    let text = run_misbehaving("name_is_left");
    assert_says(&text, &["subjects::name_is_left leaves behind", "/dev/shm/ipc-t-"]);
    let start = text.find("/dev/shm/ipc-t-").unwrap();
    let path = text[start..].split('"').next().unwrap();
    assert!(!std::path::Path::new(path).exists(), "{path} is still there");
}

#[test]
fn a_hang_is_ended_and_explained() {
    let start = Instant::now();
    let text = run_misbehaving("parent_hangs");
    assert!(start.elapsed().as_secs() < 5, "{text}");
    assert_says(
        &text,
        &["watchdog: subjects::parent_hangs did not end", "parent half, process", "child half 0,"],
    );
    assert_says(&text, &["hangs and was killed", "system call"]);
}

#[test]
fn a_name_that_is_not_the_tests_own() {
    let text = run_misbehaving("name_is_anothers");
    assert_says(&text, &["the test subjects::name_is_anothers says that it is smoke::alone"]);
}

#[test]
fn a_name_that_matches_no_test() {
    let text = run_misbehaving("name_is_nobodys");
    assert_says(&text, &["no test named subjects::nobody in this binary"]);
}
