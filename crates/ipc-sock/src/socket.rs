//! The one kind of socket under all the types: how a call waits, and how it does not.
//!
//! With nothing but the socket to end a wait, the kernel's own wait is the cheapest: one blocking
//! call. In every other form the call itself never waits (`MSG_DONTWAIT`, which is per call:
//! `O_NONBLOCK` belongs to the description, and other processes share that), and `poll` does. Every
//! send carries `MSG_NOSIGNAL`.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use ipc_core::Wait;
use ipc_core::watch::{Watch, Woken};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};

use crate::canceller::Canceller;
use crate::error::{Error, Result};

/// A socket, and what its waits listen to.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) fd: OwnedFd,
    pub(crate) watch: Watch,
    pub(crate) asked: Asked,
    /// Messages whose descriptors nobody asked for. Written by the receiving calls, read by
    /// `refused`; it orders nothing.
    refused: AtomicU64,
}

/// What may come beside the bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked {
    /// The most descriptors in one message.
    pub(crate) fds: usize,
    /// Who sent it.
    pub(crate) identity: bool,
    /// The kernel does not keep unwanted descriptors away: they come, are closed and counted.
    pub(crate) unguarded: bool,
}

impl Asked {
    /// Whether a plain receive must look at more than the bytes.
    #[inline]
    pub(crate) const fn watches_descriptors(self) -> bool {
        self.fds > 0 || self.unguarded
    }
}

impl Socket {
    pub(crate) fn new(fd: OwnedFd, asked: Asked) -> Self {
        Self { fd, watch: Watch::default(), asked, refused: AtomicU64::new(0) }
    }

    /// Whether the kernel's own wait does: nothing else could end it.
    #[inline(always)]
    fn plain(&self, wait: Wait) -> bool {
        wait == Wait::FOREVER && self.watch.is_empty()
    }

    /// Does `call`, which is told whether it may wait, as often as needed to do it or to stop.
    ///
    /// The first attempt belongs inline: after a system call every return costs, since the processor
    /// has forgotten where to.
    #[inline(always)]
    pub(crate) fn turns<T>(
        &self,
        op: &'static str,
        events: PollFlags,
        wait: Wait,
        mut call: impl FnMut(bool) -> Result<T, Errno>,
    ) -> Result<T> {
        let plain = self.plain(wait);
        if plain || wait == Wait::No {
            match call(plain) {
                Ok(done) => return Ok(done),
                Err(Errno::AGAIN) if !plain && self.watch.is_empty() => {
                    return Err(Error::WouldBlock);
                }
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(errno) => return Err(Error::os(op, errno)),
            }
        } else if self.watch.cancelled() {
            return Err(Error::Cancelled);
        }
        self.more_turns(op, events, wait, call)
    }

    #[inline(never)]
    fn more_turns<T>(
        &self,
        op: &'static str,
        events: PollFlags,
        wait: Wait,
        mut call: impl FnMut(bool) -> Result<T, Errno>,
    ) -> Result<T> {
        loop {
            match call(false) {
                Ok(done) => return Ok(done),
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => {}
                Err(errno) => return Err(Error::os(op, errno)),
            }
            match self.wait(self.fd.as_fd(), events, wait) {
                // What it sent before it died is still received.
                Err(Error::Closed { peer_died: true }) => {
                    return call(false).map_err(|_| Error::Closed { peer_died: true });
                }
                waited => waited?,
            }
        }
    }

    /// Waits for `fd`, which is this socket or stands for it.
    pub(crate) fn wait(&self, fd: BorrowedFd<'_>, events: PollFlags, wait: Wait) -> Result<()> {
        let op = "wait for socket";
        let died = Error::Closed { peer_died: true };
        let deadline = match wait {
            Wait::No => {
                let died_now = self.watch.peer_exited().map_err(|errno| Error::os(op, errno))?;
                return Err(if died_now { died } else { Error::WouldBlock });
            }
            Wait::Until(deadline) => deadline,
        };
        match self.watch.wait(fd, events, deadline).map_err(|errno| Error::os(op, errno))? {
            Woken::Ready => Ok(()),
            Woken::TimedOut => Err(Error::TimedOut),
            Woken::Cancelled => Err(Error::Cancelled),
            Woken::PeerDied => Err(died),
        }
    }

    /// Receives bytes of a stream: 0 at its end.
    #[inline(always)]
    pub(crate) fn recv(&self, buf: &mut [u8], wait: Wait) -> Result<usize> {
        if self.asked.watches_descriptors() {
            return self.recv_watching(buf, RecvFlags::empty(), wait);
        }
        self.turns("receive from socket", PollFlags::IN, wait, |may_wait| {
            rustix::net::recv(&self.fd, &mut *buf, recv_flags(may_wait)).map(|(bytes, _)| bytes)
        })
    }

    /// Receives one message: its real length, which may be more than fits.
    #[inline(always)]
    pub(crate) fn recv_whole(&self, buf: &mut [u8], wait: Wait) -> Result<usize> {
        if self.asked.watches_descriptors() {
            return self.recv_watching(buf, RecvFlags::TRUNC, wait);
        }
        self.turns("receive from socket", PollFlags::IN, wait, |may_wait| {
            let flags = recv_flags(may_wait) | RecvFlags::TRUNC;
            rustix::net::recv(&self.fd, &mut *buf, flags).map(|(_, real)| real)
        })
    }

