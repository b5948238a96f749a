//! Copying from one descriptor to another by the cheapest way the two allow.
//!
//! What the ends are decides: the kernel copies between files (and may share the blocks instead),
//! refers pipes to pages, feeds sockets from files. Every way but the last may be refused, by the
//! file system, the mode of an end or an old kernel. Then the next one goes on where it stopped; the
//! last, `read` and `write`, works with everything and tells which end an error belongs to.

mod job;
mod sparse;
mod steps;

use std::fmt;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use ipc_core::Wait;
use ipc_core::watch::Watch;

use crate::canceller::Canceller;
use crate::error::{Error, Result};
use job::{Job, Short};

/// How bytes were copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// From file to file inside the kernel; some file systems share the blocks.
    CopyFileRange,
    /// The pages themselves moved through a pipe: one of the ends, or one of our own.
    Splice,
    /// From a file, inside the kernel.
    SendFile,
    /// Through memory of this process.
    ReadWrite,
}

/// What [`copy`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// By how many bytes both ends have advanced, holes included.
    pub bytes: u64,
    /// How many of them are holes of the source that are holes of the destination too.
    pub holes: u64,
    /// How the bytes were copied; if one way was refused in the middle, the last one.
    pub method: Method,
}

/// Copies from the position of `from` to its end, to the position of `to`. Waits as long as it takes.
///
/// The ends are files, pipes, sockets, terminals: anything with a descriptor. The holes of a sparse
/// file stay holes if the other end is a file that ends where the copy begins.
///
/// What was copied before an error stays copied, and both positions are behind it;
/// [`CopyOptions::progress`] tells how much it was.
///
/// # Errors
/// `NoSpace`: the destination is full. `Closed`: nobody reads the destination. `Truncated`: the
/// source is a file that was made shorter meanwhile. `Unsupported`: both are the same file. `Os`: its
/// `op` names the end.
///
/// # Linux
/// [`copy_file_range(2)`](https://man7.org/linux/man-pages/man2/copy_file_range.2.html),
/// [`splice(2)`](https://man7.org/linux/man-pages/man2/splice.2.html),
/// [`sendfile(2)`](https://man7.org/linux/man-pages/man2/sendfile.2.html),
/// `SEEK_DATA` of [`lseek(2)`](https://man7.org/linux/man-pages/man2/lseek.2.html).
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (mut reader, writer) = ipc_pipe::pipe()?;
/// let file = std::fs::File::open("Cargo.toml")?;
/// let copied = ipc_pipe::copy(&file, &writer)?;
/// assert_eq!(copied.bytes, file.metadata()?.len());
/// assert_eq!(copied.method, ipc_pipe::Method::Splice);
/// # let _ = reader.read(&mut [0; 16])?;
/// # Ok(())
/// # }
/// ```
#[doc(alias = "copy_file_range")]
#[doc(alias = "sendfile")]
pub fn copy(from: impl AsFd, to: impl AsFd) -> Result<Copied> {
    let done = match job::short_file(from.as_fd(), to.as_fd()) {
        Short::Whole(bytes) => {
            return Ok(Copied { bytes, holes: 0, method: Method::CopyFileRange });
        }
        Short::Part(done) => done,
    };
    let mut options = CopyOptions::new();
    let mut job = options.job(&from, &to, None);
    job.done = done;
    job.run()
}

/// As [`copy`], but takes only what is there, and does not wait: 0 bytes at the end of `from`.
///
/// # Errors
/// `WouldBlock`: nothing could be copied now. Otherwise as [`copy`].
pub fn try_copy(from: impl AsFd, to: impl AsFd) -> Result<Copied> {
    CopyOptions { wait: Wait::No, ..CopyOptions::new() }.copy(from, to)
}

/// As [`copy`], but gives up when `timeout` has passed.
///
/// # Errors
/// `TimedOut`: a part may have been copied. Otherwise as [`copy`].
pub fn copy_timeout(from: impl AsFd, to: impl AsFd, timeout: Duration) -> Result<Copied> {
    CopyOptions::new().timeout(timeout).copy(from, to)
}

/// As [`copy`], but gives up at `deadline`.
///
/// # Errors
/// `TimedOut`: a part may have been copied. Otherwise as [`copy`].
pub fn copy_deadline(from: impl AsFd, to: impl AsFd, deadline: Instant) -> Result<Copied> {
    CopyOptions::new().deadline(deadline).copy(from, to)
}

