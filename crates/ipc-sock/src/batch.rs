//! Many messages in one call.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use ipc_core::Wait;
use rustix::event::PollFlags;

use crate::error::{Error, Result};
use crate::socket::{Socket, recv_flags, send_flags};
use crate::sys;

impl Socket {
    /// Sends messages until one would have to wait; at least one, or an error.
    pub(crate) fn send_many(&self, messages: &[IoSlice<'_>], wait: Wait) -> Result<usize> {
        if messages.is_empty() {
            return Ok(0);
        }
        let sent = self.turns("send messages over socket", PollFlags::OUT, wait, |may_wait| {
            let flags = sys::flags(send_flags(may_wait).bits());
            sys::send_many(self.fd.as_fd(), messages, flags)
        });
        let longest = messages.iter().map(|message| message.len()).max().unwrap_or(0);
        sent.map_err(|error| self.explain_length(error, longest))
    }

    /// Receives what is there, one message a buffer, and waits for the first only.
    pub(crate) fn recv_many(
        &self,
        bufs: &mut [IoSliceMut<'_>],
        lens: &mut Vec<usize>,
        wait: Wait,
    ) -> Result<usize> {
        lens.clear();
        if bufs.is_empty() {
            return Ok(0);
        }
        let mut cut = false;
        let limits: Vec<usize> = bufs.iter().map(|buf| buf.len()).collect();
        self.turns("receive messages from socket", PollFlags::IN, wait, |may_wait| {
            let flags = sys::flags(recv_flags(may_wait).bits());
            let flags = flags | libc::MSG_TRUNC | libc::MSG_WAITFORONE;
            lens.clear();
            sys::recv_many(self.fd.as_fd(), bufs, flags, |len, without| {
                lens.push(len);
                cut |= without;
            })
        })?;
        // There is no room for identities here; only descriptors must not vanish unnoticed.
        if cut && self.asked.fds > 0 && !self.asked.identity {
            return Err(Error::AncillaryTruncated);
        }
        let long = lens.iter().zip(&limits).find(|(real, limit)| real > limit);
        match long {
            Some((&real, &limit)) => Err(Error::MessageTooLong { real, limit }),
            None => Ok(lens.len()),
        }
    }
}

/// The batch calls of sockets that keep boundaries.
macro_rules! batches {
    ($Type:ty, $check:ident, $ended:ident) => {
        impl $Type {
            /// Sends messages with one system call, up to 64 at a time, and tells how many went. Waits
            /// for room for the first; with nothing else that ends the wait, for all of them.
            ///
            /// # Errors
            /// None was sent: as [`send`](Self::send).
            ///
            /// # Linux
            /// [`sendmmsg(2)`](https://man7.org/linux/man-pages/man2/sendmmsg.2.html)
            #[doc(alias = "sendmmsg")]
            pub fn send_many(&self, messages: &[IoSlice<'_>]) -> Result<usize> {
                $check(messages)?;
                self.0.send_many(messages, Wait::FOREVER)
            }

            /// As [`send_many`](Self::send_many), but does not wait.
            ///
            /// # Errors
            /// `WouldBlock`. Otherwise as [`send_many`](Self::send_many).
            pub fn try_send_many(&self, messages: &[IoSlice<'_>]) -> Result<usize> {
                $check(messages)?;
                self.0.send_many(messages, Wait::No)
            }

            /// As [`send_many`](Self::send_many), but waits no longer than `timeout`.
            ///
            /// # Errors
            /// `TimedOut`. Otherwise as [`send_many`](Self::send_many).
            pub fn send_many_timeout(
                &self,
                messages: &[IoSlice<'_>],
                timeout: Duration,
            ) -> Result<usize> {
                $check(messages)?;
                self.0.send_many(messages, Wait::timeout(timeout))
            }

            /// As [`send_many`](Self::send_many), but waits no longer than to `deadline`.
            ///
            /// # Errors
            /// `TimedOut`. Otherwise as [`send_many`](Self::send_many).
            pub fn send_many_deadline(
                &self,
                messages: &[IoSlice<'_>],
                deadline: Instant,
            ) -> Result<usize> {
                $check(messages)?;
                self.0.send_many(messages, Wait::deadline(deadline))
            }

            /// Receives what is there, one message a buffer, up to 64 with one system call; waits for
            /// the first only. `lens` becomes the length of each.
            ///
            /// # Errors
            /// `MessageTooLong`: one of them did not fit its buffer; `lens` has the real length of all,
            /// and the others are whole in theirs. `AncillaryTruncated`: descriptors came beside one;
            /// they are closed. Otherwise as [`recv`](Self::recv).
            ///
            /// # Linux
            /// [`recvmmsg(2)`](https://man7.org/linux/man-pages/man2/recvmmsg.2.html)
            #[doc(alias = "recvmmsg")]
            pub fn recv_many(
                &self,
                bufs: &mut [IoSliceMut<'_>],
                lens: &mut Vec<usize>,
            ) -> Result<usize> {
                self.recv_many_until(bufs, lens, Wait::FOREVER)
            }

            /// As [`recv_many`](Self::recv_many), but does not wait.
            ///
            /// # Errors
            /// `WouldBlock`. Otherwise as [`recv_many`](Self::recv_many).
            pub fn try_recv_many(
                &self,
                bufs: &mut [IoSliceMut<'_>],
                lens: &mut Vec<usize>,
            ) -> Result<usize> {
                self.recv_many_until(bufs, lens, Wait::No)
            }

            /// As [`recv_many`](Self::recv_many), but waits no longer than `timeout`.
            ///
            /// # Errors
            /// `TimedOut`. Otherwise as [`recv_many`](Self::recv_many).
            pub fn recv_many_timeout(
                &self,
                bufs: &mut [IoSliceMut<'_>],
                lens: &mut Vec<usize>,
                timeout: Duration,
            ) -> Result<usize> {
                self.recv_many_until(bufs, lens, Wait::timeout(timeout))
            }

            /// As [`recv_many`](Self::recv_many), but waits no longer than to `deadline`.
            ///
            /// # Errors
            /// `TimedOut`. Otherwise as [`recv_many`](Self::recv_many).
            pub fn recv_many_deadline(
                &self,
                bufs: &mut [IoSliceMut<'_>],
                lens: &mut Vec<usize>,
                deadline: Instant,
            ) -> Result<usize> {
                self.recv_many_until(bufs, lens, Wait::deadline(deadline))
            }

            fn recv_many_until(
                &self,
                bufs: &mut [IoSliceMut<'_>],
                lens: &mut Vec<usize>,
                wait: Wait,
            ) -> Result<usize> {
                $ended(&self.0, self.0.recv_many(bufs, lens, wait), lens)
            }
        }
    };
}

batches!(crate::unix::Datagram, any, as_it_came);
batches!(crate::unix::SeqPacket, none_empty, until_the_end);
batches!(crate::net::UdpSocket, any, as_it_came);

#[expect(clippy::unnecessary_wraps, reason = "has the form of the other check")]
fn any(_: &[IoSlice<'_>]) -> Result<()> {
    Ok(())
}

/// An empty message could be taken for the end of a connection.
fn none_empty(messages: &[IoSlice<'_>]) -> Result<()> {
    if messages.iter().any(|message| message.is_empty()) {
        return Err(Error::EmptyMessage);
    }
    Ok(())
}

fn as_it_came(_: &Socket, got: Result<usize>, _: &mut Vec<usize>) -> Result<usize> {
    got
}

/// At the end of a connection the kernel fills the rest of a batch with empty messages. They are the end
/// if the other side is closed and nothing more is there.
fn until_the_end(socket: &Socket, got: Result<usize>, lens: &mut Vec<usize>) -> Result<usize> {
    if lens.last() != Some(&0) || !socket.peer_closed() {
        return got;
    }
    match socket.next_len(Wait::No) {
        Ok(0) | Err(Error::WouldBlock) => {}
        _ => return got,
    }
    let kept = lens.iter().rposition(|len| *len > 0).map_or(0, |last| last + 1);
    lens.truncate(kept);
    match got {
        Ok(_) if kept == 0 => Err(Error::closed()),
        got => got.map(|_| kept),
    }
}
