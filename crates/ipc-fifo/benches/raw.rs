//! The system calls, with nothing around them.

use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::path::Path;

use ipc_devkit::bench::stream::Ends;
use rustix::fs::{CWD, Mode, OFlags, fcntl_setfl, mkfifoat, open};
use rustix::io::{Errno, ReadWriteFlags, pwritev2, read, write};
use rustix::pipe::fcntl_setpipe_size;

use super::fresh_path;

const NOSIGNAL: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x100);
const CURRENT: u64 = u64::MAX;

/// Opens an end without waiting for the other.
pub(super) fn end(path: &Path, access: OFlags) -> Result<OwnedFd, Errno> {
    open(path, access | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())
}

fn ends(capacity: usize, busy: bool) -> io::Result<(OwnedFd, OwnedFd)> {
    let path = fresh_path();
    mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR)?;
    let (reader, writer) = (end(&path, OFlags::RDONLY)?, end(&path, OFlags::WRONLY)?);
    fcntl_setpipe_size(&writer, capacity)?;
    if !busy {
        fcntl_setfl(&reader, OFlags::empty())?;
        fcntl_setfl(&writer, OFlags::empty())?;
    }
    Ok((reader, writer))
}

/// The cheapest calls that neither raise SIGPIPE nor change a shared description.
pub(super) fn fifo(capacity: usize, busy: bool) -> io::Result<Ends> {
    let (reader, writer) = ends(capacity, busy)?;
    let write = move |bytes: &[u8]| pwritev2(&writer, &[IoSlice::new(bytes)], CURRENT, NOSIGNAL);
    Ok(if busy {
        Ends {
            send: Box::new(move |bytes| spin(|| write(bytes))),
            receive: Box::new(move |bytes| spin(|| read(&reader, &mut *bytes))),
        }
    } else {
        Ends {
            send: Box::new(move |bytes| Ok(write(bytes)?)),
            receive: Box::new(move |bytes| Ok(read(&reader, bytes)?)),
        }
    })
}

/// `read` and `write`: a FIFO that nobody reads kills the writer.
pub(super) fn plain(capacity: usize, busy: bool) -> io::Result<Ends> {
    let (reader, writer) = ends(capacity, busy)?;
    Ok(Ends {
        send: Box::new(move |bytes| spin(|| write(&writer, bytes))),
        receive: Box::new(move |bytes| spin(|| read(&reader, &mut *bytes))),
    })
}

/// Asks again for as long as the call would have to wait.
#[inline]
fn spin(mut call: impl FnMut() -> Result<usize, Errno>) -> io::Result<usize> {
    loop {
        match call() {
            Err(Errno::AGAIN) => {}
            done => return Ok(done?),
        }
    }
}
