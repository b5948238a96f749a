//! Which kernel facilities are in use, and which fallback is active.

use std::sync::OnceLock;

use crate::sys::posix;

/// What this system offers to the semaphores and locks. Everything works without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Features {
    /// `futex_waitv` (Linux 5.16) is there, and the C library keeps a semaphore as this crate knows
    /// it: a canceller ends the wait for a `NamedSemaphore` at once. Otherwise within 10 ms.
    pub wait_on_many: bool,
    /// The C library keeps a semaphore as this crate knows it, so `open` can tell one from other
    /// bytes. Otherwise it only looks at the owner, the type and the size of the file.
    pub known_semaphore: bool,
}

/// Asks the system which facilities this crate uses here. The answer is kept.
///
/// ```
/// println!("{:?}", ipc_sem::features());
/// ```
#[must_use]
pub fn features() -> Features {
    static FEATURES: OnceLock<Features> = OnceLock::new();
    *FEATURES.get_or_init(|| {
        let known_semaphore = posix::layout_is_known();
        let wait_on_many = known_semaphore && posix::has_waitv();
        if !wait_on_many {
            crate::log::warn(format_args!(
                "no wait on two futexes: a NamedSemaphore with a canceller looks up every 10 ms"
            ));
        }
        Features { wait_on_many, known_semaphore }
    })
}
