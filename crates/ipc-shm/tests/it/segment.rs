//! Segments by name: seen by two processes, as wide as asked, whole or not there.

use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::Ordering;

use ipc_devkit::{alone, fault, processes, scratch, two_process};
use ipc_shm::{Error, Huge, Segment, SegmentOptions, shm_safe};
use rustix::fs::Mode;

use crate::world::{Named, file, maps_of};

shm_safe! {
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(crate) struct Sample { pub(crate) number: u64, pub(crate) parts: [u16; 4] }
}

#[test]
fn two_processes_see_one_memory() {
    two_process(
        "segment::two_processes_see_one_memory",
        |mut child| {
            let name = Named::new("plain");
            let segment = Segment::create(&name.0, 10_000).expect("create");
            assert_eq!((segment.size(), segment.peers()), (10_000, Some(1)));
            segment.write_at(9_990, b"0123456789").expect("write");
            child.tell(&name.0);
            assert_eq!(child.hear(), "stored");
            assert_eq!(segment.atomic_u64(8).expect("inside").load(Ordering::Acquire), 77);
            let sample = segment.get::<Sample>(101).expect("inside").load().expect("load");
            assert_eq!(sample, Sample { number: 5, parts: [1, 2, 3, 4] });
            assert_eq!(segment.peers(), Some(2));
            child.tell("leave");
        },
        |mut parent| {
            let segment = Segment::open(&parent.hear()).expect("open");
            let mut text = [0; 10];
            segment.read_at(9_990, &mut text).expect("read");
            assert_eq!(&text, b"0123456789");
            let cell = segment.get::<Sample>(101).expect("inside");
            cell.store(Sample { number: 5, parts: [1, 2, 3, 4] }).expect("store");
            segment.atomic_u64(8).expect("inside").store(77, Ordering::Release);
            parent.tell("stored");
            let _ = parent.hear();
        },
    );
}

#[test]
fn what_lies_outside_is_refused() {
    alone("segment::what_lies_outside_is_refused", || {
        let named = Named::new("edge");
        let kinds = [
            Segment::anonymous(100).expect("anonymous"),
            Segment::create(&named.0, 100).expect("create"),
        ];
        for segment in kinds {
            for (offset, len) in [(101, 0), (100, 1), (1, 100), (usize::MAX, 1), (0, 101)] {
                let mut buffer = vec![0; len];
                let read = segment.read_at(offset, &mut buffer);
                assert!(matches!(read, Err(Error::InvalidInput { .. })), "{offset} {len}");
                let wrote = segment.write_at(offset, &buffer);
                assert!(matches!(wrote, Err(Error::InvalidInput { .. })), "{offset} {len}");
            }
            segment.read_at(100, &mut []).expect("nothing at the end");
            assert!(segment.atomic_u32(96).is_ok() && segment.atomic_u64(88).is_ok());
            for offset in [97, 98, 100, usize::MAX - 3] {
                assert!(matches!(segment.atomic_u32(offset), Err(Error::InvalidInput { .. })));
            }
            for offset in [4, 92, 96] {
                assert!(matches!(segment.atomic_u64(offset), Err(Error::InvalidInput { .. })));
            }
            assert!(segment.get::<[u8; 100]>(0).is_ok() && segment.get::<[u8; 100]>(1).is_err());
        }
    });
}

/// X9: names are one component, and are checked before any system call.
#[test]
fn names_are_checked() {
    alone("segment::names_are_checked", || {
        let long = "x".repeat(256);
        for name in ["", "/", "a/b", "..", ".", "//a", "nul\0", "line\n", &long] {
            let made =
                [Segment::create(name, 1), Segment::open(name), Segment::open_or_create(name, 1)];
            for made in made {
                assert!(matches!(made, Err(Error::InvalidName { .. })), "{name:?}");
            }
            assert!(matches!(Segment::unlink(name), Err(Error::InvalidName { .. })), "{name:?}");
        }
        let mut name = scratch::name("long");
        name.push_str(&"x".repeat(255 - name.len()));
        drop(Segment::create(&format!("/{name}"), 1).expect("255 bytes"));
        drop(Segment::open(&name).expect("with or without the slash"));
        Segment::unlink(&name).expect("unlink");
        let path = [b'x', 0, b'y'];
        let path = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(&path);
        assert!(matches!(Segment::file(path, 1), Err(Error::InvalidName { .. })));
    });
}

