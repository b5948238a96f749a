//! One copy: what it has to do, how far it is, and which way it goes.

use std::os::fd::BorrowedFd;
use std::time::Instant;

use ipc_core::watch::{Watch, Woken};
use ipc_core::{Deadline, Wait};
use rustix::event::PollFlags;
use rustix::fs::{FileType, Stat, fstat};
use rustix::io::Errno;

use super::{Copied, Method, sparse, truncated};
use crate::error::{Error, Result};

/// The most that one call moves when the copy must look up in between.
const PIECE: u64 = 8 << 20;
/// The most that one call is asked for at all; the kernel cuts at 2 GiB.
const LONGEST: u64 = 1 << 30;
/// From this size on, files are copied through a pipe of our own on file systems that share no
/// blocks: the kernel's own ways use one of 64 KiB inside, and ours has 1 MiB.
const LARGE: u64 = 384 << 10;

pub(super) type Progress<'p> = Box<dyn FnMut(u64) + Send + 'p>;

pub(super) struct Job<'j, 'p> {
    pub(super) from: BorrowedFd<'j>,
    pub(super) to: BorrowedFd<'j>,
    pub(super) wait: Wait,
    pub(super) watch: &'j Watch,
    pub(super) progress: Option<&'j mut Progress<'p>>,
    /// Where to stop, counted as `done`.
    pub(super) until: u64,
    pub(super) done: u64,
    pub(super) holes: u64,
    pub(super) method: Method,
}

/// Whether a way was gone to its end.
pub(super) enum Way {
    /// All is copied that was wanted, or that is there.
    Done,
    /// The kernel refuses it, and the next one goes on from here.
    Refused,
}

/// What [`short_file`] did.
pub(super) enum Short {
    /// All of the file is copied.
    Whole(u64),
    /// So much is, and the rest needs another look.
    Part(u64),
}

