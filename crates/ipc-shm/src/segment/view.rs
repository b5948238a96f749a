//! What a segment's bytes can be used for, whatever stands behind them.

use std::fmt;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use ipc_core::safe::ShmSafe;
use ipc_core::segment::forked;
use rustix::fs::fstat;
use rustix::io::{pread, pwrite, retry_on_intr};

use super::cell::Cell;
use super::place::{Place, Range};
use crate::error::{Error, Result};
use crate::guard::Watched;

/// How bytes are copied.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way<'a> {
    /// In the mapping, which nobody can take away.
    Mapped,
    /// In the mapping; what somebody cut off is zeroes, and the guard says so.
    Guarded(&'a Watched),
    /// By system calls on the file: somebody may cut it off, and then they say so.
    File { file: BorrowedFd<'a>, body: u64 },
}

/// A segment's bytes, borrowed from it.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) name: &'a str,
    pub(super) range: &'a Range,
    pub(super) read_only: bool,
    pub(super) way: Way<'a>,
}

impl<'a> View<'a> {
    #[inline]
    fn place(&self, offset: usize, len: usize) -> Result<Place<'a>> {
        if forked() {
            return Err(self.not_owner());
        }
        self.range.place(offset, len).ok_or(OUTSIDE)
    }

    #[cold]
    fn not_owner(&self) -> Error {
        Error::NotOwner { name: self.name.to_owned() }
    }

    #[cold]
    pub(super) fn truncated(&self) -> Error {
        crate::log::warn(format_args!("shared memory {:?} was cut off by somebody", self.name));
        Error::Truncated { name: self.name.to_owned() }
    }

    #[inline]
    pub(super) fn read_at(&self, offset: usize, into: &mut [u8]) -> Result<()> {
        let place = self.place(offset, into.len())?;
        match self.way {
            Way::File { file, body } => return self.pread(file, body + offset as u64, into),
            Way::Mapped | Way::Guarded(_) => place.read(into),
        }
        self.still_whole()
    }

    #[inline]
    pub(super) fn write_at(&self, offset: usize, from: &[u8]) -> Result<()> {
        let place = self.place(offset, from.len())?;
        if self.read_only {
            return Err(READ_ONLY);
        }
        match self.way {
            Way::File { file, body } => return self.pwrite(file, body + offset as u64, from),
            Way::Mapped | Way::Guarded(_) => place.write(from),
        }
        self.still_whole()
    }

    /// What the guard saw, up to this instruction of this thread.
    #[inline]
    fn still_whole(&self) -> Result<()> {
        match self.way {
            Way::Guarded(watched) if watched.was_cut() => Err(self.truncated()),
            _ => Ok(()),
        }
    }

    fn pread(&self, file: BorrowedFd<'_>, mut at: u64, mut into: &mut [u8]) -> Result<()> {
        while !into.is_empty() {
            let read = retry_on_intr(|| pread(file, &mut *into, at));
            match read.map_err(|errno| Error::os("read shared memory", self.name, errno))? {
                0 => return Err(self.truncated()),
                read => {
                    into = &mut into[read..];
                    at += read as u64;
                }
            }
        }
        Ok(())
    }

    fn pwrite(&self, file: BorrowedFd<'_>, mut at: u64, mut from: &[u8]) -> Result<()> {
        let os = |errno| Error::os("write shared memory", self.name, errno);
        let end = at + from.len() as u64;
        // Beyond this limit the kernel would send SIGXFSZ.
        let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
        if limit.is_some_and(|most| most < end) {
            return Err(os(rustix::io::Errno::FBIG));
        }
        // A write behind the end would make the file whole again, with zeroes.
        if u64::try_from(fstat(file).map_err(os)?.st_size).unwrap_or(0) < end {
            return Err(self.truncated());
        }
        while !from.is_empty() {
            let wrote = retry_on_intr(|| pwrite(file, from, at)).map_err(os)?;
            from = &from[wrote..];
            at += wrote as u64;
        }
        Ok(())
    }

    pub(super) fn atomic_u32(&self, offset: usize) -> Result<&'a AtomicU32> {
        let atomic = self.place(offset, size_of::<u32>())?.atomic_u32().ok_or(MISALIGNED)?;
        if self.read_only { Err(READ_ONLY) } else { Ok(atomic) }
    }

    pub(super) fn atomic_u64(&self, offset: usize) -> Result<&'a AtomicU64> {
        let atomic = self.place(offset, size_of::<u64>())?.atomic_u64().ok_or(MISALIGNED)?;
        if self.read_only { Err(READ_ONLY) } else { Ok(atomic) }
    }

    pub(super) fn load_u32(&self, offset: usize) -> Result<u32> {
        let atomic = self.place(offset, size_of::<u32>())?.atomic_u32().ok_or(MISALIGNED)?;
        let value = atomic.load(Ordering::Acquire);
        self.still_whole().map(|()| value)
    }

    pub(super) fn load_u64(&self, offset: usize) -> Result<u64> {
        let atomic = self.place(offset, size_of::<u64>())?.atomic_u64().ok_or(MISALIGNED)?;
        let value = atomic.load(Ordering::Acquire);
        self.still_whole().map(|()| value)
    }

    pub(super) fn get<T: ShmSafe>(&self, offset: usize) -> Result<Cell<'a, T>> {
        self.place(offset, size_of::<T>())?;
        Ok(Cell::new(*self, offset))
    }

    /// What all segments show of themselves.
    pub(super) fn debug(&self, f: &mut fmt::Formatter<'_>, kind: &str) -> fmt::Result {
        f.debug_struct(kind)
            .field("name", &self.name)
            .field("size", &self.range.len())
            .field("read_only", &self.read_only)
            .finish_non_exhaustive()
    }
}

const OUTSIDE: Error = Error::InvalidInput { what: "the bytes lie outside the segment" };
const MISALIGNED: Error = Error::InvalidInput { what: "the offset of an atomic is not aligned" };
const READ_ONLY: Error = Error::Unsupported { what: "write to a segment opened for reading only" };
