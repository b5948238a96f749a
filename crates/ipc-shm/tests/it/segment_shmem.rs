//! Segments in the memory of the crate `shared_memory`.

use std::os::unix::fs::FileExt;

use ipc_devkit::{alone, fault, processes, scratch, two_process};
use ipc_shm::{Error, Segment};
use shared_memory::{Shmem, ShmemConf};

use crate::world::file;

fn shmem(name: &str, size: usize) -> Shmem {
    ShmemConf::new().os_id(format!("/{name}")).size(size).create().expect("create")
}

fn open(name: &str) -> Shmem {
    ShmemConf::new().os_id(format!("/{name}")).open().expect("open")
}

#[test]
fn two_processes_share_a_shmem() {
    two_process(
        "segment_shmem::two_processes_share_a_shmem",
        |mut child| {
            let name = scratch::name("shmem");
            let segment = Segment::try_from(shmem(&name, 1 << 16)).expect("a segment");
            assert!(segment.size() < 1 << 16 && segment.size() > 60_000);
            segment.write_at(0, b"hello").expect("write");
            child.tell(&name);
            assert_eq!(child.hear(), "read");
            assert_eq!(segment.peers(), Some(2));
            child.tell("leave");
            let _ = child.wait();
            drop(segment);
            assert!(!std::path::Path::new(&file(&name)).exists(), "its owner took the name away");
        },
        |mut parent| {
            let name = parent.hear();
            let segment = Segment::try_from(open(&name)).expect("the segment");
            let mut text = [0; 5];
            segment.read_at(0, &mut text).expect("read");
            assert_eq!(&text, b"hello");
            parent.tell("read");
            let _ = parent.hear();
            drop(segment);
            assert!(std::path::Path::new(&file(&name)).exists(), "it is not ours");
        },
    );
}

/// S6: of several that open new memory at once one lays the segment into it; who finds a half laid one
/// begins again, once.
#[test]
fn it_is_laid_once() {
    processes(
        "segment_shmem::it_is_laid_once",
        3,
        |mut children| {
            for half_laid in [false, true] {
                let name = scratch::name("race");
                let memory = shmem(&name, 8192);
                if half_laid {
                    let killed =
                        std::fs::File::options().write(true).open(file(&name)).expect("open");
                    killed.write_all_at(b"ipcbuild\x01\0\0\0\x3c", 0).expect("as a killed builder");
                    killed.write_all_at(&[7; 100], 2000).expect("as a killed builder");
                }
                for child in &mut children {
                    child.tell(&name);
                }
                let sum: u64 =
                    children.iter_mut().map(|c| c.hear().parse::<u64>().expect("n")).sum();
                assert_eq!(sum, 3, "0, 1 and 2 in some order: zeroed once, and before all");
                for child in &mut children {
                    child.tell("on");
                    assert_eq!(child.hear(), "gone");
                }
                drop(memory);
            }
        },
        |mut parent, _| {
            use std::sync::atomic::Ordering;
            for _ in 0..2 {
                let segment = Segment::try_from(open(&parent.hear())).expect("the segment");
                let word = segment.atomic_u64(720).expect("inside");
                parent.tell(&word.fetch_add(1, Ordering::AcqRel).to_string());
                let _ = parent.hear();
                drop(segment);
                parent.tell("gone");
            }
        },
    );
}

/// X13: memory that holds something else, or that is too small, is refused and left alone.
#[test]
fn what_holds_something_else_is_left_alone() {
    alone("segment_shmem::what_holds_something_else_is_left_alone", || {
        let name = scratch::name("full");
        let memory = shmem(&name, 8192);
        let there =
            std::fs::File::options().read(true).write(true).open(file(&name)).expect("open");
        there.write_all_at(b"x", 60).expect("write");
        let before = std::fs::read(file(&name)).expect("read");
        assert!(matches!(Segment::try_from(open(&name)), Err(Error::Corrupt { .. })));
        assert_eq!(std::fs::read(file(&name)).expect("read"), before);
        drop(memory);
        let small = shmem(&scratch::name("small"), 100);
        assert!(matches!(Segment::try_from(small), Err(Error::Truncated { .. })));
        // The name means another memory by now.
        let name = scratch::name("swapped");
        let mut old = shmem(&name, 8192);
        old.set_owner(false);
        std::fs::remove_file(file(&name)).expect("remove");
        let new = shmem(&name, 8192);
        assert!(matches!(Segment::try_from(old), Err(Error::NotFound { .. })));
        drop(new);
    });
}

/// X4: the drop in a forked child takes nothing away.
#[test]
fn a_forked_child_takes_no_name_away() {
    alone("segment_shmem::a_forked_child_takes_no_name_away", || {
        let name = scratch::name("fork");
        let mut segment = Some(Segment::try_from(shmem(&name, 8192)).expect("a segment"));
        let done = fault::in_fork(|| {
            segment = None;
            true
        });
        assert!(done && std::path::Path::new(&file(&name)).exists());
        segment.expect("still ours").write_at(0, b"x").expect("write");
    });
}

/// A ring in memory that another crate made, and too little memory for one.
#[test]
fn a_ring_lies_over_a_shmem() {
    use ipc_shm::ring::{Options, Receiver, Sender};
    two_process(
        "segment_shmem::a_ring_lies_over_a_shmem",
        |mut child| {
            let name = scratch::name("shmem");
            let mut receiver: Receiver =
                Options::new().over(shmem(&name, 1 << 16)).expect("a ring");
            assert!((60_000..1 << 16).contains(&receiver.capacity()));
            child.tell(&name);
            for number in 0..1000_u32 {
                assert_eq!(receiver.recv().expect("receive"), number.to_le_bytes());
            }
            let end = receiver.recv();
            assert!(matches!(end, Err(Error::Closed { peer_died: false })), "{end:?}");
            let small = Options::new().over::<Sender>(shmem(&scratch::name("small"), 1024));
            assert!(small.is_err(), "{small:?}");
        },
        |mut parent| {
            let mut sender: Sender =
                Options::new().over(open(&parent.hear())).expect("the other end");
            for number in 0..1000_u32 {
                sender.send(&number.to_le_bytes()).expect("send");
            }
        },
    );
}
