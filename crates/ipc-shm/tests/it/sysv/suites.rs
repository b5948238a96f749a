//! Properties of other test suites about System V shared memory, shown with our own calls.

use ipc_devkit::{Parent, alone, fault, processes};
use ipc_shm::{Error, Key, Segment, SegmentOptions};

use crate::segment_sysv::{Removed, key, sized};
use crate::world::errno;

/// Where the kernel puts it: at a page, with the whole size, at another address each time it is attached.
#[test]
fn ltp_shmat01() {
    alone("sysv::suites::ltp_shmat01", || {
        let Removed(one) = &Removed(sized(10_000).private_sysv().expect("private"));
        let two = SegmentOptions::new().sysv_by_id(one.id()).expect("attach");
        let page = rustix::param::page_size();
        for segment in [one, &two] {
            assert_eq!(segment.as_ptr().as_ptr().addr() % page, 0);
            segment.write_at(9_999, &[1]).expect("the last byte");
        }
        assert_ne!(one.as_ptr(), two.as_ptr());
        // What was attached is zeroes, then what was written.
        let mut bytes = vec![7; 10_000];
        two.read_at(0, &mut bytes).expect("read");
        assert!(bytes[..9_999].iter().all(|byte| *byte == 0) && bytes[9_999] == 1);
    });
}

/// What shmat refuses: an id that stands for nothing, and a right that is missing.
#[test]
fn ltp_shmat02() {
    alone("sysv::suites::ltp_shmat02", || {
        let gone = sized(1).private_sysv().expect("private");
        gone.remove().expect("remove");
        let id = gone.id();
        drop(gone);
        for id in [id, -1] {
            let attached = SegmentOptions::new().sysv_by_id(id);
            assert!(matches!(attached, Err(Error::Removed { .. })));
        }
        if !rustix::process::geteuid().is_root() {
            return ipc_devkit::skip("needs root to become somebody else");
        }
        let Removed(roots) = &Removed(sized(1).mode(0o644).private_sysv().expect("private"));
        crate::as_user(65534, || {
            let options = SegmentOptions::new();
            assert_eq!(errno(options.sysv_by_id(roots.id())), Some(libc::EACCES));
            drop(options.read_only().sysv_by_id(roots.id()).expect("it may be read"));
        });
    });
}

/// The number of attachments is right over attach, fork and detach.
#[test]
fn ltp_shmctl01() {
    processes(
        "sysv::suites::ltp_shmctl01",
        3,
        |mut children| {
            let Removed(segment) = &Removed(sized(100).private_sysv().expect("private"));
            let attached = || segment.stat().expect("stat").attached;
            assert_eq!(attached(), 1);
            for (index, child) in (2..).zip(&mut children) {
                child.tell(&segment.id().to_string());
                assert_eq!(child.hear(), "attached");
                assert_eq!(attached(), index);
                let last = segment.stat().expect("stat").last_by;
                assert_eq!(last, child.raw_pid());
            }
            let orphan = fault::fork_orphan();
            assert_eq!(attached(), 5);
            drop(orphan);
            assert_eq!(attached(), 4);
            children[0].kill();
            assert_eq!(attached(), 3);
            for child in &mut children[1..] {
                child.tell("detach");
                assert_eq!(child.hear(), "detached");
            }
            assert_eq!(attached(), 1);
            assert_eq!(segment.stat().expect("stat").size, 100);
        },
        |mut parent, _| {
            let id = parent.hear().parse().expect("a number");
            let segment = SegmentOptions::new().sysv_by_id(id).expect("attach");
            parent.tell("attached");
            let _ = parent.hear();
            drop(segment);
            parent.tell("detached");
        },
    );
}

