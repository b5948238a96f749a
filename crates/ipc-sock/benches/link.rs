//! The subjects: one end of a connection, ours, raw, std's or interprocess's.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use interprocess::local_socket::{self as ip, traits::Stream as _};
use ipc_sock::Error;
use ipc_sock::unix::{Datagram, Options, SeqPacket, Stream};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};

/// The kind of socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Stream,
    SeqPacket,
    Datagram,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Stream, Self::SeqPacket, Self::Datagram];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::SeqPacket => "seqpacket",
            Self::Datagram => "datagram",
        }
    }
}

/// One end; a whole message goes or comes by each call. `busy`: no call waits, all are repeated.
pub(crate) enum Link {
    Stream(Stream, bool),
    SeqPacket(SeqPacket, bool),
    Datagram(Datagram, bool),
    RawStream(OwnedFd, bool),
    RawPacket(OwnedFd, bool),
    Std(UnixStream),
    Interprocess(ip::Stream),
}

pub(crate) fn ours(kind: Kind, busy: bool) -> io::Result<(Link, Link)> {
    Ok(match kind {
        Kind::Stream => {
            let (one, other) = Stream::pair()?;
            (Link::Stream(one, busy), Link::Stream(other, busy))
        }
        Kind::SeqPacket => {
            let (one, other) = SeqPacket::pair()?;
            (Link::SeqPacket(one, busy), Link::SeqPacket(other, busy))
        }
        Kind::Datagram => {
            let (one, other) = Datagram::pair()?;
            (Link::Datagram(one, busy), Link::Datagram(other, busy))
        }
    })
}

pub(crate) fn raw(kind: Kind, busy: bool) -> io::Result<(Link, Link)> {
    let (one, other) = pair(kind, 0)?;
    Ok(match kind {
        Kind::Stream => (Link::RawStream(one, busy), Link::RawStream(other, busy)),
        _ => (Link::RawPacket(one, busy), Link::RawPacket(other, busy)),
    })
}

/// A pair made as ours are: the same buffers, and descriptors refused or taken likewise. Only the calls
/// are compared.
fn pair(kind: Kind, fds: usize) -> io::Result<(OwnedFd, OwnedFd)> {
    let options = Options::new().pass_fds(fds);
    Ok(match kind {
        Kind::Stream => {
            let (one, other) = options.pair::<Stream>()?;
            (one.into(), other.into())
        }
        Kind::SeqPacket => {
            let (one, other) = options.pair::<SeqPacket>()?;
            (one.into(), other.into())
        }
        Kind::Datagram => {
            let (one, other) = options.datagram_pair()?;
            (one.into(), other.into())
        }
    })
}

pub(crate) fn std(busy: bool) -> io::Result<(Link, Link)> {
    let (one, other) = UnixStream::pair()?;
    one.set_nonblocking(busy)?;
    other.set_nonblocking(busy)?;
    Ok((Link::Std(one), Link::Std(other)))
}

pub(crate) fn interprocess(busy: bool) -> io::Result<(Link, Link)> {
    let (listener, name) = interprocess_listener()?;
    let one = ip::Stream::connect(name)?;
    let other = ip::traits::Listener::accept(&listener)?;
    one.set_nonblocking(busy)?;
    other.set_nonblocking(busy)?;
    Ok((Link::Interprocess(one), Link::Interprocess(other)))
}

/// It listens at an abstract name of this process.
pub(crate) fn interprocess_listener() -> io::Result<(ip::Listener, ip::Name<'static>)> {
    use interprocess::local_socket::{GenericNamespaced, ToNsName as _};
    let name = format!("ipc-bench-{}", std::process::id()).to_ns_name::<GenericNamespaced>()?;
    let listener = ip::ListenerOptions::new().name(name.clone()).create_sync()?;
    Ok((listener, name))
}

impl Link {
    #[inline]
    pub(crate) fn send(&mut self, message: &[u8]) -> io::Result<()> {
        match self {
            Self::Stream(end, false) => all(message.len(), |at| again(end.send(&message[at..]))),
            Self::Stream(end, true) => all(message.len(), |at| again(end.try_send(&message[at..]))),
            Self::SeqPacket(end, false) => Ok(end.send(message)?),
            Self::SeqPacket(end, true) => once(|| again(end.try_send(message).map(|()| 1))),
            Self::Datagram(end, false) => Ok(end.send(message)?),
            Self::Datagram(end, true) => once(|| again(end.try_send(message).map(|()| 1))),
            Self::RawStream(end, busy) => {
                let flags = send_flags(*busy);
                all(message.len(), |at| retry(rustix::net::send(&*end, &message[at..], flags)))
            }
            Self::RawPacket(end, busy) => {
                let flags = send_flags(*busy);
                once(|| retry(rustix::net::send(&*end, message, flags)))
            }
            Self::Std(end) => {
                all(message.len(), |at| std_again(io::Write::write(end, &message[at..])))
            }
            Self::Interprocess(end) => {
                all(message.len(), |at| std_again(io::Write::write(end, &message[at..])))
            }
        }
    }

