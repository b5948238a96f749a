//! The bell between two processes: woken when rung, and not stranded when the ringer died.
#![expect(unsafe_code, reason = "a bell lives in memory that two processes share")]

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ipc_core::Deadline;
use ipc_core::wait::{Bell, SLICE, Spin};
use ipc_devkit::two_process;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// What the two processes share: a bell, and what it is rung for.
#[repr(C)]
struct Shared {
    bell: Bell,
    turn: AtomicU32,
}

struct Map(*mut Shared);

const SIZE: usize = 4096;

impl Map {
    fn create() -> (Self, OwnedFd) {
        let fd = memfd_create("bell", MemfdFlags::CLOEXEC).expect("create memory");
        ftruncate(&fd, SIZE as u64).expect("size it");
        (Self::of(&fd), fd)
    }

    fn of(fd: &impl AsFd) -> Self {
        let flags = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: a null hint lets the kernel choose, so no mapping of ours is replaced.
        let at = unsafe { mmap(std::ptr::null_mut(), SIZE, flags.0, flags.1, fd, 0) };
        Self(at.expect("map").cast())
    }

    fn get(&self) -> &Shared {
        // SAFETY: `of` mapped a page there, which `Drop` unmaps after every borrow of `self` has
        // ended; it is page-aligned, zeroes are valid, and both fields are atomics.
        unsafe { &*self.0 }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: `of` mapped these bytes and no borrow of `self` is left.
        unsafe { munmap(self.0.cast(), SIZE) }.expect("unmap");
    }
}

#[test]
fn two_processes_take_turns() {
    const TURNS: u32 = 2_000;
    let play = |shared: &Shared, mine: u32| {
        let mut spin = Spin::new(true);
        for turn in (mine..TURNS).step_by(2) {
            let ready = || shared.turn.load(Ordering::Acquire) == turn;
            assert!(shared.bell.wait(&mut spin, Deadline::NEVER, ready));
            shared.turn.store(turn + 1, Ordering::Release);
            shared.bell.ring();
        }
    };
    two_process(
        "bell::two_processes_take_turns",
        |mut child| {
            let (map, fd) = Map::create();
            child.give(&fd);
            play(map.get(), 0);
            assert_eq!(child.hear(), "done");
            assert_eq!(map.get().turn.load(Ordering::Acquire), TURNS);
        },
        |mut parent| {
            let map = Map::of(&parent.take());
            play(map.get(), 1);
            parent.tell("done");
        },
    );
}

/// M8: a ringer killed between counting its ring and waking: the slice ends the sleep.
#[test]
fn a_ringer_killed_before_its_wake_strands_nobody() {
    two_process(
        "bell::a_ringer_killed_before_its_wake_strands_nobody",
        |mut child| {
            let (map, fd) = Map::create();
            child.give(&fd);
            let shared = map.get();
            while !shared.bell.announced() {
                std::thread::yield_now();
            }
            // What the ringer does up to the instruction at which it dies: publish, count the ring,
            // and not wake anybody.
            let died = Instant::now();
            shared.turn.store(1, Ordering::Release);
            count_a_ring(&shared.bell);
            assert_eq!(child.hear(), "saw it");
            assert!(died.elapsed() < SLICE + Duration::from_secs(2), "{:?}", died.elapsed());
        },
        |mut parent| {
            let map = Map::of(&parent.take());
            let shared = map.get();
            let ready = || shared.turn.load(Ordering::Acquire) == 1;
            assert!(shared.bell.wait(&mut Spin::new(true), Deadline::NEVER, ready));
            parent.tell("saw it");
        },
    );
}

/// Adds one to the bell's word, which is odd, without waking.
fn count_a_ring(bell: &Bell) {
    // SAFETY: `Bell` is a transparent `AtomicU32`, and the reference comes from a live bell.
    let word = unsafe { &*std::ptr::from_ref(bell).cast::<AtomicU32>() };
    word.fetch_add(1, Ordering::Release);
}
