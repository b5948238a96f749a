//! Opening the ends: never a call that hangs. `open(2)` of a FIFO waits for the other end, and only a
//! signal ends that wait. So both ends are opened without waiting, and the wait is one of ours.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use ipc_core::pipe_end::PipeEnd;
use ipc_core::watch::Woken;
use ipc_core::{Deadline, Wait};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, tee};

use crate::capacity;
use crate::error::{Error, Result};
use crate::fifo::Fifo;
use crate::pauses::Pauses;
use crate::reader::Reader;
use crate::writer::Writer;

const READER: &str = "open FIFO for reading";
const WRITER: &str = "open FIFO for writing";

/// How often a wait gives its processor away before it sleeps for the first time.
const YIELDS: u32 = 4;

impl Fifo {
    /// Opens the reading end, and waits until somebody opens the writing one (as `open(2)` does).
    /// Writers can open theirs as soon as the wait begins.
    ///
    /// # Errors
    /// `Removed`: the name does not stand for this FIFO any more. `Cancelled`. `Limit`: too many
    /// descriptors. `Os`: for example `EACCES`.
    ///
    /// # Linux
    /// [`fifo(7)`](https://man7.org/linux/man-pages/man7/fifo.7.html)
    pub fn open_reader(&self) -> Result<Reader> {
        self.reader_until(Wait::FOREVER)
    }