/// X10: the mode is exactly as asked, whatever the umask, and never wider before.
#[test]
fn the_mode_is_exact() {
    alone("segment::the_mode_is_exact", || {
        let dir = scratch::dir();
        for (umask, mode) in [(0, 0o600), (0o777, 0o640), (0o022, 0o666), (0, 0o400)] {
            let before = rustix::process::umask(Mode::from_raw_mode(umask));
            let named = Named::new("mode");
            let path = dir.path().join("mapped");
            let options = SegmentOptions::new().size(1).mode(mode);
            let made = [options.create(&named.0), options.create_file(&path)];
            rustix::process::umask(before);
            assert!(made.iter().all(Result::is_ok), "{made:?}");
            for place in [file(&named.0).into(), path] {
                let found = std::fs::metadata(&place).expect("stat").permissions().mode();
                assert_eq!(found & 0o7777, mode);
            }
            std::fs::remove_file(dir.path().join("mapped")).expect("remove");
        }
    });
}

/// X1: descriptors are close-on-exec.
#[test]
fn descriptors_do_not_survive_exec() {
    alone("segment::descriptors_do_not_survive_exec", || {
        let named = Named::new("exec");
        let anonymous = Segment::anonymous(1).expect("anonymous");
        let segments = [
            Segment::create(&named.0, 1).expect("create"),
            Segment::from_fd(anonymous.as_fd().try_clone_to_owned().expect("dup")).expect("open"),
            SegmentOptions::new().read_only().open(&named.0).expect("look"),
            anonymous,
        ];
        let listed = std::process::Command::new("ls").args(["-l", "/proc/self/fd"]).output();
        let listed = String::from_utf8(listed.expect("ls").stdout).expect("text");
        assert!(listed.contains("fd"), "{listed}");
        assert!(!listed.contains("memfd") && !listed.contains(&named.0), "{listed}");
        for segment in &segments {
            let flags = rustix::io::fcntl_getfd(segment).expect("flags");
            assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        }
    });
}

/// X4: in a forked child every call is `NotOwner`, and dropping everything leaves the parent's as it is.
#[test]
fn a_forked_child_owns_nothing() {
    alone("segment::a_forked_child_owns_nothing", || {
        let named = Named::new("fork");
        let mut segments = vec![
            Segment::create(&named.0, 64).expect("create"),
            Segment::anonymous(64).expect("anonymous"),
            SegmentOptions::new().read_only().open(&named.0).expect("look"),
        ];
        let sysv = SegmentOptions::new().size(64).private_sysv().expect("private");
        sysv.remove().expect("remove");
        let mut sysv = Some(sysv);
        let refused = ipc_devkit::fault::in_fork(|| {
            let not_owner =
                |result: Result<(), Error>| matches!(result, Err(Error::NotOwner { .. }));
            let all = segments.iter().all(|segment| {
                not_owner(segment.read_at(0, &mut [0; 8]))
                    && not_owner(segment.write_at(0, &[1; 8]))
                    && not_owner(segment.atomic_u32(0).map(drop))
                    && not_owner(segment.load_u64(0).map(drop))
                    && not_owner(segment.get::<u32>(0).map(drop))
                    && not_owner(segment.flush())
            });
            let shm = sysv.as_ref().is_some_and(|sysv| {
                not_owner(sysv.write_at(0, &[1]))
                    && not_owner(sysv.remove())
                    && not_owner(sysv.stat().map(drop))
            });
            let new = not_owner(Segment::anonymous(1).map(drop));
            segments.clear();
            sysv = None;
            all && shm && new
        });
        assert!(refused, "something worked in the forked child");
        assert_eq!(segments.len(), 3, "the child cleared its own copy");
        segments[0].write_at(0, b"still here").expect("write");
        let mut text = [0; 10];
        segments[2].read_at(0, &mut text).expect("read");
        assert_eq!(&text, b"still here");
        assert_eq!((segments[0].peers(), segments[1].peers()), (Some(1), Some(1)));
        let sysv = sysv.as_ref().expect("the child dropped its own copy");
        sysv.write_at(0, &[7]).expect("write");
    });
}

