//! glibc's robust mutexes between processes.
#![expect(unsafe_code, reason = "glibc's pthread_mutex_t has no safe form")]

use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::time::Duration;

use rustix::io::Errno;

use super::monotonic_in;

unsafe extern "C" {
    /// glibc 2.30; the libc crate has no declaration of it.
    fn pthread_mutex_clocklock(
        mutex: *mut libc::pthread_mutex_t,
        clock: libc::clockid_t,
        until: *const libc::timespec,
    ) -> libc::c_int;
}

/// Bytes of a mutex.
pub(crate) const SIZE: usize = size_of::<libc::pthread_mutex_t>();
/// What its address must be a multiple of.
pub(crate) const ALIGN: usize = align_of::<libc::pthread_mutex_t>();

/// A robust mutex at an address that stays valid as long as this is used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw(NonNull<libc::pthread_mutex_t>);

// SAFETY: a process-shared mutex may be used by every thread of every process.
unsafe impl Send for Raw {}
// SAFETY: as above.
unsafe impl Sync for Raw {}

/// How a lock was got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    Clean,
    OwnerDied,
}

impl Raw {
    /// # Safety
    /// - `place` holds a `pthread_mutex_t`, aligned, that is or will be initialised by [`Self::init`]
    ///   or by C as robust and process-shared before any other call;
    /// - it stays mapped while this or a copy is used, and while a thread of ours holds it.
    pub(crate) unsafe fn at(place: NonNull<u8>) -> Self {
        Self(place.cast())
    }

    /// Makes a new, unlocked mutex: robust, process-shared, refusing to be locked twice.
    pub(crate) fn init(self, inherit_priority: bool) -> Result<(), Errno> {
        let mut attributes = MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
        let raw = attributes.as_mut_ptr();
        // SAFETY: it writes the whole object, which is live.
        check(unsafe { libc::pthread_mutexattr_init(raw) })?;
        // SAFETY: `raw` was initialised above; the value is one that the call knows.
        check(unsafe { libc::pthread_mutexattr_setpshared(raw, libc::PTHREAD_PROCESS_SHARED) })?;
        // SAFETY: as above.
        check(unsafe { libc::pthread_mutexattr_setrobust(raw, libc::PTHREAD_MUTEX_ROBUST) })?;
        // SAFETY: as above.
        check(unsafe { libc::pthread_mutexattr_settype(raw, libc::PTHREAD_MUTEX_ERRORCHECK) })?;
        if inherit_priority {
            // SAFETY: as above.
            check(unsafe { libc::pthread_mutexattr_setprotocol(raw, libc::PTHREAD_PRIO_INHERIT) })?;
        }
        // SAFETY: the place is a mutex's by the duty of `at`, and nobody uses it yet; the
        // attributes are initialised.
        let done = check(unsafe { libc::pthread_mutex_init(self.0.as_ptr(), raw) });
        // SAFETY: initialised above, not used afterwards.
        unsafe { libc::pthread_mutexattr_destroy(raw) };
        done
    }

    /// Locks it if it is free: `ETIMEDOUT` if not.
    ///
    /// Not by `pthread_mutex_trylock`: that of glibc (2.36 at least) takes a mutex that is not
    /// recoverable, says so, and leaves it locked, so that the next locker hangs.
    #[inline]
    pub(crate) fn try_lock(self) -> Result<Got, Errno> {
        let (clock, past) = (libc::CLOCK_MONOTONIC, libc::timespec { tv_sec: 0, tv_nsec: 0 });
        // SAFETY: an initialised mutex at a valid address, by the duty of `at`; `past` is live.
        got(unsafe { pthread_mutex_clocklock(self.0.as_ptr(), clock, &raw const past) })
    }

    /// Locks it, waiting at most for `time`: `ETIMEDOUT` then.
    pub(crate) fn lock(self, time: Duration) -> Result<Got, Errno> {
        let until = monotonic_in(time);
        let clock = libc::CLOCK_MONOTONIC;
        // SAFETY: as in `try_lock`; `until` is live, its nanoseconds are in range.
        got(unsafe { pthread_mutex_clocklock(self.0.as_ptr(), clock, &raw const until) })
    }

    /// Unlocks it; a thread that does not hold it gets `EPERM`.
    #[inline]
    pub(crate) fn unlock(self) -> Result<(), Errno> {
        // SAFETY: as in `try_lock`; robust mutexes check who calls.
        check(unsafe { libc::pthread_mutex_unlock(self.0.as_ptr()) })
    }

    /// Marks it usable again after its owner died; for the thread that holds it.
    pub(crate) fn mark_consistent(self) -> Result<(), Errno> {
        // SAFETY: as in `try_lock`.
        check(unsafe { libc::pthread_mutex_consistent(self.0.as_ptr()) })
    }
}

fn got(result: libc::c_int) -> Result<Got, Errno> {
    match result {
        0 => Ok(Got::Clean),
        libc::EOWNERDEAD => Ok(Got::OwnerDied),
        number => Err(Errno::from_raw_os_error(number)),
    }
}

fn check(result: libc::c_int) -> Result<(), Errno> {
    if result == 0 { Ok(()) } else { Err(Errno::from_raw_os_error(result)) }
}
