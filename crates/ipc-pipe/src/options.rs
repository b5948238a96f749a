//! Choices that are made when a pipe is created.

use std::os::fd::AsFd;

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with};

use crate::error::{Error, Result};
use crate::packet;
use crate::pair::{Reader, Writer};

/// Choices for a new pipe.
///
/// ```
/// # fn main() -> Result<(), ipc_pipe::Error> {
/// let (reader, writer) = ipc_pipe::PipeOptions::new().capacity(1 << 20).create()?;
/// assert_eq!(reader.capacity()?, 1 << 20);
/// assert_eq!(writer.capacity()?, 1 << 20);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct PipeOptions {
    capacity: Option<usize>,
    packet: bool,
}

impl PipeOptions {
    /// A pipe as the system makes it: 64 KiB.
    pub fn new() -> Self {
        Self::default()
    }

    /// Room for at least this many bytes. The system rounds up to a power of two of pages;
    /// [`Reader::capacity`] tells what it is.
    ///
    /// 1 MiB, what an unprivileged process may have, makes writes of 64 KiB about three times as
    /// fast as the default.
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = Some(bytes);
        self
    }

    /// Packet mode: what one write wrote, one read returns, whole, whoever else writes.
    ///
    /// A packet has 1 to [`PIPE_BUF`](crate::PIPE_BUF) bytes. More is refused when it is written
    /// (`MessageTooLong`), and so is an empty one (`Unsupported`: the kernel would drop it). A
    /// packet that is longer than the reader's buffer is not cut: the read says how long it is
    /// (`MessageTooLong { real, .. }`), and the next one gets it.
    ///
    /// Readers of other makes lose what does not fit their buffer.
    ///
    /// ```
    /// # fn main() -> Result<(), ipc_pipe::Error> {
    /// let (mut reader, mut writer) = ipc_pipe::PipeOptions::new().packet().create()?;
    /// writer.write(b"one")?;
    /// writer.write(b"two")?;
    /// let mut buf = [0; ipc_pipe::PIPE_BUF];
    /// assert_eq!(reader.read(&mut buf)?, 3);
    /// assert!(matches!(
    ///     reader.read(&mut [0; 2]),
    ///     Err(ipc_pipe::Error::MessageTooLong { real: 3, limit: 2 })
    /// ));
    /// assert_eq!(reader.read(&mut buf)?, 3);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "O_DIRECT")]
    pub fn packet(mut self) -> Self {
        self.packet = true;
        self
    }

    /// Creates the pipe. Both ends are close-on-exec.
    ///
    /// # Errors
    /// `Limit`: too many descriptors, or a capacity above `/proc/sys/fs/pipe-max-size` without
    /// `CAP_SYS_RESOURCE`. `InvalidCapacity`: more than 2 GiB.
    ///
    /// # Linux
    /// [`pipe2(2)`](https://man7.org/linux/man-pages/man2/pipe.2.html), `F_SETPIPE_SZ` of
    /// [`fcntl(2)`](https://man7.org/linux/man-pages/man2/fcntl.2.html).
    #[doc(alias = "pipe2")]
    pub fn create(&self) -> Result<(Reader, Writer)> {
        crate::log::fallbacks();
        let failed = |errno| Error::os("create pipe", errno);
        let mut flags = PipeFlags::CLOEXEC;
        if self.packet {
            flags |= PipeFlags::DIRECT;
        }
        let (reader, writer) = pipe_with(flags).map_err(failed)?;
        if self.packet {
            packet::mark(&reader).map_err(failed)?;
        }
        if let Some(capacity) = self.capacity {
            set_capacity(&writer, capacity)?;
        }
        Ok((Reader::new(reader, self.packet), Writer::new(writer, self.packet)))
    }
}

/// Asks for a capacity; returns the one it became.
pub(crate) fn set_capacity(fd: &impl AsFd, asked: usize) -> Result<usize> {
    if asked > 1 << 31 {
        return Err(Error::InvalidCapacity { asked });
    }
    match fcntl_setpipe_size(fd, asked) {
        // What the call returns differs between bindings; the capacity itself does not.
        Ok(_) => capacity(fd),
        Err(Errno::BUSY) => Err(Error::CapacityInUse { asked }),
        Err(Errno::INVAL) => Err(Error::InvalidCapacity { asked }),
        Err(Errno::PERM) => Err(Error::Limit {
            which: "/proc/sys/fs/pipe-max-size (capacity of one pipe) or \
                    /proc/sys/fs/pipe-user-pages-soft (pages of all pipes of this user)",
            raise: "ask for less, raise it with sysctl, or use CAP_SYS_RESOURCE",
        }),
        Err(Errno::BADF) => {
            Err(Error::Unsupported { what: "set the capacity of what is not a pipe" })
        }
        Err(errno) => Err(Error::os("set capacity of pipe", errno)),
    }
}

/// The capacity in bytes.
pub(crate) fn capacity(fd: &impl AsFd) -> Result<usize> {
    fcntl_getpipe_size(fd).map_err(|errno| match errno {
        Errno::BADF => Error::Unsupported { what: "ask for the capacity of what is not a pipe" },
        _ => Error::os("get capacity of pipe", errno),
    })
}
