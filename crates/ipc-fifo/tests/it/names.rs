//! A name becomes a FIFO only if it is one, ours, and as asked.

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use ipc_devkit::{alone, processes};
use ipc_fifo::{Error, Fifo, FifoOptions, features};
use rustix::fs::Mode;
use rustix::process::umask;

use crate::scratch;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("look").permissions().mode() & 0o7777
}

/// X9: paths are checked before any system call sees them.
#[test]
fn impossible_paths_are_refused() {
    let (dir, _) = scratch();
    let inside = |name: &str| dir.path().join(name);
    let long = "n".repeat(256);
    let deep = PathBuf::from(format!("/{}", "d/".repeat(2048)) + "f");
    let nul = PathBuf::from(std::ffi::OsString::from_vec(b"/tmp/a\0b".to_vec()));
    let dots = PathBuf::from(format!("{}/..", dir.path().display()));
    let dot = PathBuf::from(format!("{}/.", dir.path().display()));
    let slash = PathBuf::from(format!("{}/a/", dir.path().display()));
    for path in [PathBuf::new(), "/".into(), inside(&long), deep, nul, dots, dot, slash] {
        for refused in [
            Fifo::create(&path).map(drop),
            Fifo::open(&path).map(drop),
            Fifo::open_or_create(&path).map(drop),
            Fifo::unlink(&path),
        ] {
            assert!(matches!(refused, Err(Error::InvalidName { .. })), "{path:?}: {refused:?}");
        }
    }
    assert_eq!(fs::read_dir(dir.path()).expect("list").count(), 0);
}

/// X9: the longest names work, with all that stands beside them.
#[test]
fn the_longest_names_work() {
    let (dir, _) = scratch();
    for len in [1, 249, 250, 251, 254, 255] {
        let path = dir.path().join("n".repeat(len));
        let fifo = Fifo::create(&path).expect("create");
        let taken = FifoOptions::new().reclaim_stale(true).create(&path);
        assert!(matches!(taken, Err(Error::AlreadyExists { .. })), "{len}: {taken:?}");
        drop(fifo);
        FifoOptions::new().reclaim_stale(true).create(&path).expect("take over");
        Fifo::unlink(&path).expect("unlink");
    }
    assert_eq!(fs::read_dir(dir.path()).expect("list").count(), 0);
}

/// X10, F1: exactly the mode asked for, whatever the umask.
#[test]
fn the_mode_is_exact_whatever_the_umask() {
    alone("names::the_mode_is_exact_whatever_the_umask", || {
        let (_dir, path) = scratch();
        for mask in [0, 0o022, 0o777] {
            umask(Mode::from_raw_mode(mask));
            for asked in [0o600, 0o622, 0o666, 0o777, 0o000, 0o440] {
                drop(FifoOptions::new().mode(asked).create(&path).expect("create"));
                assert_eq!(mode(&path), asked, "umask {mask:o}");
                Fifo::unlink(&path).expect("unlink");
            }
            drop(Fifo::create(&path).expect("create"));
            assert_eq!(mode(&path), 0o600);
            Fifo::unlink(&path).expect("unlink");
        }
        umask(Mode::from_raw_mode(0o022));
        let refused = FifoOptions::new().mode(0o4600).create(&path);
        assert!(matches!(refused, Err(Error::InvalidMode { mode: 0o4600 })));
    });
}

/// X10: at no instant wider, or anything else, than asked.
#[test]
fn the_name_is_never_seen_with_another_mode() {
    alone("names::the_name_is_never_seen_with_another_mode", || {
        let (_dir, path) = scratch();
        umask(Mode::empty());
        let stop = AtomicBool::new(false);
        let seen = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                let mut seen = 0;
                while !stop.load(Ordering::Relaxed) {
                    if let Ok(found) = fs::symlink_metadata(&path) {
                        assert_eq!(found.permissions().mode() & 0o7777, 0o610);
                        assert!(found.file_type().is_fifo());
                        seen += 1;
                    }
                }
                seen
            });
            let mut rounds = 0;
            while rounds < 1000 && !watcher.is_finished() {
                let options = FifoOptions::new().mode(0o610).unlink_on_drop(true);
                drop(options.create(&path).expect("create"));
                rounds += 1;
            }
            stop.store(true, Ordering::Relaxed);
            watcher.join().expect("no other mode was seen")
        });
        assert!(seen > 0, "the watcher never looked in time");
    });
}

