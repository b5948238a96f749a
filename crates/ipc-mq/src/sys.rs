//! The calls that rustix has not, each wrapped in a safe function. All unsafe code is below here.

pub(crate) mod mq;
pub(crate) mod msg;
pub(crate) mod signal;

use rustix::io::Errno;

/// The error of the call that just failed.
#[cold]
fn last_error() -> Errno {
    let error = std::io::Error::last_os_error();
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}
