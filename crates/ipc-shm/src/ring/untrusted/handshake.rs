//! How two sides become a channel: each sends one fixed record with one descriptor beside it.
//!
//! The side that accepts answers only after it has checked what was offered. All of it has one deadline:
//! a peer that never answers, or answers a byte at a time, costs that and nothing else.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use ipc_core::Deadline;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::link::Link;
use super::memfd::{self, Identity};
use super::memory::{Foreign, ForkMark, Own};
use super::{Options, PEER, Receiver, Sender, sys};
use crate::error::{Error, Result};

/// Bytes of a hello: 8 of [`MAGIC`], then little-endian: version (4), role (4), capacity (8), zeroes (8).
const HELLO: usize = 32;
const MAGIC: [u8; 8] = *b"ipc-untr";
/// The version of the layout, which is that of the hello, too.
const VERSION: u32 = 1;

/// Which side of the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Offers = 1,
    Accepts = 2,
}

/// What this side has made for itself.
struct Made {
    fd: OwnedFd,
    own: Own,
    identity: Identity,
    capacity: u64,
}

/// Goes through the handshake over `socket`.
pub(super) fn shake(options: &Options, socket: OwnedFd, role: Role) -> Result<(Sender, Receiver)> {
    check_socket(socket.as_fd())?;
    let deadline = Deadline::after(options.timeout);
    let capacity = memfd::round(options.capacity)?;
    let forks = ForkMark::new().map_err(unsupported_mark)?;
    let failed = |errno| Error::os("ask who an untrusted peer is", PEER, errno);
    let peer = sys::peer_cred(socket.as_fd()).map_err(failed)?.into();
    let at = socket.as_fd();
    let (made, foreign, theirs) = match role {
        Role::Offers => {
            let made = make(capacity)?;
            send_hello(at, role, &made, deadline)?;
            let (foreign, theirs) =
                receive_hello(at, role, options, Some(made.identity), deadline)?;
            (made, foreign, theirs)
        }
        Role::Accepts => {
            // Nothing is made for a peer that says nothing.
            let (foreign, theirs) = receive_hello(at, role, options, None, deadline)?;
            let made = make(capacity)?;
            send_hello(at, role, &made, deadline)?;
            (made, foreign, theirs)
        }
    };
    sys::refuse_fds(socket.as_fd());
    let link = Arc::new(Link::new(made.own, foreign, socket, forks, peer)?);
    Ok((Sender::new(Arc::clone(&link), capacity), Receiver::new(link, theirs)))
}

fn make(capacity: u64) -> Result<Made> {
    let (fd, own, identity) = memfd::make(capacity)?;
    Ok(Made { fd, own, identity, capacity })
}

fn check_socket(socket: BorrowedFd<'_>) -> Result<()> {
    match sys::is_unix_stream(socket) {
        Ok(true) => Ok(()),
        Ok(false) | Err(Errno::NOTSOCK) => {
            Err(Error::InvalidInput { what: "a connected Unix stream socket is needed" })
        }
        Err(errno) => Err(Error::os("look at a socket", PEER, errno)),
    }
}

fn unsupported_mark(errno: Errno) -> Error {
    match errno {
        Errno::INVAL => Error::Unsupported { what: "notice a fork (MADV_WIPEONFORK, Linux 4.14)" },
        _ => Error::os("map a page that a fork wipes", PEER, errno),
    }
}

fn send_hello(socket: BorrowedFd<'_>, role: Role, made: &Made, deadline: Deadline) -> Result<()> {
    let mut hello = [0; HELLO];
    hello[..8].copy_from_slice(&MAGIC);
    hello[8..12].copy_from_slice(&VERSION.to_le_bytes());
    hello[12..16].copy_from_slice(&(role as u32).to_le_bytes());
    hello[16..24].copy_from_slice(&made.capacity.to_le_bytes());
    let mut sent = 0;
    while sent < HELLO {
        let fd = (sent == 0).then(|| made.fd.as_fd());
        match sys::send(socket, &hello[sent..], fd) {
            Ok(bytes) => sent += bytes,
            Err(Errno::AGAIN) => await_socket(socket, PollFlags::OUT, deadline)?,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(broken("send memory to an untrusted peer", errno)),
        }
    }
    Ok(())
}

