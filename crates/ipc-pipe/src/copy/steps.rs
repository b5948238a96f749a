//! The ways, one call after another.

use std::io::{IoSlice, IoSliceMut};

use ipc_core::pipe_end::quietly;
use rustix::event::PollFlags;
use rustix::fs::{SeekFrom, copy_file_range, seek, sendfile};
use rustix::io::{Errno, ReadWriteFlags, preadv2, pwritev2, read, write};
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

use super::Method;
use super::job::{Job, Way, full_or_closed};
use crate::error::{Error, Result};
use crate::pair::PIPE_BUF;

/// "At the current position": the offset of streams in `preadv2(2)`.
const CURRENT: u64 = u64::MAX;
/// How much goes through memory at once, and how much may be lost if a wait ends in between.
const BUFFER: usize = 128 << 10;
const BOUNDED_BUFFER: usize = 64 << 10;
/// Our own pipe: what an unprivileged process may have.
const PIPE: usize = 1 << 20;

impl Job<'_, '_> {
    /// Copies by one way. `size` is that of the source if it is a file: when so much is copied, it
    /// has ended, and nobody needs to ask.
    pub(super) fn by(&mut self, way: Method, size: Option<u64>) -> Result<Way> {
        if way == Method::ReadWrite {
            return self.through_memory();
        }
        let start = self.done;
        let flags = if self.is_bounded() { SpliceFlags::NONBLOCK } else { SpliceFlags::empty() };
        loop {
            let mut len = self.piece();
            if len == 0 || (size == Some(self.done) && self.done > 0) {
                return Ok(Way::Done);
            }
            if let Some(left) = size.map(|size| size.saturating_sub(self.done)) {
                // A length that reaches beyond the end makes the kernel look twice.
                len = len.min(usize::try_from(left).unwrap_or(usize::MAX)).max(1);
            }
            if self.is_bounded() {
                self.look_up()?;
                if way != Method::CopyFileRange {
                    self.wait_for_both()?;
                }
            }
            let done = match way {
                Method::CopyFileRange => copy_file_range(self.from, None, self.to, None, len),
                Method::SendFile => quietly(|| sendfile(self.to, self.from, None, len)),
                _ => quietly(|| splice(self.from, None, self.to, None, len, flags)),
            };
            match done {
                // Some file systems say so though there is something.
                Ok(0) if way == Method::CopyFileRange && self.done == start => {
                    return Ok(Way::Refused);
                }
                Ok(0) => return Ok(Way::Done),
                Ok(n) => self.moved(n, way),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait_for_both()?,
                Err(errno) => return full_or_closed(errno).map_or(Ok(Way::Refused), Err),
            }
        }
    }

    /// From file to file, referring a pipe of our own to the pages of the source.
    pub(super) fn through_a_pipe(&mut self) -> Result<Way> {
        let Ok((out, into)) = pipe_with(PipeFlags::CLOEXEC) else { return Ok(Way::Refused) };
        // Without the larger size the kernel's own ways are faster.
        if fcntl_setpipe_size(&into, PIPE).is_err() {
            return Ok(Way::Refused);
        }
        let none = SpliceFlags::empty();
        loop {
            let len = self.piece().min(PIPE);
            if len == 0 {
                return Ok(Way::Done);
            }
            self.look_up()?;
            let mut held = match splice(self.from, None, &into, None, len, none) {
                Ok(0) => return Ok(Way::Done),
                Ok(n) => n,
                Err(Errno::INTR) => continue,
                Err(_) => return Ok(Way::Refused),
            };
            while held > 0 {
                match splice(&out, None, self.to, None, held, none) {
                    Ok(n) if n > 0 => {
                        held -= n;
                        self.moved(n, Method::Splice);
                    }
                    Err(Errno::INTR) => {}
                    failed => {
                        self.step_back(held);
                        let errno = failed.err().and_then(full_or_closed);
                        return errno.map_or(Ok(Way::Refused), Err);
                    }
                }
            }
        }
    }

    /// With `read` and `write`: works for everything, and every error has its end.
    fn through_memory(&mut self) -> Result<Way> {
        let size = if self.is_bounded() { BOUNDED_BUFFER } else { BUFFER };
        let mut buffer = vec![0; size.min(self.piece())];
        loop {
            let len = self.piece().min(buffer.len());
            if len == 0 {
                return Ok(Way::Done);
            }
            if self.is_bounded() {
                self.look_up()?;
                self.wait_for_both()?;
            }
            let got = match self.read_now(&mut buffer[..len]) {
                Ok(0) => return Ok(Way::Done),
                Ok(n) => n,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => {
                    self.wait_for(self.from, PollFlags::IN)?;
                    continue;
                }
                Err(errno) => return Err(Error::os("copy: read source", errno)),
            };
            let mut sent = 0;
            while sent < got {
                let failed = match self.write_now(&buffer[sent..got]) {
                    Ok(n) => {
                        sent += n;
                        self.moved(n, Method::ReadWrite);
                        continue;
                    }
                    Err(Errno::INTR) => continue,
                    Err(Errno::AGAIN) => match self.wait_for(self.to, PollFlags::OUT) {
                        Ok(()) => continue,
                        Err(stop) => stop,
                    },
                    Err(errno) => full_or_closed(errno)
                        .unwrap_or_else(|| Error::os("copy: write destination", errno)),
                };
                self.step_back(got - sent);
                return Err(failed);
            }
        }
    }

    fn read_now(&self, buf: &mut [u8]) -> Result<usize, Errno> {
        if self.is_bounded() {
            let now = ReadWriteFlags::NOWAIT;
            match preadv2(self.from, &mut [IoSliceMut::new(buf)], CURRENT, now) {
                // It is readable, and for one reader that is as good.
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::SPIPE | Errno::AGAIN) => {
                    self.wait_for(self.from, PollFlags::IN).map_err(|_| Errno::AGAIN)?;
                }
                done => return done,
            }
        }
        read(self.from, buf)
    }

    fn write_now(&self, buf: &[u8]) -> Result<usize, Errno> {
        if self.is_bounded() {
            let now = ReadWriteFlags::NOWAIT;
            match quietly(|| pwritev2(self.to, &[IoSlice::new(buf)], CURRENT, now)) {
                // So much a pipe takes without waiting if it takes anything.
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::SPIPE) => {
                    let few = &buf[..buf.len().min(PIPE_BUF)];
                    return quietly(|| write(self.to, few));
                }
                done => return done,
            }
        }
        quietly(|| write(self.to, buf))
    }

    /// Un-reads what could not be written, if the source is one that can.
    fn step_back(&self, bytes: usize) {
        let back = i64::try_from(bytes).map_or(0, |bytes| -bytes);
        // A pipe cannot; the documentation of `CopyOptions` says what that means.
        let _ = seek(self.from, SeekFrom::Current(back));
    }
}
