//! Segments: whole or not there, as wide as asked, checked before use.

use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::sync::atomic::Ordering;

use ipc_core::segment::{Access, Fault, HEADER, Header, MAGIC, MAX_SLOTS, Segment, Spec};
use ipc_devkit::{alone, processes, scratch, two_process};
use proptest::prelude::*;
use rustix::fs::Mode;

use crate::world::{self, SPEC, World, named};

fn file(name: &str) -> std::path::PathBuf {
    std::path::Path::new("/dev/shm").join(name)
}

fn open(name: &str) -> Result<Segment, Fault> {
    Segment::open(&named(name), &SPEC, &Access::default())
}

fn create(name: &str) -> Result<Segment, Fault> {
    Segment::create(&named(name), &SPEC, &Access::default(), |_| {})
}

#[test]
fn two_processes_see_one_memory() {
    two_process(
        "segment::two_processes_see_one_memory",
        |mut child| {
            let (segment, fd) = Segment::anonymous(&SPEC, |_| {}).expect("anonymous");
            child.give(&fd);
            let world = World(segment);
            assert_eq!(child.hear(), "stored");
            assert_eq!(world.shared().count[3].load(Ordering::Acquire), 7);
            assert_eq!(world.0.members().live(), 2);
            child.tell("leave");
        },
        |mut parent| {
            let world = World(Segment::from_fd(parent.take(), &SPEC).expect("from the descriptor"));
            world.shared().count[3].store(7, Ordering::Release);
            parent.tell("stored");
            let _ = parent.hear();
        },
    );
}

/// X10: the mode is exactly as asked, whatever the umask; the default is for the owner alone.
#[test]
fn a_new_segment_has_the_mode_that_was_asked_for() {
    alone("segment::a_new_segment_has_the_mode_that_was_asked_for", || {
        for (umask, mode) in [(0, 0o600), (0o777, 0o640), (0o022, 0o666)] {
            let before = rustix::process::umask(Mode::from_raw_mode(umask));
            let name = scratch::name("mode");
            let access = Access { mode, ..Access::default() };
            let made = Segment::create(&named(&name), &SPEC, &access, |_| {}).expect("create");
            rustix::process::umask(before);
            let found = std::fs::metadata(file(&name)).expect("stat").permissions().mode();
            assert_eq!(found & 0o7777, mode);
            Segment::unlink(&named(&name)).expect("unlink");
            drop(made);
        }
    });
}

/// S5, G7: a limit of file sizes is an error at create, not a signal.
#[test]
fn a_limit_of_file_sizes_is_an_error_not_a_signal() {
    alone("segment::a_limit_of_file_sizes_is_an_error_not_a_signal", || {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let before = getrlimit(Resource::Fsize);
        setrlimit(Resource::Fsize, Rlimit { current: Some(512), ..before }).expect("limit");
        let made = create(&scratch::name("limit"));
        setrlimit(Resource::Fsize, before).expect("restore");
        assert_eq!(made.expect_err("too large"), Fault::TooLarge);
    });
}

/// S5: what does not fit into `/dev/shm` is refused at create, and nothing is left of it.
#[test]
fn no_room_is_an_error_at_create() {
    alone("segment::no_room_is_an_error_at_create", || {
        use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
        let namespace = rustix::thread::UnshareFlags::NEWNS;
        if !rustix::process::geteuid().is_root() {
            return ipc_devkit::skip("needs root to mount a small /dev/shm");
        }
        world::unshare(namespace).expect("a mount namespace of our own");
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", private).expect("keep our mounts to ourselves");
        mount("none", "/dev/shm", "tmpfs", MountFlags::empty(), c"size=64k").expect("mount");
        let name = scratch::name("full");
        let large = |body| {
            let spec = Spec { body, ..SPEC };
            Segment::create(&named(&name), &spec, &Access::default(), |_| {})
        };
        assert_eq!(large(64 << 10).expect_err("a page too much"), Fault::NoSpace);
        assert_eq!(large(1 << 45).expect_err("not a page of it is taken"), Fault::NoSpace);
        assert_eq!(large(usize::MAX).expect_err("no address space"), Fault::TooLarge);
        assert!(!file(&name).exists());
        drop(large(32 << 10).expect("room again"));
        Segment::unlink(&named(&name)).expect("unlink");
    });
}

