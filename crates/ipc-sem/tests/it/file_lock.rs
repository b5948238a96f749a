//! FileLock: who excludes whom, how long, and what happens at the end.

use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use ipc_devkit::{alone, scratch, two_process};
use ipc_sem::{Error, FileLock, FileLockOptions};

const SHORT: Duration = Duration::from_millis(30);
const LONG: Duration = Duration::from_secs(60);

#[test]
fn readers_share_and_writers_do_not() {
    alone("file_lock::readers_share_and_writers_do_not", || {
        let dir = scratch::dir();
        let path = dir.path().join("lock");
        let mut one = FileLock::open_or_create(&path).expect("create");
        let mut two = FileLock::open_or_create(&path).expect("open");
        let a = one.lock_shared().expect("read");
        drop(two.try_lock_shared().expect("read too"));
        assert!(matches!(two.try_lock(), Err(Error::WouldBlock)));
        let start = Instant::now();
        assert!(matches!(two.lock_timeout(SHORT), Err(Error::TimedOut)));
        assert!(start.elapsed() >= SHORT);
        drop(a);
        let c = two.lock_timeout(LONG).expect("write");
        let deadline = Instant::now() + SHORT;
        assert!(matches!(one.lock_shared_deadline(deadline), Err(Error::TimedOut)));
        assert!(matches!(one.lock_deadline(deadline), Err(Error::TimedOut)));
        drop(c);
        drop(one.lock_shared_timeout(SHORT).expect("read"));
    });
}

/// The lock does not vanish when another descriptor of the file is closed, as a process's would.
#[test]
fn closing_another_descriptor_lets_nothing_go() {
    alone("file_lock::closing_another_descriptor_lets_nothing_go", || {
        let dir = scratch::dir();
        let path = dir.path().join("lock");
        let mut one = FileLock::create(&path).expect("create");
        let guard = one.lock().expect("lock");
        drop(std::fs::File::open(&path).expect("open and close"));
        let mut two = FileLock::open(&path).expect("open");
        assert!(matches!(two.try_lock(), Err(Error::WouldBlock)));
        drop(guard);
        drop(two.try_lock().expect("free"));
    });
}

/// Whoever dies lets go: a wait without a limit and one with a limit end.
#[test]
fn a_dead_holder_lets_go() {
    two_process(
        "file_lock::a_dead_holder_lets_go",
        |mut child| {
            let dir = scratch::dir();
            let path = dir.path().join("lock");
            let mut lock = FileLock::create(&path).expect("create");
            let mut second = FileLock::open(&path).expect("open");
            child.tell(path.to_str().expect("text"));
            assert_eq!(child.hear(), "locked");
            std::thread::scope(|scope| {
                let one = scope.spawn(|| drop(lock.lock().expect("lock")));
                let two = scope.spawn(|| drop(second.lock_timeout(LONG).expect("lock")));
                child.kill();
                one.join().expect("no panic");
                two.join().expect("no panic");
            });
        },
        |mut parent| {
            let mut lock = FileLock::open(parent.hear()).expect("open");
            let _guard = lock.lock().expect("lock");
            parent.tell("locked");
            let _ = parent.hear();
        },
    );
}

/// X9: paths are checked before any system call sees them.
#[test]
fn paths_are_checked() {
    for path in ["", "a\u{0}b", &"x".repeat(4096), &"x".repeat(256)] {
        assert!(matches!(FileLock::open(path), Err(Error::InvalidName { .. })), "{path:?}");
    }
    let missing = FileLock::open_or_create("/nonexistent/lock");
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
}

/// X10: the mode is as asked, whatever the umask.
#[test]
fn the_mode_is_exact() {
    alone("file_lock::the_mode_is_exact", || {
        let dir = scratch::dir();
        for (n, umask) in [0, 0o777].into_iter().enumerate() {
            rustix::process::umask(rustix::fs::Mode::from_raw_mode(umask));
            let path = dir.path().join(n.to_string());
            FileLockOptions::new().mode(0o640).create(&path).expect("create");
            let mode = std::fs::metadata(&path).expect("look").mode();
            assert_eq!(mode & 0o777, 0o640);
            assert!(matches!(FileLock::create(&path), Err(Error::AlreadyExists { .. })));
        }
    });
}

/// X13: only regular files of allowed users are opened.
#[test]
fn what_is_no_file_of_ours_is_refused() {
    alone("file_lock::what_is_no_file_of_ours_is_refused", || {
        let dir = scratch::dir();
        let (path, link) = (dir.path().join("lock"), dir.path().join("link"));
        drop(FileLock::create(&path).expect("create"));
        std::os::unix::fs::symlink(&path, &link).expect("symlink");
        assert!(matches!(FileLock::open(&link), Err(Error::Corrupt { .. })));
        assert!(matches!(FileLock::open(dir.path()), Err(Error::Corrupt { .. })));
        assert!(matches!(FileLock::open("/dev/null"), Err(Error::Corrupt { .. })));
        if std::os::unix::fs::chown(&path, Some(54321), None).is_err() {
            return ipc_devkit::skip("needs the right to give files away");
        }
        assert!(matches!(FileLock::open(&path), Err(Error::WrongOwner { uid: 54321, .. })));
        FileLockOptions::new().allow_owner(54321).open(&path).expect("allowed");
    });
}

#[test]
fn a_descriptor_can_be_locked_as_far_as_it_is_open() {
    alone("file_lock::a_descriptor_can_be_locked_as_far_as_it_is_open", || {
        let dir = scratch::dir();
        let path = dir.path().join("data");
        std::fs::write(&path, "data").expect("write");
        let file: OwnedFd = std::fs::File::open(&path).expect("open to read").into();
        let mut lock = FileLock::from(file);
        drop(lock.lock_shared().expect("reading is enough"));
        assert!(matches!(lock.lock(), Err(Error::Unsupported { .. })));
        drop(OwnedFd::from(lock));
    });
}
