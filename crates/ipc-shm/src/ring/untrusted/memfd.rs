//! The memory of one side as a descriptor: made and sealed by it, checked and mapped by the other.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    FallocateFlags, FileType, MemfdFlags, OFlags, SealFlags, Stat, fallocate, fcntl_add_seals,
    fcntl_get_seals, fcntl_getfl, fstat, fstatfs, memfd_create,
};
use rustix::io::{Errno, retry_on_intr};

use super::PEER;
use super::layout::{CAPACITY_MAX, CAPACITY_MIN, bytes};
use super::memory::{Foreign, Own};
use crate::error::{Error, Result};

/// No size can change, nobody can write who has not mapped it already, no seal can be added.
const SEALS: SealFlags =
    SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::FUTURE_WRITE).union(SealFlags::SEAL);

/// Memory is reserved in pieces, so that a signal does not make the kernel begin again from the start.
const PIECE: u64 = 16 << 20;

/// The kind of file system that `memfd_create` makes its files in (`TMPFS_MAGIC`).
const TMPFS: u64 = 0x0102_1994;

/// Which file it is, to recognise a descriptor that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

impl Identity {
    fn of(stat: &Stat) -> Self {
        Self(stat.st_dev, stat.st_ino)
    }
}

/// The bytes in front of the ring: the words of both ends, on a page of their own.
pub(super) fn control() -> usize {
    rustix::param::page_size()
}

/// The whole size of the memory with a ring of `capacity`.
pub(super) fn total(capacity: u64) -> usize {
    control() + bytes(capacity)
}

/// The capacity that a ring of at least `asked` bytes gets.
pub(super) fn round(asked: usize) -> Result<u64> {
    let page = rustix::param::page_size() as u64;
    let asked = u64::try_from(asked).unwrap_or(u64::MAX);
    let least = CAPACITY_MIN.max(page);
    let rounded = asked.max(least).checked_next_power_of_two();
    rounded
        .filter(|capacity| *capacity <= CAPACITY_MAX)
        .ok_or(Error::InvalidInput { what: "a ring between untrusted processes has at most 1 GiB" })
}

/// Makes the memory that this side alone writes. When this returns, it is sealed.
pub(super) fn make(capacity: u64) -> Result<(OwnedFd, Own, Identity)> {
    let failed = |op| move |errno| Error::os(op, PEER, errno);
    let fd = create().map_err(failed("make memory for an untrusted peer"))?;
    let size = total(capacity);
    reserve(fd.as_fd(), size as u64).map_err(no_memory)?;
    // Mapped before it is sealed: afterwards nobody gets a mapping to write to, not even we.
    let own = Own::new(fd.as_fd(), size).map_err(no_memory)?;
    match fcntl_add_seals(&fd, SEALS) {
        Ok(()) => {}
        Err(Errno::INVAL) => {
            return Err(Error::Unsupported {
                what: "seal memory against an untrusted peer (F_SEAL_FUTURE_WRITE, Linux 5.1)",
            });
        }
        Err(errno) => return Err(failed("seal memory against an untrusted peer")(errno)),
    }
    let identity = fstat(&fd).map_err(failed("look at memory for an untrusted peer"))?;
    Ok((fd, own, Identity::of(&identity)))
}

fn create() -> rustix::io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match memfd_create("ipc-untrusted", flags | MemfdFlags::NOEXEC_SEAL) {
        // Linux before 6.3: it could be executed, which harms nobody.
        Err(Errno::INVAL) => memfd_create("ipc-untrusted", flags),
        made => made,
    }
}

fn reserve(fd: BorrowedFd<'_>, size: u64) -> rustix::io::Result<()> {
    let mut done = 0;
    while done < size {
        let piece = PIECE.min(size - done);
        retry_on_intr(|| fallocate(fd, FallocateFlags::empty(), done, piece))?;
        done += piece;
    }
    Ok(())
}

/// Maps the memory that the peer says it alone writes, with a ring of `capacity`, after everything about
/// it was checked that could hurt us later.
pub(super) fn adopt(
    fd: &OwnedFd,
    capacity: u64,
    most: u64,
    ours: Option<Identity>,
) -> Result<Foreign> {
    let refuse = |what| Error::Corrupt { name: PEER.to_owned(), what };
    if !capacity.is_power_of_two() || capacity < CAPACITY_MIN {
        return Err(refuse("its ring has a size that we never give"));
    }
    if capacity > most {
        return Err(Error::Limit {
            which: "max_capacity_of_peer (memory of an untrusted peer that we map)",
            raise: "allow more with Options::max_capacity_of_peer",
        });
    }
    let failed = |errno| Error::os("look at the memory of an untrusted peer", PEER, errno);
    // These two first: the kernel answers them by itself, whatever the descriptor is of. To ask a file of
    // the peer's own file system for its size may take for ever.
    let mode = fcntl_getfl(fd).map_err(failed)?;
    if mode.contains(OFlags::PATH) || mode & OFlags::RWMODE != OFlags::RDWR {
        return Err(refuse(
            "its descriptor has another access mode than memory that was just made",
        ));
    }
    let seals = match fcntl_get_seals(fd) {
        Ok(seals) => seals,
        Err(Errno::INVAL | Errno::BADF) => return Err(refuse("its descriptor is not of memory")),
        Err(errno) => return Err(failed(errno)),
    };
    if !seals.contains(SEALS) {
        return Err(refuse("its memory is not sealed"));
    }
    // From here on nothing about the file can change but the bytes in it. Memory in huge pages can be
    // missing when it is touched, and its mapping has other rules.
    let kind = u64::try_from(fstatfs(fd).map_err(failed)?.f_type);
    if kind != Ok(TMPFS) {
        return Err(refuse("its memory is of another kind than memfd_create makes"));
    }
    let stat = fstat(fd).map_err(failed)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(refuse("its descriptor is not of a file in memory"));
    }
    let size = total(capacity);
    if u64::try_from(stat.st_size) != Ok(size as u64) {
        return Err(refuse("its memory has another size than it says"));
    }
    // A hole would be filled when we read it, on our account, or by a signal if there is no memory. The
    // seal forbids to punch one later.
    let blocks = u64::try_from(stat.st_blocks).unwrap_or(0);
    if blocks.saturating_mul(512) < size as u64 {
        return Err(refuse("its memory has holes"));
    }
    if ours == Some(Identity::of(&stat)) {
        return Err(refuse("its memory is our own, sent back"));
    }
    Foreign::new(fd.as_fd(), size).map_err(no_memory)
}

/// Whether the descriptor is of a file in memory, which the kernel closes without asking anybody.
pub(super) fn is_memory(fd: &OwnedFd) -> bool {
    fcntl_get_seals(fd).is_ok()
}

/// What the kernel says when there is no memory, or no room for a mapping.
fn no_memory(errno: Errno) -> Error {
    match errno {
        Errno::NOMEM => Error::NoSpace { name: PEER.to_owned() },
        _ => Error::os("map memory shared with an untrusted peer", PEER, errno),
    }
}