/// As [`copy`], but copies `len` bytes, neither fewer nor more.
///
/// # Errors
/// `Truncated { got, want }`: the source ended too early. Otherwise as [`copy`].
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (reader, mut writer) = ipc_pipe::pipe()?;
/// let null = std::fs::File::create("/dev/null")?;
/// writer.write(b"0123456789")?;
/// assert_eq!(ipc_pipe::copy_exact(&reader, &null, 4)?.bytes, 4);
/// drop(writer);
/// let short = ipc_pipe::copy_exact(&reader, &null, 100);
/// assert!(matches!(short, Err(ipc_pipe::Error::Truncated { got: 6, want: 100 })));
/// # Ok(())
/// # }
/// ```
pub fn copy_exact(from: impl AsFd, to: impl AsFd, len: u64) -> Result<Copied> {
    CopyOptions::new().copy_exact(from, to, len)
}

/// Choices for a copy: a deadline, a canceller, a report of the progress.
///
/// With a deadline or a canceller, sockets and terminals are read and written through memory: the
/// kernel's own ways cannot be told not to wait for them. If such a copy ends early, up to 64 KiB
/// that were taken from a source that cannot seek are lost.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_pipe::CopyOptions;
/// use std::time::Duration;
///
/// let from = std::fs::File::open("Cargo.toml")?;
/// let to = std::fs::File::create("/dev/null")?;
/// let mut so_far = 0;
/// let copied = CopyOptions::new()
///     .timeout(Duration::from_secs(5))
///     .progress(|bytes| so_far = bytes)
///     .copy(&from, &to)?;
/// assert_eq!(copied.bytes, so_far);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct CopyOptions<'a> {
    wait: Wait,
    watch: Watch,
    progress: Option<Box<dyn FnMut(u64) + Send + 'a>>,
}

impl<'a> CopyOptions<'a> {
    /// Waits as long as it takes, and reports nothing.
    pub fn new() -> Self {
        Self { wait: Wait::FOREVER, watch: Watch::default(), progress: None }
    }

    /// Gives up when `timeout` has passed, counted from now.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.wait = Wait::timeout(timeout);
        self
    }

    /// Gives up at `deadline`.
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.wait = Wait::deadline(deadline);
        self
    }

    /// Calls `report` with the bytes copied so far, after every piece of at most 8 MiB.
    pub fn progress(mut self, report: impl FnMut(u64) + Send + 'a) -> Self {
        self.progress = Some(Box::new(report));
        self
    }

    /// A handle that ends the current or the next copy with `Cancelled`, from another thread or from
    /// a signal handler.
    ///
    /// # Errors
    /// `Limit`: no descriptor could be had for it.
    pub fn canceller(&mut self) -> Result<Canceller> {
        let made = self.watch.canceller();
        made.map(Canceller).map_err(|errno| Error::os("create canceller", errno))
    }

    /// See [`copy`](copy()).
    ///
    /// # Errors
    /// `TimedOut`, `Cancelled`: a part may have been copied. Otherwise as [`copy`](copy()).
    pub fn copy(&mut self, from: impl AsFd, to: impl AsFd) -> Result<Copied> {
        self.job(&from, &to, None).run()
    }

    /// See [`copy_exact`](copy_exact()).
    ///
    /// # Errors
    /// `TimedOut`, `Cancelled`: a part may have been copied. Otherwise as
    /// [`copy_exact`](copy_exact()).
    pub fn copy_exact(&mut self, from: impl AsFd, to: impl AsFd, len: u64) -> Result<Copied> {
        let copied = self.job(&from, &to, Some(len)).run()?;
        if copied.bytes < len {
            return Err(truncated(copied.bytes, len));
        }
        Ok(copied)
    }

    fn job<'j>(
        &'j mut self,
        from: &'j impl AsFd,
        to: &'j impl AsFd,
        want: Option<u64>,
    ) -> Job<'j, 'a> {
        Job {
            from: from.as_fd(),
            to: to.as_fd(),
            wait: self.wait,
            watch: &self.watch,
            progress: self.progress.as_mut(),
            until: want.unwrap_or(u64::MAX),
            done: 0,
            holes: 0,
            method: Method::ReadWrite,
        }
    }
}

impl Default for CopyOptions<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CopyOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reports = self.progress.is_some();
        f.debug_struct("CopyOptions")
            .field("wait", &self.wait)
            .field("progress", &reports)
            .finish_non_exhaustive()
    }
}

fn truncated(got: u64, want: u64) -> Error {
    let size = |bytes| usize::try_from(bytes).unwrap_or(usize::MAX);
    Error::Truncated { got: size(got), want: size(want) }
}
