//! Properties of other test suites, shown with our own calls.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ipc_devkit::{Parent, alone, fault, processes, scratch, two_process};
use ipc_shm::ring::{Receiver, Sender};
use ipc_shm::{Error, Key, Sealed, Segment, SegmentOptions};
use rustix::fs::SealFlags;
use rustix::thread::futex;

use crate::segment_sysv::{Removed, key, sized};
use crate::world::{Named, cut, file};

fn errno<T: std::fmt::Debug>(result: Result<T, Error>) -> Option<i32> {
    std::io::Error::from(result.expect_err("refused")).raw_os_error()
}

/// The umask takes rights away from shm_open; ours has the mode exactly as asked.
#[test]
fn posix_shm_open_18() {
    alone("suites::posix_shm_open_18", || {
        let named = Named::new("umask");
        let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o777));
        let made = SegmentOptions::new().size(1).mode(0o622).create(&named.0);
        rustix::process::umask(before);
        drop(made.expect("create"));
        let mode = std::fs::metadata(file(&named.0)).expect("stat").permissions().mode();
        assert_eq!(mode & 0o7777, 0o622);
    });
}

/// A new object of shm_open has size 0; a segment without a size has no bytes, and can be used.
#[test]
fn posix_shm_open_21() {
    alone("suites::posix_shm_open_21", || {
        let named = Named::new("empty");
        let empty = SegmentOptions::new().create(&named.0).expect("create");
        assert_eq!((empty.size(), Segment::open(&named.0).expect("open").size()), (0, 0));
        empty.read_at(0, &mut []).expect("nothing");
        assert!(empty.read_at(0, &mut [0]).is_err());
    });
}

/// Of processes that create one name at once exactly one succeeds.
#[test]
fn posix_shm_open_23_1() {
    const ROUNDS: usize = 20;
    processes(
        "suites::posix_shm_open_23_1",
        4,
        |mut children| {
            for _ in 0..ROUNDS {
                let named = Named::new("race");
                for child in &mut children {
                    child.tell(&named.0);
                }
                let said: Vec<String> = children.iter_mut().map(|child| child.hear()).collect();
                assert_eq!(said.iter().filter(|said| *said == "made").count(), 1, "{said:?}");
                assert_eq!(said.iter().filter(|said| *said == "exists").count(), 3, "{said:?}");
            }
        },
        |mut parent, _| {
            for _ in 0..ROUNDS {
                let made = Segment::create(&parent.hear(), 4096);
                parent.tell(match &made {
                    Ok(_) => "made",
                    Err(Error::AlreadyExists { .. }) => "exists",
                    Err(_) => "something else",
                });
            }
        },
    );
}

/// The content stays when nobody has it open, until its name is removed.
#[test]
fn posix_shm_open_28() {
    alone("suites::posix_shm_open_28", || {
        let named = Named::new("stays");
        Segment::create(&named.0, 100).expect("create").write_at(3, b"kept").expect("write");
        let mut text = [0; 4];
        Segment::open(&named.0).expect("open").read_at(3, &mut text).expect("read");
        assert_eq!(&text, b"kept");
    });
}

/// After its name is removed the content stays as long as it is mapped.
#[test]
fn posix_shm_unlink_3() {
    alone("suites::posix_shm_unlink_3", || {
        let name = scratch::name("mapped");
        let one = Segment::create(&name, 100).expect("create");
        let two = Segment::open(&name).expect("open");
        Segment::unlink(&name).expect("unlink");
        one.write_at(3, b"kept").expect("write");
        drop(one);
        let mut text = [0; 4];
        two.read_at(3, &mut text).expect("read");
        assert_eq!(&text, b"kept");
    });
}

/// Removing the name of an object that is open does not make it gone: it can still be used in place.
#[test]
fn posix_shm_unlink_5_1() {
    alone("suites::posix_shm_unlink_5_1", || {
        let name = scratch::name("open");
        let segment = Segment::create(&name, 8).expect("create");
        let word = segment.atomic_u64(0).expect("inside");
        Segment::unlink(&name).expect("unlink");
        assert_eq!(word.fetch_add(5, Ordering::AcqRel), 0);
        assert_eq!(word.load(Ordering::Acquire), 5);
    });
}

