//! What the tests of the life table share: a segment with two locks and some words in it.
#![expect(unsafe_code, reason = "turns places in a segment into references")]

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ipc_core::Wait;
use ipc_core::life::OwnerId;
use ipc_core::lock::{LockFault, Locked, RawLock};
use ipc_core::name::Name;
use ipc_core::segment::{Access, Segment, Spec};
use rustix::process::Pid;
use rustix::thread::UnshareFlags;

/// What lives in the body.
#[repr(C)]
pub(crate) struct Shared {
    pub(crate) lock: RawLock,
    pub(crate) spare: RawLock,
    pub(crate) count: [AtomicU32; 14],
}

pub(crate) const SPEC: Spec = Spec::new(0x1234, 0x5678, size_of::<Shared>());

/// Where the parts of a segment with 60 slots stand.
const DEATHS: usize = 128;
const TABLE: usize = 256;
const BODY: usize = 1280;

/// This process's view of it.
pub(crate) struct World(pub(crate) Segment);

pub(crate) fn named(name: &str) -> Name {
    Name::new(name, 200).expect("a plain name")
}

impl World {
    /// Opens the segment or makes it.
    pub(crate) fn join(name: &str) -> Self {
        let access = Access::default();
        Self(Segment::open_or_create(&named(name), &SPEC, &access, |_| {}).expect("join"))
    }

    pub(crate) fn shared(&self) -> &Shared {
        let place = self.0.get::<[u32; 16]>(0).expect("the body is large enough");
        // SAFETY: the place is inside the mapping, which `self` keeps, aligned, and of the size of
        // `Shared`, all of whose fields are atomics for which any pattern is valid.
        unsafe { place.cast::<Shared>().as_ref() }
    }

    pub(crate) fn lock(&self) -> Result<Locked, LockFault> {
        self.lock_within(Duration::from_secs(5))
    }

    pub(crate) fn lock_within(&self, time: Duration) -> Result<Locked, LockFault> {
        self.shared().lock.lock(self.0.members(), Wait::timeout(time), None)
    }

    pub(crate) fn unlock(&self) {
        self.shared().lock.unlock(self.0.members());
    }

    /// The word of the lock, to do to it what a dying process leaves behind.
    pub(crate) fn word(&self) -> &AtomicU32 {
        let lock: *const RawLock = &raw const self.shared().lock;
        // SAFETY: `RawLock` is a transparent `AtomicU32`, borrowed from the segment that `self` keeps.
        unsafe { &*lock.cast() }
    }

    /// What `lock` said, in a word.
    pub(crate) fn verdict(&self) -> String {
        match self.lock() {
            Ok(Locked::Clean) => "clean".into(),
            Ok(Locked::OwnerDied(_)) => "owner died".into(),
            Err(fault) => format!("{fault:?}"),
        }
    }

    /// The TID in an owner's slot, as its own PID namespace counts.
    pub(crate) fn tid_of(&self, owner: OwnerId) -> u32 {
        u32::try_from(self.control_word(TABLE + owner.slot() * 16) & 0x3fff_ffff).expect("a half")
    }

    /// All that others can see: the control part and the lock.
    pub(crate) fn picture(&self) -> Vec<u64> {
        let lock = u64::from(self.word().load(Ordering::Relaxed));
        (DEATHS..BODY).step_by(8).map(|at| self.control_word(at)).chain([lock]).collect()
    }

    fn control_word(&self, at: usize) -> u64 {
        assert!(at < BODY);
        // SAFETY: the body stands `BODY` bytes behind the start of the mapping: the place is in it.
        let place = unsafe { self.0.body().sub(BODY - at) };
        // SAFETY: 8 bytes, aligned, that only atomics of at least this process's size write; `self`
        // keeps the mapping.
        unsafe { place.cast::<AtomicU64>().as_ref() }.load(Ordering::Relaxed)
    }
}

/// Waits until a thread of a process, other than its keeper, sleeps in `futex_waitv(2)`.
pub(crate) fn until_asleep(pid: Pid) {
    let since = Instant::now();
    while !sleeps(pid.as_raw_nonzero().get()) {
        assert!(since.elapsed() < Duration::from_secs(5), "it never sleeps");
        std::thread::yield_now();
    }
}

fn sleeps(pid: i32) -> bool {
    let waitv = format!("{} ", libc::SYS_futex_waitv);
    threads(pid).into_iter().any(|(thread, name)| {
        let call = std::fs::read_to_string(format!("/proc/{pid}/task/{thread}/syscall"));
        name != KEEPER && call.is_ok_and(|call| call.starts_with(&waitv))
    })
}

/// Gives the calling thread namespaces of its own.
pub(crate) fn unshare(namespaces: UnshareFlags) -> rustix::io::Result<()> {
    // SAFETY: no namespace flag takes the descriptor table or memory apart.
    unsafe { rustix::thread::unshare_unsafe(namespaces) }
}

/// The name of the keeper thread.
pub(crate) const KEEPER: &str = "ipc-keeper";

/// The threads of a process: number and name.
pub(crate) fn threads(pid: i32) -> Vec<(u32, String)> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("its threads");
    tasks
        .filter_map(|task| {
            let number = task.ok()?.file_name().to_str()?.parse().ok()?;
            let name = std::fs::read_to_string(format!("/proc/{pid}/task/{number}/comm")).ok()?;
            Some((number, name.trim_end().to_owned()))
        })
        .collect()
}

/// Calls the C library's `setuid`, which reaches every thread, with the user we are.
pub(crate) fn set_user_to_itself() {
    let user = rustix::process::getuid().as_raw();
    // SAFETY: it takes a number.
    assert_eq!(unsafe { libc::setuid(user) }, 0);
}
