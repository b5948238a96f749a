//! Leftovers of the dead are taken over, the living are never displaced.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use ipc_devkit::{processes, two_process};
use ipc_fifo::{Error, Fifo, FifoOptions};

use crate::scratch;

fn reclaim(path: &Path) -> Result<Fifo, Error> {
    FifoOptions::new().reclaim_stale(true).create(path)
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("list");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("entry").file_name().into_string().expect("text"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_fifo_is_taken_over_only_when_its_last_user_is_dead() {
    two_process(
        "stale::a_fifo_is_taken_over_only_when_its_last_user_is_dead",
        |mut child| {
            let (dir, path) = scratch();
            child.tell(path.to_str().expect("text"));
            assert_eq!(child.hear(), "created");
            let before = fs::symlink_metadata(&path).expect("look").ino();
            assert!(matches!(reclaim(&path), Err(Error::AlreadyExists { .. })), "it lives");
            child.stop();
            assert!(matches!(reclaim(&path), Err(Error::AlreadyExists { .. })), "paused");
            child.cont();
            // A user that is not the creator counts as much.
            let user = Fifo::open(&path).expect("open");
            child.kill();
            assert!(matches!(reclaim(&path), Err(Error::AlreadyExists { .. })), "we live");
            let reader = user.try_open_reader().expect("open");
            drop(user);
            assert!(matches!(reclaim(&path), Err(Error::AlreadyExists { .. })), "an end lives");
            drop(reader);
            assert!(matches!(Fifo::create(&path), Err(Error::AlreadyExists { .. })), "not asked");
            let fifo = reclaim(&path).expect("stale");
            assert_ne!(fs::symlink_metadata(&path).expect("look").ino(), before, "a new one");
            let again = reclaim(&path);
            assert!(matches!(again, Err(Error::AlreadyExists { .. })), "the taker lives");
            drop(crate::ends(&fifo));
            drop(fifo);
            Fifo::unlink(&path).expect("unlink");
            assert!(names(dir.path()).is_empty());
        },
        |mut parent| {
            let fifo = Fifo::create(parent.hear()).expect("create");
            parent.tell("created");
            let _ = parent.hear();
            drop(fifo);
        },
    );
}

#[test]
fn of_racing_takers_exactly_one_wins() {
    processes(
        "stale::of_racing_takers_exactly_one_wins",
        4,
        |mut children| {
            let (dir, _) = scratch();
            for round in 0..50 {
                let path = dir.path().join(round.to_string());
                drop(Fifo::create(&path).expect("create"));
                for child in &mut children {
                    child.tell(path.to_str().expect("text"));
                }
                let won: Vec<String> = children.iter_mut().map(|child| child.hear()).collect();
                assert_eq!(won.iter().filter(|won| *won == "true").count(), 1, "{won:?}");
                for child in &mut children {
                    child.tell("next");
                }
            }
        },
        |mut parent, _| {
            for _ in 0..50 {
                let path = parent.hear();
                let taken = match reclaim(Path::new(&path)) {
                    Ok(fifo) => Some(fifo),
                    Err(Error::AlreadyExists { .. }) => None,
                    Err(error) => panic!("{error}"),
                };
                parent.tell(&taken.is_some().to_string());
                assert_eq!(parent.hear(), "next");
            }
        },
    );
}

/// A FIFO that no program of ours made has no companion: nobody can say that it is stale.
#[test]
fn a_fifo_of_others_is_never_taken_over() {
    let (dir, path) = scratch();
    let made = std::process::Command::new("mkfifo").arg(&path).status().expect("run mkfifo");
    assert!(made.success());
    let before = fs::symlink_metadata(&path).expect("look").ino();
    assert!(matches!(reclaim(&path), Err(Error::AlreadyExists { .. })));
    drop(Fifo::open(&path).expect("open"));
    assert!(matches!(Fifo::create(&path), Err(Error::AlreadyExists { .. })));
    assert!(matches!(reclaim(&path), Err(Error::AlreadyExists { .. })));
    assert_eq!(fs::symlink_metadata(&path).expect("look").ino(), before);
    assert_eq!(names(dir.path()), ["fifo"], "and it gets none");
}

/// `open_or_create` opens what stands there, stale or not.
#[test]
fn open_or_create_never_reclaims() {
    let (_dir, path) = scratch();
    drop(Fifo::create(&path).expect("create"));
    let before = fs::symlink_metadata(&path).expect("look").ino();
    let options = FifoOptions::new().reclaim_stale(true);
    drop(options.open_or_create(&path).expect("open"));
    assert_eq!(fs::symlink_metadata(&path).expect("look").ino(), before);
}

/// Killed at any instant of creating and removing: the name can be had again, and nothing is left.
#[test]
fn a_creator_killed_anywhere_leaves_nothing_for_ever() {
    const CREATORS: usize = 16;
    processes(
        "stale::a_creator_killed_anywhere_leaves_nothing_for_ever",
        CREATORS,
        |mut children| {
            let (dir, path) = scratch();
            for (round, child) in children.iter_mut().enumerate() {
                child.tell(path.to_str().expect("text"));
                assert_eq!(child.hear(), "looping");
                // Some turns of its loop later, somewhere inside one.
                for _ in 0..round * 37 {
                    let _ = fs::symlink_metadata(&path);
                }
                child.kill();
                let fifo = reclaim(&path).expect("whatever it left");
                assert_eq!(names(dir.path()), [".fifo.ipc", "fifo"]);
                assert!(fs::symlink_metadata(&path).expect("look").file_type().is_fifo());
                drop(crate::ends(&fifo));
                drop(fifo);
                Fifo::unlink(&path).expect("unlink");
                assert!(names(dir.path()).is_empty());
            }
        },
        |mut parent, _| {
            let path = parent.hear();
            parent.tell("looping");
            loop {
                let options = FifoOptions::new().reclaim_stale(true).unlink_on_drop(true);
                drop(options.create(&path).expect("create"));
            }
        },
    );
}

/// What a creator left that died before its FIFO had a name goes with the next take-over.
#[test]
fn half_made_names_are_swept() {
    let (dir, path) = scratch();
    drop(Fifo::create(&path).expect("create"));
    for name in [".fifo.ipc-new-1", ".fifo.ipc-new-2", ".other.ipc-new-1"] {
        let made = std::process::Command::new("mkfifo").arg(dir.path().join(name)).status();
        assert!(made.expect("run mkfifo").success());
    }
    drop(reclaim(&path).expect("stale"));
    assert_eq!(names(dir.path()), [".fifo.ipc", ".other.ipc-new-1", "fifo"]);
}