/// X14: without its name a segment works on; a new opener finds nothing, or a new one.
#[test]
fn unlinking_leaves_the_living_alone() {
    two_process(
        "segment::unlinking_leaves_the_living_alone",
        |mut child| {
            let name = scratch::name("unlink");
            let old = Segment::create(&name, 8).expect("create");
            child.tell(&name);
            assert_eq!(child.hear(), "open");
            Segment::unlink(&name).expect("unlink");
            assert!(matches!(Segment::open(&name), Err(Error::NotFound { .. })));
            assert!(matches!(Segment::unlink(&name), Err(Error::NotFound { .. })));
            let new = Named(name);
            let other = Segment::create(&new.0, 8).expect("the name is free");
            old.write_at(0, &[1]).expect("write");
            other.write_at(0, &[2]).expect("write");
            child.tell("look");
            assert_eq!(child.hear(), "1");
        },
        |mut parent| {
            let segment = Segment::open(&parent.hear()).expect("open");
            parent.tell("open");
            let _ = parent.hear();
            let mut byte = [0];
            segment.read_at(0, &mut byte).expect("read");
            parent.tell(&byte[0].to_string());
        },
    );
}

/// X11: what a symlink at the name leads to is neither opened nor changed.
#[test]
fn a_link_at_the_name_is_not_followed() {
    alone("segment::a_link_at_the_name_is_not_followed", || {
        let dir = scratch::dir();
        let target = dir.path().join("target");
        drop(SegmentOptions::new().size(8).mode(0o600).create_file(&target).expect("a segment"));
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&target, &link).expect("link");
        let options = SegmentOptions::new().size(8).mode(0o666);
        assert!(matches!(options.open_file(&link), Err(Error::Corrupt { .. })));
        assert!(matches!(options.file(&link), Err(Error::Corrupt { .. })));
        assert!(matches!(options.create_file(&link), Err(Error::AlreadyExists { .. })));
        let mode = std::fs::metadata(&target).expect("stat").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
    });
}

/// S9: a reader's mapping cannot be written, and nobody sees the reader.
#[test]
fn a_reader_maps_for_reading_only() {
    alone("segment::a_reader_maps_for_reading_only", || {
        let named = Named::new("reader");
        let writer = Segment::create(&named.0, 64).expect("create");
        let anonymous = Segment::anonymous(64).expect("anonymous");
        anonymous.write_at(0, b"seen").expect("write");
        writer.write_at(0, b"seen").expect("write");
        let options = SegmentOptions::new().read_only();
        let copy = anonymous.as_fd().try_clone_to_owned().expect("dup");
        for reader in [options.open(&named.0).expect("look"), options.from_fd(copy).expect("look")]
        {
            let mut text = [0; 4];
            reader.read_at(0, &mut text).expect("read");
            assert_eq!(&text, b"seen");
            assert_eq!(reader.load_u32(0).expect("load"), u32::from_le_bytes(*b"seen"));
            assert!(reader.is_read_only() && reader.peers().is_none());
            assert!(matches!(reader.write_at(0, &text), Err(Error::Unsupported { .. })));
            assert!(matches!(reader.atomic_u32(0), Err(Error::Unsupported { .. })));
            let line = maps_of(reader.as_ptr().as_ptr().addr());
            assert!(line.contains(" r--s "), "{line}");
        }
        assert_eq!(writer.peers(), Some(1));
        assert!(matches!(options.create("ipc-t-never"), Err(Error::InvalidInput { .. })));
        // Who may only read can look, and cannot open for writing.
        drop(writer);
    });
}

/// S13: mapped twice at two addresses, every operation reaches the same bytes.
#[test]
fn two_mappings_of_one_process_are_one_memory() {
    alone("segment::two_mappings_of_one_process_are_one_memory", || {
        let named = Named::new("twice");
        let one = Segment::create(&named.0, 4096).expect("create");
        let two = Segment::open(&named.0).expect("open");
        assert_ne!(one.as_ptr(), two.as_ptr());
        for (from, to) in [(&one, &two), (&two, &one)] {
            from.write_at(5, b"abc").expect("write");
            let mut text = [0; 3];
            to.read_at(5, &mut text).expect("read");
            assert_eq!(&text, b"abc");
            from.atomic_u32(64).expect("inside").store(9, Ordering::Release);
            assert_eq!(to.load_u32(64).expect("inside"), 9);
            from.get::<u64>(72).expect("inside").store(11).expect("store");
            assert_eq!(to.atomic_u64(72).expect("inside").swap(0, Ordering::AcqRel), 11);
            from.atomic_u32(64).expect("inside").store(0, Ordering::Release);
        }
    });
}

