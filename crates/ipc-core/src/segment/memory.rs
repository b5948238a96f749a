//! The file behind a segment: memory reserved whole, sealed if it has no name, and the attach lock.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::fs::{FallocateFlags, FileType, FlockOperation, MemfdFlags, Mode, OFlags, SealFlags};
use rustix::fs::{fallocate, fcntl_add_seals, fcntl_get_seals, fcntl_getfl, flock, fstat};
use rustix::fs::{fstatvfs, memfd_create, open};
use rustix::io::{Errno, pread, pwrite, retry_on_intr};

use super::place::own_path;
use super::{Fault, HEADER, Header, Spec};
use crate::deadline::Deadline;

/// One `fallocate` takes at most so much: a signal costs at most so much work.
const STEP: u64 = 16 << 20;
/// How long an opener waits for another that is just attaching.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a segment without a name is made of.
#[derive(Clone, Copy, Debug)]
pub struct Anonymous {
    /// The size of its pages as a power of two, if they shall be huge ones.
    pub huge: Option<u32>,
    /// What it is sealed against before its descriptor leaves us; `SHRINK` always.
    pub seals: SealFlags,
}

impl Default for Anonymous {
    fn default() -> Self {
        Self { huge: None, seals: SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL }
    }
}

impl Anonymous {
    /// Memory without a name, which can still be sealed.
    pub(super) fn create(&self) -> Result<OwnedFd, Fault> {
        let mut flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        if let Some(power) = self.huge {
            flags |= MemfdFlags::HUGETLB | MemfdFlags::from_bits_retain(power << 26);
        }
        let made = match memfd_create("ipc", flags | MemfdFlags::NOEXEC_SEAL) {
            // Before 6.3 there is no such flag; the right to seal is kept.
            Err(Errno::INVAL) => memfd_create("ipc", flags),
            made => made,
        };
        made.map_err(Fault::of("create memory"))
    }

    pub(super) fn seal(&self, file: &OwnedFd) -> Result<(), Fault> {
        fcntl_add_seals(file, self.seals | SealFlags::SHRINK).map_err(Fault::of("seal the memory"))
    }
}

/// A description of our own of a descriptor that was given to us, which cannot shrink under us: a lock
/// on the one that we were given would be the giver's too.
pub(super) fn reopen(fd: &OwnedFd, how: OFlags) -> Result<OwnedFd, Fault> {
    let stat = fstat(fd).map_err(Fault::of("look at it"))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Fault::NotAFile);
    }
    match fcntl_get_seals(fd) {
        Ok(seals) if seals.contains(SealFlags::SHRINK) => {}
        Ok(_) | Err(Errno::INVAL) => {
            return Err(Fault::Corrupt { what: "it is not sealed against shrinking" });
        }
        Err(errno) => return Err(Fault::of("look at its seals")(errno)),
    }
    let given = fcntl_getfl(fd).map_err(Fault::of("look at its flags"))? & OFlags::RWMODE;
    // Who gave it for reading only means that.
    if given != OFlags::RDWR && given != how {
        return Err(Fault::Os { op: "use it in this way", errno: Errno::ACCESS });
    }
    open(own_path(fd), how | OFlags::CLOEXEC, Mode::empty()).map_err(Fault::of("open it again"))
}

/// Reads by `pread`, which cannot fault, whatever the file's size is meanwhile.
pub(super) fn read_header(file: &OwnedFd, spec: &Spec) -> Result<Header, Fault> {
    let (bytes, size) = read_start(file)?;
    Header::decode(&bytes, size, spec)
}

/// The bytes of the header, and how many the file has.
pub(super) fn read_start(file: &OwnedFd) -> Result<([u8; HEADER], u64), Fault> {
    let size = fstat(file).map_err(Fault::of("look at it"))?.st_size;
    let mut bytes = [0; HEADER];
    let read = retry_on_intr(|| pread(file, &mut bytes, 0));
    match read.map_err(Fault::of("read the header"))? {
        HEADER => Ok((bytes, u64::try_from(size).unwrap_or(0))),
        short => Err(Fault::Truncated { size: short as u64, needed: HEADER as u64 }),
    }
}

