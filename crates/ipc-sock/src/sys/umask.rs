//! A umask for one thread.

use rustix::io::Errno;

/// Gives the calling thread a umask of its own, and makes it 0.
pub(crate) fn private_umask_of_zero() -> Result<(), Errno> {
    // SAFETY: only `CLONE_FILES` has duties (descriptor tables); this is `CLONE_FS`.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::FS) }?;
    rustix::process::umask(rustix::fs::Mode::empty());
    Ok(())
}