/// What shmctl refuses: looking without the right to read, removing and changing what is somebody else's.
#[test]
fn ltp_shmctl02() {
    alone("sysv::suites::ltp_shmctl02", || {
        if !rustix::process::geteuid().is_root() {
            return ipc_devkit::skip("needs root to become somebody else");
        }
        let Removed(roots) = &Removed(sized(1).mode(0o600).private_sysv().expect("private"));
        crate::as_user(65534, || {
            assert_eq!(errno(roots.stat()), Some(libc::EACCES));
            assert_eq!(errno(roots.set_mode(0o666)), Some(libc::EACCES));
            assert_eq!(errno(roots.remove()), Some(libc::EPERM));
        });
        roots.set_mode(0o644).expect("it is ours");
        crate::as_user(65534, || {
            assert_eq!(roots.stat().expect("it may be looked at").mode, 0o644);
            assert_eq!(errno(roots.set_mode(0o666)), Some(libc::EPERM));
        });
    });
}

/// What shmget refuses: ENOENT, EEXIST, too small, too large, and a right that is missing.
#[test]
fn ltp_shmget02() {
    alone("sysv::suites::ltp_shmget02", || {
        let key = key(10);
        let options = SegmentOptions::new();
        assert_eq!(errno(options.open_sysv(key)), Some(libc::ENOENT));
        assert_eq!(errno(sized(0).create_sysv(key)), Some(libc::EINVAL));
        let made = Removed(sized(2048).mode(0o600).create_sysv(key).expect("create"));
        assert_eq!(errno(sized(2048).create_sysv(key)), Some(libc::EEXIST));
        assert!(matches!(sized(4096).open_sysv(key), Err(Error::Corrupt { .. })));
        if rustix::process::geteuid().is_root() {
            let refused = crate::as_user(65534, || errno(options.open_sysv(key)));
            assert_eq!(refused, Some(libc::EACCES));
        }
        drop(made);
    });
}

/// A limit of this IPC namespace, set for it alone.
fn set_limit(name: &str, value: &str) {
    std::fs::write(format!("/proc/sys/kernel/{name}"), value).expect("set a limit of our own");
}

fn own_namespace() -> bool {
    let own = fault::own_ipc_namespace();
    if !own {
        ipc_devkit::skip("needs the right to make an IPC namespace");
    }
    own
}

/// As many segments as SHMMNI says, then `Limit`, which names the file.
#[test]
fn ltp_shmget03() {
    alone("sysv::suites::ltp_shmget03", || {
        if !own_namespace() {
            return;
        }
        set_limit("shmmni", "5");
        let made: Vec<_> =
            (0..5).map(|_| Removed(sized(1).private_sysv().expect("room"))).collect();
        let full = sized(1).private_sysv().expect_err("no room");
        assert!(matches!(full, Error::Limit { which, .. } if which.contains("shmmni")), "{full}");
        drop(made);
        drop(Removed(sized(1).private_sysv().expect("room again")));
        set_limit("shmmax", "8192");
        drop(Removed(sized(8192).private_sysv().expect("not too large")));
        let large = sized(8193).private_sysv().expect_err("too large");
        assert!(matches!(large, Error::Limit { which, .. } if which.contains("shmmax")), "{large}");
        set_limit("shmall", "1");
        let pages = sized(8192).private_sysv().expect_err("too many pages");
        assert!(matches!(pages, Error::Limit { which, .. } if which.contains("shmall")), "{pages}");
    });
}

/// Without a right to it, opening by key is EACCES, whatever the right asked for.
#[test]
fn ltp_shmget04() {
    alone("sysv::suites::ltp_shmget04", || {
        if !rustix::process::geteuid().is_root() {
            return ipc_devkit::skip("needs root to become somebody else");
        }
        let key = key(11);
        let made = Removed(sized(100).mode(0).create_sysv(key).expect("create"));
        crate::as_user(65534, || {
            for options in [SegmentOptions::new(), SegmentOptions::new().read_only()] {
                assert_eq!(errno(options.open_sysv(key)), Some(libc::EACCES));
            }
        });
        drop(made);
    });
}

