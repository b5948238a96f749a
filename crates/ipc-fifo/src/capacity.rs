//! How many bytes a FIFO holds: the words for what the kernel answers.

use std::os::fd::AsFd;
use std::path::Path;

use rustix::io::Errno;
use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};

use crate::error::{Error, Result};

pub(crate) fn get(fd: &impl AsFd, path: &Path) -> Result<usize> {
    fcntl_getpipe_size(fd).map_err(|errno| match errno {
        Errno::BADF => Error::Unsupported { what: "ask for the capacity of what is not a FIFO" },
        _ => Error::os("get capacity of FIFO", path, errno),
    })
}

/// Asks for a capacity; returns the one it became.
pub(crate) fn set(fd: &impl AsFd, path: &Path, asked: usize) -> Result<usize> {
    if asked > 1 << 31 {
        return Err(Error::InvalidCapacity { asked });
    }
    match fcntl_setpipe_size(fd, asked) {
        Ok(_) => get(fd, path),
        Err(Errno::BUSY) => Err(Error::CapacityInUse { asked }),
        Err(Errno::INVAL) => Err(Error::InvalidCapacity { asked }),
        Err(Errno::PERM) => Err(Error::Limit {
            which: "/proc/sys/fs/pipe-max-size (capacity of one pipe) or \
                    /proc/sys/fs/pipe-user-pages-soft (pages of all pipes of this user)",
            raise: "ask for less, raise it with sysctl, or use CAP_SYS_RESOURCE",
        }),
        Err(Errno::BADF) => {
            Err(Error::Unsupported { what: "set the capacity of what is not a FIFO" })
        }
        Err(errno) => Err(Error::os("set capacity of FIFO", path, errno)),
    }
}

/// Makes room for at least `asked` bytes, if there is less.
pub(crate) fn at_least(fd: &impl AsFd, path: &Path, asked: usize) -> Result<()> {
    if get(fd, path)? < asked {
        set(fd, path, asked)?;
    }
    Ok(())
}
