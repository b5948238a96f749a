//! Segments in files: made whole, kept, and free again after a restart of the machine.

use std::os::unix::fs::FileExt;

use ipc_devkit::{alone, fault, scratch, two_process};
use ipc_shm::{Error, Segment, SegmentOptions};

#[test]
fn a_file_is_shared_and_kept() {
    two_process(
        "segment_file::a_file_is_shared_and_kept",
        |mut child| {
            let dir = scratch::dir();
            let path = dir.path().join("mapped");
            assert!(matches!(SegmentOptions::new().open_file(&path), Err(Error::NotFound { .. })));
            let segment = Segment::file(&path, 50_000).expect("file");
            let again = SegmentOptions::new().size(1).create_file(&path);
            assert!(matches!(again, Err(Error::AlreadyExists { .. })));
            child.tell(path.to_str().expect("text"));
            assert_eq!(child.hear(), "written");
            let mut text = [0; 7];
            segment.read_at(49_990, &mut text).expect("read");
            assert_eq!(&text, b"forever");
            drop(segment);
            let _ = child.wait();
            let larger = Segment::file(&path, 50_001);
            assert!(matches!(larger, Err(Error::Corrupt { .. })));
            let segment = SegmentOptions::new().open_file(&path).expect("open");
            segment.read_at(49_990, &mut text).expect("read");
            assert_eq!(&text, b"forever");
            assert_eq!(
                std::fs::read_dir(dir.path()).expect("list").count(),
                1,
                "nothing beside it"
            );
        },
        |mut parent| {
            let segment = Segment::file(parent.hear(), 0).expect("file");
            segment.write_at(49_990, b"forever").expect("write");
            segment.flush().expect("flush");
            parent.tell("written");
        },
    );
}

/// Where a file system has no files without a name, it is made under a temporary one.
#[test]
fn without_unnamed_files() {
    alone("segment_file::without_unnamed_files", || {
        const TMPFILE: u32 = 0o20_000_000;
        let dir = scratch::dir();
        let path = dir.path().join("mapped");
        fault::deny_syscall_flags(libc::SYS_openat, 2, TMPFILE, libc::EOPNOTSUPP);
        let segment = Segment::file(&path, 100).expect("file");
        assert!(SegmentOptions::new().create_file(&path).is_err());
        segment.write_at(0, b"x").expect("write");
        assert_eq!(std::fs::read_dir(dir.path()).expect("list").count(), 1, "nothing beside it");
        let made = SegmentOptions::new().create_file(dir.path().join("no/such/place"));
        assert!(matches!(made, Err(Error::NotFound { .. })));
    });
}

/// S5: where a file system cannot reserve, writing does it.
#[test]
fn without_fallocate() {
    alone("segment_file::without_fallocate", || {
        let dir = scratch::dir();
        fault::deny_syscall(libc::SYS_fallocate, libc::EOPNOTSUPP);
        let segment = Segment::file(dir.path().join("mapped"), 300_000).expect("file");
        let blocks = rustix::fs::fstat(&segment).expect("stat").st_blocks;
        assert!(blocks * 512 >= 300_000, "{blocks} blocks are reserved");
    });
}

/// S6: who lived in a file before the machine was started lives no more: its place is free, and its owner
/// id is dead.
#[test]
fn a_restart_of_the_machine_frees_all_places() {
    alone("segment_file::a_restart_of_the_machine_frees_all_places", || {
        let dir = scratch::dir();
        let path = dir.path().join("mapped");
        let options = SegmentOptions::new().size(64).peers(1);
        drop(options.create_file(&path).expect("create"));
        let file = std::fs::File::options().read(true).write(true).open(&path).expect("open");
        // The only slot as a process had it when the power failed.
        file.write_all_at(&1234_u32.to_le_bytes(), 256).expect("write");
        assert!(matches!(options.open_file(&path), Err(Error::TooManyPeers { .. })));
        let stale = options.clone().reclaim_stale(true);
        assert!(matches!(stale.create_file(&path), Err(Error::AlreadyExists { .. })));
        file.write_all_at(&[1, 2, 3, 4, 5, 6, 7, 8], 48).expect("another run");
        let segment = options.open_file(&path).expect("the place is free");
        assert_eq!(segment.peers(), Some(1));
        drop(segment);
        drop(stale.create_file(&path).expect("nobody lives in it"));
    });
}
