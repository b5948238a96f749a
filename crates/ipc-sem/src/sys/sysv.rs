//! The four calls of System V semaphores.
#![expect(unsafe_code, reason = "rustix has no System V semaphores")]

use std::time::Duration;

use rustix::io::Errno;

use super::last_errno;

unsafe extern "C" {
    /// The libc crate has no declaration of it for glibc.
    fn semtimedop(
        id: libc::c_int,
        ops: *mut libc::sembuf,
        count: libc::size_t,
        time: *const libc::timespec,
    ) -> libc::c_int;
}

/// One operation of an atomic group.
pub(crate) type Op = libc::sembuf;

/// What the kernel knows about a set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Info {
    pub(crate) key: i32,
    pub(crate) uid: u32,
    pub(crate) mode: u32,
    pub(crate) otime: i64,
    pub(crate) ctime: i64,
    pub(crate) count: usize,
}

pub(crate) fn get(key: i32, count: usize, flags: i32) -> Result<i32, Errno> {
    let count = i32::try_from(count).map_err(|_| Errno::INVAL)?;
    // SAFETY: `semget` takes three numbers.
    result(unsafe { libc::semget(key, count, flags) })
}

/// Does all operations at once or none; each says by `IPC_NOWAIT` that it does not wait.
#[inline(always)]
pub(crate) fn apply_now(id: i32, ops: &mut [Op]) -> Result<(), Errno> {
    // SAFETY: the kernel reads `ops.len()` operations, which are live.
    let done = unsafe { libc::semop(id, ops.as_mut_ptr(), ops.len()) };
    if done == 0 { Ok(()) } else { Err(last_errno()) }
}

/// Does all operations at once or none, waiting at most for `time`.
pub(crate) fn apply(id: i32, ops: &mut [Op], time: Duration) -> Result<(), Errno> {
    let time = libc::timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(time.subsec_nanos()),
    };
    // SAFETY: the kernel reads `ops.len()` operations and the time, all live.
    result(unsafe { semtimedop(id, ops.as_mut_ptr(), ops.len(), &raw const time) }).map(drop)
}

/// `GETVAL`, `GETPID`, `GETNCNT`, `GETZCNT`: a number of one semaphore.
pub(crate) fn number(id: i32, index: u16, command: i32) -> Result<i32, Errno> {
    // SAFETY: these commands take no fourth argument.
    result(unsafe { libc::semctl(id, i32::from(index), command) })
}

pub(crate) fn set_value(id: i32, index: u16, value: u16) -> Result<(), Errno> {
    let value = libc::c_ulong::from(value);
    // SAFETY: `SETVAL` takes the value as its fourth argument; the union of C travels as one word.
    result(unsafe { libc::semctl(id, i32::from(index), libc::SETVAL, value) }).map(drop)
}

/// The most semaphores that a set can have: operations number them with 16 bits.
const MOST: usize = 1 << 16;

/// All values at one instant; the set has `count` of them.
pub(crate) fn values(id: i32, count: usize) -> Result<Vec<u16>, Errno> {
    let mut values = vec![0u16; MOST];
    // SAFETY: `GETALL` writes one `unsigned short` a semaphore. There is room for the largest set,
    // so it does not matter that the one behind `id` may have been replaced a moment ago.
    result(unsafe { libc::semctl(id, 0, libc::GETALL, values.as_mut_ptr()) })?;
    values.truncate(count);
    values.shrink_to_fit();
    Ok(values)
}

pub(crate) fn remove(id: i32) -> Result<(), Errno> {
    // SAFETY: `IPC_RMID` takes no fourth argument.
    result(unsafe { libc::semctl(id, 0, libc::IPC_RMID) }).map(drop)
}

pub(crate) fn info(id: i32) -> Result<Info, Errno> {
    // SAFETY: a plain C struct of integers, for which zeroes are valid.
    let mut stat: libc::semid_ds = unsafe { std::mem::zeroed() };
    // SAFETY: `IPC_STAT` writes one `semid_ds`, which is live.
    result(unsafe { libc::semctl(id, 0, libc::IPC_STAT, &raw mut stat) })?;
    Ok(Info {
        key: stat.sem_perm.__key,
        uid: stat.sem_perm.uid,
        mode: u32::from(stat.sem_perm.mode),
        otime: stat.sem_otime,
        ctime: stat.sem_ctime,
        count: usize::try_from(stat.sem_nsems).unwrap_or(0),
    })
}

fn result(value: libc::c_int) -> Result<i32, Errno> {
    if value < 0 { Err(last_errno()) } else { Ok(value) }
}