/// The name used again makes a new object, while the old one lives.
#[test]
fn posix_shm_unlink_6_1() {
    alone("suites::posix_shm_unlink_6_1", || {
        let named = Named::new("again");
        let old = Segment::create(&named.0, 8).expect("create");
        Segment::unlink(&named.0).expect("unlink");
        assert!(matches!(Segment::open(&named.0), Err(Error::NotFound { .. })));
        let new = Segment::create(&named.0, 8).expect("create");
        new.write_at(0, &[1]).expect("write");
        let mut byte = [9];
        old.read_at(0, &mut byte).expect("read");
        assert_eq!(byte, [0]);
    });
}

/// A segment that may still be sealed.
fn sealable() -> Segment {
    SegmentOptions::new().size(10_000).sealed(Sealed::NONE).anonymous().expect("anonymous")
}

/// Seals are added one by one, and read back; none is ever taken away.
#[test]
fn ltp_memfd_create01_add_and_get() {
    alone("suites::ltp_memfd_create01_add_and_get", || {
        let segment = sealable();
        let mut wanted = Sealed::SHRINK;
        for more in [Sealed::GROW, Sealed::FUTURE_WRITE, Sealed::GROW] {
            assert!(segment.sealed().expect("seals").contains(wanted));
            segment.seal(more).expect("seal");
            wanted = wanted | more;
        }
        assert!(segment.sealed().expect("seals").contains(wanted));
        assert!(!segment.sealed().expect("seals").contains(Sealed::SEAL));
    });
}

/// After `F_SEAL_SEAL` no seal can be added.
#[test]
fn ltp_memfd_create01_seal_is_final() {
    alone("suites::ltp_memfd_create01_seal_is_final", || {
        let segment = sealable();
        segment.seal(Sealed::SEAL).expect("seal");
        for more in [Sealed::GROW, Sealed::WRITE, Sealed::FUTURE_WRITE, Sealed::SEAL] {
            assert_eq!(errno(segment.seal(more)), Some(libc::EPERM));
        }
    });
}

/// What was not made to be sealed cannot be: a named segment.
#[test]
fn ltp_memfd_create01_not_without_asking() {
    alone("suites::ltp_memfd_create01_not_without_asking", || {
        let named = Named::new("seal");
        let segment = Segment::create(&named.0, 1).expect("create");
        assert_eq!(segment.sealed().expect("seals"), Sealed::SEAL);
        assert_eq!(errno(segment.seal(Sealed::WRITE)), Some(libc::EPERM));
    });
}

/// `F_SEAL_WRITE` is refused with EBUSY while a writable mapping lives, and holds when none does.
#[test]
fn ltp_memfd_create01_write_waits_for_the_last_mapping() {
    alone("suites::ltp_memfd_create01_write_waits_for_the_last_mapping", || {
        let segment = sealable();
        assert_eq!(errno(segment.seal(Sealed::WRITE)), Some(libc::EBUSY));
        let fd = OwnedFd::from(segment);
        rustix::fs::fcntl_add_seals(&fd, SealFlags::WRITE).expect("nobody maps it for writing");
        let copy = || fd.try_clone().expect("dup");
        assert_eq!(errno(Segment::from_fd(copy())), Some(libc::EPERM));
        let reader = SegmentOptions::new().read_only().from_fd(copy()).expect("look");
        assert!(reader.sealed().expect("seals").contains(Sealed::WRITE));
        assert_eq!(rustix::io::pwrite(&fd, b"x", 5000), Err(rustix::io::Errno::PERM));
    });
}

