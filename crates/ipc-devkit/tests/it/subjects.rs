//! Tests that pass, unless [`failures`](crate::failures) runs them again and asks them to misbehave.

use std::fs::File;
use std::time::Duration;

use ipc_devkit::{alone, scratch, two_process, watchdog};

/// The variable that asks for misbehaviour.
pub(crate) const MISBEHAVE: &str = "IPC_DEVKIT_TEST_MISBEHAVE";

fn misbehave() -> bool {
    std::env::var_os(MISBEHAVE).is_some()
}

#[test]
fn body_panics() {
    alone("subjects::body_panics", || assert!(!misbehave(), "the body gives up"));
}

#[test]
fn child_panics() {
    two_process("subjects::child_panics", drop, |_| {
        assert!(!misbehave(), "the child gives up");
    });
}

#[test]
fn child_is_silent() {
    two_process(
        "subjects::child_is_silent",
        |mut child| drop(child.hear()),
        |mut parent| {
            if !misbehave() {
                parent.tell("here I am");
            }
        },
    );
}

#[test]
fn descriptor_leaks() {
    alone("subjects::descriptor_leaks", || {
        let null = File::open("/dev/null").unwrap();
        if misbehave() {
            std::mem::forget(null);
        }
    });
}

#[test]
fn child_leaks_its_channel() {
    two_process("subjects::child_leaks_its_channel", drop, |parent| {
        if misbehave() {
            std::mem::forget(parent);
        }
    });
}

#[test]
fn name_is_left() {
    alone("subjects::name_is_left", || {
        let path = std::path::Path::new("/dev/shm").join(scratch::name("left"));
        std::fs::write(&path, "").unwrap();
        if !misbehave() {
            std::fs::remove_file(&path).unwrap();
        }
    });
}

#[test]
fn parent_hangs() {
    two_process(
        "subjects::parent_hangs",
        |mut child| {
            watchdog::limit(Duration::from_millis(200));
            if !misbehave() {
                child.tell("go home");
            }
            let _status = child.hear();
        },
        |mut parent| {
            // In the hanging case this waits for a word that never comes, and so does the parent.
            let text = parent.hear();
            parent.tell(&text);
        },
    );
}

#[test]
fn name_is_anothers() {
    alone(if misbehave() { "smoke::alone" } else { "subjects::name_is_anothers" }, || {});
}

#[test]
fn name_is_nobodys() {
    let name = if misbehave() { "subjects::nobody" } else { "subjects::name_is_nobodys" };
    // On a thread without a name, so that the harness cannot compare.
    std::thread::spawn(move || alone(name, || {})).join().unwrap();
}
