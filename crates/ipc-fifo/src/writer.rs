//! The end of a FIFO into which bytes go.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipc_core::Wait;
use ipc_core::pipe_end::{PipeEnd, Stop};

use crate::canceller::Canceller;
use crate::error::{Error, Result};
use crate::user::{User, path_of};
use crate::{capacity, peer};

/// Writes up to this many bytes go together or not at all, whoever else writes.
#[doc(alias = "POSIX_PIPE_BUF")]
pub const PIPE_BUF: usize = 4096;

const WRITE: &str = "write to FIFO";

/// The end of a FIFO into which bytes go.
///
/// Opened by [`Fifo::open_writer`](crate::Fifo::open_writer) and its forms. Dropping it closes the
/// end. No call of this type raises SIGPIPE.
#[derive(Debug)]
pub struct Writer {
    end: PipeEnd,
    /// Keeps this process a user of the FIFO.
    user: Option<Arc<User>>,
}

impl Writer {
    pub(crate) const fn new(end: PipeEnd, user: Arc<User>) -> Self {
        Self { end, user: Some(user) }
    }

    /// Writes all of `buf`, waiting for room; fewer bytes only if a signal handler, a canceller or
    /// a watched process came in between. The number of bytes written is returned.
    ///
    /// # Errors
    /// `Closed`: nobody has the reading end any more, or the watched process died. `Cancelled`, `Os`.
    #[inline]
    pub fn write(&mut self, buf: &[u8]) -> Result<usize> {
        self.write_until(&[IoSlice::new(buf)], Wait::FOREVER)
    }

    /// Writes what there is room for now. Up to [`PIPE_BUF`] bytes go together or not at all.
    ///
    /// # Errors
    /// `WouldBlock`: there is no room. Otherwise as [`write`](Self::write).
    #[inline]
    pub fn try_write(&mut self, buf: &[u8]) -> Result<usize> {
        self.write_until(&[IoSlice::new(buf)], Wait::No)
    }

    /// Waits for room, no longer than `timeout`, and writes what there is room for.
    ///
    /// # Errors
    /// `TimedOut`: nothing was written. Otherwise as [`write`](Self::write).
    pub fn write_timeout(&mut self, buf: &[u8], timeout: Duration) -> Result<usize> {
        self.write_until(&[IoSlice::new(buf)], Wait::timeout(timeout))
    }

    /// Waits for room, no longer than to `deadline`, and writes what there is room for.
    ///
    /// # Errors
    /// `TimedOut`: nothing was written. Otherwise as [`write`](Self::write).
    pub fn write_deadline(&mut self, buf: &[u8], deadline: Instant) -> Result<usize> {
        self.write_until(&[IoSlice::new(buf)], Wait::deadline(deadline))
    }

