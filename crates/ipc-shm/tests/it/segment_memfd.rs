//! Segments without a name: sealed before their descriptor leaves, and passed on.

use std::os::fd::{AsFd, OwnedFd};

use ipc_devkit::{alone, fault, two_process};
use ipc_shm::{Error, Sealed, Segment, SegmentOptions, SysvSegment};
use rustix::io::Errno;

use crate::world::errno;

/// S1: whoever gets the descriptor can neither shrink nor grow it, nor seal it further.
#[test]
fn a_peer_cannot_change_its_size() {
    two_process(
        "segment_memfd::a_peer_cannot_change_its_size",
        |mut child| {
            let segment = Segment::anonymous(100_000).expect("anonymous");
            let wanted = Sealed::SHRINK | Sealed::GROW | Sealed::SEAL;
            assert!(segment.sealed().expect("seals").contains(wanted));
            child.give(&segment);
            assert_eq!(child.hear(), "done");
            let mut text = [0; 5];
            segment.read_at(99_995, &mut text).expect("read");
            assert_eq!(&text, b"hello");
        },
        |mut parent| {
            let fd = parent.take();
            for size in [0, 4096, 1 << 20] {
                assert_eq!(rustix::fs::ftruncate(&fd, size), Err(Errno::PERM));
            }
            let segment = Segment::try_from(fd).expect("from the descriptor");
            assert_eq!(errno(segment.seal(Sealed::FUTURE_WRITE)), Some(libc::EPERM));
            segment.write_at(99_995, b"hello").expect("write");
            parent.tell("done");
        },
    );
}

/// S1: a kernel that does not know `MFD_NOEXEC_SEAL` still gives sealed memory.
#[test]
fn an_older_kernel_seals_as_well() {
    alone("segment_memfd::an_older_kernel_seals_as_well", || {
        const NOEXEC_SEAL: u32 = 8;
        fault::deny_syscall_flags(libc::SYS_memfd_create, 1, NOEXEC_SEAL, libc::EINVAL);
        let segment = Segment::anonymous(10).expect("anonymous");
        assert!(segment.sealed().expect("seals").contains(Sealed::SHRINK | Sealed::GROW));
    });
}

#[test]
fn a_segment_goes_through_its_descriptor() {
    alone("segment_memfd::a_segment_goes_through_its_descriptor", || {
        let segment = Segment::anonymous(64).expect("anonymous");
        segment.write_at(0, b"kept").expect("write");
        let fd = OwnedFd::from(segment);
        let again = Segment::from_fd(fd.try_clone().expect("dup")).expect("open");
        assert_eq!(again.peers(), Some(1), "the first one left its place");
        let both = Segment::from_fd(fd).expect("open");
        assert_eq!(both.peers(), Some(2));
        let mut text = [0; 4];
        both.read_at(0, &mut text).expect("read");
        assert_eq!(&text, b"kept");
        // No name can be sealed, or is.
        let named = crate::world::Named::new("seal");
        let file = Segment::create(&named.0, 1).expect("create");
        assert!(file.sealed().is_ok_and(|seals| !seals.contains(Sealed::SHRINK)));
        assert_eq!(errno(file.seal(Sealed::SHRINK)), Some(libc::EPERM));
    });
}

/// A full table of places is `TooManyPeers`, with its size.
#[test]
fn places_are_limited() {
    alone("segment_memfd::places_are_limited", || {
        let one = SegmentOptions::new().size(1).peers(2).anonymous().expect("anonymous");
        let copy = || one.as_fd().try_clone_to_owned().expect("dup");
        let two = Segment::from_fd(copy()).expect("the second place");
        assert!(matches!(Segment::from_fd(copy()), Err(Error::TooManyPeers { slots: 2, .. })));
        drop(two);
        drop(Segment::from_fd(copy()).expect("free again"));
        for peers in [0, 241] {
            let made = SegmentOptions::new().peers(peers).anonymous();
            assert!(matches!(made, Err(Error::InvalidInput { .. })));
        }
    });
}

#[test]
fn handles_may_move_between_threads() {
    fn both<T: Send + Sync + std::fmt::Debug>() {}
    both::<Segment>();
    both::<SysvSegment>();
    both::<SegmentOptions>();
    both::<ipc_shm::Cell<'static, u64>>();
    both::<(ipc_shm::Key, ipc_shm::SysvStat, Sealed, ipc_shm::Huge)>();
}
