//! Which kernel facilities are in use, and which fallback is active.

use ipc_core::pipe_end;

/// What this kernel offers to pipes. Everything works without; it costs more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Features {
    /// Writes carry `RWF_NOSIGNAL` (Linux 6.18). Otherwise each write asks first whether SIGPIPE is
    /// ignored, as it is in Rust programs: one more system call. If it is not, it is blocked in the
    /// writing thread for the length of the write: three more, four when the pipe is closed.
    pub no_signal: bool,
    /// Pipes take `RWF_NOWAIT` (Linux 5.7). Otherwise the `try_` forms and those with a deadline
    /// open the pipe a second time through `/proc/self/fd`: one more descriptor.
    pub no_wait: bool,
}

/// Asks the kernel which facilities this crate uses here.
///
/// ```
/// println!("{:?}", ipc_pipe::features());
/// ```
#[must_use]
pub fn features() -> Features {
    Features { no_signal: pipe_end::has_nosignal(), no_wait: pipe_end::has_nowait() }
}
