//! Properties that other test suites check, shown for our calls.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::Path;

use ipc_devkit::{alone, fault, processes};
use ipc_fifo::{Error, Fifo, FifoOptions};
use rustix::fs::{Gid, Uid};

use crate::{ends, fill, scratch};

const MKNODAT: i64 = 259;
const EROFS: i32 = 30;

/// This thread acts as `uid` and `gid` from now on, without further groups.
pub(crate) fn become_user(uid: u32, gid: u32) {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    rustix::thread::set_thread_groups(&[]).expect("leave all groups");
    rustix::thread::set_thread_res_gid(gid, gid, gid).expect("change group");
    rustix::thread::set_thread_res_uid(uid, uid, uid).expect("change user");
}

/// Makes a FIFO as `(uid, gid)` in a directory of group 4000 and this mode; tells the FIFO's group.
fn group_of(uid: u32, gid: u32, dir_mode: u32) -> Option<u32> {
    if !rustix::process::geteuid().is_root() {
        ipc_devkit::skip("only root can become somebody else");
        return None;
    }
    let (dir, path) = scratch();
    chown(dir.path(), None, Some(4000)).expect("chown");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(dir_mode)).expect("chmod");
    let made = std::thread::scope(|scope| {
        let creator = scope.spawn(|| {
            become_user(uid, gid);
            drop(FifoOptions::new().mode(0o640).create(&path).expect("create"));
        });
        creator.join()
    });
    made.expect("no panic");
    let found = fs::symlink_metadata(&path).expect("look");
    assert_eq!((found.uid(), found.permissions().mode() & 0o7777), (uid, 0o640));
    Some(found.gid())
}

/// A FIFO gets the group of the process that makes it.
#[test]
fn ltp_mknod02_a_plain_directory_gives_the_group_of_the_process() {
    if let Some(group) = group_of(0, 5000, 0o755) {
        assert_eq!(group, 5000);
    }
}

/// In a setgid directory it gets the directory's group, made by root of another group.
#[test]
fn ltp_mknod03_a_setgid_directory_gives_its_group() {
    if let Some(group) = group_of(0, 5000, 0o2755) {
        assert_eq!(group, 4000);
    }
}

/// In a setgid directory it gets the directory's group, made by a user who is not of that group.
#[test]
fn ltp_mknod04_a_setgid_directory_gives_its_group_to_a_stranger() {
    if let Some(group) = group_of(4242, 5000, 0o2777) {
        assert_eq!(group, 4000);
    }
}

/// In a setgid directory it gets the directory's group and the mode asked for, made by a member.
#[test]
fn ltp_mknod05_a_setgid_directory_gives_its_group_to_a_member() {
    if let Some(group) = group_of(4242, 4000, 0o2777) {
        assert_eq!(group, 4000);
    }
}

/// A directory without setgid gives a stranger's FIFO the stranger's group.
#[test]
fn ltp_mknod08_a_plain_directory_gives_a_stranger_its_own_group() {
    if let Some(group) = group_of(4242, 5000, 0o777) {
        assert_eq!(group, 5000);
    }
}

fn errno(refused: Result<Fifo, Error>) -> Option<i32> {
    std::io::Error::from(refused.expect_err("refused")).raw_os_error()
}

/// EACCES without the right to write, ELOOP among links, EROFS where nothing can be written.
#[test]
fn ltp_mknod07_refusals_keep_their_number() {
    alone("suites::ltp_mknod07_refusals_keep_their_number", || {
        let (dir, path) = scratch();
        let (here, there) = (dir.path().join("here"), dir.path().join("there"));
        symlink(&here, &there).expect("link");
        symlink(&there, &here).expect("link");
        assert_eq!(errno(Fifo::create(here.join("fifo"))), Some(40), "ELOOP");
        if rustix::process::geteuid().is_root() {
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
            std::thread::scope(|scope| {
                let stranger = scope.spawn(|| {
                    become_user(4242, 4242);
                    errno(Fifo::create(&path))
                });
                assert_eq!(stranger.join().expect("no panic"), Some(13), "EACCES");
            });
        } else {
            ipc_devkit::skip("only root can become somebody else");
        }
        fault::deny_syscall(MKNODAT, EROFS);
        assert_eq!(errno(Fifo::create(&path)), Some(EROFS));
        fs::remove_file(&here).expect("unlink");
        fs::remove_file(&there).expect("unlink");
        assert_eq!(fs::read_dir(dir.path()).expect("list").count(), 0, "nothing is left");
    });
}