/// S6: of many that open or create at once, all meet in one whole segment.
#[test]
fn racing_creators_meet() {
    const ROUNDS: usize = 20;
    processes(
        "segment::racing_creators_meet",
        3,
        |mut children| {
            for _ in 0..ROUNDS {
                let named = Named::new("race");
                for child in &mut children {
                    child.tell(&named.0);
                }
                let mut sum = 0;
                for child in &mut children {
                    sum += child.hear().parse::<u64>().expect("a number");
                }
                // Each added one and reported what it found: 0, 1, 2 in some order.
                assert_eq!(sum, 3);
                for child in &mut children {
                    child.tell("on");
                }
            }
        },
        |mut parent, _| {
            for _ in 0..ROUNDS {
                let segment = Segment::open_or_create(&parent.hear(), 64).expect("open or create");
                let before = segment.atomic_u64(0).expect("inside").fetch_add(1, Ordering::AcqRel);
                parent.tell(&before.to_string());
                assert_eq!(parent.hear(), "on");
            }
        },
    );
}

/// A stale segment is taken over only when asked, and one that somebody uses never.
#[test]
fn only_what_nobody_uses_is_reclaimed() {
    two_process(
        "segment::only_what_nobody_uses_is_reclaimed",
        |mut child| {
            let named = Named::new("stale");
            let options = SegmentOptions::new().size(64).reclaim_stale(true);
            child.tell(&named.0);
            assert_eq!(child.hear(), "made");
            assert!(matches!(options.create(&named.0), Err(Error::AlreadyExists { .. })));
            child.kill();
            assert!(matches!(Segment::create(&named.0, 64), Err(Error::AlreadyExists { .. })));
            let mut byte = [0];
            let left = Segment::open(&named.0).expect("what the dead left");
            left.read_at(0, &mut byte).expect("read");
            assert_eq!(byte, [9]);
            drop(left);
            options.create(&named.0).expect("reclaim").read_at(0, &mut byte).expect("read");
            assert_eq!(byte, [0]);
        },
        |mut parent| {
            let segment = Segment::create(&parent.hear(), 64).expect("create");
            segment.write_at(0, &[9]).expect("write");
            parent.tell("made");
            let _ = parent.hear();
        },
    );
}

/// S5: what does not fit is refused at create, and nothing is left of it.
#[test]
fn a_full_file_system_is_an_error_at_create() {
    alone("segment::a_full_file_system_is_an_error_at_create", || {
        if !crate::small_tmpfs(c"size=64k") {
            return ipc_devkit::skip("needs root to mount a small /dev/shm");
        }
        for size in [64 << 10, 1 << 40] {
            assert!(matches!(Segment::create("ipc-t-full", size), Err(Error::NoSpace { .. })));
            assert!(matches!(Segment::open("ipc-t-full"), Err(Error::NotFound { .. })));
        }
        drop(Segment::create("ipc-t-full", 40 << 10).expect("room again"));
        assert!(matches!(Segment::create("ipc-t-more", 40 << 10), Err(Error::NoSpace { .. })));
        Segment::unlink("ipc-t-full").expect("unlink");
        let large = Segment::anonymous(usize::MAX);
        assert!(matches!(large, Err(Error::Limit { .. })));
    });
}

/// G7: a limit of file sizes is an error, not a signal: at create, and when bytes go through the file.
#[test]
fn a_limit_of_file_sizes_is_an_error() {
    alone("segment::a_limit_of_file_sizes_is_an_error", || {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let named = Named::new("limit");
        let segment = Segment::create(&named.0, 8192).expect("create");
        let before = getrlimit(Resource::Fsize);
        setrlimit(Resource::Fsize, Rlimit { current: Some(4096), ..before }).expect("limit");
        let made = [Segment::create(&scratch::name("limit"), 8192), Segment::anonymous(8192)];
        let wrote = segment.write_at(8000, b"x");
        segment.write_at(0, b"x").expect("below the limit");
        setrlimit(Resource::Fsize, before).expect("restore");
        for made in made {
            assert!(matches!(made, Err(Error::Limit { which, .. }) if which.contains("FSIZE")));
        }
        assert!(matches!(wrote, Err(Error::Limit { .. })));
    });
}

