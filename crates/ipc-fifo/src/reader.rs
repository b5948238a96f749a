//! The end of a FIFO from which bytes come.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipc_core::Wait;
use ipc_core::pipe_end::{PipeEnd, Stop};

use crate::canceller::Canceller;
use crate::error::{Error, Result};
use crate::fifo::Fifo;
use crate::user::{User, path_of};
use crate::{capacity, peer};

const READ: &str = "read from FIFO";

/// The end of a FIFO from which bytes come.
///
/// Opened by [`Fifo::open_reader`] and its forms, or as [`persistent`](Self::persistent). Dropping it
/// closes the end. As soon as the last reading end in any process is closed, writers get `Closed`.
#[derive(Debug)]
pub struct Reader {
    end: PipeEnd,
    /// Keeps this process a user of the FIFO.
    user: Option<Arc<User>>,
}

impl Reader {
    pub(crate) const fn new(end: PipeEnd, user: Arc<User>) -> Self {
        Self { end, user: Some(user) }
    }

    /// A reading end to which the end of the stream never comes: writers come and go, and between
    /// them reads wait. Does not wait for a first writer.
    ///
    /// It has the writing end too, so it needs the right to write to the FIFO. Writers that are killed
    /// inside a message are not noticed: have them send records by
    /// [`write_atomic`](crate::Writer::write_atomic) or
    /// [`Frames::shared`](crate::Frames::shared), which come whole or not at all.
    ///
    /// # Errors
    /// `Removed`: the name does not stand for this FIFO any more. `Limit`: too many descriptors.
    /// `Os`: for example `EACCES`.
    ///
    /// # Linux
    /// `O_RDWR` as in [`fifo(7)`](https://man7.org/linux/man-pages/man7/fifo.7.html)
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_fifo::Error> {
    /// # let dir = ipc_devkit::scratch::dir();
    /// # let path = dir.path().join("fifo");
    /// use ipc_fifo::{Error, Fifo, Reader};
    /// let fifo = Fifo::create(path)?;
    /// let mut reader = Reader::persistent(&fifo)?;
    /// for line in ["one\n", "two\n"] {
    ///     fifo.open_writer()?.write_atomic(line.as_bytes())?; // opened, written, closed
    ///     assert_eq!(reader.read(&mut [0; 16])?, 4);
    /// }
    /// assert!(matches!(reader.try_read(&mut [0; 16]), Err(Error::WouldBlock))); // not the end
    /// # Ok(())
    /// # }
    /// ```
    pub fn persistent(fifo: &Fifo) -> Result<Self> {
        fifo.persistent_reader()
    }

    /// Reads what is there, up to the buffer's length; waits if nothing is.
    ///
    /// Returns 0 when nobody has the writing end and everything was read (or when `buf` is empty).
    ///
    /// # Errors
    /// `Cancelled`, `Closed { peer_died: true }` (see [`watch_peer`](Self::watch_peer)), `Os`.
    #[inline]
    pub fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.read_until(buf, Wait::FOREVER)
    }

    /// As [`read`](Self::read), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: nothing is there. Otherwise as [`read`](Self::read).
    #[inline]
    pub fn try_read(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.read_until(buf, Wait::No)
    }

    /// As [`read`](Self::read), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`read`](Self::read).
    pub fn read_timeout(&mut self, buf: &mut [u8], timeout: Duration) -> Result<usize> {
        self.read_until(buf, Wait::timeout(timeout))
    }

    /// As [`read`](Self::read), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`read`](Self::read).
    pub fn read_deadline(&mut self, buf: &mut [u8], deadline: Instant) -> Result<usize> {
        self.read_until(buf, Wait::deadline(deadline))
    }

    #[inline]
    pub(crate) fn read_until(&mut self, buf: &mut [u8], wait: Wait) -> Result<usize> {
        self.end.read(buf, wait).map_err(|stop| self.stopped(stop))
    }

    /// Bytes that can be read without waiting.
    ///
    /// # Errors
    /// `Os`.
    ///
    /// # Linux
    /// `FIONREAD` of [`pipe(7)`](https://man7.org/linux/man-pages/man7/pipe.7.html)
    #[doc(alias = "FIONREAD")]
    pub fn available(&self) -> Result<usize> {
        let bytes = rustix::io::ioctl_fionread(&self.end)
            .map_err(|errno| Error::os("ask how much a FIFO holds", self.path(), errno))?;
        Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
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

    /// From now on, waits also end when process `pid`, which has the writing end, dies: then the
    /// result is `Closed { peer_died: true }`. A persistent reader
    /// has no other way to learn that its only writer is dead. Bytes that came before the death are
    /// still delivered.
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
        Error::stop(READ, self.path(), stop)
    }
}

impl io::Read for Reader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Ok(self.read_until(buf, Wait::FOREVER)?)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let done = self.end.read_vectored(bufs, Wait::FOREVER);
        Ok(done.map_err(|stop| self.stopped(stop))?)
    }
}

impl AsFd for Reader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }
}

/// Takes any descriptor as it is. What is not a FIFO works as far as the kernel lets it.
impl From<OwnedFd> for Reader {
    fn from(fd: OwnedFd) -> Self {
        Self { end: PipeEnd::new(fd), user: None }
    }
}

/// The descriptor alone: `reclaim_stale` does not see its user.
impl From<Reader> for OwnedFd {
    fn from(end: Reader) -> Self {
        end.end.into_fd()
    }
}

/// The end becomes a standard stream of a child. `reclaim_stale` does not see that user.
impl From<Reader> for Stdio {
    fn from(end: Reader) -> Self {
        OwnedFd::from(end).into()
    }
}