    /// As above, where descriptors may come that the caller did not ask for.
    #[cold]
    fn recv_watching(&self, buf: &mut [u8], flags: RecvFlags, wait: Wait) -> Result<usize> {
        let mut control = crate::sys::Control::new();
        // Without room for what was asked for, that alone would look like something unwanted.
        let room = if self.asked.identity { crate::sys::CONTROL_IDENTITY } else { 0 };
        let message = self.turns("receive from socket", PollFlags::IN, wait, |may_wait| {
            let flags = crate::sys::flags((recv_flags(may_wait) | flags).bits());
            let bufs = &mut [IoSliceMut::new(buf)];
            crate::sys::recv_message(self.fd.as_fd(), bufs, &mut control, room, None, flags)
        })?;
        if message.flags & libc::MSG_CTRUNC == 0 && message.fds.is_empty() {
            return Ok(message.bytes);
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        crate::log::warn(format_args!("descriptors came that nobody asked for; they are closed"));
        // Who asked for descriptors must take them with the call for it; the others only lose what
        // they never wanted.
        if self.asked.fds > 0 { Err(Error::AncillaryTruncated) } else { Ok(message.bytes) }
    }

    /// Messages that brought descriptors which were refused and closed.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Sends bytes: as many as there is room for, all of them in the plain form.
    #[inline(always)]
    pub(crate) fn send(&self, buf: &[u8], wait: Wait) -> Result<usize> {
        self.turns("send over socket", PollFlags::OUT, wait, |may_wait| {
            rustix::net::send(&self.fd, buf, send_flags(may_wait))
        })
    }

    #[inline(always)]
    pub(crate) fn send_vectored(&self, bufs: &[IoSlice<'_>], wait: Wait) -> Result<usize> {
        self.turns("send over socket", PollFlags::OUT, wait, |may_wait| {
            let mut nothing = SendAncillaryBuffer::default();
            rustix::net::sendmsg(&self.fd, bufs, &mut nothing, send_flags(may_wait))
        })
    }

    /// Sends one message, whole or not at all.
    #[inline(always)]
    pub(crate) fn send_whole(&self, buf: &[u8], wait: Wait) -> Result<()> {
        match self.send(buf, wait) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.explain_length(error, buf.len())),
        }
    }

    /// The length of the next message, or of what a stream holds, without taking it.
    pub(crate) fn next_len(&self, wait: Wait) -> Result<usize> {
        self.turns("look at socket", PollFlags::IN, wait, |may_wait| {
            let flags = recv_flags(may_wait) | RecvFlags::PEEK | RecvFlags::TRUNC;
            rustix::net::recv(&self.fd, &mut [0_u8; 0][..], flags).map(|(_, real)| real)
        })
    }

    /// `EMSGSIZE` in words.
    #[cold]
    pub(crate) fn explain_length(&self, error: Error, real: usize) -> Error {
        match error {
            Error::Os { source, .. } if source.raw_os_error() == Some(libc::EMSGSIZE) => {
                let limit = rustix::net::sockopt::socket_send_buffer_size(&self.fd);
                // The kernel counts a message with its bookkeeping, and reports twice what was set.
                Error::MessageTooLong { real, limit: limit.unwrap_or(0) / 2 }
            }
            error => error,
        }
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> Result<()> {
        match rustix::net::shutdown(&self.fd, how) {
            // The other side may be quicker.
            Ok(()) | Err(Errno::NOTCONN) => Ok(()),
            Err(errno) => Err(Error::os("shut down socket", errno)),
        }
    }

    pub(crate) fn canceller(&mut self) -> Result<Canceller> {
        let made = self.watch.canceller();
        made.map(Canceller).map_err(|errno| Error::os("create canceller", errno))
    }

    pub(crate) fn watch_peer(&mut self, pid: u32) -> Result<()> {
        use rustix::process::{Pid, PidfdFlags, pidfd_open};
        let op = "watch process at the other end of a socket";
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| Error::os(op, Errno::INVAL))?;
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => {
                self.watch.set_peer(pidfd);
                Ok(())
            }
            Err(Errno::SRCH) => Err(Error::Closed { peer_died: true }),
            Err(errno) => Err(Error::os(op, errno)),
        }
    }

    /// Whether the other side has closed its sending half.
    pub(crate) fn peer_closed(&self) -> bool {
        self.is_ready(PollFlags::RDHUP)
    }

    /// Whether one of `events`, or an end, is there now.
    pub(crate) fn is_ready(&self, events: PollFlags) -> bool {
        let mut entry = [rustix::event::PollFd::new(&self.fd, events)];
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        rustix::io::retry_on_intr(|| rustix::event::poll(&mut entry, Some(&now))).is_ok()
            && !entry[0].revents().is_empty()
    }

    pub(crate) fn try_clone(&self) -> Result<Self> {
        let fd = rustix::io::fcntl_dupfd_cloexec(&self.fd, 0);
        let fd = fd.map_err(|errno| Error::os("duplicate socket", errno))?;
        Ok(Self::new(fd, self.asked))
    }
}

#[inline]
pub(crate) fn recv_flags(may_wait: bool) -> RecvFlags {
    if may_wait { RecvFlags::empty() } else { RecvFlags::DONTWAIT }
}

#[inline]
pub(crate) fn send_flags(may_wait: bool) -> SendFlags {
    if may_wait { SendFlags::NOSIGNAL } else { SendFlags::NOSIGNAL | SendFlags::DONTWAIT }
}
