//! Which kernel facilities are in use, and which fallback is active.

use ipc_core::fence;
use ipc_core::life::sleep::has_waitv;

/// What this kernel offers to shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Features {
    /// Senders need no fence: `membarrier(2)` (kernel 4.16). Without it every send has one, and
    /// sleepers look every 100 ms.
    pub asymmetric_fence: bool,
    /// Sleepers hear of deaths at once: `futex_waitv(2)` (kernel 5.16). Without it they look every
    /// 100 ms.
    pub waitv: bool,
    /// The [guard](crate::guard) is installed. Without it, named segments and files are read and written
    /// by system calls.
    pub guard: bool,
}

/// Asks the kernel which facilities this crate uses here.
///
/// ```
/// println!("{:?}", ipc_shm::features());
/// ```
#[must_use]
pub fn features() -> Features {
    let fence = fence::support();
    Features {
        asymmetric_fence: fence.registered && fence.can_send,
        waitv: has_waitv(),
        guard: crate::guard::installed(),
    }
}
