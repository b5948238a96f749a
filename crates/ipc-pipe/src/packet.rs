//! Packet mode: what one write wrote, one read returns, whole.
//!
//! The kernel ends a read at the end of a packet, and throws away what the buffer had no room for. So
//! we never read with less room than the longest packet has: a packet that the caller's buffer
//! cannot take is kept here until a buffer comes that can.

use std::fmt;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::OwnedFd;

use ipc_core::Wait;
use ipc_core::pipe_end::PipeEnd;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::pair::{PIPE_BUF, READ};

/// The packet that the last buffer had no room for.
pub(crate) struct Packets {
    room: [u8; PIPE_BUF],
    /// How many bytes of `room` it has; 0 if there is none.
    kept: usize,
}

impl Default for Packets {
    fn default() -> Self {
        Self { room: [0; PIPE_BUF], kept: 0 }
    }
}

impl fmt::Debug for Packets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packets").field("kept", &self.kept).finish_non_exhaustive()
    }
}

impl Packets {
    pub(crate) fn kept(&self) -> usize {
        self.kept
    }

    /// Reads one packet: 0 when all writers are gone.
    #[cold]
    #[inline(never)]
    pub(crate) fn read(
        &mut self,
        end: &mut PipeEnd,
        bufs: &mut [IoSliceMut<'_>],
        wait: Wait,
    ) -> Result<usize> {
        let limit = bufs.iter().map(|buf| buf.len()).sum();
        if self.kept == 0 {
            let failed = |stop| Error::stop(READ, stop);
            if let ([buf], PIPE_BUF..) = (&mut *bufs, limit) {
                return end.read(buf, wait).map_err(failed);
            }
            self.kept = end.read(&mut self.room, wait).map_err(failed)?;
        }
        let real = self.kept;
        if real > limit {
            return Err(Error::MessageTooLong { real, limit });
        }
        let mut rest = &self.room[..real];
        for buf in bufs {
            let (now, later) = rest.split_at(rest.len().min(buf.len()));
            buf[..now.len()].copy_from_slice(now);
            rest = later;
        }
        self.kept = 0;
        Ok(real)
    }
}

/// Whether these bytes can be one packet.
#[cold]
#[inline(never)]
pub(crate) fn check(bufs: &[IoSlice<'_>]) -> Result<()> {
    match bufs.iter().map(|buf| buf.len()).sum() {
        0 => Err(Error::Unsupported { what: "write an empty packet to a pipe" }),
        1..=PIPE_BUF => Ok(()),
        real => Err(Error::MessageTooLong { real, limit: PIPE_BUF }),
    }
}

/// Marks a new reading end as one of packets. The kernel itself looks only at the writing end's flag;
/// this is for [`is_on`], in whatever process gets the end.
pub(crate) fn mark(reader: &OwnedFd) -> Result<(), Errno> {
    fcntl_setfl(reader, fcntl_getfl(reader)? | OFlags::DIRECT)
}

/// Whether this is an end of a pipe of packets.
pub(crate) fn is_on(fd: &OwnedFd) -> bool {
    // On a file the flag means something else.
    fcntl_getfl(fd).is_ok_and(|flags| flags.contains(OFlags::DIRECT))
        && rustix::pipe::fcntl_getpipe_size(fd).is_ok()
}
