//! The guard: a truncated segment becomes an error, not the end of the process.
//!
//! Whoever may write to a named segment or a mapped file may also cut it off. The next touch of a page that is
//! gone raises SIGBUS, which ends the process. There are two ways around that:
//!
//! - without the guard, [`Segment::read_at`](crate::Segment::read_at), `write_at` and cells of such a
//!   segment go through its descriptor. That costs a system call, and atomics in place are not covered;
//! - with the guard the mapping is used. A handler of SIGBUS, one for the process, puts zeroes where
//!   the hole is and notes it: the operation, and every later one, returns `Truncated`.
//!
//! The guard is opt-in, because a library should not take a signal's handler unasked. It passes on every
//! SIGBUS that is not about its own pages to the handler that was there before, or to the default action.
//! Who installs a handler after it should do the same. Segments without a name cannot be cut off and need
//! no guard.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let name = format!("ipc-doc-{}", std::process::id());
//! ipc_shm::guard::install()?;
//! let segment = ipc_shm::Segment::create(&name, 1 << 16)?;
//! std::fs::File::options().write(true).open(format!("/dev/shm/{name}"))?.set_len(0)?;
//! let read = segment.read_at(0, &mut [0; 8]);
//! assert!(matches!(read, Err(ipc_shm::Error::Truncated { .. })));
//! # ipc_shm::Segment::unlink(&name)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Linux
//! [`sigaction(2)`](https://man7.org/linux/man-pages/man2/sigaction.2.html), `SIGBUS` with `BUS_ADRERR`.

mod handler;
mod table;

use std::ptr::NonNull;

use crate::error::{Error, Result};

pub(crate) use table::Watched;

/// What there is room for.
const ROOM: (&str, &str) =
    ("segments under the guard (256 a process)", "close some, or open others without the guard");

/// Installs the guard for this process: named segments, files and rings opened from now on are under it. Cells
/// (`Latest`), broadcasts and fan-ins are not: who may cut their file off can end their users.
///
/// A second call does nothing. It stays until the process ends; a forked child has it, too.
///
/// # Errors
/// `Os`: the kernel refuses the handler.
pub fn install() -> Result<()> {
    handler::install().map_err(|errno| Error::os("install a handler of", "SIGBUS", errno))
}

/// Whether it was installed.
pub(crate) fn installed() -> bool {
    handler::installed()
}

/// Puts a mapping under the guard if that was asked for, here or for the whole process.
///
/// The mapping is `len` bytes of small pages from `base` on. What this returns must be dropped before it
/// is unmapped.
pub(crate) fn watch(
    asked: bool,
    base: NonNull<u8>,
    len: usize,
    read_only: bool,
) -> Result<Option<Watched>> {
    if asked {
        install()?;
    } else if !handler::installed() {
        return Ok(None);
    }
    let start = base.as_ptr().addr();
    match table::watch(start, start + len, read_only) {
        None if asked => Err(Error::limit(ROOM)),
        watched => Ok(watched),
    }
}