/// Seals belong to the memory: a duplicate and a second description have them, too.
#[test]
fn ltp_memfd_create01_shared_by_all_descriptors() {
    two_process(
        "suites::ltp_memfd_create01_shared_by_all_descriptors",
        |mut child| {
            let segment = sealable();
            child.give(&segment);
            assert_eq!(child.hear(), "sealed");
            assert!(segment.sealed().expect("seals").contains(Sealed::GROW | Sealed::SEAL));
            let dup = Segment::from_fd(segment.as_fd().try_clone_to_owned().expect("dup"));
            assert_eq!(
                dup.expect("open").sealed().expect("seals"),
                segment.sealed().expect("seals")
            );
        },
        |mut parent| {
            let segment = Segment::from_fd(parent.take()).expect("open");
            segment.seal(Sealed::GROW | Sealed::SEAL).expect("seal");
            parent.tell("sealed");
        },
    );
}

/// `F_SEAL_SHRINK` blocks shrinking and nothing else.
#[test]
fn ltp_memfd_create01_shrink() {
    alone("suites::ltp_memfd_create01_shrink", || {
        let segment = sealable();
        let size = rustix::fs::fstat(&segment).expect("stat").st_size.unsigned_abs();
        assert_eq!(rustix::fs::ftruncate(&segment, size - 1), Err(rustix::io::Errno::PERM));
        rustix::fs::ftruncate(&segment, size + 4096).expect("it may grow");
        segment.write_at(0, b"x").expect("it may be written");
    });
}

/// `F_SEAL_GROW` blocks growing and nothing else.
#[test]
fn ltp_memfd_create01_grow() {
    alone("suites::ltp_memfd_create01_grow", || {
        let options = SegmentOptions::new().size(10_000).sealed(Sealed::GROW);
        let segment = options.anonymous().expect("anonymous");
        let size = rustix::fs::fstat(&segment).expect("stat").st_size.unsigned_abs();
        for more in [1, 4096, 1 << 20] {
            let grown = rustix::fs::ftruncate(&segment, size + more);
            assert_eq!(grown, Err(rustix::io::Errno::PERM));
            let grown = rustix::io::pwrite(&segment, b"x", size + more);
            assert_eq!(grown, Err(rustix::io::Errno::PERM));
        }
        segment.write_at(0, b"x").expect("it may be written");
    });
}

