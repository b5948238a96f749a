//! Segments that are none, or wrong ones: each wrong field is an error of its own, and nothing panics.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, PermissionsExt};

use ipc_devkit::alone;
use ipc_shm::{Error, Sealed, Segment, SegmentOptions};
use proptest::prelude::*;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};

use crate::world::{Named, file};

fn what(result: Result<Segment, Error>) -> String {
    match result.expect_err("it is wrong") {
        Error::Corrupt { what, .. } => what.to_owned(),
        Error::Truncated { .. } => "truncated".to_owned(),
        Error::WrongOwner { uid, .. } => format!("owner {uid}"),
        other => panic!("{other}"),
    }
}

/// X13, S14: each thing that is checked is wrong alone and has its own error, for writers and readers.
#[test]
fn each_wrong_field_has_its_own_error() {
    alone("segment_hostile::each_wrong_field_has_its_own_error", || {
        let cases: [(u64, &[u8], &str); 9] = [
            (0, b"not ours", "it is not a segment of ipc"),
            (0, b"ipcbuild", "it is not a segment of ipc"),
            (0, b"\n\rgescpi", "it is of the other byte order"),
            (8, &[9, 0, 0, 0], "its header has another version"),
            (12, &[0, 0, 0, 0], "number of slots"),
            (16, b"RING", "something else lives in it"),
            (24, &[2, 0, 0, 0, 0, 0, 0, 0], "its content has another layout or version"),
            (32, &[1], "place of the body"),
            (40, &[0xff; 8], "size of the body"),
        ];
        for (at, bytes, expected) in cases {
            let named = Named::new("field");
            drop(Segment::create(&named.0, 4096).expect("create"));
            let edited = std::fs::File::options().write(true).open(file(&named.0)).expect("open");
            edited.write_all_at(bytes, at).expect("write");
            assert_eq!(what(Segment::open(&named.0)), expected);
            assert_eq!(what(SegmentOptions::new().read_only().open(&named.0)), expected);
            assert_eq!(what(SegmentOptions::new().reclaim_stale(true).create(&named.0)), expected);
        }
    });
}

/// X13: type, owner, mode and size come before what is in it, in this order.
#[test]
fn the_order_of_checks() {
    alone("segment_hostile::the_order_of_checks", || {
        let named = Named::new("order");
        let path = file(&named.0);
        let mode = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode));
        std::os::unix::fs::symlink("/etc/passwd", &path).expect("link");
        assert_eq!(what(Segment::open(&named.0)), "it is not a regular file");
        std::fs::remove_file(&path).expect("remove");
        // Wrong in everything but its type: mended one by one.
        std::fs::write(&path, "short").expect("write");
        mode(0o755).expect("chmod");
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(12345), None).expect("chown");
            assert_eq!(what(Segment::open(&named.0)), "owner 12345");
            let allowed = SegmentOptions::new().allow_owner(12345).open(&named.0);
            assert_eq!(what(allowed), "its mode is none that we give");
            std::os::unix::fs::chown(&path, Some(0), None).expect("chown");
        }
        assert_eq!(what(Segment::open(&named.0)), "its mode is none that we give");
        mode(0o600).expect("chmod");
        assert_eq!(what(Segment::open(&named.0)), "truncated");
        std::fs::write(&path, [b'x'; 64]).expect("write");
        assert_eq!(what(Segment::open(&named.0)), "it is not a segment of ipc");
        std::fs::remove_file(&path).expect("remove");
        let made = SegmentOptions::new().size(4096).layout(1).create(&named.0).expect("create");
        let layout = "its content has another layout or version";
        assert_eq!(what(SegmentOptions::new().layout(2).open(&named.0)), layout);
        assert_eq!(what(Segment::open(&named.0)), layout);
        let larger = SegmentOptions::new().layout(1).size(4097);
        assert_eq!(what(larger.open(&named.0)), "size of the body");
        crate::world::until_keepers_sleep();
        crate::world::cut(&named.0, 5000);
        assert_eq!(what(SegmentOptions::new().layout(1).open(&named.0)), "truncated");
        drop(made);
    });
}

fn memfd(size: u64, seals: SealFlags) -> OwnedFd {
    let fd = memfd_create("ipc-t", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).expect("memfd");
    ftruncate(&fd, size).expect("size");
    fcntl_add_seals(&fd, seals).expect("seal");
    fd
}

/// S2: a descriptor that was received is a regular file, cannot shrink, and is as large as it says.
#[test]
fn a_received_descriptor_is_checked() {
    alone("segment_hostile::a_received_descriptor_is_checked", || {
        let (pipe, _other) = rustix::pipe::pipe().expect("pipe");
        assert_eq!(what(Segment::from_fd(pipe)), "it is not a regular file");
        let unsealed = "it is not sealed against shrinking";
        assert_eq!(what(Segment::from_fd(memfd(8192, SealFlags::GROW))), unsealed);
        let named = Named::new("fd");
        let file = Segment::create(&named.0, 8).expect("create");
        assert_eq!(what(Segment::from_fd(OwnedFd::from(file))), unsealed);
        assert_eq!(what(Segment::from_fd(memfd(10, SealFlags::SHRINK))), "truncated");
        let noise = what(Segment::from_fd(memfd(8192, SealFlags::SHRINK)));
        assert_eq!(noise, "it is not a segment of ipc");

        // The header of a larger one.
        let whole = Segment::anonymous(1 << 20).expect("anonymous");
        let mut header = [0; 64];
        rustix::io::pread(whole.as_fd(), &mut header, 0).expect("read");
        let small = memfd(8192, SealFlags::empty());
        rustix::io::pwrite(&small, &header, 0).expect("write");
        fcntl_add_seals(&small, SealFlags::SHRINK).expect("seal");
        assert_eq!(what(Segment::from_fd(small)), "truncated");

        // A descriptor for reading is for reading.
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&whole.as_fd()));
        let open = || OwnedFd::from(std::fs::File::open(&path).expect("open for reading"));
        let refused = Segment::from_fd(open()).expect_err("for reading only");
        assert_eq!(std::io::Error::from(refused).raw_os_error(), Some(libc::EACCES));
        let reader = SegmentOptions::new().read_only().from_fd(open()).expect("look");
        assert!(reader.sealed().expect("seals").contains(Sealed::SHRINK));
    });
}

/// X17: whatever bytes stand in a header and a table, opening is an error or a segment that can be used.
#[test]
fn no_bytes_make_it_panic() {
    alone("segment_hostile::no_bytes_make_it_panic", || {
        let named = Named::new("noise");
        let edit = prop::collection::vec((0_u64..1400, any::<u8>()), 1..12);
        let config = ProptestConfig { cases: 150, failure_persistence: None, ..Default::default() };
        let mut runner = proptest::test_runner::TestRunner::new(config);
        let tried = runner.run(&edit, |edits| {
            drop(Segment::create(&named.0, 3000).expect("create"));
            let file = std::fs::File::options().write(true).open(file(&named.0)).expect("open");
            for (at, byte) in &edits {
                file.write_all_at(&[*byte], *at).expect("write");
            }
            let opened =
                [SegmentOptions::new().read_only().open(&named.0), Segment::open(&named.0)];
            for segment in opened.into_iter().flatten() {
                let mut bytes = vec![0; segment.size()];
                segment.read_at(0, &mut bytes).expect("all of it is there");
            }
            // A retired one has removed its own name.
            let _ = Segment::unlink(&named.0);
            Ok(())
        });
        tried.expect("no panic");
    });
}
