//! The system calls, with nothing around them.
#![expect(unsafe_code, reason = "rustix has no message queues")]

use std::ffi::CString;
use std::io;
use std::rc::Rc;

use super::{Ends, unused_name};

/// Closed with the last end that uses it.
struct Descriptor(libc::mqd_t);

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: only this owns the descriptor.
        unsafe { libc::mq_close(self.0) };
    }
}

pub(super) fn posix(size: usize, busy: bool) -> io::Result<Ends> {
    let name = CString::new(unused_name())?;
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC;
    let flags = if busy { flags | libc::O_NONBLOCK } else { flags };
    // SAFETY: `mq_attr` is a C struct of integers, for which zeroes are valid.
    let mut attr: libc::mq_attr = unsafe { std::mem::zeroed() };
    attr.mq_maxmsg = 10;
    attr.mq_msgsize = i64::try_from(size).map_err(io::Error::other)?;
    // SAFETY: `mq_open` reads the string, a mode and the attributes; all are live.
    let queue = unsafe { libc::mq_open(name.as_ptr(), flags, 0o600, &raw const attr) };
    if queue < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `mq_unlink` reads the string, which is live.
    unsafe { libc::mq_unlink(name.as_ptr()) };
    let queue = Rc::new(Descriptor(queue));
    let other = Rc::clone(&queue);
    Ok(Ends {
        send: Box::new(move |bytes| {
            spin(|| {
                // SAFETY: `mq_send` reads the bytes of a live slice.
                let done = unsafe { libc::mq_send(queue.0, bytes.as_ptr().cast(), bytes.len(), 0) };
                i64::from(done)
            })
        }),
        receive: Box::new(move |bytes| {
            spin(|| {
                let mut priority = 0;
                let (text, len) = (bytes.as_mut_ptr().cast(), bytes.len());
                // SAFETY: `mq_receive` writes at most `len` bytes of a live slice, and a priority.
                let got = unsafe { libc::mq_receive(other.0, text, len, &raw mut priority) };
                i64::try_from(got).unwrap_or(-1)
            })
        }),
    })
}

/// Removed by the first process that ran a half.
struct Id(i32, u32);

impl Drop for Id {
    fn drop(&mut self) {
        if self.1 != std::process::id() {
            // SAFETY: `IPC_RMID` takes no pointer.
            unsafe { libc::msgctl(self.0, libc::IPC_RMID, std::ptr::null_mut()) };
        }
    }
}

/// As the calls want a message: its type, then its text.
#[repr(C, align(4096))]
struct Message {
    kind: i64,
    text: [u8; 8192],
}

pub(super) fn sysv(_: usize, busy: bool) -> io::Result<Ends> {
    // SAFETY: `msgget` takes two numbers.
    let id = unsafe { libc::msgget(libc::IPC_PRIVATE, libc::IPC_CREAT | 0o600) };
    if id < 0 {
        return Err(io::Error::last_os_error());
    }
    let id = Rc::new(Id(id, std::process::id()));
    let other = Rc::clone(&id);
    let flags = if busy { libc::IPC_NOWAIT } else { 0 };
    let mut outgoing = Box::new(Message { kind: 1, text: [0; 8192] });
    let mut incoming = Box::new(Message { kind: 0, text: [0; 8192] });
    Ok(Ends {
        // A program of C builds its message behind the type; the bench's own buffer is copied there.
        send: Box::new(move |bytes| {
            outgoing.text[..bytes.len()].copy_from_slice(bytes);
            spin(|| {
                let message = (&raw const *outgoing).cast();
                // SAFETY: `msgsnd` reads the type and the text of a live message.
                i64::from(unsafe { libc::msgsnd(id.0, message, bytes.len(), flags) })
            })
        }),
        receive: Box::new(move |bytes| {
            spin(|| {
                let message = (&raw mut *incoming).cast();
                // SAFETY: `msgrcv` writes the type and at most `bytes.len()` of 8192 bytes of text.
                let got = unsafe { libc::msgrcv(other.0, message, bytes.len(), 0, flags) };
                i64::try_from(got).unwrap_or(-1)
            })?;
            bytes.copy_from_slice(&incoming.text[..bytes.len()]);
            Ok(())
        }),
    })
}

/// Asks again for as long as the call would have to wait.
#[inline]
fn spin(mut call: impl FnMut() -> i64) -> io::Result<()> {
    loop {
        if call() >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EAGAIN | libc::ENOMSG | libc::EINTR) => {}
            _ => return Err(error),
        }
    }
}