/// Where the kernel puts it: at a page, with the whole size, at another address each time it is attached.
#[test]
fn ltp_shmat01() {
    alone("suites::ltp_shmat01", || {
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
    alone("suites::ltp_shmat02", || {
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
        "suites::ltp_shmctl01",
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
    alone("suites::ltp_shmctl02", || {
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
    alone("suites::ltp_shmget02", || {
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
    alone("suites::ltp_shmget03", || {
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
    alone("suites::ltp_shmget04", || {
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
    alone("suites::ltp_shmget05", || {
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
    alone("suites::ltp_shmget06", || {
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
        "suites::ltp_shm_comm",
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

/// A word of a segment is a futex between processes: who sleeps on it is woken by another process.
#[test]
fn ltp_futex_wait02() {
    two_process(
        "suites::ltp_futex_wait02",
        |mut child| {
            let segment = Segment::anonymous(64).expect("anonymous");
            let word = segment.atomic_u32(0).expect("inside");
            child.give(&segment);
            assert_eq!(child.hear(), "ready");
            while futex::wake(word, futex::Flags::empty(), 1).expect("wake") == 0 {
                std::thread::yield_now();
            }
            assert_eq!(child.hear(), "woken");
        },
        |mut parent| {
            let segment = Segment::from_fd(parent.take()).expect("open");
            let word = segment.atomic_u32(0).expect("inside");
            parent.tell("ready");
            sleep_on(word, 0);
            parent.tell("woken");
        },
    );
}

/// Sleeps until somebody wakes it.
fn sleep_on(word: &AtomicU32, value: u32) {
    while futex::wait(word, futex::Flags::empty(), value, None).is_err() {}
}

/// Waking n wakes n of those who sleep in other processes, in every kind of memory.
#[test]
fn ltp_futex_wake03() {
    const CHILDREN: usize = 4;
    processes(
        "suites::ltp_futex_wake03",
        CHILDREN,
        |mut children| {
            let named = Named::new("wake");
            let sysv = Removed(sized(64).private_sysv().expect("private"));
            let segment = Segment::create(&named.0, 64).expect("create");
            let words = [segment.atomic_u32(8), sysv.0.atomic_u32(8)];
            for (index, word) in words.into_iter().enumerate() {
                let word = word.expect("inside");
                for child in &mut children {
                    child.tell(&format!("{index} {} {}", named.0, sysv.0.id()));
                }
                // Two of them, counted by the kernel, whenever they have come; then the rest.
                let mut woken = 0;
                while woken < 2 {
                    woken += futex::wake(word, futex::Flags::empty(), 1).expect("wake");
                    std::thread::yield_now();
                }
                assert_eq!(woken, 2);
                let mut asleep = 0;
                while asleep < CHILDREN - 2 {
                    asleep += futex::wake(word, futex::Flags::empty(), 10).expect("wake");
                    std::thread::yield_now();
                }
                assert_eq!(asleep, CHILDREN - 2);
                for child in &mut children {
                    assert_eq!(child.hear(), "woken");
                }
                assert_eq!(futex::wake(word, futex::Flags::empty(), 10), Ok(0));
            }
        },
        |mut parent, _| {
            for _ in 0..2 {
                let told = parent.hear();
                let parts: Vec<&str> = told.split(' ').collect();
                let [index, name, id] = parts[..] else { panic!("{told}") };
                if index == "0" {
                    let segment = Segment::open(name).expect("open");
                    sleep_on(segment.atomic_u32(8).expect("inside"), 0);
                } else {
                    let id = id.parse().expect("a number");
                    let segment = SegmentOptions::new().sysv_by_id(id).expect("attach");
                    sleep_on(segment.atomic_u32(8).expect("inside"), 0);
                }
                parent.tell("woken");
            }
        },
    );
}

/// A wait lasts at least as long as it was told.
#[test]
fn ltp_futex_wait05() {
    alone("suites::ltp_futex_wait05", || {
        let (_sender, mut receiver) = ipc_shm::ring::pair().expect("pair");
        for micros in [1_000, 2_500, 10_000, 50_000] {
            let time = Duration::from_micros(micros);
            let since = Instant::now();
            assert!(matches!(receiver.recv_timeout(time), Err(Error::TimedOut)));
            assert!(since.elapsed() >= time, "{:?} of {time:?}", since.elapsed());
        }
    });
}

/// A signal that interrupts a wait in the kernel does not end it.
#[test]
fn ltp_futex_wait07() {
    two_process(
        "suites::ltp_futex_wait07",
        |mut child| {
            let named = Named::new("ring");
            let mut sender = Sender::create(&named.0).expect("create");
            child.tell(&named.0);
            assert_eq!(child.hear(), "interrupted");
            sender.send(b"now").expect("send");
            assert_eq!(child.hear(), "now");
        },
        |mut parent| {
            let mut receiver = Receiver::open(&parent.hear()).expect("open");
            let storm = fault::alarm_storm(Duration::from_millis(1));
            // Longer than any slice: signals come in the middle of sleeps.
            let slept = receiver.recv_timeout(Duration::from_millis(300));
            assert!(matches!(slept, Err(Error::TimedOut)) && storm.count() > 20);
            parent.tell("interrupted");
            let message = receiver.recv().expect("receive");
            parent.tell(std::str::from_utf8(&message).expect("text"));
        },
    );
}

/// A process that dies with ten things in its hand is known to be dead in all ten.
#[test]
fn kself_robust_list_ten_owners() {
    two_process(
        "suites::kself_robust_list_ten_owners",
        |mut child| {
            let names: Vec<Named> = (0..10).map(|_| Named::new("owner")).collect();
            let mut receivers: Vec<Receiver> =
                names.iter().map(|named| Receiver::create(&named.0).expect("create")).collect();
            for named in &names {
                child.tell(&named.0);
            }
            assert_eq!(child.hear(), "taken");
            child.kill();
            for receiver in &mut receivers {
                let died = receiver.recv_timeout(Duration::from_secs(5));
                assert!(matches!(died, Err(Error::Closed { peer_died: true })), "{died:?}");
            }
        },
        |mut parent| {
            let senders: Vec<Sender> =
                (0..10).map(|_| Sender::open(&parent.hear()).expect("open")).collect();
            parent.tell("taken");
            let _ = parent.hear();
            drop(senders);
        },
    );
}

/// Sealed memory under load: all that the seals allow works, all that they forbid is EPERM (stress-seal).
#[test]
fn sn_seal() {
    alone("suites::sn_seal", || {
        for round in 0..100_u64 {
            let segment = sealable();
            let size = rustix::fs::fstat(&segment).expect("stat").st_size.unsigned_abs();
            rustix::fs::ftruncate(&segment, size + round).expect("it may grow");
            segment.seal(Sealed::GROW).expect("seal");
            let grown = rustix::fs::ftruncate(&segment, size + round + 1);
            assert_eq!(grown, Err(rustix::io::Errno::PERM));
            assert_eq!(errno(segment.seal(Sealed::WRITE)), Some(libc::EBUSY));
            segment.write_at(0, &round.to_le_bytes()).expect("write");
            segment.seal(Sealed::FUTURE_WRITE | Sealed::SEAL).expect("seal");
            let fd = segment.as_fd().try_clone_to_owned().expect("dup");
            assert_eq!(errno(Segment::from_fd(fd)), Some(libc::EPERM));
            segment.write_at(8, &round.to_le_bytes()).expect("our mapping is older");
        }
    });
}

/// Many segments without a name at once: each holds its own bytes (stress-memfd).
#[test]
fn sn_memfd() {
    alone("suites::sn_memfd", || {
        let mut all = Vec::new();
        for number in 0..60_u64 {
            let segment = Segment::anonymous(64 << 10).expect("anonymous");
            for page in 0..16_usize {
                segment.get::<u64>(page * 4096).expect("inside").store(number).expect("store");
            }
            all.push(segment);
        }
        for (number, segment) in (0..).zip(&all) {
            for page in 0..16_usize {
                let found = segment.get::<u64>(page * 4096).expect("inside").load();
                assert_eq!(found.expect("load"), number);
            }
        }
    });
}

/// Named segments made, checked and removed by many processes at once: no byte is another's (stress-shm).
#[test]
fn sn_shm() {
    processes(
        "suites::sn_shm",
        3,
        |mut children| {
            for child in &mut children {
                assert_eq!(child.hear(), "checked");
            }
        },
        |mut parent, index| {
            let mut kept = BTreeMap::new();
            for round in 0..60_u64 {
                let name = format!("{}-{index}", scratch::name("many"));
                let segment = Segment::create(&name, 20_000).expect("create");
                let mark = [round.to_le_bytes()[0], index.to_le_bytes()[0]].repeat(10_000);
                segment.write_at(0, &mark).expect("write");
                kept.insert(name, (segment, mark));
                if kept.len() > 10 {
                    let (name, (segment, mark)) = kept.pop_first().expect("there are ten");
                    let mut found = vec![0; 20_000];
                    Segment::open(&name).expect("open").read_at(0, &mut found).expect("read");
                    assert!(found == mark && segment.size() == 20_000);
                    Segment::unlink(&name).expect("unlink");
                }
            }
            for name in kept.keys() {
                Segment::unlink(name).expect("unlink");
            }
            parent.tell("checked");
        },
    );
}

/// System V segments made, attached and removed all the time: no byte is another's (stress-shm-sysv).
#[test]
fn sn_shm_sysv() {
    processes(
        "suites::sn_shm_sysv",
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

/// Memory cut off under the process again and again: each time an error, never the end (stress-sigbus).
#[test]
fn sn_sigbus() {
    alone("suites::sn_sigbus", || {
        ipc_shm::guard::install().expect("guard");
        let named = Named::new("sigbus");
        for round in 0..100_u64 {
            let segment = Segment::create(&named.0, 64 << 10).expect("create");
            segment.write_at(0, &[1; 64 << 10]).expect("write");
            cut(&named.0, round * 500);
            let mut bytes = vec![0; 64 << 10];
            let read = segment.read_at(0, &mut bytes);
            assert!(matches!(read, Err(Error::Truncated { .. })));
            Segment::unlink(&named.0).expect("unlink");
        }
    });
}