    #[inline]
    pub(crate) fn recv(&mut self, message: &mut [u8]) -> io::Result<()> {
        let size = message.len();
        match self {
            Self::Stream(end, false) => all(size, |at| again(end.recv(&mut message[at..]))),
            Self::Stream(end, true) => all(size, |at| again(end.try_recv(&mut message[at..]))),
            Self::SeqPacket(end, false) => end.recv(message).map(drop).map_err(io::Error::from),
            Self::SeqPacket(end, true) => once(|| again(end.try_recv(message))),
            Self::Datagram(end, false) => end.recv(message).map(drop).map_err(io::Error::from),
            Self::Datagram(end, true) => once(|| again(end.try_recv(message))),
            Self::RawStream(end, busy) => {
                let flags = recv_flags(*busy);
                all(size, |at| {
                    let got = rustix::net::recv(&*end, &mut message[at..], flags);
                    retry(got.map(|(got, _)| got))
                })
            }
            Self::RawPacket(end, busy) => {
                let flags = recv_flags(*busy) | RecvFlags::TRUNC;
                once(|| match rustix::net::recv(&*end, &mut *message, flags) {
                    Ok((_, real)) if real != size => Err(io::ErrorKind::InvalidData.into()),
                    done => retry(done.map(|(_, real)| real)),
                })
            }
            Self::Std(end) => all(size, |at| std_again(io::Read::read(end, &mut message[at..]))),
            Self::Interprocess(end) => {
                all(size, |at| std_again(io::Read::read(end, &mut message[at..])))
            }
        }
    }
}

/// Repeats `part`, from where the last one stopped, until all is done. `None`: nothing now.
#[inline]
fn all(size: usize, mut part: impl FnMut(usize) -> io::Result<Option<usize>>) -> io::Result<()> {
    let mut done = 0;
    while done < size {
        match part(done)? {
            Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(more) => done += more,
            None => std::hint::spin_loop(),
        }
    }
    Ok(())
}

#[inline]
fn once(mut call: impl FnMut() -> io::Result<Option<usize>>) -> io::Result<()> {
    while call()?.is_none() {
        std::hint::spin_loop();
    }
    Ok(())
}

#[inline]
fn again(done: Result<usize, Error>) -> io::Result<Option<usize>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(Error::WouldBlock) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[inline]
fn retry(done: Result<usize, Errno>) -> io::Result<Option<usize>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(Errno::AGAIN | Errno::INTR) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

#[inline]
fn std_again(done: io::Result<usize>) -> io::Result<Option<usize>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

fn send_flags(busy: bool) -> SendFlags {
    if busy { SendFlags::NOSIGNAL | SendFlags::DONTWAIT } else { SendFlags::NOSIGNAL }
}

fn recv_flags(busy: bool) -> RecvFlags {
    if busy { RecvFlags::DONTWAIT } else { RecvFlags::empty() }
}

/// Both ends of a connection that passes descriptors.
pub(crate) enum Fds {
    Ours { ends: (SeqPacket, SeqPacket), fds: Vec<OwnedFd> },
    Raw { ends: (OwnedFd, OwnedFd), fds: Vec<OwnedFd> },
}

/// The most of them in one case.
const MOST: usize = 16;

fn some(count: usize) -> io::Result<Vec<OwnedFd>> {
    (0..count).map(|_| std::fs::File::open("/dev/null").map(OwnedFd::from)).collect()
}

impl Fds {
    pub(crate) fn ours(count: usize) -> io::Result<Self> {
        Ok(Self::Ours { ends: Options::new().pass_fds(MOST).pair()?, fds: some(count)? })
    }

    pub(crate) fn raw(count: usize) -> io::Result<Self> {
        Ok(Self::Raw { ends: pair(Kind::SeqPacket, MOST)?, fds: some(count)? })
    }

    pub(crate) fn there_and_back(&mut self, mut message: [u8; 8]) -> io::Result<[u8; 8]> {
        let (came, sent) = match self {
            Self::Ours { ends: (to, from), fds } => {
                to.send_fds(&message, fds)?;
                let received = from.recv_fds(&mut message)?;
                (received.fds.len(), fds.len())
            }
            Self::Raw { ends: (to, from), fds } => {
                let borrowed: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
                let mut control = SendAncillaryBuffer::new(&mut space);
                control.push(SendAncillaryMessage::ScmRights(&borrowed));
                let flags = SendFlags::NOSIGNAL;
                rustix::net::sendmsg(&*to, &[IoSlice::new(&message)], &mut control, flags)?;
                (receive_raw(from, &mut message)?, fds.len())
            }
        };
        if came == sent { Ok(message) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
}

fn receive_raw(from: &OwnedFd, message: &mut [u8]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    rustix::net::recvmsg(from, &mut [IoSliceMut::new(message)], &mut control, flags)?;
    let mut came = 0;
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = part {
            came += fds.count();
        }
    }
    Ok(came)
}
