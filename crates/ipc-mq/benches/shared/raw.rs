//! POSIX queues by the raw calls.
#![expect(unsafe_code, reason = "the calls are only in libc")]

use std::ffi::CString;
use std::io;

use super::Ends;

/// Both ends of a new queue, without a name.
pub(super) fn posix(capacity: usize, size: usize, busy: bool) -> io::Result<Ends> {
    let name = CString::new(format!("/ipc-mq-bench-raw-{}", std::process::id()))?;
    // SAFETY: all of its fields are numbers.
    let mut attributes: libc::mq_attr = unsafe { std::mem::zeroed() };
    attributes.mq_maxmsg = i64::try_from(capacity).map_err(io::Error::other)?;
    attributes.mq_msgsize = i64::try_from(size).map_err(io::Error::other)?;
    let nonblock = if busy { libc::O_NONBLOCK } else { 0 };
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | nonblock;
    // SAFETY: the name ends in NUL; with O_CREAT a mode and attributes follow, which live.
    let queue = unsafe { libc::mq_open(name.as_ptr(), flags, 0o600, &raw const attributes) };
    if queue == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the name ends in NUL.
    unsafe { libc::mq_unlink(name.as_ptr()) };
    Ok(Ends {
        send: Box::new(move |bytes| {
            loop {
                // SAFETY: `bytes` is readable for its length.
                if unsafe { libc::mq_send(queue, bytes.as_ptr().cast(), bytes.len(), 0) } == 0 {
                    return Ok(());
                }
                again()?;
            }
        }),
        receive: Box::new(move |into| {
            let null = std::ptr::null_mut();
            loop {
                let (to, room) = (into.as_mut_ptr().cast(), into.len());
                // SAFETY: `into` is writable for its length; nobody asks for the priority.
                if unsafe { libc::mq_receive(queue, to, room, null) } >= 0 {
                    return Ok(());
                }
                again()?;
            }
        }),
    })
}

fn again() -> io::Result<()> {
    match io::Error::last_os_error() {
        error if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        error => Err(error),
    }
}
