//! Which kernel facilities are in use, and which fallback is active.

use ipc_core::pipe_end;

/// What this kernel offers to FIFOs, and how it guards them. Everything works without; it costs more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Features {
    /// Writes carry `RWF_NOSIGNAL` (Linux 6.18). Otherwise SIGPIPE is blocked in the writing thread
    /// for the length of each write: three more system calls, four when nobody reads.
    pub no_signal: bool,
    /// `/proc/sys/fs/protected_fifos`, if it can be read. Nothing here depends on it: it guards
    /// programs that open with `O_CREAT`, which this crate never does.
    pub protected_fifos: Option<u8>,
    /// `/proc/sys/fs/protected_symlinks`, if it can be read. A link at the FIFO's own name is refused
    /// whatever it says; links among the directories before it are followed as it says.
    pub protected_symlinks: Option<u8>,
}

/// Asks the kernel which facilities this crate uses here.
///
/// # Examples
/// ```
/// println!("{:?}", ipc_fifo::features());
/// ```
#[must_use]
pub fn features() -> Features {
    Features {
        no_signal: pipe_end::has_nosignal(),
        protected_fifos: sysctl("/proc/sys/fs/protected_fifos"),
        protected_symlinks: sysctl("/proc/sys/fs/protected_symlinks"),
    }
}

fn sysctl(file: &str) -> Option<u8> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}
