//! Which kernel facilities are in use, and which fallback is active.

use ipc_core::pipe_end;

use crate::sys::process::tells_exit;

/// What this kernel offers to signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Features {
    /// Writes to pipes carry `RWF_NOSIGNAL` (Linux 6.18). Otherwise a handler that wakes through a pipe
    /// blocks SIGPIPE around the write: three more system calls.
    pub no_signal: bool,
    /// A pidfd tells the exit status of processes that are not our children (Linux 6.15). Otherwise
    /// [`Exit::status`](crate::Exit::status) is `None` for them.
    pub exit_status: bool,
}

/// Asks the kernel which facilities this crate uses here.
///
/// ```
/// println!("{:?}", ipc_signal::features());
/// ```
#[must_use]
pub fn features() -> Features {
    let release = rustix::system::uname();
    let release = release.release().to_string_lossy();
    Features { no_signal: pipe_end::has_nosignal(), exit_status: tells_exit(&release) }
}
