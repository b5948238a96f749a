//! Segments whose file somebody cuts off: an error, with and without the guard, and never a signal.

use std::sync::atomic::{AtomicU32, Ordering};

use ipc_devkit::{Parent, alone, fault, processes, scratch, two_process};
use ipc_shm::{Error, Segment, SegmentOptions, guard};

use crate::world::{Named, cut, until_keepers_sleep};

fn truncated<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Truncated { .. }))
}

/// S4: without the guard bytes and cells go through the descriptor, which knows the size.
#[test]
fn without_the_guard_copies_are_refused() {
    alone("segment_cut::without_the_guard_copies_are_refused", || {
        for read_only in [false, true] {
            let named = Named::new("plain");
            let made = Segment::create(&named.0, 100_000).expect("create");
            let segment = if read_only {
                SegmentOptions::new().read_only().open(&named.0).expect("look")
            } else {
                made
            };
            until_keepers_sleep();
            cut(&named.0, 50_000);
            assert!(segment.is_truncated().expect("look"));
            let mut bytes = [0; 1000];
            segment.read_at(0, &mut bytes).expect("what is still there");
            assert!(truncated(segment.read_at(60_000, &mut bytes)));
            assert!(truncated(segment.get::<u64>(90_000).expect("inside").load()));
            if !read_only {
                segment.write_at(0, &bytes).expect("what is still there");
                assert!(truncated(segment.write_at(60_000, &bytes)));
                let size = std::fs::metadata(crate::world::file(&named.0)).expect("stat").len();
                assert_eq!(size, 50_000, "a write has not made it whole again");
            }
        }
    });
}

/// S4, G1: with the guard the operation that touches the hole is `Truncated`, and every later one; the process lives.
#[test]
fn with_the_guard_the_process_lives() {
    two_process(
        "segment_cut::with_the_guard_the_process_lives",
        |mut child| {
            let named = Named::new("guard");
            child.tell(&named.0);
            assert_eq!(child.hear(), "made");
            cut(&named.0, 0);
            child.tell("look");
            assert_eq!(child.hear(), "lives");
        },
        |mut parent| {
            let name = parent.hear();
            let other = Named::new("other");
            let segment =
                SegmentOptions::new().size(100_000).guard().create(&name).expect("create");
            let whole = SegmentOptions::new().size(64).guard().create(&other.0).expect("create");
            segment.write_at(0, &[1; 100_000]).expect("write");
            parent.tell("made");
            let _ = parent.hear();
            let mut bytes = vec![0; 100_000];
            assert!(truncated(segment.read_at(0, &mut bytes)));
            assert!(truncated(segment.write_at(70_000, &[1; 10_000])));
            assert!(truncated(segment.get::<u32>(0).expect("inside").load()));
            assert!(truncated(segment.load_u64(90_000)));
            // In place there is no error: zeroes, and a word that is ours alone.
            let word = segment.atomic_u32(50_000).expect("inside");
            assert_eq!(word.fetch_add(3, Ordering::AcqRel), 0);
            assert!(segment.is_truncated().expect("look"));
            assert!(!whole.is_truncated().expect("look"));
            whole.write_at(0, &[1]).expect("the other one is whole");
            parent.tell("lives");
        },
    );
}

/// S4: a file that is cut at each moment of a copy, again and again, never ends the process.
#[test]
fn cutting_while_copying() {
    alone("segment_cut::cutting_while_copying", || {
        guard::install().expect("guard");
        let dir = scratch::dir();
        for round in 0..40_u64 {
            let path = dir.path().join(format!("{round}"));
            let segment = Segment::file(&path, 256 << 10).expect("file");
            let cutter = std::fs::File::options().write(true).open(&path).expect("open");
            let mut bytes = vec![0; 256 << 10];
            let cut = std::thread::spawn(move || cutter.set_len(round * 4096).expect("cut"));
            while !truncated(segment.read_at(0, &mut bytes)) {}
            cut.join().expect("cut");
            assert!(truncated(segment.write_at(0, &bytes)));
        }
    });
}

/// S4: the mapping that a reader has is guarded, too.
#[test]
fn a_reader_under_the_guard() {
    alone("segment_cut::a_reader_under_the_guard", || {
        let named = Named::new("reader");
        drop(Segment::create(&named.0, 100_000).expect("create"));
        let reader = SegmentOptions::new().read_only().guard().open(&named.0).expect("look");
        cut(&named.0, 4096);
        assert!(truncated(reader.load_u32(80_000)));
        assert!(truncated(reader.read_at(0, &mut [0; 4])));
    });
}

/// S3: on a file system that is full, a hole that a peer punched cannot be filled again: an error.
#[test]
fn a_hole_on_a_full_file_system() {
    alone("segment_cut::a_hole_on_a_full_file_system", || {
        use rustix::fs::{FallocateFlags, fallocate};
        if !crate::small_tmpfs(c"size=256k") {
            return ipc_devkit::skip("needs root to mount a small /dev/shm");
        }
        let name = "ipc-t-hole";
        let options = SegmentOptions::new().size(200 << 10).guard();
        let segment = options.create(name).expect("it fits");
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        fallocate(&segment, hole, 64 << 10, 64 << 10).expect("punch");
        let filler = vec![1; 256 << 10];
        assert!(std::fs::write("/dev/shm/filler", filler).is_err(), "it is full now");
        assert!(truncated(segment.write_at(64 << 10, &[1; 64 << 10])));
        Segment::unlink(name).expect("unlink");
    });
}