/// The next id can be asked for (shm_next_id): a segment with a number that was another's before is taken
/// for that one by its id alone, and never by its key.
#[test]
fn ltp_shmget05() {
    alone("sysv::suites::ltp_shmget05", || {
        if !own_namespace() {
            return;
        }
        let (one, two) = (key(12), key(13));
        let old = sized(100).create_sysv(one).expect("create");
        let id = old.id();
        old.remove().expect("remove");
        drop(old);
        set_limit("shm_next_id", &id.to_string());
        let new = Removed(sized(100).create_sysv(two).expect("create"));
        assert_eq!(new.0.id(), id, "the number comes again");
        assert!(matches!(SegmentOptions::new().open_sysv(one), Err(Error::NotFound { .. })));
        let by_id = SegmentOptions::new().sysv_by_id(id).expect("by id");
        by_id.write_at(0, b"x").expect("it is the new one");
        let mut byte = [0];
        new.0.read_at(0, &mut byte).expect("read");
        assert_eq!(&byte, b"x");
    });
}

/// An id that is in use is not given again, even if it is asked for.
#[test]
fn ltp_shmget06() {
    alone("sysv::suites::ltp_shmget06", || {
        if !own_namespace() {
            return;
        }
        let one = Removed(sized(100).create_sysv(key(14)).expect("create"));
        set_limit("shm_next_id", &one.0.id().to_string());
        let two = Removed(sized(100).create_sysv(key(15)).expect("create"));
        assert_ne!(one.0.id(), two.0.id());
    });
}

/// X15: the same key in two IPC namespaces is two segments; two processes of one namespace share one.
#[test]
fn ltp_shm_comm() {
    fn meet(mut parent: Parent, own: bool) {
        if own && !fault::own_ipc_namespace() {
            parent.tell("skip");
            return;
        }
        let key = Key::new(0x5123_4567).expect("not 0");
        let made = Removed(Segment::sysv(key, 100).expect("sysv"));
        parent.tell("made");
        made.0.write_at(0, parent.hear().as_bytes()).expect("write");
        parent.tell("written");
        let _ = parent.hear();
        let mut byte = [0];
        made.0.read_at(0, &mut byte).expect("read");
        parent.tell(&char::from(byte[0]).to_string());
    }
    processes(
        "sysv::suites::ltp_shm_comm",
        2,
        |mut children| {
            for (child, text) in children.iter_mut().zip(["a", "b"]) {
                if child.hear() == "skip" {
                    return ipc_devkit::skip("needs the right to make an IPC namespace");
                }
                child.tell(text);
                assert_eq!(child.hear(), "written");
            }
            for (child, text) in children.iter_mut().zip(["a", "b"]) {
                child.tell("read");
                assert_eq!(child.hear(), text);
            }
        },
        |parent, index| meet(parent, index == 0),
    );
}

/// System V segments made, attached and removed all the time: no byte is another's (stress-shm-sysv).
#[test]
fn sn_shm_sysv() {
    processes(
        "sysv::suites::sn_shm_sysv",
        2,
        |mut children| {
            for child in &mut children {
                assert_eq!(child.hear(), "checked");
            }
        },
        |mut parent, index| {
            for round in 0..200_u64 {
                let made = Removed(sized(12_000).private_sysv().expect("private"));
                let mark = round << 8 | u64::from(index.to_le_bytes()[0]);
                for page in 0..3_usize {
                    made.0.get::<u64>(page * 4000).expect("inside").store(mark).expect("store");
                }
                let again = SegmentOptions::new().sysv_by_id(made.0.id()).expect("attach");
                made.0.remove().expect("remove");
                drop(made);
                for page in 0..3_usize {
                    let found = again.get::<u64>(page * 4000).expect("inside").load();
                    assert_eq!(found.expect("load"), mark);
                }
            }
            parent.tell("checked");
        },
    );
}
