//! The calls of System V message queues.
#![expect(unsafe_code, reason = "rustix has no System V queues")]

use std::mem::MaybeUninit;
use std::ptr;

use libc::{c_int, c_long};
use rustix::io::Errno;

use super::last_error;

/// Longest message that travels by the stack: what the system allows by default (`msgmax`).
pub(crate) const SMALL: usize = 8192;
/// The type stands before the text.
const HEAD: usize = size_of::<c_long>();

/// A queue's id: made or found.
pub(crate) fn get(key: i32, flags: c_int) -> Result<c_int, Errno> {
    // SAFETY: `msgget` takes two numbers and touches no memory of ours.
    let id = unsafe { libc::msgget(key, flags) };
    if id < 0 { Err(last_error()) } else { Ok(id) }
}

/// What the kernel knows of a queue.
pub(crate) fn stat(id: c_int) -> Result<libc::msqid_ds, Errno> {
    // SAFETY: `msqid_ds` is a C struct of integers, for which zeroes are valid.
    let mut data: libc::msqid_ds = unsafe { std::mem::zeroed() };
    // SAFETY: `msgctl` with `IPC_STAT` writes one `msqid_ds`, which is live.
    let done = unsafe { libc::msgctl(id, libc::IPC_STAT, &raw mut data) };
    if done < 0 { Err(last_error()) } else { Ok(data) }
}

/// Sets owner, mode and capacity to those in `data`.
pub(crate) fn set(id: c_int, mut data: libc::msqid_ds) -> Result<(), Errno> {
    // SAFETY: `msgctl` with `IPC_SET` reads one `msqid_ds`, which is live.
    let done = unsafe { libc::msgctl(id, libc::IPC_SET, &raw mut data) };
    if done < 0 { Err(last_error()) } else { Ok(()) }
}

/// Removes a queue; who waits on it is woken.
pub(crate) fn remove(id: c_int) -> Result<(), Errno> {
    // SAFETY: `msgctl` with `IPC_RMID` takes no pointer: null is allowed.
    let done = unsafe { libc::msgctl(id, libc::IPC_RMID, ptr::null_mut()) };
    if done < 0 { Err(last_error()) } else { Ok(()) }
}

/// Room for a type and a text. On a cache line: the kernel copies to other places several times slower.
#[repr(C, align(64))]
struct Room([MaybeUninit<u8>; HEAD + SMALL]);

/// A message as the calls want it: its type, then its text, in one piece of memory.
pub(crate) struct Frame {
    bytes: Room,
    /// Bytes of text that are initialised, and the type with them. Set by `recv` and `new` only.
    len: usize,
    kind: c_long,
}

impl Frame {
    /// Room for a message; nothing is initialised, so it costs nothing.
    #[inline]
    pub(crate) const fn room() -> Self {
        Self { bytes: Room([MaybeUninit::uninit(); HEAD + SMALL]), len: 0, kind: 0 }
    }

    /// The type of the message that was received.
    pub(crate) const fn kind(&self) -> c_long {
        self.kind
    }

    /// The text of the message that was received.
    #[inline]
    pub(crate) fn text(&self) -> &[u8] {
        let text = &self.bytes.0[HEAD..HEAD + self.len];
        // SAFETY: the first `len` bytes of the text were written by `recv`, which alone sets `len`;
        // `MaybeUninit<u8>` has the layout of `u8`.
        unsafe { &*(ptr::from_ref(text) as *const [u8]) }
    }

    /// Receives into this frame a message of at most `max` bytes of text.
    #[inline]
    pub(crate) fn recv(
        &mut self,
        id: c_int,
        wanted: c_long,
        max: usize,
        flags: c_int,
    ) -> Result<(), Errno> {
        let room = self.bytes.0.as_mut_ptr();
        // SAFETY: `msgrcv` writes the type and at most `max.min(SMALL)` bytes of text at `room`, which
        // has `HEAD + SMALL` bytes.
        let got = unsafe { libc::msgrcv(id, room.cast(), max.min(SMALL), wanted, flags) };
        let len = usize::try_from(got).map_err(|_| last_error())?;
        self.len = len.min(SMALL);
        // SAFETY: `msgrcv` succeeded, so it wrote the type into the first bytes.
        self.kind = unsafe { room.cast::<c_long>().read_unaligned() };
        Ok(())
    }
}

/// Sends one message.
#[inline]
pub(crate) fn send(id: c_int, kind: c_long, bytes: &[u8], flags: c_int) -> Result<(), Errno> {
    if bytes.len() > SMALL {
        return send_large(id, kind, bytes, flags);
    }
    let mut frame = Room([MaybeUninit::uninit(); HEAD + SMALL]);
    let start = frame.0.as_mut_ptr().cast::<u8>();
    // SAFETY: the frame has at least `HEAD` bytes, one type.
    unsafe { start.cast::<c_long>().write_unaligned(kind) };
    // SAFETY: `HEAD` is inside the frame.
    let text = unsafe { start.add(HEAD) };
    // SAFETY: the text has room for `SMALL` bytes, `bytes` has no more (checked above), and a local
    // array and a borrowed slice do not overlap.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), text, bytes.len()) };
    // SAFETY: `msgsnd` reads the type and `bytes.len()` bytes of text: written above.
    let done = unsafe { libc::msgsnd(id, start.cast(), bytes.len(), flags) };
    if done < 0 { Err(last_error()) } else { Ok(()) }
}

#[cold]
fn send_large(id: c_int, kind: c_long, bytes: &[u8], flags: c_int) -> Result<(), Errno> {
    let mut frame = Vec::with_capacity(HEAD + bytes.len());
    frame.extend_from_slice(&kind.to_ne_bytes());
    frame.extend_from_slice(bytes);
    // SAFETY: `msgsnd` reads the type and `bytes.len()` bytes of text: the vector holds both.
    let done = unsafe { libc::msgsnd(id, frame.as_ptr().cast(), bytes.len(), flags) };
    if done < 0 { Err(last_error()) } else { Ok(()) }
}

/// Receives a message of at most `max` bytes of text, by the heap: its type and its text.
#[cold]
pub(crate) fn recv_large(
    id: c_int,
    wanted: c_long,
    max: usize,
    flags: c_int,
) -> Result<(c_long, Vec<u8>), Errno> {
    let mut frame: Vec<u8> = Vec::with_capacity(HEAD + max);
    // SAFETY: `msgrcv` writes the type and at most `max` bytes of text; there is room for both.
    let got = unsafe { libc::msgrcv(id, frame.as_mut_ptr().cast(), max, wanted, flags) };
    let len = usize::try_from(got).map_err(|_| last_error())?;
    // SAFETY: `msgrcv` succeeded: it wrote the type and `len` bytes of text, and `len <= max`.
    unsafe { frame.set_len(HEAD + len) };
    let kind = frame.first_chunk().map_or(0, |head| c_long::from_ne_bytes(*head));
    frame.drain(..HEAD);
    Ok((kind, frame))
}