/// Reserves every page now: a full file system is an error here, not a SIGBUS later.
pub(super) fn reserve(file: &OwnedFd, total: u64) -> Result<(), Fault> {
    // Beyond this limit the kernel would send SIGXFSZ.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize);
    if limit.current.is_some_and(|most| most < total) {
        return Err(Fault::TooLarge);
    }
    // Not a page is taken of what cannot be had whole. No blocks at all: no limit is set.
    let room = fstatvfs(file).map_err(Fault::of("look for room"))?;
    if room.f_blocks != 0 && room.f_bavail.saturating_mul(room.f_frsize) < total {
        return Err(Fault::NoSpace);
    }
    // That limit may be as large as the memory, or none: what is not there is not asked for, as the kernel
    // would end processes to find it. Small ones are not worth the look.
    if total > STEP && available().is_some_and(|most| most < total) {
        return Err(Fault::NoSpace);
    }
    let mut done = 0;
    while done < total {
        let step = STEP.min(total - done);
        match retry_on_intr(|| fallocate(file, FallocateFlags::empty(), done, step)) {
            Ok(()) => done += step,
            // A file system that cannot reserve: writing does it.
            Err(Errno::OPNOTSUPP) => done += write_zeroes(file, done, step)?,
            Err(errno) => return Err(Fault::of("reserve memory")(errno)),
        }
    }
    Ok(())
}

/// Bytes of memory that could be had without taking any away, and of free swap space.
fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let field = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    };
    let kib = field("MemAvailable:")?.checked_add(field("SwapFree:").unwrap_or(0))?;
    kib.checked_mul(1024)
}

/// Writes zeroes into a file that is new, and says how many.
fn write_zeroes(file: &OwnedFd, from: u64, most: u64) -> Result<u64, Fault> {
    let zeroes = [0; 64 << 10];
    let len = zeroes.len().min(usize::try_from(most).unwrap_or(usize::MAX));
    let wrote = retry_on_intr(|| pwrite(file, &zeroes[..len], from));
    match wrote.map_err(Fault::of("reserve memory"))? {
        0 => Err(Fault::NoSpace),
        wrote => Ok(wrote as u64),
    }
}

/// One attaches at a time. The kernel drops the lock with the process.
pub(super) struct AttachLock<'a>(BorrowedFd<'a>);

impl<'a> AttachLock<'a> {
    pub(super) fn take(fd: BorrowedFd<'a>) -> Result<Self, Fault> {
        let deadline = Deadline::after(PATIENCE);
        loop {
            match flock(fd, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self(fd)),
                // Held for some system calls, unless its holder is stopped; nothing announces its end.
                Err(Errno::WOULDBLOCK) if !deadline.passed() => crate::owner::pause(deadline),
                Err(Errno::WOULDBLOCK) => return Err(Fault::Contended),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(Fault::of("lock the segment")(errno)),
            }
        }
    }
}

impl Drop for AttachLock<'_> {
    fn drop(&mut self) {
        // A forked child may hold the description: closing would not drop the lock then.
        let _ = flock(self.0, FlockOperation::Unlock);
    }
}

/// A number of this run of the kernel, never 0: who lived in a file before it lives no more.
pub(super) fn boot() -> u64 {
    static BOOT: OnceLock<u64> = OnceLock::new();
    *BOOT.get_or_init(|| {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let digits = id.chars().filter_map(|letter| letter.to_digit(16));
        let step = |hash: u64, digit| (hash ^ u64::from(digit)).wrapping_mul(0x0100_0000_01b3);
        digits.fold(0xcbf2_9ce4_8422_2325, step) | 1
    })
}
