//! Reading and writing one end of a pipe or FIFO, with a deadline and without a SIGPIPE, and
//! without touching what other processes share: `O_NONBLOCK` is a flag of the open file
//! *description*, and a dup in another process has the same one.
//!
//! How a call avoids waiting: `RWF_NOWAIT` per call. Kernels that refuse it on this description
//! (FIFOs, pipes re-opened by path) get a second, private description of the same pipe with
//! `O_NONBLOCK`, opened through `/proc/self/fd`.
//!
//! How a write avoids the signal: `RWF_NOSIGNAL` (Linux 6.18). Before that, and for calls that take
//! no such flag, SIGPIPE is blocked in this thread for the length of the call, unless the process
//! ignores it, and one that the call raised is taken back.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use rustix::event::PollFlags;
use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, ReadWriteFlags, preadv2, pwritev2, read, readv, writev};

use crate::deadline::Wait;
use crate::sys;
use crate::watch::{Watch, Woken};

/// `RWF_NOSIGNAL`, which the bindings lack.
const NOSIGNAL: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x100);
/// "At the current position": the offset of streams in `preadv2(2)`.
const CURRENT: u64 = u64::MAX;

/// Why a call did not read or write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It would have to wait, and was told not to.
    WouldBlock,
    /// The deadline passed.
    TimedOut,
    /// Somebody asked the wait to end.
    Cancelled,
    /// The watched process at the other end exited, and nothing more can come or go.
    PeerDied,
    /// Nobody has the reading end any more.
    Closed,
    /// Anything else the kernel reports.
    Os(Errno),
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Self::Os(errno)
    }
}

/// One end of a pipe, and what its waits listen to.
#[derive(Debug)]
pub struct PipeEnd {
    fd: OwnedFd,
    /// The same pipe with `O_NONBLOCK`, where the kernel refuses `RWF_NOWAIT` on `fd`.
    private: Option<OwnedFd>,
    watch: Watch,
    /// Nothing but the pipe ends a wait, and the kernel keeps SIGPIPE back: no call needs any care.
    /// One flag, because each branch after a system call costs some nanoseconds.
    carefree: bool,
}

impl PipeEnd {
    /// Takes an end as it is.
    #[must_use]
    pub fn new(fd: OwnedFd) -> Self {
        Self { fd, private: None, watch: Watch::default(), carefree: has_nosignal() }
    }

    /// What else ends a wait.
    #[must_use]
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// What else ends a wait, to be added to.
    pub fn watch_mut(&mut self) -> &mut Watch {
        self.carefree = false;
        &mut self.watch
    }

    /// Takes two descriptions of one FIFO that nobody shares: `fd` waits in the kernel, `private` has
    /// `O_NONBLOCK`. No call has to open it again, which could fail after a change of user.
    #[must_use]
    pub fn with_private(fd: OwnedFd, private: OwnedFd) -> Self {
        Self { private: Some(private), ..Self::new(fd) }
    }

    /// Another handle of the same end, which listens to nothing else yet.
    ///
    /// # Errors
    /// `EMFILE`: too many descriptors.
    pub fn try_clone(&self) -> Result<Self, Errno> {
        let copy = |fd: &OwnedFd| rustix::io::fcntl_dupfd_cloexec(fd, 0);
        let private = self.private.as_ref().map(copy).transpose()?;
        Ok(Self { private, ..Self::new(copy(&self.fd)?) })
    }