/// X13: each field of the header wrong alone is an error of its own.
#[test]
fn each_wrong_field_has_its_own_error() {
    alone("segment::each_wrong_field_has_its_own_error", || {
        let cases: [(u64, &[u8], Fault); 8] = [
            (0, b"not ours", Fault::NotOurs),
            (0, &MAGIC.to_be_bytes(), Fault::Endian),
            (8, &[9, 0, 0, 0], Fault::Version { found: 9 }),
            (12, &[0, 0, 0, 0], Fault::Corrupt { what: "number of slots" }),
            (16, &[1, 0, 0, 0], Fault::Kind { found: 1 }),
            (24, &[2, 0, 0, 0, 0, 0, 0, 0], Fault::Layout { found: 2 }),
            (32, &[1], Fault::Corrupt { what: "place of the body" }),
            (40, &[0xff; 8], Fault::Corrupt { what: "size of the body" }),
        ];
        for (at, bytes, fault) in cases {
            let name = scratch::name("field");
            drop(create(&name).expect("create"));
            let edited = std::fs::File::options().write(true).open(file(&name)).expect("open");
            edited.write_all_at(bytes, at).expect("write");
            assert_eq!(open(&name).expect_err("wrong"), fault);
            Segment::unlink(&named(&name)).expect("unlink");
        }
    });
}

/// X13: type, owner, mode and size are checked on the descriptor, before anything is mapped.
#[test]
fn what_is_no_segment_is_refused_and_left_alone() {
    alone("segment::what_is_no_segment_is_refused_and_left_alone", || {
        let name = scratch::name("strange");
        let path = file(&name);
        assert_eq!(open(&name).expect_err("nothing"), Fault::NotFound);
        std::fs::create_dir(&path).expect("directory");
        assert_eq!(open(&name).expect_err("a directory"), Fault::NotAFile);
        std::fs::remove_dir(&path).expect("remove");
        std::os::unix::fs::symlink("/etc/passwd", &path).expect("link");
        assert_eq!(open(&name).expect_err("a link"), Fault::NotAFile);
        std::fs::remove_file(&path).expect("remove");
        std::fs::write(&path, "short").expect("write");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("chmod");
        assert_eq!(open(&name).expect_err("short"), Fault::Truncated { size: 5, needed: 64 });
        std::fs::remove_file(&path).expect("remove");

        drop(create(&name).expect("create"));
        let whole = std::fs::metadata(&path).expect("stat").size();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("chmod");
        assert_eq!(open(&name).expect_err("mode"), Fault::WrongMode { mode: 0o755 });
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("chmod");
        let cut = std::fs::File::options().write(true).open(&path).expect("open");
        cut.set_len(whole - 1).expect("cut");
        let cut = Fault::Truncated { size: whole - 1, needed: whole };
        assert_eq!(open(&name).expect_err("cut"), cut);
        Segment::unlink(&named(&name)).expect("unlink");
    });
}

/// X13: an object of somebody else is refused unless that owner is allowed.
#[test]
fn a_foreign_owner_is_refused_unless_allowed() {
    alone("segment::a_foreign_owner_is_refused_unless_allowed", || {
        if !rustix::process::geteuid().is_root() {
            return ipc_devkit::skip("needs root to give a file away");
        }
        let name = scratch::name("foreign");
        drop(create(&name).expect("create"));
        std::os::unix::fs::chown(file(&name), Some(12345), None).expect("chown");
        assert_eq!(open(&name).expect_err("foreign"), Fault::WrongOwner { uid: 12345 });
        let access = Access { owners: vec![12345], ..Access::default() };
        drop(Segment::open(&named(&name), &SPEC, &access).expect("allowed"));
        Segment::unlink(&named(&name)).expect("unlink");
    });
}

/// S1, S2: anonymous memory is sealed before its descriptor leaves, and what is not sealed is refused.
#[test]
fn anonymous_memory_keeps_its_size() {
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_get_seals, ftruncate, memfd_create};
    alone("segment::anonymous_memory_keeps_its_size", || {
        let (segment, fd) = Segment::anonymous(&SPEC, |_| {}).expect("anonymous");
        let wanted = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        assert!(fcntl_get_seals(&fd).expect("seals").contains(wanted));
        for size in [0, 1 << 20] {
            assert_eq!(ftruncate(&fd, size), Err(rustix::io::Errno::PERM));
        }
        let copy = memfd_create("ipc-t", MemfdFlags::CLOEXEC).expect("memory");
        let (_, len) = segment.whole();
        let mut bytes = vec![0; len];
        rustix::io::pread(&fd, &mut bytes, 0).expect("read");
        rustix::io::pwrite(&copy, &bytes, 0).expect("write");
        let refused = Segment::from_fd(copy, &SPEC).expect_err("it could shrink");
        assert_eq!(refused, Fault::Corrupt { what: "it is not sealed against shrinking" });
    });
}