/// F2, X13: what is not a FIFO is neither opened nor written to.
#[test]
fn what_is_not_a_fifo_is_refused_untouched() {
    let (dir, path) = scratch();
    let target = dir.path().join("target");
    let real = dir.path().join("real");
    fs::write(&target, "precious").expect("write");
    let fifo = Fifo::create(&real).expect("create");
    let links = [target.clone(), real.clone(), dir.path().join("missing"), "/dev/null".into()];
    for to in links {
        symlink(&to, &path).expect("link");
        refused(&path);
        fs::remove_file(&path).expect("unlink");
    }
    fs::create_dir(&path).expect("make directory");
    refused(&path);
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).expect("bind");
    refused(&dir.path().join("socket"));
    refused(&target);
    refused(Path::new("/dev/null"));
    assert_eq!(fs::read_to_string(&target).expect("read"), "precious");
    drop(fifo);

    fn refused(path: &Path) {
        assert!(matches!(Fifo::open(path), Err(Error::NotAFifo { .. })), "{path:?}");
        assert!(matches!(Fifo::open_or_create(path), Err(Error::NotAFifo { .. })), "{path:?}");
        assert!(matches!(Fifo::unlink(path), Err(Error::NotAFifo { .. })), "{path:?}");
        assert!(matches!(Fifo::create(path), Err(Error::AlreadyExists { .. })), "{path:?}");
        fs::symlink_metadata(path).expect("it is still there");
    }
}

/// X13: a stranger's FIFO is opened only if that stranger is named.
#[test]
fn a_strangers_fifo_is_refused() {
    let (_dir, path) = scratch();
    drop(Fifo::create(&path).expect("create"));
    if chown(&path, Some(4242), None).is_err() {
        return ipc_devkit::skip("only root can give a file away");
    }
    for opened in [Fifo::open(&path), Fifo::open_or_create(&path)] {
        assert!(matches!(opened, Err(Error::WrongOwner { uid: 4242, .. })), "{opened:?}");
    }
    let other = FifoOptions::new().allow_owner(4243).open(&path);
    assert!(matches!(other, Err(Error::WrongOwner { uid: 4242, .. })));
    FifoOptions::new().allow_owner(4242).open(&path).expect("named");
    let reclaim = FifoOptions::new().reclaim_stale(true).create(&path);
    assert!(matches!(reclaim, Err(Error::WrongOwner { uid: 4242, .. })), "{reclaim:?}");
}

/// F7: of four processes that create at once one does, and all get the same FIFO.
#[test]
fn one_of_many_creators_wins() {
    processes(
        "names::one_of_many_creators_wins",
        4,
        |mut children| {
            let (dir, _) = scratch();
            for round in 0..50 {
                let path = dir.path().join(round.to_string());
                for child in &mut children {
                    child.tell(path.to_str().expect("text"));
                }
                let told: Vec<String> = children.iter_mut().map(|child| child.hear()).collect();
                let (mut creators, mut inodes) = (0, std::collections::BTreeSet::new());
                for answer in &told {
                    let (created, inode) = answer.split_once(' ').expect("two words");
                    creators += usize::from(created == "true");
                    inodes.insert(inode.to_owned());
                }
                assert_eq!((creators, inodes.len()), (1, 1), "{told:?}");
                for child in &mut children {
                    child.tell("next");
                }
            }
        },
        |mut parent, _| {
            for _ in 0..50 {
                let path = parent.hear();
                let created = Fifo::create(&path);
                let won = match &created {
                    Ok(_) => true,
                    Err(Error::AlreadyExists { .. }) => false,
                    Err(error) => panic!("{error}"),
                };
                let fifo = Fifo::open_or_create(&path).expect("open");
                let inode = fs::symlink_metadata(&path).expect("look").ino();
                parent.tell(&format!("{won} {inode}"));
                assert_eq!(parent.hear(), "next");
                drop((created, fifo));
            }
        },
    );
}

