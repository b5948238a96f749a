//! The system calls, with nothing around them.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::OwnedFd;

use rustix::io::{Errno, ReadWriteFlags, preadv2, pwritev2, read, write};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

use super::Ends;

const NOSIGNAL: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x100);
const CURRENT: u64 = u64::MAX;

fn ends(capacity: usize, flags: PipeFlags) -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = pipe_with(flags | PipeFlags::CLOEXEC)?;
    fcntl_setpipe_size(&writer, capacity)?;
    Ok((reader, writer))
}

/// The cheapest calls that neither raise SIGPIPE nor change a shared description.
pub(super) fn pipe(capacity: usize, busy: bool) -> io::Result<Ends> {
    let (reader, writer) = ends(capacity, PipeFlags::empty())?;
    Ok(if busy {
        let flags = NOSIGNAL | ReadWriteFlags::NOWAIT;
        Ends {
            send: Box::new(move |bytes| {
                spin(|| pwritev2(&writer, &[IoSlice::new(bytes)], CURRENT, flags))
            }),
            receive: Box::new(move |bytes| {
                let mut bytes = [IoSliceMut::new(bytes)];
                spin(|| preadv2(&reader, &mut bytes, CURRENT, ReadWriteFlags::NOWAIT))
            }),
        }
    } else {
        Ends {
            send: Box::new(move |bytes| {
                Ok(pwritev2(&writer, &[IoSlice::new(bytes)], CURRENT, NOSIGNAL)?)
            }),
            receive: Box::new(move |bytes| Ok(read(&reader, bytes)?)),
        }
    })
}

/// `read` and `write`: a closed pipe kills the writer, and `O_NONBLOCK` is set where both sides spin.
pub(super) fn plain(capacity: usize, busy: bool) -> io::Result<Ends> {
    let flags = if busy { PipeFlags::NONBLOCK } else { PipeFlags::empty() };
    let (reader, writer) = ends(capacity, flags)?;
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