/// Receives the peer's hello; its memory, mapped, and the capacity of its ring.
fn receive_hello(
    socket: BorrowedFd<'_>,
    role: Role,
    options: &Options,
    ours: Option<Identity>,
    deadline: Deadline,
) -> Result<(Foreign, u64)> {
    let mut fds = Vec::new();
    let checked = receive_bytes(socket, &mut fds, deadline)
        .and_then(|hello| check_hello(&hello, &fds, role, options, ours));
    if checked.is_err() {
        let_go(fds, deadline);
    }
    checked
}

/// Receives a hello, and every descriptor that comes until then.
fn receive_bytes(
    socket: BorrowedFd<'_>,
    fds: &mut Vec<OwnedFd>,
    deadline: Deadline,
) -> Result<[u8; HELLO]> {
    let mut hello = [0; HELLO];
    let mut got = 0;
    while got < HELLO {
        let received = match sys::receive(socket, &mut hello[got..]) {
            Ok(received) => received,
            Err(Errno::AGAIN) => {
                await_socket(socket, PollFlags::IN, deadline)?;
                continue;
            }
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(broken("receive memory of an untrusted peer", errno)),
        };
        fds.extend(received.fds);
        if received.cut {
            // There is room for the most that can come, so it was our own table that is full.
            return Err(Error::os("receive memory of an untrusted peer", PEER, Errno::MFILE));
        }
        if received.bytes == 0 {
            return Err(Error::Closed { peer_died: true });
        }
        if fds.len() > 1 {
            return Err(refused("it sent more than one descriptor"));
        }
        got += received.bytes;
    }
    Ok(hello)
}

fn check_hello(
    hello: &[u8; HELLO],
    fds: &[OwnedFd],
    role: Role,
    options: &Options,
    ours: Option<Identity>,
) -> Result<(Foreign, u64)> {
    let refuse = |what| Err(refused(what));
    let word = |at: usize| hello[at..].first_chunk().map_or(0, |word| u32::from_le_bytes(*word));
    let long = |at: usize| hello[at..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
    let other = if role == Role::Offers { Role::Accepts } else { Role::Offers };
    if hello[..8] != MAGIC {
        return refuse("it speaks another protocol");
    }
    if word(8) != VERSION {
        return refuse("its layout has another version");
    }
    if word(12) != other as u32 {
        return refuse("both sides offer, or both accept");
    }
    if long(24) != 0 {
        return refuse("its hello has bits that we do not know");
    }
    let Some(fd) = fds.first() else { return refuse("it sent no descriptor") };
    let capacity = long(16);
    let foreign = memfd::adopt(fd, capacity, options.most_of_peer(), ours)?;
    Ok((foreign, capacity))
}

/// Closes descriptors that were refused, until `deadline` at most.
///
/// To close what is no memory may take as long as the peer likes: a file of its own file system, a socket
/// that lingers. A thread does it, and goes on alone after the deadline.
fn let_go(fds: Vec<OwnedFd>, deadline: Deadline) {
    if fds.iter().all(memfd::is_memory) {
        return;
    }
    let (closed, hear) = std::sync::mpsc::channel();
    let close = move || {
        drop(fds);
        let _ = closed.send(());
    };
    // Where there is no thread to be had, the closure is dropped, and they are closed here.
    if std::thread::Builder::new().name("ipc-close".to_owned()).spawn(close).is_ok() {
        let _ = hear.recv_timeout(deadline.remaining().unwrap_or(Duration::MAX));
    }
}

fn refused(what: &'static str) -> Error {
    Error::Corrupt { name: PEER.to_owned(), what }
}

/// Waits until the socket can be used for `events`, or has failed: the next call on it says so.
fn await_socket(socket: BorrowedFd<'_>, events: PollFlags, deadline: Deadline) -> Result<()> {
    loop {
        let mut entry = [PollFd::from_borrowed_fd(socket, events)];
        match poll(&mut entry, deadline.timespec().as_ref()) {
            Ok(0) if deadline.passed() => return Err(Error::TimedOut),
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(errno) => return Err(Error::os("wait for an untrusted peer", PEER, errno)),
        }
    }
}

/// An error of the socket that means that nobody is there any more.
fn broken(op: &'static str, errno: Errno) -> Error {
    match errno {
        Errno::PIPE | Errno::CONNRESET => Error::Closed { peer_died: true },
        _ => Error::os(op, PEER, errno),
    }
}