/// A full FIFO refuses a write that does not wait, with EAGAIN.
#[test]
fn ltp_write04_a_full_fifo_does_not_wait() {
    let (_dir, path) = scratch();
    let fifo = Fifo::create(path).expect("create");
    let (reader, mut writer) = ends(&fifo);
    let held = fill(&mut writer);
    assert_eq!(held, writer.capacity().expect("ask"));
    for len in [1, 4096, 100_000] {
        let error = writer.try_write(&vec![1; len]).expect_err("full");
        assert!(matches!(error, Error::WouldBlock), "{error}");
        assert_eq!(std::io::Error::from(error).raw_os_error(), Some(11));
    }
    assert_eq!(reader.available().expect("ask"), held);
}

/// A link in a sticky directory leads nobody astray, whoever made it and whatever the system allows.
#[test]
fn ltp_prot_hsymlinks_links_in_sticky_directories_are_not_followed() {
    let (dir, path) = scratch();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o1777)).expect("chmod");
    let target = dir.path().join("target");
    let fifo = Fifo::create(&target).expect("create");
    let missing = Path::new("target-of-nothing");
    for owner in [None, Some(4242)] {
        for to in [target.as_path(), missing] {
            symlink(to, &path).expect("link");
            if owner.is_some() && lchown(&path, owner, owner).is_err() {
                return ipc_devkit::skip("only root can give a link away");
            }
            assert!(matches!(Fifo::open(&path), Err(Error::NotAFifo { .. })));
            assert!(matches!(Fifo::open_or_create(&path), Err(Error::NotAFifo { .. })));
            assert!(matches!(Fifo::create(&path), Err(Error::AlreadyExists { .. })));
            assert!(!dir.path().join(missing).exists());
            fs::remove_file(&path).expect("unlink");
        }
    }
    drop(fifo);
}

/// Many readers of one FIFO: what each sees only grows, and the number of bytes held makes sense.
#[test]
fn sn_stress_fifo_values_only_grow() {
    const READERS: usize = 4;
    const VALUES: u64 = 20_000;
    processes(
        "suites::sn_stress_fifo_values_only_grow",
        READERS,
        |mut children| {
            let (_dir, path) = scratch();
            let fifo = Fifo::create(&path).expect("create");
            for child in &mut children {
                child.tell(path.to_str().expect("text"));
            }
            let mut writer = fifo.open_writer().expect("open");
            for child in &mut children {
                assert_eq!(child.hear(), "open");
            }
            for value in 1..=VALUES {
                writer.write_atomic(&value.to_le_bytes()).expect("write");
            }
            drop(writer);
            let seen: u64 =
                children.iter_mut().map(|child| child.hear().parse::<u64>().expect("count")).sum();
            assert_eq!(seen, VALUES, "none lost, none doubled");
        },
        |mut parent, _| {
            let fifo = Fifo::open(parent.hear()).expect("open");
            let mut reader = fifo.open_reader().expect("open");
            parent.tell("open");
            let (mut seen, mut last, mut value) = (0_u64, 0, [0; 8]);
            loop {
                match reader.read(&mut value).expect("read") {
                    0 => break,
                    n => assert_eq!(n, 8, "a part of a record"),
                }
                let now = u64::from_le_bytes(value);
                assert!(now > last, "{now} after {last}");
                (last, seen) = (now, seen + 1);
                let held = reader.available().expect("ask");
                assert!(held % 8 == 0 && held <= 65_536, "{held} bytes");
            }
            parent.tell(&seen.to_string());
        },
    );
}
