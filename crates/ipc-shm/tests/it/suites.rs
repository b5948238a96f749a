//! Properties of other test suites, shown with our own calls.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::Ordering;

use ipc_devkit::{alone, processes, scratch, two_process};
use ipc_shm::{Error, Sealed, Segment, SegmentOptions};
use rustix::fs::SealFlags;

use crate::world::{Named, cut, errno, file};

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
