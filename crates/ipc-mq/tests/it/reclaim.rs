//! Stale POSIX queues.

use ipc_devkit::{processes, scratch, two_process};
use ipc_mq::Error;
use ipc_mq::posix::{Queue, QueueOptions};

use crate::Gone;

fn reclaim(name: &str) -> ipc_mq::Result<Queue> {
    QueueOptions::new().reclaim_stale(true).create(name)
}

/// A queue that a live process has open is never displaced; one whose users died is.
#[test]
fn only_a_queue_without_users_is_replaced() {
    two_process(
        "reclaim::only_a_queue_without_users_is_replaced",
        |mut child| {
            let name = scratch::name("q");
            let _gone = Gone(name.clone());
            let creator = Queue::create(&name).expect("create");
            creator.send(0, b"old").expect("send");
            child.tell("open");
            assert_eq!(child.hear(), "opened");
            drop(creator);
            assert!(matches!(reclaim(&name), Err(Error::AlreadyExists { .. })), "child has it");
            child.kill();
            let new = reclaim(&name).expect("stale");
            assert_eq!(new.len().expect("len"), 0);
            assert!(matches!(reclaim(&name), Err(Error::AlreadyExists { .. })), "we have it");
        },
        |mut parent| {
            assert_eq!(parent.hear(), "open");
            let _queue = Queue::open(&scratch::name("q")).expect("open");
            parent.tell("opened");
            let _ = parent.hear();
        },
    );
}

/// Opening, or failing to create, does not lose the mark of a stale queue.
#[test]
fn a_failed_create_does_not_hide_staleness() {
    let name = scratch::name("q");
    let _gone = Gone(name.clone());
    drop(Queue::create(&name).expect("create"));
    assert!(matches!(Queue::create(&name), Err(Error::AlreadyExists { .. })));
    drop(Queue::open_or_create(&name).expect("open"));
    drop(reclaim(&name).expect("stale"));
}

/// Of racing takers exactly one wins.
#[test]
fn one_taker_wins() {
    processes(
        "reclaim::one_taker_wins",
        4,
        |mut children| {
            let name = scratch::name("q");
            let _gone = Gone(name.clone());
            for _ in 0..30 {
                drop(Queue::open_or_create(&name).expect("create"));
                for child in &mut children {
                    child.tell("take");
                }
                let results: Vec<_> = children.iter_mut().map(|child| child.hear()).collect();
                let winners = results.iter().filter(|result| *result == "won").count();
                assert_eq!(winners, 1, "{results:?}");
                for child in &mut children {
                    child.tell("drop");
                    assert_eq!(child.hear(), "dropped");
                }
            }
            for child in &mut children {
                child.tell("end");
            }
        },
        |mut parent, _| {
            let name = scratch::name("q");
            while parent.hear() == "take" {
                let taken = reclaim(&name);
                match &taken {
                    Ok(_) => parent.tell("won"),
                    Err(Error::AlreadyExists { .. }) => parent.tell("lost"),
                    Err(error) => parent.tell(&error.to_string()),
                }
                assert_eq!(parent.hear(), "drop");
                drop(taken);
                parent.tell("dropped");
            }
        },
    );
}

/// A queue without a companion, so made by a program that is not ours, is never replaced.
#[test]
fn a_queue_of_others_is_never_replaced() {
    let name = scratch::name("q");
    let _gone = Gone(name.clone());
    drop(Queue::create(&name).expect("create"));
    for entry in std::fs::read_dir("/dev/shm").expect("list").flatten() {
        if entry.file_name().to_string_lossy().contains(&name) {
            std::fs::remove_file(entry.path()).expect("remove the companion");
        }
    }
    assert!(matches!(reclaim(&name), Err(Error::AlreadyExists { .. })));
    drop(Queue::open(&name).expect("open"));
    assert!(matches!(reclaim(&name), Err(Error::AlreadyExists { .. })), "opening says nothing");
}