    /// Gives the descriptor back as it came.
    #[must_use]
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// Reads what is there, as much as fits: 0 when all writers are gone.
    ///
    /// The fast path is flat on purpose: after a system call the processor has forgotten where
    /// functions return to, and each level of calls costs about 20 ns more.
    ///
    /// # Errors
    /// See [`Stop`]; never `Closed`.
    #[inline(always)]
    pub fn read(&mut self, buf: &mut [u8], wait: Wait) -> Result<usize, Stop> {
        if self.carefree {
            if wait == Wait::FOREVER {
                // Nothing else can end this wait, so the kernel's own is the cheapest.
                if let Ok(n) = read(&self.fd, &mut *buf) {
                    return Ok(n);
                }
            } else if wait == Wait::No {
                let done = match &self.private {
                    Some(private) => read(private, &mut *buf),
                    None => {
                        let mut bufs = [IoSliceMut::new(buf)];
                        preadv2(&self.fd, &mut bufs, CURRENT, ReadWriteFlags::NOWAIT)
                    }
                };
                match done {
                    Ok(n) => return Ok(n),
                    Err(Errno::AGAIN) => return Err(Stop::WouldBlock),
                    Err(_) => {}
                }
            }
        }
        self.read_vectored(&mut [IoSliceMut::new(buf)], wait)
    }

    /// As [`read`](Self::read), into several buffers in turn.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_vectored(
        &mut self,
        bufs: &mut [IoSliceMut<'_>],
        wait: Wait,
    ) -> Result<usize, Stop> {
        if wait == Wait::FOREVER && self.watch.is_empty() {
            match readv(&self.fd, bufs) {
                Err(Errno::INTR | Errno::AGAIN) => {}
                done => return Ok(done?),
            }
        }
        if wait != Wait::No && self.watch.cancelled() {
            return Err(Stop::Cancelled);
        }
        loop {
            match self.read_now(bufs) {
                Ok(n) => return Ok(n),
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => {}
                Err(errno) => return Err(errno.into()),
            }
            match self.wait(PollFlags::IN, wait) {
                Ok(()) => {}
                // What it wrote before it died is still read.
                Err(Stop::PeerDied) => {
                    return self.read_now(bufs).map_err(|_| Stop::PeerDied);
                }
                Err(stop) => return Err(stop),
            }
        }
    }

    fn read_now(&mut self, bufs: &mut [IoSliceMut<'_>]) -> Result<usize, Errno> {
        if self.private.is_none() {
            match preadv2(&self.fd, bufs, CURRENT, ReadWriteFlags::NOWAIT) {
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                    self.private = Some(reopen(self.fd.as_fd(), OFlags::RDONLY)?);
                }
                done => return done,
            }
        }
        let private = self.private.as_ref().unwrap_or(&self.fd);
        match bufs {
            [one] => read(private, &mut **one),
            bufs => readv(private, bufs),
        }
    }

