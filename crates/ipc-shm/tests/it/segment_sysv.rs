//! System V segments: plain bytes by key.

use std::sync::atomic::Ordering;

use ipc_devkit::{alone, fault, scratch, two_process};
use ipc_shm::{Error, Huge, Key, Segment, SegmentOptions, SysvSegment};

use crate::world::maps_of;

/// A key that no other test uses.
pub(crate) fn key(n: u8) -> Key {
    let pid = i32::try_from(std::process::id()).expect("process numbers are small");
    Key::new(0x5000_0000 | pid << 6 | i32::from(n)).expect("not 0")
}

/// A segment that is removed with this, however the test ends.
pub(crate) struct Removed(pub(crate) SysvSegment);

impl Drop for Removed {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.remove();
    }
}

pub(crate) fn sized(size: usize) -> SegmentOptions {
    SegmentOptions::new().size(size)
}

#[test]
fn two_processes_meet_by_key() {
    two_process(
        "segment_sysv::two_processes_meet_by_key",
        |mut child| {
            let key = key(0);
            let Removed(segment) = &Removed(Segment::sysv(key, 10_000).expect("sysv"));
            child.tell(&key.raw().to_string());
            assert_eq!(child.hear(), "stored");
            assert_eq!(segment.atomic_u32(4).expect("inside").load(Ordering::Acquire), 9);
            assert_eq!(segment.get::<u64>(9_992).expect("inside").load().expect("load"), 77);
            assert_eq!(segment.stat().expect("stat").attached, 2);
            child.tell("leave");
        },
        |mut parent| {
            let key = Key::new(parent.hear().parse().expect("a number")).expect("not 0");
            let segment = SegmentOptions::new().open_sysv(key).expect("open");
            assert_eq!(segment.size(), 10_000);
            segment.get::<u64>(9_992).expect("inside").store(77).expect("store");
            segment.atomic_u32(4).expect("inside").store(9, Ordering::Release);
            parent.tell("stored");
            let _ = parent.hear();
        },
    );
}

/// S12: a removed segment lives on with who has it; its key is free, and its id stands for no other one
/// before the last of them is gone.
#[test]
fn a_removed_one_lives_on() {
    alone("segment_sysv::a_removed_one_lives_on", || {
        let key = key(1);
        let old = sized(100).create_sysv(key).expect("create");
        old.write_at(0, b"old").expect("write");
        let again = sized(100).create_sysv(key);
        assert!(matches!(again, Err(Error::AlreadyExists { .. })));
        old.remove().expect("remove");
        assert!(old.stat().expect("stat").removed);
        assert!(matches!(SegmentOptions::new().open_sysv(key), Err(Error::NotFound { .. })));
        let new = Removed(sized(100).create_sysv(key).expect("the key is free"));
        assert_ne!(old.id(), new.0.id());
        let mut text = [0; 3];
        old.read_at(0, &mut text).expect("read");
        assert_eq!(&text, b"old");
        // Linux lets others in by the id, as long as somebody has it.
        let by_id = SegmentOptions::new().sysv_by_id(old.id()).expect("by id");
        by_id.read_at(0, &mut text).expect("read");
        assert_eq!(&text, b"old");
        let id = old.id();
        drop((old, by_id));
        assert!(matches!(SegmentOptions::new().sysv_by_id(id), Err(Error::Removed { .. })));
    });
}

/// S9: attached for reading only, it cannot be written.
#[test]
fn a_reader_attaches_for_reading_only() {
    alone("segment_sysv::a_reader_attaches_for_reading_only", || {
        let writer = Removed(sized(100).private_sysv().expect("private"));
        let reader = SegmentOptions::new().read_only().sysv_by_id(writer.0.id()).expect("attach");
        assert!(maps_of(reader.as_ptr().as_ptr().addr()).contains(" r--s "));
        assert!(matches!(reader.write_at(0, b"x"), Err(Error::Unsupported { .. })));
        assert!(matches!(reader.atomic_u64(0), Err(Error::Unsupported { .. })));
        writer.0.atomic_u64(8).expect("inside").store(3, Ordering::Release);
        assert_eq!(reader.load_u64(8).expect("load"), 3);
        assert!(reader.is_read_only() && !writer.0.is_read_only());
    });
}