#[test]
fn pages_can_be_populated_locked_and_huge() {
    alone("segment::pages_can_be_populated_locked_and_huge", || {
        let named = Named::new("pages");
        let options = SegmentOptions::new().size(3 << 20).populate().lock().huge(Huge::Transparent);
        match options.create(&named.0) {
            Ok(segment) => {
                segment.write_at(0, &[1; 100]).expect("write");
                let line = crate::world::smaps_field(segment.as_ptr().as_ptr().addr(), "Locked:");
                assert!(line >= 3 << 10, "{line} kB are locked");
            }
            Err(Error::Unsupported { .. }) => ipc_devkit::skip("no transparent huge pages here"),
            Err(error) => panic!("{error}"),
        }
        // Set-aside pages: there are some, or there are none, or there is no such size.
        match SegmentOptions::new().size(100).huge(Huge::Pages2M).anonymous() {
            Ok(segment) => {
                assert!(segment.size() > 1 << 20, "rounded up to whole pages");
                segment.write_at(segment.size() - 1, &[1]).expect("write");
            }
            Err(Error::NoSpace { .. } | Error::Unsupported { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        let refused = SegmentOptions::new().size(100).huge(Huge::Pages2M).create("ipc-t-never");
        assert!(matches!(refused, Err(Error::Unsupported { .. })));
    });
}

/// A limit on locked memory is `Limit`, and says which.
#[test]
fn a_limit_of_locked_memory_is_an_error() {
    alone("segment::a_limit_of_locked_memory_is_an_error", || {
        use rustix::process::{Resource, Rlimit, setrlimit};
        if !rustix::process::geteuid().is_root() {
            return ipc_devkit::skip("needs root to become somebody else");
        }
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        setrlimit(Resource::Memlock, none).expect("limit");
        crate::set_user(65534);
        let made = SegmentOptions::new().size(1 << 16).lock().anonymous();
        assert!(matches!(made, Err(Error::Limit { which, .. }) if which.contains("MEMLOCK")));
    });
}

/// X2: signals that interrupt creating and copying change nothing.
#[test]
fn signals_interrupt_nothing() {
    alone("segment::signals_interrupt_nothing", || {
        let storm = fault::alarm_storm(std::time::Duration::from_micros(200));
        let named = Named::new("storm");
        while storm.count() < 20 {
            let segment = Segment::create(&named.0, 8 << 20).expect("create");
            let bytes = vec![7; 1 << 20];
            segment.write_at(0, &bytes).expect("write");
            let mut back = vec![0; 1 << 20];
            segment.read_at(0, &mut back).expect("read");
            assert_eq!(bytes, back);
            Segment::unlink(&named.0).expect("unlink");
        }
    });
}

/// S6: who is killed while it creates leaves a whole segment or none.
#[test]
fn killed_creators_leave_all_or_nothing() {
    processes(
        "segment::killed_creators_leave_all_or_nothing",
        12,
        |mut children| {
            let named = Named::new("killed");
            for (round, child) in (1..).zip(&mut children) {
                child.tell(&named.0);
                assert_eq!(child.hear(), "begins");
                // At another moment of its work each time.
                let since = std::time::Instant::now();
                while since.elapsed() < std::time::Duration::from_micros(round * 70) {}
                child.kill();
                match SegmentOptions::new().size(9000).open(&named.0) {
                    Ok(whole) => {
                        let mut bytes = vec![1; 9000];
                        whole.read_at(0, &mut bytes).expect("read");
                        assert!(bytes.iter().all(|byte| *byte == 0));
                        Segment::unlink(&named.0).expect("unlink");
                    }
                    Err(Error::NotFound { .. }) => {}
                    Err(error) => panic!("round {round}: {error}"),
                }
            }
        },
        |mut parent, _| {
            let name = parent.hear();
            parent.tell("begins");
            loop {
                let made = Segment::create(&name, 9000).expect("create");
                Segment::unlink(&name).expect("unlink");
                drop(made);
            }
        },
    );
}

/// A segment costs its bytes, a page for the control part, a thread that sleeps, and some private pages.
#[test]
fn a_segment_costs_little() {
    const COUNT: u64 = 40;
    fn anonymous_kib() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").expect("status");
        let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("a line");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
    }
    fn threads() -> u64 {
        std::fs::read_dir("/proc/self/task").expect("list").count() as u64
    }
    alone("segment::a_segment_costs_little", || {
        drop(Segment::anonymous(4096).expect("anonymous"));
        let (memory, before) = (anonymous_kib(), threads());
        let made: Vec<_> =
            (0..COUNT).map(|_| Segment::anonymous(60_000).expect("anonymous")).collect();
        let each = (anonymous_kib() - memory) / COUNT;
        assert_eq!(threads() - before, COUNT);
        assert!(each <= 40, "{each} KiB of private memory each");
        for segment in &made {
            let blocks = rustix::fs::fstat(segment).expect("stat").st_blocks.unsigned_abs();
            assert!(blocks * 512 <= 60_000 + 2 * 4096, "{blocks} blocks");
        }
    });
}
