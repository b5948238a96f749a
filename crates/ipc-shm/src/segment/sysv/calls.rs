//! The four calls of System V shared memory.
#![expect(unsafe_code, reason = "rustix has no System V shared memory")]

use std::ptr::NonNull;

use rustix::io::Errno;

use crate::segment::place::Range;

/// `shmctl` commands that the libc crate has not.
const SHM_INFO: libc::c_int = 14;
const SHM_DEST: u32 = 0o1000;

/// What `SHM_INFO` tells: `struct shm_info` of the kernel.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used {
    pub(super) segments: i32,
    pub(super) pages: u64,
    _resident: u64,
    _swapped: u64,
    _attempts: u64,
    _successes: u64,
}

/// What the kernel knows about a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Info {
    pub(super) key: i32,
    pub(super) uid: u32,
    pub(super) creator: u32,
    pub(super) mode: u32,
    pub(super) removed: bool,
    pub(super) size: usize,
    pub(super) attached: u64,
    pub(super) made_by: i32,
    pub(super) last_by: i32,
}

pub(super) fn get(key: i32, size: usize, flags: i32) -> Result<i32, Errno> {
    // SAFETY: it takes three numbers.
    result(unsafe { libc::shmget(key, size, flags) })
}

pub(super) fn remove(id: i32) -> Result<(), Errno> {
    // SAFETY: `IPC_RMID` looks at no buffer.
    result(unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) }).map(drop)
}

pub(super) fn info(id: i32) -> Result<Info, Errno> {
    let stat = stat(id)?;
    let mode = u32::from(stat.shm_perm.mode);
    Ok(Info {
        key: stat.shm_perm.__key,
        uid: stat.shm_perm.uid,
        creator: stat.shm_perm.cuid,
        mode: mode & 0o777,
        removed: mode & SHM_DEST != 0,
        size: stat.shm_segsz,
        attached: stat.shm_nattch,
        made_by: stat.shm_cpid,
        last_by: stat.shm_lpid,
    })
}

/// Gives it another mode.
pub(super) fn set_mode(id: i32, mode: u32) -> Result<(), Errno> {
    let mut stat = stat(id)?;
    // The type of this field differs between architectures.
    stat.shm_perm.mode = mode.try_into().map_err(|_| Errno::INVAL)?;
    // SAFETY: `IPC_SET` reads one `shmid_ds`, which is live.
    result(unsafe { libc::shmctl(id, libc::IPC_SET, &raw mut stat) }).map(drop)
}

fn stat(id: i32) -> Result<libc::shmid_ds, Errno> {
    // SAFETY: a plain C struct of integers, for which zeroes are valid.
    let mut stat: libc::shmid_ds = unsafe { std::mem::zeroed() };
    // SAFETY: `IPC_STAT` writes one `shmid_ds`, which is live.
    result(unsafe { libc::shmctl(id, libc::IPC_STAT, &raw mut stat) })?;
    Ok(stat)
}

/// How much of the limits of this IPC namespace is used.
pub(super) fn used() -> Result<Used, Errno> {
    let mut used = Used::default();
    // SAFETY: `SHM_INFO` writes one `shm_info`, whatever type the C library declares.
    result(unsafe { libc::shmctl(0, SHM_INFO, (&raw mut used).cast()) })?;
    Ok(used)
}

/// An attached segment. Detached when this is dropped, but not in a forked child.
#[derive(Debug)]
pub(super) struct Attached(NonNull<u8>);

// SAFETY: the mapping belongs to the process, not to a thread.
unsafe impl Send for Attached {}
// SAFETY: it is only kept; its bytes are reached by a `Range`.
unsafe impl Sync for Attached {}

impl Attached {
    pub(super) fn new(id: i32, read_only: bool) -> Result<Self, Errno> {
        let flags = if read_only { libc::SHM_RDONLY } else { 0 };
        // SAFETY: a null address lets the kernel choose, so no mapping of ours is replaced.
        let base = unsafe { libc::shmat(id, std::ptr::null(), flags) };
        if base.addr() == usize::MAX {
            return Err(last_errno());
        }
        NonNull::new(base.cast()).map(Self).ok_or(Errno::NOMEM)
    }

    pub(super) fn base(&self) -> NonNull<u8> {
        self.0
    }

    /// Its bytes; `size` is what the kernel told of it after it was attached, and does not change.
    pub(super) fn range(&self, size: usize) -> Range {
        // SAFETY: the kernel mapped all of it; the caller keeps `self` beside the range.
        unsafe { Range::new(self.0, size) }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        if !ipc_core::segment::forked() {
            // SAFETY: `new` attached it, and nobody borrows it any more.
            unsafe { libc::shmdt(self.0.as_ptr().cast()) };
        }
    }
}

fn result(value: libc::c_int) -> Result<i32, Errno> {
    if value < 0 { Err(last_errno()) } else { Ok(value) }
}

fn last_errno() -> Errno {
    let code = std::io::Error::last_os_error().raw_os_error();
    code.map_or(Errno::IO, Errno::from_raw_os_error)
}