/// X10: the mode is exact, whatever the umask; X13: a stranger's segment is refused.
#[test]
fn mode_and_owner() {
    alone("segment_sysv::mode_and_owner", || {
        for (umask, mode) in [(0, 0o600), (0o777, 0o640), (0o022, 0o666)] {
            let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(umask));
            let made = Removed(sized(1).mode(mode).private_sysv().expect("private"));
            rustix::process::umask(before);
            assert_eq!(made.0.stat().expect("stat").mode, mode);
            made.0.set_mode(0o604).expect("change it");
            assert_eq!(made.0.stat().expect("stat").mode, 0o604);
        }
        if !rustix::process::geteuid().is_root() {
            return ipc_devkit::skip("needs root to become somebody else");
        }
        let roots = Removed(sized(1).mode(0o666).private_sysv().expect("private"));
        crate::as_user(65534, || {
            drop(SegmentOptions::new().sysv_by_id(roots.0.id()).expect("root's are accepted"));
            let refused = roots.0.remove().expect_err("it is root's");
            assert_eq!(std::io::Error::from(refused).raw_os_error(), Some(libc::EPERM));
        });
        let theirs = crate::as_user(65534, || sized(1).mode(0o666).private_sysv().expect("made"));
        let id = theirs.id();
        let refused = SegmentOptions::new().sysv_by_id(id);
        assert!(matches!(refused, Err(Error::WrongOwner { uid: 65534, .. })));
        drop(SegmentOptions::new().allow_owner(65534).sysv_by_id(id).expect("allowed"));
        theirs.remove().expect("remove");
    });
}

#[test]
fn what_cannot_be_is_refused() {
    alone("segment_sysv::what_cannot_be_is_refused", || {
        let key = key(2);
        assert!(matches!(Key::new(0), Err(Error::InvalidInput { .. })));
        let dir = scratch::dir();
        assert!(matches!(Key::ftok(dir.path(), 0), Err(Error::InvalidInput { .. })));
        assert!(matches!(Key::ftok(dir.path().join("no"), 1), Err(Error::NotFound { .. })));
        assert_eq!(Key::ftok(dir.path(), 1).expect("key"), Key::ftok(dir.path(), 1).expect("key"));
        assert!(matches!(sized(0).create_sysv(key), Err(Error::InvalidInput { .. })));
        assert!(matches!(sized(1).read_only().sysv(key), Err(Error::InvalidInput { .. })));
        let stale = sized(1).reclaim_stale(true).create_sysv(key);
        assert!(matches!(stale, Err(Error::Unsupported { .. })));
        let made = Removed(sized(10).create_sysv(key).expect("create"));
        assert!(matches!(sized(11).sysv(key), Err(Error::Corrupt { .. })));
        assert!(matches!(made.0.read_at(5, &mut [0; 6]), Err(Error::InvalidInput { .. })));
        match sized(10).huge(Huge::Pages1G).private_sysv() {
            Ok(huge) => huge.remove().expect("remove"),
            Err(Error::NoSpace { .. } | Error::Unsupported { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    });
}

/// X4: a forked child counts as attached, can do nothing, and detaches nothing.
#[test]
fn a_forked_child_detaches_nothing() {
    alone("segment_sysv::a_forked_child_detaches_nothing", || {
        let mut segment = Some(Removed(sized(10).private_sysv().expect("private")));
        let refused = fault::in_fork(|| {
            let tried = segment.as_ref().map(|segment| segment.0.write_at(0, b"x"));
            segment = None;
            matches!(tried, Some(Err(Error::NotOwner { .. })))
        });
        assert!(refused);
        let segment = segment.expect("still ours");
        let stat = segment.0.stat().expect("stat");
        assert!(!stat.removed && stat.attached == 1);
    });
}
