//! Moving what is in a pipe without copying it: `splice`, `tee`, `vmsplice`.
//!
//! The plain forms leave the waiting to the kernel. The others must not wait inside the call, and
//! `SPLICE_F_NONBLOCK` speaks only of pipes: so they wait for both sides first, then move.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use ipc_core::pipe_end::{PipeEnd, Stop, quietly};
use ipc_core::watch::{Watch, Woken};
use ipc_core::{Deadline, Wait};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::pipe::SpliceFlags;

use crate::error::{Error, Result};
use crate::pages::{self, FrozenPages};
use crate::pair::{Reader, Writer};

const SPLICE: &str = "splice pipe";
const TEE: &str = "tee pipe";
const VMSPLICE: &str = "vmsplice into pipe";

impl Reader {
    /// Moves up to `len` bytes from this pipe to `to`, at its current position, without copying them
    /// through this process. Waits until something is there; 0 when all writers are gone.
    ///
    /// `to` is a pipe, a file, a socket. One that is none of the first two and in blocking mode may
    /// hold even the forms with a deadline until it takes what is offered.
    ///
    /// # Errors
    /// `Closed`: nobody reads `to`. `NoSpace`. `Unsupported`: the kernel cannot splice to `to` (a
    /// file opened to append, the same pipe), or this is a pipe of packets. `Cancelled`, `Os`.
    ///
    /// # Linux
    /// [`splice(2)`](https://man7.org/linux/man-pages/man2/splice.2.html)
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_pipe::Error> {
    /// let (mut from, mut first) = ipc_pipe::pipe()?;
    /// let (mut second, to) = ipc_pipe::pipe()?;
    /// first.write(b"moved")?;
    /// assert_eq!(from.splice(&to, usize::MAX)?, 5);
    /// assert_eq!(second.read(&mut [0; 8])?, 5);
    /// # Ok(())
    /// # }
    /// ```
    pub fn splice(&mut self, to: impl AsFd, len: usize) -> Result<usize> {
        self.splice_until(to.as_fd(), len, Wait::FOREVER)
    }

    /// As [`splice`](Self::splice), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`. Otherwise as [`splice`](Self::splice).
    pub fn try_splice(&mut self, to: impl AsFd, len: usize) -> Result<usize> {
        self.splice_until(to.as_fd(), len, Wait::No)
    }

    /// As [`splice`](Self::splice), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`splice`](Self::splice).
    pub fn splice_timeout(
        &mut self,
        to: impl AsFd,
        len: usize,
        timeout: Duration,
    ) -> Result<usize> {
        self.splice_until(to.as_fd(), len, Wait::timeout(timeout))
    }

    /// As [`splice`](Self::splice), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`splice`](Self::splice).
    pub fn splice_deadline(
        &mut self,
        to: impl AsFd,
        len: usize,
        deadline: Instant,
    ) -> Result<usize> {
        self.splice_until(to.as_fd(), len, Wait::deadline(deadline))
    }

    fn splice_until(&mut self, to: BorrowedFd<'_>, len: usize, wait: Wait) -> Result<usize> {
        refuse_packets(self.packets.is_some())?;
        let len = len.min(LONGEST);
        let call = |flags| rustix::pipe::splice(&self.end, None, to, None, len, flags);
        moved(&self.end, PollFlags::IN, Some((to, PollFlags::OUT)), wait, call)
            .map_err(|stop| error(SPLICE, stop))
    }

    /// Copies up to `len` bytes to `to` and leaves them in this pipe too, without copying the memory
    /// they are in. Waits until something is there and `to` has room; 0 when all writers are gone.
    ///
    /// The next call copies the same bytes again unless they were read meanwhile.
    ///
    /// # Errors
    /// `Closed`: nobody reads `to`. `Unsupported`: one of the two is no pipe, or one of packets, or
    /// they are the same one. `Cancelled`, `Os`.
    ///
    /// # Linux
    /// [`tee(2)`](https://man7.org/linux/man-pages/man2/tee.2.html)
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_pipe::Error> {
    /// let (mut from, mut source) = ipc_pipe::pipe()?;
    /// let (mut copy, mut to) = ipc_pipe::pipe()?;
    /// source.write(b"twice")?;
    /// assert_eq!(from.tee(&mut to, usize::MAX)?, 5);
    /// assert_eq!(copy.read(&mut [0; 8])?, 5);
    /// assert_eq!(from.read(&mut [0; 8])?, 5);
    /// # Ok(())
    /// # }
    /// ```
    pub fn tee(&mut self, to: &mut Writer, len: usize) -> Result<usize> {
        self.tee_until(to, len, Wait::FOREVER)
    }

    /// As [`tee`](Self::tee), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`. Otherwise as [`tee`](Self::tee).
    pub fn try_tee(&mut self, to: &mut Writer, len: usize) -> Result<usize> {
        self.tee_until(to, len, Wait::No)
    }

    /// As [`tee`](Self::tee), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`tee`](Self::tee).
    pub fn tee_timeout(&mut self, to: &mut Writer, len: usize, timeout: Duration) -> Result<usize> {
        self.tee_until(to, len, Wait::timeout(timeout))
    }

    /// As [`tee`](Self::tee), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`tee`](Self::tee).
    pub fn tee_deadline(
        &mut self,
        to: &mut Writer,
        len: usize,
        deadline: Instant,
    ) -> Result<usize> {
        self.tee_until(to, len, Wait::deadline(deadline))
    }

    fn tee_until(&mut self, to: &mut Writer, len: usize, wait: Wait) -> Result<usize> {
        refuse_packets(self.packets.is_some() || to.packets)?;
        let len = len.min(LONGEST);
        let call = |flags| rustix::pipe::tee(&self.end, &to.end, len, flags);
        let other = Some((to.end.as_fd(), PollFlags::OUT));
        moved(&self.end, PollFlags::IN, other, wait, call).map_err(|stop| error(TEE, stop))
    }
}

impl Writer {
    /// Moves up to `len` bytes from `from`, at its current position, into this pipe, without copying
    /// them through this process. Waits for room; 0 at the end of `from`.
    ///
    /// `from` is a pipe, a file, a socket.
    ///
    /// # Errors
    /// `Closed`: nobody reads this pipe. `Unsupported`: the kernel cannot splice from `from`, or this
    /// is a pipe of packets. `Cancelled`, `Os`.
    ///
    /// # Linux
    /// [`splice(2)`](https://man7.org/linux/man-pages/man2/splice.2.html)
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (mut reader, mut writer) = ipc_pipe::pipe()?;
    /// let file = std::fs::File::open("Cargo.toml")?;
    /// let moved = writer.splice(&file, 9)?;
    /// assert_eq!((moved, reader.read(&mut [0; 16])?), (9, 9));
    /// # Ok(())
    /// # }
    /// ```
    pub fn splice(&mut self, from: impl AsFd, len: usize) -> Result<usize> {
        self.splice_until(from.as_fd(), len, Wait::FOREVER)
    }

    /// As [`splice`](Self::splice), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`. Otherwise as [`splice`](Self::splice).
    pub fn try_splice(&mut self, from: impl AsFd, len: usize) -> Result<usize> {
        self.splice_until(from.as_fd(), len, Wait::No)
    }

    /// As [`splice`](Self::splice), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`splice`](Self::splice).
    pub fn splice_timeout(
        &mut self,
        from: impl AsFd,
        len: usize,
        timeout: Duration,
    ) -> Result<usize> {
        self.splice_until(from.as_fd(), len, Wait::timeout(timeout))
    }

    /// As [`splice`](Self::splice), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`splice`](Self::splice).
    pub fn splice_deadline(
        &mut self,
        from: impl AsFd,
        len: usize,
        deadline: Instant,
    ) -> Result<usize> {
        self.splice_until(from.as_fd(), len, Wait::deadline(deadline))
    }

    fn splice_until(&mut self, from: BorrowedFd<'_>, len: usize, wait: Wait) -> Result<usize> {
        refuse_packets(self.packets)?;
        let len = len.min(LONGEST);
        let call = |flags| rustix::pipe::splice(from, None, &self.end, None, len, flags);
        moved(&self.end, PollFlags::OUT, Some((from, PollFlags::IN)), wait, call)
            .map_err(|stop| error(SPLICE, stop))
    }

    /// Lends all of `pages` to this pipe: the reader gets the bytes, and nothing was copied to put
    /// them in. Waits for room, as [`write`](Self::write) does; fewer bytes only if a canceller or a
    /// watched process came in between. The number of bytes lent is returned.
    ///
    /// Each page takes one of the pipe's places, however little of it is sent: pays from about
    /// 16 KiB on, and best with a capacity of 1 MiB.
    ///
    /// # Errors
    /// `Closed`: nobody reads this pipe. `Unsupported`: it is one of packets. `Cancelled`, `Os`.
    ///
    /// # Linux
    /// [`vmsplice(2)`](https://man7.org/linux/man-pages/man2/vmsplice.2.html), never with
    /// `SPLICE_F_GIFT`.
    ///
    /// # Examples
    /// See [`Pages`](crate::Pages).
    pub fn vmsplice(&mut self, pages: &FrozenPages) -> Result<usize> {
        self.vmsplice_until(pages, Wait::FOREVER)
    }

    /// Lends what there is room for now. For the rest, see [`FrozenPages::slice`].
    ///
    /// # Errors
    /// `WouldBlock`: there is no room. Otherwise as [`vmsplice`](Self::vmsplice).
    pub fn try_vmsplice(&mut self, pages: &FrozenPages) -> Result<usize> {
        self.vmsplice_until(pages, Wait::No)
    }

    /// Waits for room, no longer than `timeout`, and lends what there is room for.
    ///
    /// # Errors
    /// `TimedOut`: nothing was lent. Otherwise as [`vmsplice`](Self::vmsplice).
    pub fn vmsplice_timeout(&mut self, pages: &FrozenPages, timeout: Duration) -> Result<usize> {
        self.vmsplice_until(pages, Wait::timeout(timeout))
    }

    /// Waits for room, no longer than to `deadline`, and lends what there is room for.
    ///
    /// # Errors
    /// `TimedOut`: nothing was lent. Otherwise as [`vmsplice`](Self::vmsplice).
    pub fn vmsplice_deadline(&mut self, pages: &FrozenPages, deadline: Instant) -> Result<usize> {
        self.vmsplice_until(pages, Wait::deadline(deadline))
    }

    fn vmsplice_until(&mut self, pages: &FrozenPages, wait: Wait) -> Result<usize> {
        refuse_packets(self.packets)?;
        let mut done = 0;
        while done < pages.len() {
            let call = |flags| pages::vmsplice(self.end.as_fd(), pages, done, flags);
            match moved(&self.end, PollFlags::OUT, None, wait, call) {
                Ok(n) => done += n,
                // What is in the pipe already cannot be taken back: the caller goes on from there.
                Err(_) if done > 0 => break,
                Err(stop) => return Err(error(VMSPLICE, stop)),
            }
            if wait != Wait::FOREVER {
                break;
            }
        }
        Ok(done)
    }
}

/// The most that one call is asked for; the kernel cuts at less.
const LONGEST: usize = 1 << 30;

/// Makes `call` until it moved something: with no flags where the kernel may wait as long as it
/// likes, otherwise with `NONBLOCK` when both sides are ready.
#[inline]
fn moved(
    end: &PipeEnd,
    events: PollFlags,
    other: Option<(BorrowedFd<'_>, PollFlags)>,
    wait: Wait,
    call: impl Fn(SpliceFlags) -> Result<usize, Errno>,
) -> Result<usize, Stop> {
    if wait == Wait::FOREVER && end.watch().is_empty() {
        match quietly(|| call(SpliceFlags::empty())) {
            Ok(n) => return Ok(n),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(Errno::PIPE) => return Err(Stop::Closed),
            Err(errno) => return Err(errno.into()),
        }
    }
    moved_in_turns(end, events, other, wait, &call)
}

fn moved_in_turns(
    end: &PipeEnd,
    events: PollFlags,
    other: Option<(BorrowedFd<'_>, PollFlags)>,
    wait: Wait,
    call: &dyn Fn(SpliceFlags) -> Result<usize, Errno>,
) -> Result<usize, Stop> {
    let nobody = Watch::default();
    // A form that does not wait looks once, and cannot be cancelled.
    let (watch, deadline) = match wait {
        Wait::No => (&nobody, Deadline::at(Instant::now())),
        Wait::Until(deadline) => (end.watch(), deadline),
    };
    if watch.cancelled() {
        return Err(Stop::Cancelled);
    }
    loop {
        let mut ready = watch.wait(end.as_fd(), events, deadline)?;
        if let (Woken::Ready, Some((other, events))) = (ready, other) {
            ready = watch.wait(other, events, deadline)?;
        }
        let stop = match ready {
            Woken::Ready => None,
            Woken::TimedOut if wait == Wait::No && end.watch().peer_exited()? => {
                Some(Stop::PeerDied)
            }
            Woken::TimedOut if wait == Wait::No => Some(Stop::WouldBlock),
            Woken::TimedOut => Some(Stop::TimedOut),
            Woken::Cancelled => Some(Stop::Cancelled),
            Woken::PeerDied => Some(Stop::PeerDied),
        };
        if let Some(stop) = stop {
            return Err(stop);
        }
        match quietly(|| call(SpliceFlags::NONBLOCK)) {
            Ok(n) => return Ok(n),
            // Somebody else was faster: wait again.
            Err(Errno::INTR | Errno::AGAIN) if wait != Wait::No => {}
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Err(Stop::WouldBlock),
            Err(Errno::PIPE) => return Err(Stop::Closed),
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn error(op: &'static str, stop: Stop) -> Error {
    match stop {
        Stop::Os(Errno::INVAL) => Error::Unsupported { what: op },
        Stop::Os(Errno::NOSPC | Errno::DQUOT) => Error::NoSpace { what: op },
        stop => Error::stop(op, stop),
    }
}

fn refuse_packets(packets: bool) -> Result<()> {
    if packets { Err(Error::Unsupported { what: "splice a pipe of packets" }) } else { Ok(()) }
}