/// Memory that is there already gets one segment, whoever comes first; a half laid one is begun again.
#[test]
fn memory_that_is_there_gets_one_segment() {
    alone("segment::memory_that_is_there_gets_one_segment", || {
        let name = scratch::name("over");
        let path = file(&name);
        let access = Access { mode: 0o600, ..Access::default() };
        let at = ipc_core::segment::At::from(&named(&name));
        let over = |mark: u32| {
            let laid = Segment::over(&at, &SPEC, &access, Box::new(()), |segment| {
                World(segment.clone()).shared().count[1].store(mark, Ordering::Relaxed);
            });
            laid.map(|(segment, _file)| World(segment))
        };
        let there = std::fs::File::options().create_new(true).read(true).write(true).open(&path);
        let there = there.expect("create");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("chmod");
        there.set_len(1000).expect("size");
        assert!(matches!(over(1).map(drop), Err(Fault::Truncated { size: 1000, .. })));
        there.set_len(20_000).expect("size");
        let first = over(1).expect("laid");
        assert_eq!(first.0.body_size(), 20_000 - 1280);
        let second = over(2).expect("opened");
        assert_eq!(second.shared().count[1].load(Ordering::Relaxed), 1);
        assert_eq!(second.0.members().live(), 2);
        drop((first, second));
        there.write_all_at(b"ipcbuild", 0).expect("as if the builder had been killed");
        let third = over(3).expect("begun again");
        assert_eq!(third.shared().count[1].load(Ordering::Relaxed), 3);
        assert_eq!(third.0.members().live(), 1);
        Segment::unlink(&named(&name)).expect("unlink");
    });
}

/// X14: without its name a segment works on; a new opener finds nothing, or a new one.
#[test]
fn unlinking_leaves_the_living_alone() {
    two_process(
        "segment::unlinking_leaves_the_living_alone",
        |mut child| {
            let name = scratch::name("unlink");
            child.tell(&name);
            assert_eq!(child.hear(), "joined");
            let world = World::join(&name);
            Segment::unlink(&named(&name)).expect("unlink");
            assert_eq!(open(&name).expect_err("no name"), Fault::NotFound);
            assert_eq!(Segment::unlink(&named(&name)), Err(Fault::NotFound));
            let other = World::join(&name);
            other.shared().count[0].store(1, Ordering::Release);
            world.shared().count[0].store(2, Ordering::Release);
            child.tell("look");
            assert_eq!(child.hear(), "2");
            Segment::unlink(&named(&name)).expect("unlink");
        },
        |mut parent| {
            let world = World::join(&parent.hear());
            parent.tell("joined");
            let _ = parent.hear();
            parent.tell(&world.shared().count[0].load(Ordering::Acquire).to_string());
        },
    );
}

/// S6: of many that open or create at once, all meet in one segment, initialised once.
#[test]
fn racing_creators_meet_in_one_segment() {
    const ROUNDS: usize = 30;
    processes(
        "segment::racing_creators_meet_in_one_segment",
        4,
        |mut children| {
            for _ in 0..ROUNDS {
                let name = scratch::name("race");
                for child in &mut children {
                    child.tell(&name);
                }
                let inodes: Vec<String> = children.iter_mut().map(|child| child.hear()).collect();
                assert!(inodes.iter().all(|inode| *inode == inodes[0]), "{inodes:?}");
                for child in &mut children {
                    child.tell("on");
                }
                Segment::unlink(&named(&name)).expect("unlink");
            }
        },
        |mut parent, index| {
            for _ in 0..ROUNDS {
                let name = parent.hear();
                let mark = u32::try_from(index + 1).expect("few");
                let init = |segment: &Segment| {
                    let world = World(segment.clone());
                    world.shared().count[1].store(mark, Ordering::Relaxed);
                };
                let access = Access::default();
                let made = Segment::open_or_create(&named(&name), &SPEC, &access, init);
                let world = World(made.expect("open or create"));
                let creator = world.shared().count[1].load(Ordering::Relaxed);
                assert_ne!(creator, 0, "half made");
                parent.tell(&creator.to_string());
                assert_eq!(parent.hear(), "on");
            }
        },
    );
}