    /// Writes as much as there is room for; with no deadline and nothing else that ends the wait,
    /// all of it. Up to `PIPE_BUF` bytes go together or not at all.
    ///
    /// # Errors
    /// See [`Stop`].
    #[inline(always)]
    pub fn write_vectored(&mut self, bufs: &[IoSlice<'_>], wait: Wait) -> Result<usize, Stop> {
        if self.carefree {
            if wait == Wait::FOREVER {
                if let Ok(n) = pwritev2(&self.fd, bufs, CURRENT, NOSIGNAL) {
                    return Ok(n);
                }
            } else if wait == Wait::No {
                let done = match &self.private {
                    Some(private) => pwritev2(private, bufs, CURRENT, NOSIGNAL),
                    None => {
                        pwritev2(&self.fd, bufs, CURRENT, NOSIGNAL.union(ReadWriteFlags::NOWAIT))
                    }
                };
                match done {
                    Ok(n) => return Ok(n),
                    Err(Errno::AGAIN) => return Err(Stop::WouldBlock),
                    Err(_) => {}
                }
            }
        }
        self.write_in_turns(bufs, wait)
    }

    #[inline(never)]
    fn write_in_turns(&mut self, bufs: &[IoSlice<'_>], wait: Wait) -> Result<usize, Stop> {
        if wait == Wait::FOREVER && self.watch.is_empty() {
            match write_quietly(&self.fd, bufs, ReadWriteFlags::empty()) {
                Ok(n) => return Ok(n),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(Errno::PIPE) => return Err(Stop::Closed),
                Err(errno) => return Err(errno.into()),
            }
        }
        if wait != Wait::No && self.watch.cancelled() {
            return Err(Stop::Cancelled);
        }
        loop {
            match self.write_now(bufs) {
                Ok(n) => return Ok(n),
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => {}
                Err(Errno::PIPE) => return Err(Stop::Closed),
                Err(errno) => return Err(errno.into()),
            }
            self.wait(PollFlags::OUT, wait)?;
        }
    }

    fn write_now(&mut self, bufs: &[IoSlice<'_>]) -> Result<usize, Errno> {
        if self.private.is_none() {
            match write_quietly(&self.fd, bufs, ReadWriteFlags::NOWAIT) {
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                    let private = match reopen(self.fd.as_fd(), OFlags::WRONLY) {
                        // Opening the writing end of a FIFO nobody reads.
                        Err(Errno::NXIO) => return Err(Errno::PIPE),
                        opened => opened?,
                    };
                    self.private = Some(private);
                }
                done => return done,
            }
        }
        let private = self.private.as_ref().unwrap_or(&self.fd);
        write_quietly(private, bufs, ReadWriteFlags::empty())
    }

    fn wait(&self, events: PollFlags, wait: Wait) -> Result<(), Stop> {
        let deadline = match wait {
            Wait::No if self.watch.peer_exited()? => return Err(Stop::PeerDied),
            Wait::No => return Err(Stop::WouldBlock),
            Wait::Until(deadline) => deadline,
        };
        match self.watch.wait(self.fd.as_fd(), events, deadline)? {
            Woken::Ready => Ok(()),
            Woken::TimedOut => Err(Stop::TimedOut),
            Woken::Cancelled => Err(Stop::Cancelled),
            Woken::PeerDied => Err(Stop::PeerDied),
        }
    }
}

impl AsFd for PipeEnd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A description of the same pipe that nobody shares. A pipe of packets stays one: the kernel looks
/// at the flag of the description that is written to.
fn reopen(fd: BorrowedFd<'_>, access: OFlags) -> Result<OwnedFd, Errno> {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let packets = rustix::fs::fcntl_getfl(fd)? & OFlags::DIRECT;
    let private =
        rustix::fs::open(path, access | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    if !packets.is_empty() {
        // `open` refuses this flag on pipes; `fcntl` does not.
        rustix::fs::fcntl_setfl(&private, OFlags::NONBLOCK | packets)?;
    }
    Ok(private)
}

/// Makes a call that may raise SIGPIPE, without the signal: for calls that cannot be told so. While
/// the signal is ignored, as it is in Rust programs, that costs one system call, otherwise four.
///
/// # Errors
/// Those of `call`.
#[inline]
pub fn quietly<T>(call: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
    if sys::sigpipe_ignored() { call() } else { sys::without_sigpipe(call) }
}

/// Writes without raising SIGPIPE.
fn write_quietly(
    fd: &OwnedFd,
    bufs: &[IoSlice<'_>],
    flags: ReadWriteFlags,
) -> Result<usize, Errno> {
    if has_nosignal() {
        return pwritev2(fd, bufs, CURRENT, flags | NOSIGNAL);
    }
    quietly(|| if flags.is_empty() { writev(fd, bufs) } else { pwritev2(fd, bufs, CURRENT, flags) })
}

/// Whether this kernel knows `RWF_NOSIGNAL`. Asked once, with a byte through a pipe of our own: the
/// kernel looks at the flags only when there is something to write.
#[inline]
#[must_use]
pub fn has_nosignal() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let Ok((_reader, writer)) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
        else {
            return false;
        };
        pwritev2(&writer, &[IoSlice::new(b"?")], CURRENT, NOSIGNAL).is_ok()
    })
}

/// Whether this kernel knows `RWF_NOWAIT` on the pipes that [`rustix::pipe::pipe_with`] makes.
#[must_use]
pub fn has_nowait() -> bool {
    let Ok((reader, _writer)) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC) else {
        return false;
    };
    let mut byte = [0];
    let answer =
        preadv2(&reader, &mut [IoSliceMut::new(&mut byte)], CURRENT, ReadWriteFlags::NOWAIT);
    matches!(answer, Err(Errno::AGAIN))
}
