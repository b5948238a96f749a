//! What travels beside the bytes: descriptors and identities.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use ipc_core::Wait;
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage};

use crate::address::Address;
use crate::credentials::Credentials;
use crate::error::{Error, Result};
use crate::socket::{Socket, recv_flags, send_flags};
use crate::sys;

/// The most descriptors that one message can carry (`SCM_MAX_FD`).
#[doc(alias = "SCM_MAX_FD")]
pub const FDS_MAX: usize = 253;

/// A message and what came with it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Received {
    /// Bytes in the buffer; 0 is the end of a stream.
    pub bytes: usize,
    /// The descriptors that came with them, close-on-exec. Dropping this closes them.
    pub fds: Vec<OwnedFd>,
    /// Who sent it, if the socket was created with `pass_credentials`.
    pub credentials: Option<Credentials>,
    /// Where it came from; unnamed over a connection.
    pub from: Address,
}

/// Whether the buffer holds a piece of a stream or one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Boundary {
    None,
    Kept,
}

impl Socket {
    /// Sends bytes with descriptors beside the first of them.
    pub(crate) fn send_fds(&self, buf: &[u8], fds: &[impl AsFd], wait: Wait) -> Result<usize> {
        if buf.is_empty() {
            return Err(Error::EmptyMessage);
        }
        if fds.len() > FDS_MAX {
            return Err(Error::TooManyFds { asked: fds.len() });
        }
        let mut list = [self.fd.as_fd(); FDS_MAX];
        for (place, fd) in list.iter_mut().zip(fds) {
            *place = fd.as_fd();
        }
        self.send_list(buf, &list[..fds.len()], wait)
    }

    fn send_list(&self, buf: &[u8], fds: &[BorrowedFd<'_>], wait: Wait) -> Result<usize> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_MAX))];
        let sent = self.turns("send descriptors over socket", PollFlags::OUT, wait, |may_wait| {
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            if !fds.is_empty() {
                ancillary.push(SendAncillaryMessage::ScmRights(fds));
            }
            rustix::net::sendmsg(
                &self.fd,
                &[IoSlice::new(buf)],
                &mut ancillary,
                send_flags(may_wait),
            )
        });
        sent.map_err(|error| match error {
            // `SO_PASSRIGHTS` is off at the receiver.
            Error::Os { source, .. } if source.raw_os_error() == Some(libc::EPERM) => {
                Error::FdsRefused
            }
            error => self.explain_length(error, buf.len()),
        })
    }

    /// Receives with descriptors.
    pub(crate) fn recv_fds(&self, buf: &mut [u8], edge: Boundary, wait: Wait) -> Result<Received> {
        if self.asked.fds == 0 {
            return Err(Error::Unsupported {
                what: "receive descriptors over a socket created without pass_fds",
            });
        }
        self.recv_all(buf, edge, wait)
    }

    /// Receives with the sender's identity.
    pub(crate) fn recv_credentials(
        &self,
        buf: &mut [u8],
        edge: Boundary,
        wait: Wait,
    ) -> Result<Received> {
        if !self.asked.identity {
            return Err(Error::Unsupported {
                what: "receive identities over a socket created without pass_credentials",
            });
        }
        self.recv_all(buf, edge, wait)
    }

    fn recv_all(&self, buf: &mut [u8], edge: Boundary, wait: Wait) -> Result<Received> {
        let mut control = sys::Control::new();
        let mut name = libc::sockaddr_un { sun_family: 0, sun_path: [0; 108] };
        let identity = if self.asked.identity { sys::CONTROL_IDENTITY } else { 0 };
        let rights = if self.asked.fds > 0 { sys::control_for(self.asked.fds) } else { 0 };
        let room = identity + rights;
        let whole = if edge == Boundary::Kept { libc::MSG_TRUNC } else { 0 };
        let limit = buf.len();
        let message =
            self.turns("receive descriptors from socket", PollFlags::IN, wait, |may_wait| {
                let flags = sys::flags(recv_flags(may_wait).bits()) | whole;
                let bufs = &mut [IoSliceMut::new(buf)];
                sys::recv_message(self.fd.as_fd(), bufs, &mut control, room, Some(&mut name), flags)
            })?;
        // From here on every descriptor that came is owned: an early return closes them all.
        if message.flags & libc::MSG_CTRUNC != 0 || message.fds.len() > self.asked.fds {
            self.count_refused();
            crate::log::warn(format_args!(
                "a message with more descriptors than can be taken is dropped"
            ));
            return Err(Error::AncillaryTruncated);
        }
        if edge == Boundary::Kept && message.bytes > limit {
            return Err(Error::MessageTooLong { real: message.bytes, limit });
        }
        Ok(Received {
            bytes: message.bytes,
            fds: message.fds,
            credentials: message.sender.map(|who| Credentials::of_message(who, message.pidfd)),
            from: Address::from_kernel(&name, message.name_len),
        })
    }

    /// Turns on what `asked` says, before anything can come.
    pub(crate) fn prepare(&mut self) -> Result<()> {
        let fd = self.fd.as_fd();
        let guard = sys::set_flag(fd, sys::Flag::PassRights, self.asked.fds > 0);
        self.asked.unguarded = guard.is_err();
        if !self.asked.identity {
            return Ok(());
        }
        let failed = |errno| Error::os("ask for identities beside messages", errno);
        rustix::net::sockopt::set_socket_passcred(fd, true).map_err(failed)?;
        match sys::set_flag(fd, sys::Flag::PassPidfd, true) {
            // Linux before 6.5: identities come without a pidfd.
            Ok(()) | Err(Errno::NOPROTOOPT) => Ok(()),
            Err(errno) => Err(failed(errno)),
        }
    }
}