/// X14: a removed name leaves the open ends at work, and newcomers find nothing.
#[test]
fn a_removed_name_leaves_the_ends_at_work() {
    let (dir, path) = scratch();
    let fifo = Fifo::create(&path).expect("create");
    let (mut reader, mut writer) = crate::ends(&fifo);
    Fifo::unlink(&path).expect("unlink");
    assert!(matches!(Fifo::open(&path), Err(Error::NotFound { .. })));
    assert!(matches!(Fifo::unlink(&path), Err(Error::NotFound { .. })));
    assert!(matches!(fifo.try_open_writer(), Err(Error::Removed { .. })));
    writer.write(b"x").expect("write");
    assert_eq!(reader.read(&mut [0; 8]).expect("read"), 1);
    let second = Fifo::create(&path).expect("the name is free");
    assert!(matches!(second.try_open_writer(), Err(Error::NoReader)), "another FIFO");
    drop((fifo, reader, writer, second));
    Fifo::unlink(&path).expect("unlink");
    assert_eq!(fs::read_dir(dir.path()).expect("list").count(), 0);
}

#[test]
fn unlink_on_drop_removes_its_own_name_only() {
    let (dir, path) = scratch();
    let options = FifoOptions::new().unlink_on_drop(true);
    let fifo = options.create(&path).expect("create");
    let reader = fifo.try_open_reader().expect("open");
    drop(fifo);
    assert!(!path.exists());
    drop(reader);
    assert_eq!(fs::read_dir(dir.path()).expect("list").count(), 0);
    let fifo = options.create(&path).expect("create");
    fs::remove_file(&path).expect("unlink");
    fs::write(&path, "another").expect("write");
    drop(fifo);
    assert_eq!(fs::read_to_string(&path).expect("still there"), "another");
}

#[test]
fn a_missing_directory_is_not_found() {
    let (dir, _) = scratch();
    let path = dir.path().join("no/such");
    assert!(matches!(Fifo::create(&path), Err(Error::NotFound { .. })));
    assert!(matches!(Fifo::open_or_create(&path), Err(Error::NotFound { .. })));
}

/// A relative path stays what it was when the handle was made.
#[test]
fn a_change_of_directory_leads_nowhere_else() {
    alone("names::a_change_of_directory_leads_nowhere_else", || {
        let (dir, path) = scratch();
        std::env::set_current_dir(dir.path()).expect("enter");
        let fifo = FifoOptions::new().unlink_on_drop(true).create("fifo").expect("create");
        std::env::set_current_dir("/").expect("leave");
        let ends = crate::ends(&fifo);
        drop((fifo, ends));
        assert!(!path.exists());
    });
}

/// X12: what the system guards by itself is reported; what is set here is what holds.
#[test]
fn the_guards_of_the_system_are_reported() {
    let features = features();
    let set = |name: &str| {
        let text = fs::read_to_string(format!("/proc/sys/fs/{name}")).ok()?;
        text.trim().parse().ok()
    };
    assert_eq!(features.protected_fifos, set("protected_fifos"));
    assert_eq!(features.protected_symlinks, set("protected_symlinks"));
    // A FIFO in a sticky directory that all may write to is opened whatever protected_fifos says.
    let (dir, path) = scratch();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o1777)).expect("chmod");
    let fifo = Fifo::create(&path).expect("create");
    let _ends = crate::ends(&fifo);
    if chown(&path, Some(4242), None).is_ok() {
        let theirs = FifoOptions::new().allow_owner(4242).open(&path).expect("open");
        let _ends = crate::ends(&theirs);
    }
}