    #[inline]
    pub(crate) fn write_until(&mut self, bufs: &[IoSlice<'_>], wait: Wait) -> Result<usize> {
        self.end.write_vectored(bufs, wait).map_err(|stop| self.stopped(stop))
    }

    /// Writes all of `buf` in one piece: no other writer's bytes come in between. Waits for room.
    ///
    /// # Errors
    /// `MessageTooLong`: more than [`PIPE_BUF`] bytes, which no kernel keeps together; nothing was
    /// written. Otherwise as [`write`](Self::write).
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_fifo::Error> {
    /// # let dir = ipc_devkit::scratch::dir();
    /// # let path = dir.path().join("fifo");
    /// use ipc_fifo::{Error, Fifo, PIPE_BUF, Reader};
    /// let fifo = Fifo::create(path)?;
    /// let reader = Reader::persistent(&fifo)?;
    /// let mut writer = fifo.open_writer()?;
    /// writer.write_atomic(b"one line of a log\n")?;
    /// let refused = writer.write_atomic(&[0; PIPE_BUF + 1]);
    /// assert!(matches!(refused, Err(Error::MessageTooLong { .. })));
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn write_atomic(&mut self, buf: &[u8]) -> Result<()> {
        self.write_atomic_until(buf, Wait::FOREVER)
    }

    /// As [`write_atomic`](Self::write_atomic), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: there is not room for all of it. Otherwise as [`write_atomic`](Self::write_atomic).
    #[inline]
    pub fn try_write_atomic(&mut self, buf: &[u8]) -> Result<()> {
        self.write_atomic_until(buf, Wait::No)
    }

    /// As [`write_atomic`](Self::write_atomic), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`: nothing was written. Otherwise as [`write_atomic`](Self::write_atomic).
    pub fn write_atomic_timeout(&mut self, buf: &[u8], timeout: Duration) -> Result<()> {
        self.write_atomic_until(buf, Wait::timeout(timeout))
    }

    /// As [`write_atomic`](Self::write_atomic), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`: nothing was written. Otherwise as [`write_atomic`](Self::write_atomic).
    pub fn write_atomic_deadline(&mut self, buf: &[u8], deadline: Instant) -> Result<()> {
        self.write_atomic_until(buf, Wait::deadline(deadline))
    }

    #[inline]
    fn write_atomic_until(&mut self, buf: &[u8], wait: Wait) -> Result<()> {
        if buf.len() > PIPE_BUF {
            return Err(Error::MessageTooLong { real: buf.len(), limit: PIPE_BUF });
        }
        self.write_until(&[IoSlice::new(buf)], wait).map(drop)
    }

    /// A handle that ends this end's current or next waiting call with `Cancelled`.
    ///
    /// It may be called from another thread or from a signal handler. From the first call on, waits
    /// cost one system call more, and the handle holds one more descriptor.
    ///
    /// # Errors
    /// `Limit`: no descriptor could be had for it.
    pub fn canceller(&mut self) -> Result<Canceller> {
        let made = self.end.watch_mut().canceller();
        made.map(Canceller)
            .map_err(|errno| Error::os("create canceller of FIFO", self.path(), errno))
    }

    /// From now on, waits also end when process `pid`, which has the reading end, dies: then the
    /// result is `Closed { peer_died: true }`. Without
    /// it, a copy of the reading end that some third process has keeps a wait for room going.
    ///
    /// # Errors
    /// `Closed { peer_died: true }`: there is no such process any more. `Os`: the kernel refuses
    /// (`pidfd_open` needs Linux 5.3). Give the pid of a child that was not waited for, or of your
    /// parent: any other number may belong to a stranger by now.
    ///
    /// # Linux
    /// [`pidfd_open(2)`](https://man7.org/linux/man-pages/man2/pidfd_open.2.html)
    pub fn watch_peer(&mut self, pid: u32) -> Result<()> {
        let Self { end, user } = self;
        peer::watch(end, path_of(user.as_ref()), pid)
    }

    /// The capacity of the FIFO in bytes, as long as any end of it is open.
    ///
    /// # Errors
    /// `Unsupported`: the descriptor this end was made of is not a FIFO.
    ///
    /// # Linux
    /// `F_GETPIPE_SZ` of [`fcntl(2)`](https://man7.org/linux/man-pages/man2/fcntl.2.html)
    #[doc(alias = "F_GETPIPE_SZ")]
    pub fn capacity(&self) -> Result<usize> {
        capacity::get(&self.end, self.path())
    }

    /// Changes the capacity to at least `bytes`, and returns what it became: a power of two of pages.
    ///
    /// # Errors
    /// `CapacityInUse`: the FIFO holds more. `InvalidCapacity`: more than 2 GiB. `Limit`: more than
    /// `/proc/sys/fs/pipe-max-size` without `CAP_SYS_RESOURCE`.
    ///
    /// # Linux
    /// `F_SETPIPE_SZ` of [`fcntl(2)`](https://man7.org/linux/man-pages/man2/fcntl.2.html)
    #[doc(alias = "F_SETPIPE_SZ")]
    pub fn set_capacity(&mut self, bytes: usize) -> Result<usize> {
        capacity::set(&self.end, self.path(), bytes)
    }

    /// Another handle of the same end. It has no canceller and watches nobody.
    ///
    /// # Errors
    /// `Limit`: too many descriptors.
    pub fn try_clone(&self) -> Result<Self> {
        let copy = self.end.try_clone();
        let end = copy.map_err(|errno| Error::os("duplicate end of FIFO", self.path(), errno))?;
        Ok(Self { end, user: self.user.clone() })
    }

    fn path(&self) -> &Path {
        path_of(self.user.as_ref())
    }

    #[cold]
    fn stopped(&self, stop: Stop) -> Error {
        Error::stop(WRITE, self.path(), stop)
    }
}

impl io::Write for Writer {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(self.write_until(&[IoSlice::new(buf)], Wait::FOREVER)?)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.write_until(bufs, Wait::FOREVER)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Writer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }
}

/// Takes any descriptor as it is. What is not a FIFO works as far as the kernel lets it.
impl From<OwnedFd> for Writer {
    fn from(fd: OwnedFd) -> Self {
        Self { end: PipeEnd::new(fd), user: None }
    }
}

/// The descriptor alone: `reclaim_stale` does not see its user.
impl From<Writer> for OwnedFd {
    fn from(end: Writer) -> Self {
        end.end.into_fd()
    }
}

/// The end becomes a standard stream of a child. `reclaim_stale` does not see that user.
impl From<Writer> for Stdio {
    fn from(end: Writer) -> Self {
        OwnedFd::from(end).into()
    }
}
