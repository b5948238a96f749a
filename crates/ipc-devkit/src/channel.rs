//! The hand-shake channel between two related processes: whole messages, each a text or a descriptor.
//!
//! It is a pair of `SOCK_SEQPACKET` Unix sockets: the kernel keeps the bounds of each message, carries
//! descriptors, and reports the end of file when the other process is gone.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType,
};

/// The longest text that one message can carry.
const MAX_TEXT: usize = 64 * 1024;

/// First byte of a message: the rest is a text.
const TEXT: u8 = b't';

/// First byte of a message: a descriptor travels beside it.
const DESCRIPTOR: u8 = b'd';

/// One end of a hand-shake channel.
#[derive(Debug)]
pub(crate) struct Channel {
    socket: OwnedFd,
}

/// What one side sent.
#[derive(Debug)]
pub(crate) enum Message {
    Text(String),
    Descriptor(OwnedFd),
}

impl Channel {
    /// Two connected ends, both close-on-exec.
    pub(crate) fn pair() -> Result<(Self, Self), Errno> {
        let (one, other) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        Ok((Self { socket: one }, Self { socket: other }))
    }

    pub(crate) fn send_text(&self, text: &str) -> Result<(), Errno> {
        assert!(text.len() <= MAX_TEXT, "a message of {} bytes is too long", text.len());
        self.send(&[IoSlice::new(&[TEXT]), IoSlice::new(text.as_bytes())], &[])
    }

    pub(crate) fn send_descriptor(&self, descriptor: BorrowedFd<'_>) -> Result<(), Errno> {
        self.send(&[IoSlice::new(&[DESCRIPTOR])], &[descriptor])
    }

    /// The next message, or `None` when the other side has closed its end or died.
    pub(crate) fn receive(&self) -> Result<Option<Message>, Errno> {
        let mut bytes = vec![0; MAX_TEXT + 1];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = retry_on_intr(|| {
            rustix::net::recvmsg(
                &self.socket,
                &mut [IoSliceMut::new(&mut bytes)],
                &mut ancillary,
                RecvFlags::CMSG_CLOEXEC,
            )
        });
        let length = match received {
            Ok(message) => message.bytes,
            Err(Errno::CONNRESET) => return Ok(None),
            Err(error) => return Err(error),
        };
        let descriptor = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        match (bytes[..length].split_first(), descriptor) {
            (None, _) => Ok(None),
            (Some((&DESCRIPTOR, _)), Some(descriptor)) => Ok(Some(Message::Descriptor(descriptor))),
            (Some((_, text)), _) => {
                Ok(Some(Message::Text(String::from_utf8_lossy(text).into_owned())))
            }
        }
    }

    /// Tells the other side that no more will come, and goes on listening.
    pub(crate) fn finish_sending(&self) {
        // A peer that is gone already needs no telling.
        let _ = rustix::net::shutdown(&self.socket, Shutdown::Write);
    }

    fn send(&self, bytes: &[IoSlice<'_>], descriptors: &[BorrowedFd<'_>]) -> Result<(), Errno> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            let fits = ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
            assert!(fits, "the space above holds one descriptor");
        }
        // NOSIGNAL: a test may have restored the default action of SIGPIPE.
        retry_on_intr(|| {
            rustix::net::sendmsg(&self.socket, bytes, &mut ancillary, SendFlags::NOSIGNAL)
        })?;
        Ok(())
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl From<OwnedFd> for Channel {
    fn from(socket: OwnedFd) -> Self {
        Self { socket }
    }
}

impl From<Channel> for OwnedFd {
    fn from(channel: Channel) -> Self {
        channel.socket
    }
}