/// G1: a SIGBUS that is not ours reaches who was there before: a handler is called, the default action ends
/// the process.
#[test]
fn what_is_not_ours_is_passed_on() {
    static SEEN: AtomicU32 = AtomicU32::new(0);
    two_process(
        "segment_cut::what_is_not_ours_is_passed_on",
        |mut child| {
            fault::signal_handler_calls(
                libc::SIGBUS,
                Box::new(|| {
                    SEEN.fetch_add(1, Ordering::Relaxed);
                }),
            );
            guard::install().expect("guard");
            guard::install().expect("twice is once");
            fault::raise(libc::SIGBUS);
            assert_eq!(SEEN.load(Ordering::Relaxed), 1);
            let named = Named::new("both");
            let segment = Segment::create(&named.0, 9000).expect("create");
            cut(&named.0, 0);
            assert!(truncated(segment.read_at(0, &mut [0; 10])));
            assert_eq!(SEEN.load(Ordering::Relaxed), 1, "that one was ours");
            child.tell("die");
            let status = std::os::unix::process::ExitStatusExt::signal(&child.wait());
            assert_eq!(status, Some(libc::SIGBUS));
        },
        |mut parent| {
            guard::install().expect("guard");
            touch_a_foreign_hole(&mut parent);
        },
    );
}

/// Touches a page of a mapping that the guard knows nothing of, once the parent says so.
fn touch_a_foreign_hole(parent: &mut Parent) {
    let dir = scratch::dir();
    let path = dir.path().join("foreign");
    std::fs::write(&path, [1; 9000]).expect("write");
    let file = std::fs::File::options().read(true).write(true).open(&path).expect("open");
    let map = memmap2::MmapOptions::new().len(9000).map_raw(&file).expect("map");
    file.set_len(0).expect("cut");
    std::fs::remove_dir_all(dir.path()).expect("clean before the end");
    let _ = parent.hear();
    crate::touch(map.as_ptr());
    unreachable!("the default action ends the process");
}

/// G1: where the default action was before, it ends the process still: by a touch, and by a signal that is sent.
#[test]
fn the_default_action_stays() {
    processes(
        "segment_cut::the_default_action_stays",
        2,
        |mut children| {
            for child in &mut children {
                child.tell("die");
                let status = std::os::unix::process::ExitStatusExt::signal(&child.wait());
                assert_eq!(status, Some(libc::SIGBUS));
            }
        },
        |mut parent, index| {
            crate::default_sigbus();
            guard::install().expect("guard");
            if index == 0 {
                touch_a_foreign_hole(&mut parent);
            } else {
                let _ = parent.hear();
                fault::raise(libc::SIGBUS);
                unreachable!("the default action ends the process");
            }
        },
    );
}

/// A table that is full is a limit for who asks, and the way through the file for who does not.
#[test]
fn more_than_the_guard_has_room_for() {
    alone("segment_cut::more_than_the_guard_has_room_for", || {
        let named = Named::new("many");
        drop(Segment::create(&named.0, 64).expect("create"));
        let guarded = SegmentOptions::new().read_only().guard();
        let mut all = Vec::new();
        let full = loop {
            match guarded.open(&named.0) {
                Ok(segment) => all.push(segment),
                Err(error) => break error,
            }
        };
        assert!(matches!(full, Error::Limit { which, .. } if which.contains("guard")));
        assert_eq!(all.len(), 256);
        let plain = SegmentOptions::new().read_only().open(&named.0).expect("look");
        cut(&named.0, 0);
        assert!(truncated(plain.read_at(0, &mut [0])));
        all.clear();
        drop(Segment::unlink(&named.0));
        drop(Segment::create(&named.0, 64).expect("create"));
        drop(guarded.open(&named.0).expect("there is room again"));
    });
}

/// The keepers of life tables touch what was cut off, to the last moment, under the guard.
#[test]
fn closing_what_was_cut_off_works() {
    alone("segment_cut::closing_what_was_cut_off_works", || {
        for _ in 0..60 {
            let named = Named::new("close");
            let options = SegmentOptions::new().size(9000).guard();
            let one = options.create(&named.0).expect("create");
            let two = options.open(&named.0).expect("open");
            // The first one's keeper looks who came, just now.
            cut(&named.0, 0);
            drop(one);
            drop(two);
        }
    });
}

/// S4: with the guard, both ends of a ring whose file somebody cuts off say so, and live.
#[test]
fn a_ring_that_was_cut_off_says_so() {
    use ipc_shm::ring::{Receiver, Sender};
    alone("segment_cut::a_ring_that_was_cut_off_says_so", || {
        ipc_shm::guard::install().expect("the guard");
        for length in [0, 4096] {
            let name = scratch::name("ring");
            let mut sender = Sender::create(&name).expect("create");
            let mut receiver = Receiver::open(&name).expect("open");
            sender.send(b"before").expect("send");
            assert_eq!(receiver.recv().expect("receive"), b"before");
            let file = std::fs::File::options().write(true).open(crate::world::file(&name));
            file.expect("open").set_len(length).expect("cut");
            // What meets the hole first may seem to succeed; nothing waits for ever.
            let sent = (0..10_000).map(|_| sender.send(&[1; 1000])).find(Result::is_err);
            assert!(matches!(sent, Some(Err(Error::Truncated { .. }))), "{length}: {sent:?}");
            let got = (0..10_000).map(|_| receiver.recv()).find(Result::is_err);
            assert!(matches!(got, Some(Err(Error::Truncated { .. }))), "{length}: {got:?}");
            Sender::unlink(&name).expect("unlink");
        }
    });
}