    /// Opens the reading end at once. While nobody has opened the writing end, reads give 0 bytes: to
    /// wait for the first writer, and from one to the next, use
    /// [`Reader::persistent`](crate::Reader::persistent).
    ///
    /// # Errors
    /// As [`open_reader`](Self::open_reader).
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_fifo::Error> {
    /// # let dir = ipc_devkit::scratch::dir();
    /// # let path = dir.path().join("fifo");
    /// use ipc_fifo::{Error, Fifo};
    /// let fifo = Fifo::create(path)?;
    /// assert!(matches!(fifo.try_open_writer(), Err(Error::NoReader)));
    /// let mut reader = fifo.try_open_reader()?;
    /// fifo.try_open_writer()?.write(b"hello")?;
    /// assert_eq!(reader.read(&mut [0; 16])?, 5);
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_open_reader(&self) -> Result<Reader> {
        self.reader_until(Wait::No)
    }

    /// As [`open_reader`](Self::open_reader), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`: nobody opened the writing end. Otherwise as [`open_reader`](Self::open_reader).
    pub fn open_reader_timeout(&self, timeout: Duration) -> Result<Reader> {
        self.reader_until(Wait::timeout(timeout))
    }

    /// As [`open_reader`](Self::open_reader), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`: nobody opened the writing end. Otherwise as [`open_reader`](Self::open_reader).
    pub fn open_reader_deadline(&self, deadline: Instant) -> Result<Reader> {
        self.reader_until(Wait::deadline(deadline))
    }

    /// Waits until somebody has the reading end, and opens the writing one.
    ///
    /// # Errors
    /// `Removed`: the name does not stand for this FIFO any more. `Cancelled`. `Limit`: too many
    /// descriptors. `Os`: for example `EACCES`.
    pub fn open_writer(&self) -> Result<Writer> {
        self.writer_until(Wait::FOREVER)
    }

    /// Opens the writing end if somebody has the reading one.
    ///
    /// # Errors
    /// `NoReader`: nobody has. Otherwise as [`open_writer`](Self::open_writer).
    pub fn try_open_writer(&self) -> Result<Writer> {
        self.writer_until(Wait::No)
    }

    /// As [`open_writer`](Self::open_writer), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`: nobody opened the reading end. Otherwise as [`open_writer`](Self::open_writer).
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_fifo::Error> {
    /// # let dir = ipc_devkit::scratch::dir();
    /// # let path = dir.path().join("fifo");
    /// use std::time::Duration;
    /// let fifo = ipc_fifo::Fifo::create(path)?;
    /// let nobody = fifo.open_writer_timeout(Duration::from_millis(1));
    /// assert!(matches!(nobody, Err(ipc_fifo::Error::TimedOut)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn open_writer_timeout(&self, timeout: Duration) -> Result<Writer> {
        self.writer_until(Wait::timeout(timeout))
    }

    /// As [`open_writer`](Self::open_writer), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`: nobody opened the reading end. Otherwise as [`open_writer`](Self::open_writer).
    pub fn open_writer_deadline(&self, deadline: Instant) -> Result<Writer> {
        self.writer_until(Wait::deadline(deadline))
    }

    fn reader_until(&self, wait: Wait) -> Result<Reader> {
        let private = self.end(READER, OFlags::RDONLY)?;
        if let Wait::Until(deadline) = wait {
            // Both ends stay open: nothing may be copied into a pipe that nobody reads.
            let scratch = pipe_with(PipeFlags::CLOEXEC).map_err(|errno| self.os(READER, errno))?;
            let come = || writer_has_come(&private, &scratch.1);
            self.wait_until(READER, deadline, Some(&private), || Ok(come()?.then_some(())))?;
        }
        let end = self.finish(READER, self.end(READER, OFlags::RDONLY)?, Some(private))?;
        Ok(Reader::new(end, self.user.clone()))
    }

    /// A reading end that is a writing one too, so that it never comes to an end.
    pub(crate) fn persistent_reader(&self) -> Result<Reader> {
        let private = self.end(READER, OFlags::RDONLY)?;
        let end = self.finish(READER, self.end(READER, OFlags::RDWR)?, Some(private))?;
        Ok(Reader::new(end, self.user.clone()))
    }

    fn writer_until(&self, wait: Wait) -> Result<Writer> {
        let open = || match self.node.open(OFlags::WRONLY) {
            Ok(fd) => Ok(Some(fd)),
            Err(Errno::NXIO) => Ok(None),
            Err(errno) => Err(errno),
        };
        let os = |errno| self.os(WRITER, errno);
        let fd = match wait {
            Wait::No => match open().map_err(os)? {
                Some(fd) => fd,
                None => return Err(self.check_named(WRITER).err().unwrap_or(Error::NoReader)),
            },
            Wait::Until(deadline) => self.wait_until(WRITER, deadline, None, open)?,
        };
        // The reader that we met may be gone by now, and has seen us: that was a meeting all the same.
        let private = open().map_err(os)?;
        Ok(Writer::new(self.finish(WRITER, fd, private)?, self.user.clone()))
    }

    /// Looks again and again, until there is what `look` looks for.
    fn wait_until<T>(
        &self,
        op: &'static str,
        deadline: Deadline,
        reader: Option<&OwnedFd>,
        mut look: impl FnMut() -> Result<Option<T>, Errno>,
    ) -> Result<T> {
        let os = |errno| self.os(op, errno);
        if self.watch.cancelled() {
            return Err(Error::Cancelled);
        }
        if let Some(found) = look().map_err(os)? {
            return Ok(found);
        }
        // The other side may only want this processor.
        for _ in 0..YIELDS {
            rustix::thread::sched_yield();
            if let Some(found) = look().map_err(os)? {
                return Ok(found);
            }
        }
        // What a pause listens to, besides the canceller: a reader to its data, a writer to nothing.
        let silence;
        let fd = match reader {
            Some(reader) => reader.as_fd(),
            None => {
                silence = eventfd(0, EventfdFlags::CLOEXEC).map_err(os)?;
                silence.as_fd()
            }
        };
        let mut pauses = Pauses::new();
        loop {
            self.check_named(op)?;
            match pauses.wait(fd, &self.watch, deadline).map_err(os)? {
                Woken::Ready => {
                    if let Some(found) = look().map_err(os)? {
                        return Ok(found);
                    }
                }
                Woken::TimedOut => return Err(Error::TimedOut),
                Woken::Cancelled | Woken::PeerDied => return Err(Error::Cancelled),
            }
        }
    }

    /// Opens an end that does not wait.
    fn end(&self, op: &'static str, access: OFlags) -> Result<OwnedFd> {
        self.node.open(access).map_err(|errno| self.os(op, errno))
    }

    /// One description waits in the kernel, where that is the cheapest; nobody shares it yet, so its
    /// flags may be changed. The other one never waits.
    fn finish(&self, op: &'static str, fd: OwnedFd, private: Option<OwnedFd>) -> Result<PipeEnd> {
        fcntl_setfl(&fd, OFlags::empty()).map_err(|errno| self.os(op, errno))?;
        if let Some(asked) = self.capacity {
            capacity::at_least(&fd, self.path(), asked)?;
        }
        self.check_named(op)?;
        Ok(match private {
            Some(private) => PipeEnd::with_private(fd, private),
            // Nobody reads: it is opened when somebody does.
            None => PipeEnd::new(fd),
        })
    }

    #[cold]
    fn os(&self, op: &'static str, errno: Errno) -> Error {
        match errno {
            // The FIFO is there: it is held. So `/proc` is not.
            Errno::NOENT => Error::Unsupported { what: "open FIFO by descriptor without /proc" },
            _ => Error::os(op, self.path(), errno),
        }
    }
}

/// Whether a writer has the other end, or had it since `reader` was opened. A read would tell, but
/// take the data; `tee` copies a byte instead.
fn writer_has_come(reader: &OwnedFd, scratch: &OwnedFd) -> Result<bool, Errno> {
    let copied = rustix::io::retry_on_intr(|| tee(reader, scratch, 1, SpliceFlags::NONBLOCK));
    match copied {
        Ok(0) => {
            let mut entry = [PollFd::from_borrowed_fd(reader.as_fd(), PollFlags::IN)];
            let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
            rustix::io::retry_on_intr(|| poll(&mut entry, Some(&now)))?;
            Ok(entry[0].revents().contains(PollFlags::HUP))
        }
        Ok(_) | Err(Errno::AGAIN) => Ok(true),
        Err(errno) => Err(errno),
    }
}
