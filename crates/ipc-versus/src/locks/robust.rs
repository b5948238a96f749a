//! glibc's robust mutex, shared between processes: `pthread_mutex_lock` and `_unlock`.
#![expect(unsafe_code, reason = "the calls of the C library are what is measured")]

use std::io;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

use super::{Both, Counts, Lock};
use crate::ends::Ready;

/// The mutex, and right behind it what it protects.
#[repr(C, align(64))]
struct Shared {
    mutex: libc::pthread_mutex_t,
    counts: Counts,
}

/// A mutex on a page that lives as long as the bench.
pub struct Robust(NonNull<Shared>);

impl std::fmt::Debug for Robust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Robust").finish_non_exhaustive()
    }
}

/// The mutex for either half; its page crosses the fork.
///
/// # Errors
/// There is no memory.
pub fn robust() -> io::Result<Both<Ready<Robust>>> {
    let access = ProtFlags::READ | ProtFlags::WRITE;
    let flags = MapFlags::SHARED | MapFlags::POPULATE;
    // SAFETY: with a null hint the kernel chooses a place where nothing is.
    let page = unsafe { mmap_anonymous(std::ptr::null_mut(), size_of::<Shared>(), access, flags) }?;
    let shared = NonNull::new(page.cast::<Shared>()).ok_or(io::ErrorKind::Other)?;
    // SAFETY: the page has room for a `Shared`, is aligned for it, and is never unmapped.
    let mutex = unsafe { &raw mut (*shared.as_ptr()).mutex };
    let mut attributes = MaybeUninit::uninit();
    let raw = attributes.as_mut_ptr();
    // SAFETY: it writes the attributes, which are live.
    check(unsafe { libc::pthread_mutexattr_init(raw) })?;
    // SAFETY: initialised above; the value is one that the call knows.
    check(unsafe { libc::pthread_mutexattr_setpshared(raw, libc::PTHREAD_PROCESS_SHARED) })?;
    // SAFETY: as above.
    check(unsafe { libc::pthread_mutexattr_setrobust(raw, libc::PTHREAD_MUTEX_ROBUST) })?;
    // SAFETY: it writes the mutex, which nobody else has yet.
    check(unsafe { libc::pthread_mutex_init(mutex, raw) })?;
    Ok((Ready(Robust(shared)), Ready(Robust(shared))))
}

impl Lock for Robust {
    #[inline]
    fn with<R>(&self, work: impl FnOnce(&mut Counts) -> R) -> io::Result<R> {
        // SAFETY: `robust` mapped it, and it is never unmapped.
        let mutex = unsafe { &raw mut (*self.0.as_ptr()).mutex };
        // SAFETY: `robust` initialised it.
        check(unsafe { libc::pthread_mutex_lock(mutex) })?;
        // SAFETY: mapped as above; whoever holds the mutex is the only one to use the counts, and any
        // bytes are counts.
        let counts = unsafe { &mut (*self.0.as_ptr()).counts };
        let result = work(counts);
        // SAFETY: this thread holds it.
        check(unsafe { libc::pthread_mutex_unlock(mutex) })?;
        Ok(result)
    }
}

/// The calls return an error number.
#[inline]
fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(result)) }
}
