//! Which kernel facilities are in use, and which fallback is active.

use std::path::Path;

use rustix::io::Errno;

use crate::sys::{mq, msg};

/// What this kernel offers to message queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Features {
    /// POSIX queues exist (`CONFIG_POSIX_MQUEUE`).
    pub posix: bool,
    /// System V queues exist (`CONFIG_SYSVIPC`).
    pub sysv: bool,
    /// [`sysv::Queue::peek`](crate::sysv::Queue::peek) works (`MSG_COPY`, `CONFIG_CHECKPOINT_RESTORE`).
    pub peek: bool,
    /// Companion files can be kept in `/dev/shm`, so `reclaim_stale` can work.
    pub reclaim: bool,
}

/// Asks the kernel which facilities this crate uses here. It changes nothing.
///
/// ```
/// println!("{:?}", ipc_mq::features());
/// ```
#[must_use]
pub fn features() -> Features {
    let missing = |result: Result<_, Errno>| result == Err(Errno::NOSYS);
    Features {
        posix: !missing(mq::unlink(c"/").map(drop)),
        sysv: !missing(msg::stat(-1).map(drop)),
        // No queue has this id. A kernel without the flag says so before it looks for the queue.
        peek: !missing(
            msg::recv_large(i32::MAX, 0, 0, libc::MSG_COPY | libc::IPC_NOWAIT).map(drop),
        ),
        reclaim: Path::new(crate::posix::COMPANIONS).is_dir(),
    }
}
