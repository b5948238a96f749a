//! "Is anybody of ours using it?", asked by processes that die.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::time::Duration;

use ipc_core::Deadline;
use ipc_core::owner::{Companion, Refused};
use ipc_devkit::{fault, processes, scratch, two_process};
use rustix::fs::Mode;

const MODE: Mode = Mode::RUSR.union(Mode::WUSR);

fn join(path: &std::path::Path) -> Companion {
    Companion::join(path, MODE, Deadline::NEVER).expect("join")
}

#[test]
fn a_live_user_is_never_displaced_and_a_dead_one_is() {
    two_process(
        "owner::a_live_user_is_never_displaced_and_a_dead_one_is",
        |mut child| {
            let dir = scratch::dir();
            let path = dir.path().join("lock");
            child.tell(path.to_str().expect("plain"));
            assert_eq!(child.hear(), "joined");
            assert!(matches!(Companion::take_over(&path), Err(Refused::InUse)));
            child.stop();
            assert!(matches!(Companion::take_over(&path), Err(Refused::InUse)), "paused, not dead");
            child.kill();
            let takeover = Companion::take_over(&path).expect("the user is dead");
            let ours = takeover.finish().expect("finish");
            assert!(matches!(Companion::take_over(&path), Err(Refused::InUse)));
            assert!(ours.leave(|| {}).expect("leave"));
            assert!(!path.exists());
        },
        |mut parent| {
            let path = PathBuf::from(parent.hear());
            let _joined = join(&path);
            parent.tell("joined");
            let _ = parent.hear();
        },
    );
}

/// Of several takers at once exactly one wins.
#[test]
fn of_racing_takers_one_wins() {
    const ROUNDS: usize = 50;
    processes(
        "owner::of_racing_takers_one_wins",
        4,
        |mut children| {
            let dir = scratch::dir();
            for round in 0..ROUNDS {
                let path = dir.path().join(round.to_string());
                drop(join(&path));
                for child in &mut children {
                    child.tell(path.to_str().expect("plain"));
                }
                let won =
                    children.iter_mut().filter_map(|child| (child.hear() == "won").then_some(()));
                assert_eq!(won.count(), 1, "round {round}");
                for child in &mut children {
                    child.tell("next");
                }
            }
        },
        |mut parent, _| {
            for _ in 0..ROUNDS {
                let path = PathBuf::from(parent.hear());
                let taken = Companion::take_over(&path);
                parent.tell(if taken.is_ok() { "won" } else { "lost" });
                assert_eq!(parent.hear(), "next");
                drop(taken);
            }
        },
    );
}

/// The last one to leave removes the companion; one that joins meanwhile is not left with a file
/// that nobody else can find.
#[test]
fn joining_and_leaving_at_once_never_split_the_users() {
    processes(
        "owner::joining_and_leaving_at_once_never_split_the_users",
        3,
        |mut children| {
            let dir = scratch::dir();
            let path = dir.path().join("lock");
            for child in &mut children {
                child.tell(path.to_str().expect("plain"));
            }
            for child in &mut children {
                assert_eq!(child.hear(), "done");
            }
            assert!(!path.exists(), "the last one removes it");
        },
        |mut parent, _| {
            let path = PathBuf::from(parent.hear());
            for _ in 0..500 {
                let user = join(&path);
                let refused = Companion::take_over(&path).expect_err("we use it");
                assert_eq!(refused, Refused::InUse, "our companion is not the one at the path");
                user.leave(|| {}).expect("leave");
            }
            // Whoever leaves while another still joins leaves the file to that one.
            join(&path).leave(|| {}).expect("leave");
            parent.tell("done");
        },
    );
}

/// A forked child without exec holds the lock too: it may use the object.
#[test]
fn a_forked_orphan_counts_as_alive() {
    ipc_devkit::alone("owner::a_forked_orphan_counts_as_alive", || {
        let dir = scratch::dir();
        let path = dir.path().join("lock");
        let user = join(&path);
        let orphan = fault::fork_orphan();
        drop(user);
        assert!(matches!(Companion::take_over(&path), Err(Refused::InUse)));
        drop(orphan);
        drop(Companion::take_over(&path).expect("now nobody has it"));
    });
}

#[test]
fn a_joiner_waits_for_a_takeover_only_until_its_deadline() {
    let dir = scratch::dir();
    let path = dir.path().join("lock");
    drop(join(&path));
    let takeover = Companion::take_over(&path).expect("nobody uses it");
    let soon = Deadline::after(Duration::from_millis(20));
    assert!(matches!(Companion::join(&path, MODE, soon), Err(Refused::InUse)));
    takeover.abandon().expect("abandon");
    join(&path);
}

#[test]
fn without_a_companion_nothing_is_known() {
    let dir = scratch::dir();
    let absent = dir.path().join("lock");
    assert!(matches!(Companion::take_over(&absent), Err(Refused::NoCompanion)));
}

/// X13: what stands at the companion's path is checked on the descriptor, and left as it is.
#[test]
fn strange_things_at_the_path_are_refused() {
    let dir = scratch::dir();
    let target = dir.path().join("target");
    std::fs::write(&target, "precious").expect("write");
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&target, &link).expect("link");
    let fifo = dir.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, MODE).expect("mkfifo");
    for path in [&link, &fifo, &dir.path().to_owned()] {
        assert!(matches!(Companion::take_over(path), Err(Refused::NotAFile)), "{path:?}");
        let joined = Companion::join(path, MODE, Deadline::NEVER);
        assert!(matches!(joined, Err(Refused::NotAFile)), "{path:?}");
    }
    assert_eq!(std::fs::read_to_string(&target).expect("read"), "precious");
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&target, Some(12345), None).expect("chown");
        let refused = Companion::take_over(&target);
        assert!(matches!(refused, Err(Refused::WrongOwner { uid: 12345 })));
        assert_eq!(std::fs::metadata(&target).expect("stat").uid(), 12345);
    }
}

/// X10: the mode is exactly as asked, whatever the umask.
#[test]
fn the_companion_has_the_mode_that_was_asked_for() {
    ipc_devkit::alone("owner::the_companion_has_the_mode_that_was_asked_for", || {
        let dir = scratch::dir();
        for (umask, mode) in [(0, 0o600), (0o777, 0o640), (0o022, 0o666)] {
            let before = rustix::process::umask(Mode::from_raw_mode(umask));
            let path = dir.path().join(format!("{umask:o}"));
            let mode = Mode::from_raw_mode(mode);
            drop(Companion::join(&path, mode, Deadline::NEVER).expect("join"));
            rustix::process::umask(before);
            let found = std::fs::metadata(&path).expect("stat").permissions().mode();
            assert_eq!(Mode::from_raw_mode(found), mode);
        }
    });
}
