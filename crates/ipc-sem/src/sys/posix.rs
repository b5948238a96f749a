//! glibc's semaphores in a mapping, and a wait that a canceller can end.
#![expect(unsafe_code, reason = "glibc's sem_t has no safe form")]

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::futex;

use super::{Map, last_errno, monotonic_in};

unsafe extern "C" {
    /// glibc 2.30; the libc crate has no declaration of it.
    fn sem_clockwait(
        sem: *mut libc::sem_t,
        clock: libc::clockid_t,
        until: *const libc::timespec,
    ) -> libc::c_int;
}

/// Bytes of a semaphore and of its file.
pub(crate) const SIZE: usize = size_of::<libc::sem_t>();
/// The largest value.
pub(crate) const VALUE_MAX: u32 = i32::MAX.unsigned_abs();
/// One waiter, in glibc's 64-bit word: the value in the low half, the number of waiters in the high
/// half. `sem_post` makes a system call only if that is not 0.
const WAITER: u64 = 1 << 32;
/// In the 32-bit word after that one: shared between processes.
const SHARED: u32 = 128;

/// A `sem_t` at the start of a mapping of at least [`SIZE`] bytes.
#[derive(Debug)]
pub(crate) struct Sem(Map);

impl Sem {
    /// Makes a new semaphore in memory that nobody else sees yet.
    pub(crate) fn init(map: Map, value: u32) -> Result<Self, Errno> {
        let sem = Self(map);
        // SAFETY: `sem_init` writes a `sem_t`; the mapping holds one (`SIZE` bytes, page-aligned)
        // and lives as long as `sem`.
        match unsafe { libc::sem_init(sem.raw(), 1, value) } {
            0 => Ok(sem),
            _ => Err(last_errno()),
        }
    }

    /// Takes the one that is there.
    pub(crate) fn existing(map: Map) -> Self {
        Self(map)
    }

    fn raw(&self) -> *mut libc::sem_t {
        self.0.start().as_ptr().cast()
    }

    /// Takes one unit if there is one.
    #[inline]
    pub(crate) fn try_wait(&self) -> bool {
        // SAFETY: `sem_trywait` needs a semaphore; `init` made it or `open` checked that another
        // process did, and any bytes are a state that glibc can handle. The mapping lives.
        unsafe { libc::sem_trywait(self.raw()) == 0 }
    }

    /// Gives one unit back.
    #[inline]
    pub(crate) fn post(&self) -> Result<(), Errno> {
        // SAFETY: as in `try_wait`.
        if unsafe { libc::sem_post(self.raw()) } == 0 { Ok(()) } else { Err(last_errno()) }
    }

    /// The value now.
    pub(crate) fn value(&self) -> u32 {
        let mut value = 0;
        // SAFETY: as in `try_wait`; `value` is live and written.
        unsafe { libc::sem_getvalue(self.raw(), &raw mut value) };
        u32::try_from(value).unwrap_or(0)
    }

    /// Waits for a unit, at most for `time`. False: none came, or a signal handler ran.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        let until = monotonic_in(time);
        // SAFETY: as in `try_wait`; `until` is live, its nanoseconds are in range.
        unsafe { sem_clockwait(self.raw(), libc::CLOCK_MONOTONIC, &raw const until) == 0 }
    }

    /// The same, but also ends when `stop` is no longer 0. Only where [`has_waitv`].
    ///
    /// It is glibc's own wait with a second word to sleep on: count ourselves as a waiter, sleep
    /// while the value is 0, take one unit and the count back in one step. If this process is
    /// killed in between the count stays one too high, as it does with glibc's: posts then make a
    /// system call that they need not.
    pub(crate) fn wait_or(&self, stop: &AtomicU32, time: Duration) -> bool {
        let word = self.word();
        let deadline = ipc_core::Deadline::after(time);
        let mut seen = word.fetch_add(WAITER, Ordering::Relaxed) + WAITER;
        loop {
            if low(seen) != 0 {
                let taken = seen - WAITER - 1;
                match word.compare_exchange_weak(seen, taken, Ordering::Acquire, Ordering::Relaxed)
                {
                    Ok(_) => return true,
                    Err(now) => seen = now,
                }
                continue;
            }
            if stop.load(Ordering::Relaxed) != 0 || deadline.passed() {
                word.fetch_sub(WAITER, Ordering::Relaxed);
                return false;
            }
            let (sem, left) = (self.raw().cast(), deadline.slice(time));
            // Every outcome means: look again.
            let _ = wait_two(sem, stop, left);
            seen = word.load(Ordering::Relaxed);
        }
    }

    /// glibc's word of value and waiters. It is only ever used as 64 bits, here and there.
    fn word(&self) -> &AtomicU64 {
        // SAFETY: the mapping starts page-aligned, holds these 8 bytes, lives as long as `self`,
        // and everybody changes them atomically.
        unsafe { AtomicU64::from_ptr(self.0.start().as_ptr().cast()) }
    }

    /// Whether these bytes can be a semaphore that processes share. Only where [`layout_is_known`].
    pub(crate) fn is_plausible(&self) -> bool {
        // SAFETY: the mapping has `SIZE` bytes, which is more than 8.
        let behind = unsafe { self.0.start().add(8) };
        // SAFETY: the word behind the first one lies in the mapping, aligned; glibc never writes it
        // after `sem_init`, and we read it atomically.
        let shared = unsafe { AtomicU32::from_ptr(behind.as_ptr().cast()) };
        let value = low(self.word().load(Ordering::Relaxed));
        value <= VALUE_MAX && shared.load(Ordering::Relaxed) == SHARED
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
const fn low(word: u64) -> u32 {
    word as u32
}

/// Sleeps while the 32-bit word at `sem` and `stop` are both 0, at most for `time`.
fn wait_two(sem: *mut libc::c_void, stop: &AtomicU32, time: Duration) -> Result<usize, Errno> {
    let until = monotonic_in(time);
    let until = rustix::time::Timespec { tv_sec: until.tv_sec, tv_nsec: until.tv_nsec };
    let mut words = [futex::Wait::new(), futex::Wait::new()];
    words[0].uaddr = futex::WaitPtr::new(sem);
    words[0].flags = futex::WaitFlags::SIZE_U32;
    words[1].uaddr = futex::WaitPtr::new(stop.as_ptr().cast());
    words[1].flags = futex::WaitFlags::SIZE_U32 | futex::WaitFlags::PRIVATE;
    futex::waitv(
        &words,
        futex::WaitvFlags::empty(),
        Some(&until),
        rustix::thread::ClockId::Monotonic,
    )
}

/// Whether this kernel has `futex_waitv` and lets us call it.
pub(crate) fn has_waitv() -> bool {
    let set = AtomicU32::new(1);
    let zero = AtomicU32::new(0);
    // One word is not 0, so a kernel that knows the call says EAGAIN at once.
    wait_two(zero.as_ptr().cast(), &set, Duration::ZERO) == Err(Errno::AGAIN)
}

/// Whether glibc keeps a semaphore as this file thinks: asked of one that it just made.
pub(crate) fn layout_is_known() -> bool {
    let mut words = [u64::MAX; SIZE / 8];
    let sem: *mut libc::sem_t = words.as_mut_ptr().cast();
    // SAFETY: `sem_init` writes a `sem_t`; `words` has its size, and u64 its alignment.
    unsafe { libc::sem_init(sem, 1, 77) };
    // SAFETY: `sem` was initialised by the line above.
    unsafe { libc::sem_post(sem) };
    words[0] == 78 && low(words[1]) == SHARED
}
