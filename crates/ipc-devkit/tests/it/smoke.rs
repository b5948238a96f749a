//! The plain ways to run: alone, with one child, with several.

use std::io::{Read as _, Write as _};

use ipc_devkit::{alone, processes, two_process};

#[test]
fn alone_runs_in_a_process_of_its_own() {
    let harness = std::process::id();
    alone("smoke::alone_runs_in_a_process_of_its_own", || {
        // Every process of the test computes its own `harness`; this one was started by another.
        assert_eq!(harness, std::process::id());
        assert!(std::env::var_os("IPC_DEVKIT_ROLE").is_some());
    });
}

#[test]
fn halves_exchange_texts_and_descriptors() {
    two_process(
        "smoke::halves_exchange_texts_and_descriptors",
        |mut child| {
            let (reader, writer) = std::io::pipe().unwrap();
            child.give(&writer);
            drop(writer);
            child.tell("write");
            let mut text = String::new();
            std::fs::File::from(std::os::fd::OwnedFd::from(reader))
                .read_to_string(&mut text)
                .unwrap();
            assert_eq!(text, format!("from {}", child.raw_pid()));
            let null = std::fs::File::from(child.take());
            assert!(null.metadata().is_ok());
            assert_eq!(child.hear(), "");
        },
        |mut parent| {
            let mut writer = std::fs::File::from(parent.take());
            assert_eq!(parent.hear(), "write");
            write!(writer, "from {}", std::process::id()).unwrap();
            parent.give(std::fs::File::open("/dev/null").unwrap());
            parent.tell("");
        },
    );
}

#[test]
fn each_child_knows_its_index() {
    processes(
        "smoke::each_child_knows_its_index",
        3,
        |children| {
            for (index, mut child) in children.into_iter().enumerate() {
                assert_eq!(child.hear(), index.to_string());
            }
        },
        |mut parent, index| parent.tell(&index.to_string()),
    );
}

#[test]
fn test_processes_have_only_the_threads_of_libtest() {
    fn count() -> usize {
        std::fs::read_dir("/proc/self/task").unwrap().count()
    }
    two_process(
        "smoke::test_processes_have_only_the_threads_of_libtest",
        // Its main thread, and the one that runs the test.
        |_| assert!(count() <= 2),
        |_| assert!(count() <= 2),
    );
}