/// The fast path: a short file without holes, from its start. Two system calls.
#[inline]
pub(super) fn short_file(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Short {
    let Ok(source) = fstat(from) else { return Short::Part(0) };
    let size = u64::try_from(source.st_size).unwrap_or(0);
    if kind(&source) != FileType::RegularFile || !is_dense(&source) || size >= LARGE {
        return Short::Part(0);
    }
    let len = usize::try_from(size).unwrap_or(0);
    match rustix::fs::copy_file_range(from, None, to, None, len) {
        Ok(n) if n == len && n > 0 => Short::Whole(size),
        Ok(n) => Short::Part(u64::try_from(n).unwrap_or(0)),
        Err(_) => Short::Part(0),
    }
}

/// Whether every byte of a file has a place on the disk.
fn is_dense(file: &Stat) -> bool {
    let size = u64::try_from(file.st_size).unwrap_or(0);
    u64::try_from(file.st_blocks).unwrap_or(0) >= size.div_ceil(512)
}

impl Job<'_, '_> {
    pub(super) fn run(&mut self) -> Result<Copied> {
        match self.run_until_end() {
            // A form that does not wait is content with a part.
            Err(Error::WouldBlock) if self.done > 0 => {}
            done => done?,
        }
        Ok(Copied { bytes: self.done, holes: self.holes, method: self.method })
    }

    fn run_until_end(&mut self) -> Result<()> {
        if self.wait != Wait::No && self.watch.cancelled() {
            return Err(Error::Cancelled);
        }
        let source = fstat(self.from).map_err(|errno| Error::os("copy: look at source", errno))?;
        if kind(&source) != FileType::RegularFile {
            return self.go(self.ways(&source)?, None);
        }
        let size = u64::try_from(source.st_size).unwrap_or(0);
        let ways = self.ways(&source)?;
        if !is_dense(&source) && ways[0] == Method::CopyFileRange && sparse::copy(self, ways, size)?
        {
            return self.check_end(size);
        }
        self.go(ways, Some(size))?;
        self.check_end(size)
    }

    /// The ways to try in turn, for what the two ends are.
    fn ways(&self, source: &Stat) -> Result<&'static [Method]> {
        use FileType::{Fifo, RegularFile};
        use Method::{CopyFileRange, ReadWrite, SendFile, Splice};
        let target =
            fstat(self.to).map_err(|errno| Error::os("copy: look at destination", errno))?;
        let is_same = (source.st_dev, source.st_ino) == (target.st_dev, target.st_ino);
        // A terminal may well be both.
        if is_same && matches!(kind(source), RegularFile | Fifo) {
            return Err(Error::Unsupported { what: "copy a file or a pipe to itself" });
        }
        Ok(match (kind(source), kind(&target)) {
            (RegularFile, RegularFile) => &[CopyFileRange, SendFile, ReadWrite],
            (Fifo, Fifo | RegularFile) | (RegularFile, Fifo) => &[Splice, ReadWrite],
            // The kernel cannot be told not to wait for these.
            _ if self.is_bounded() => &[ReadWrite],
            (Fifo, _) | (_, Fifo) => &[Splice, ReadWrite],
            (RegularFile, _) => &[SendFile, ReadWrite],
            _ => &[ReadWrite],
        })
    }

    pub(super) fn go(&mut self, ways: &[Method], size: Option<u64>) -> Result<()> {
        let left = size.unwrap_or(0).min(self.until).saturating_sub(self.done);
        if ways[0] == Method::CopyFileRange && left >= LARGE && self.shares_no_blocks() {
            if let Way::Done = self.through_a_pipe()? {
                return Ok(());
            }
        }
        for way in ways {
            if let Way::Done = self.by(*way, size)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The source ended: was it cut?
    fn check_end(&self, size: u64) -> Result<()> {
        // Files of the kernel have sizes that mean nothing, but do not change them.
        if self.done >= size.min(self.until) {
            return Ok(());
        }
        let at = rustix::fs::tell(self.from).unwrap_or(u64::MAX);
        let now = fstat(self.from).map_or(size, |stat| u64::try_from(stat.st_size).unwrap_or(0));
        if at < size && now < size {
            return Err(truncated(self.done, self.done.saturating_add(size - at).min(self.until)));
        }
        Ok(())
    }

    /// Whether both are on one file system that copies every byte anyway.
    fn shares_no_blocks(&self) -> bool {
        const EXT: i64 = 0xef53;
        const TMPFS: i64 = 0x0102_1994;
        let known = |fd| {
            let kind = rustix::fs::fstatfs(fd).ok().map(|stat| stat.f_type);
            kind.is_some_and(|kind| kind == EXT || kind == TMPFS)
        };
        known(self.from) && known(self.to)
    }

    /// Whether something besides the ends themselves can end a wait, or none is allowed.
    pub(super) fn is_bounded(&self) -> bool {
        self.wait != Wait::FOREVER || !self.watch.is_empty()
    }

    /// How much the next call may move; 0 when all is done.
    pub(super) fn piece(&self) -> usize {
        let most = if self.progress.is_some() || self.is_bounded() { PIECE } else { LONGEST };
        usize::try_from(most.min(self.until - self.done)).unwrap_or(usize::MAX)
    }

    pub(super) fn moved(&mut self, bytes: usize, method: Method) {
        self.done += u64::try_from(bytes).unwrap_or(0);
        self.method = method;
        if let Some(report) = &mut self.progress {
            report(self.done);
        }
    }

    /// Between two pieces: goes on only if there is time.
    pub(super) fn look_up(&self) -> Result<()> {
        match self.wait {
            Wait::No => Ok(()),
            Wait::Until(_) if self.watch.cancelled() => Err(Error::Cancelled),
            Wait::Until(deadline) if self.done > 0 && deadline.passed() => Err(Error::TimedOut),
            Wait::Until(_) => Ok(()),
        }
    }

    /// Waits until `from` has something and `to` has room. Files always have both.
    pub(super) fn wait_for_both(&self) -> Result<()> {
        self.wait_for(self.from, PollFlags::IN)?;
        self.wait_for(self.to, PollFlags::OUT)
    }

    pub(super) fn wait_for(&self, fd: BorrowedFd<'_>, events: PollFlags) -> Result<()> {
        let nobody = Watch::default();
        let (watch, deadline) = match self.wait {
            Wait::No => (&nobody, Deadline::at(Instant::now())),
            Wait::Until(deadline) => (self.watch, deadline),
        };
        match watch.wait(fd, events, deadline) {
            Ok(Woken::Ready | Woken::PeerDied) => Ok(()),
            Ok(Woken::Cancelled) => Err(Error::Cancelled),
            Ok(Woken::TimedOut) if self.wait == Wait::No => Err(Error::WouldBlock),
            Ok(Woken::TimedOut) => Err(Error::TimedOut),
            Err(errno) => Err(Error::os("copy: wait", errno)),
        }
    }
}

/// What every way makes of an error of the destination; `None` if it may be one of the way itself.
pub(super) fn full_or_closed(errno: Errno) -> Option<Error> {
    match errno {
        Errno::NOSPC | Errno::DQUOT => Some(Error::NoSpace { what: "copy: write destination" }),
        Errno::PIPE => Some(Error::Closed { peer_died: false }),
        _ => None,
    }
}

fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}