/// Of racing takers of a stale segment one wins, and who lives in it is never displaced.
#[test]
fn a_stale_segment_is_replaced_once_and_a_live_one_never() {
    const ROUNDS: usize = 30;
    processes(
        "segment::a_stale_segment_is_replaced_once_and_a_live_one_never",
        4,
        |mut children| {
            for round in 0..ROUNDS {
                let name = scratch::name("stale");
                drop(create(&name).expect("create"));
                for child in &mut children {
                    child.tell(&name);
                }
                let won = children.iter_mut().filter_map(|child| {
                    let said = child.hear();
                    assert!(said == "won" || said == "AlreadyExists", "{said}");
                    (said == "won").then_some(())
                });
                assert_eq!(won.count(), 1, "round {round}");
                for child in &mut children {
                    child.tell("on");
                }
                for child in &mut children {
                    assert_eq!(child.hear(), "gone");
                }
                Segment::unlink(&named(&name)).expect("unlink");
            }
        },
        |mut parent, _| {
            for _ in 0..ROUNDS {
                let name = parent.hear();
                let access = Access::default();
                let taken = Segment::replace_stale(&named(&name), &SPEC, &access, |_| {});
                match &taken {
                    Ok(_) => parent.tell("won"),
                    Err(fault) => parent.tell(&format!("{fault:?}")),
                }
                assert_eq!(parent.hear(), "on");
                drop(taken);
                parent.tell("gone");
            }
        },
    );
}

/// A taker that was killed after it retired the old segment and before it removed the name: the next
/// one goes on.
#[test]
fn a_half_replaced_segment_keeps_nobody_out() {
    alone("segment::a_half_replaced_segment_keeps_nobody_out", || {
        for replace in [false, true] {
            let name = scratch::name("half");
            drop(create(&name).expect("create"));
            let edited = std::fs::File::options().write(true).open(file(&name)).expect("open");
            edited.write_all_at(&[1], HEADER as u64).expect("retire");
            if replace {
                let access = Access::default();
                let made = Segment::replace_stale(&named(&name), &SPEC, &access, |_| {});
                drop(made.expect("replace"));
                drop(open(&name).expect("the new one"));
                Segment::unlink(&named(&name)).expect("unlink");
            } else {
                assert_eq!(open(&name).expect_err("retired"), Fault::NotFound);
            }
        }
    });
}

#[test]
fn a_full_table_is_too_many_peers() {
    alone("segment::a_full_table_is_too_many_peers", || {
        let name = scratch::name("full");
        let spec = Spec { slots: 2, ..SPEC };
        let access = Access::default();
        let first = Segment::create(&named(&name), &spec, &access, |_| {}).expect("create");
        let second = open(&name).expect("open");
        assert_eq!(open(&name).expect_err("full"), Fault::TooManyPeers { slots: 2 });
        drop(second);
        drop(open(&name).expect("a place is free again"));
        Segment::unlink(&named(&name)).expect("unlink");
        drop(first);
    });
}

/// Addresses lead back to their segment; others lead nowhere.
#[test]
fn an_address_leads_back_to_its_segment() {
    alone("segment::an_address_leads_back_to_its_segment", || {
        let (one, _fd) = Segment::anonymous(&SPEC, |_| {}).expect("anonymous");
        let (two, _fd) = Segment::anonymous(&SPEC, |_| {}).expect("anonymous");
        for segment in [&one, &two] {
            let place = segment.get::<u32>(60).expect("the last word");
            let found = Segment::containing(place.as_ptr().cast()).expect("in a segment");
            assert_eq!(found.body(), segment.body());
            assert!(segment.contains(place.as_ptr().cast(), 4));
            assert!(!segment.contains(place.as_ptr().cast(), 5));
            assert!(segment.get::<u32>(61).is_none() && segment.get::<u32>(64).is_none());
            assert!(segment.get::<u8>(usize::MAX).is_none());
        }
        let local = 0_u32;
        assert!(Segment::containing((&raw const local).cast()).is_none());
        let body = two.body().as_ptr();
        drop(two);
        assert!(Segment::containing(body.cast()).is_none());
    });
}

proptest! {
    /// X13, X17: whatever a header holds, it is refused or describes a segment that fits its file.
    #[test]
    fn no_header_is_believed_that_does_not_fit(
        noise in prop::collection::vec((0..HEADER, any::<u8>()), 0..6),
        size in prop_oneof![Just(u64::MAX), 0_u64..100_000],
        body in prop_oneof![0_usize..100_000, Just(usize::MAX), Just(isize::MAX as usize)],
        slots in 0_usize..300,
    ) {
        let spec = Spec { slots, body, ..SPEC };
        let Ok(header) = Header::new(&spec) else {
            prop_assert!(slots == 0 || slots > MAX_SLOTS || body > isize::MAX as usize - 8192);
            return Ok(());
        };
        let mut bytes = header.encode();
        for (at, byte) in &noise {
            bytes[*at] = *byte;
        }
        match Header::decode(&bytes, size, &spec) {
            Ok(found) => {
                prop_assert!(found.total() as u64 <= size && found.body_size >= spec.body);
                prop_assert!(found.body_offset >= 256 + found.slots * 16);
            }
            Err(fault) => {
                let same = bytes == header.encode();
                prop_assert!(!same || matches!(fault, Fault::Truncated { .. }), "{fault:?}");
            }
        }
    }
}
