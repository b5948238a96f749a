//! Segments, and what lives in them, in memory that a program has from the crate `shared_memory`.
//!
//! A `Shmem` has no header. One is laid into it, under the lock that serialises everybody who opens it, if it
//! begins with 64 zeroes, as it does when it is new; all of it is zeroed then.
#![expect(unsafe_code, reason = "moves a handle with a raw pointer between threads")]

use std::mem::ManuallyDrop;
use std::os::fd::OwnedFd;

use ipc_core::segment::{Access, At, Segment as Core, Spec, forked};
use rustix::fs::{fstat, major, minor};
use shared_memory::Shmem;

use super::options::SegmentOptions;
use super::{Hold, Segment, Source};
use crate::error::{Error, Result};
use crate::named::check;

/// A `Shmem` that goes with what lives in it, as its owner flag says; but not in a forked child, which
/// would take the parent's name away.
struct Kept(ManuallyDrop<Shmem>);

// SAFETY: its mapping, descriptor and name belong to the process. It is only kept and dropped here.
unsafe impl Send for Kept {}
// SAFETY: nothing of it is reached through a shared reference.
unsafe impl Sync for Kept {}

impl Drop for Kept {
    fn drop(&mut self) {
        if !forked() {
            // SAFETY: this is the one drop, and nobody uses it afterwards.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        }
    }
}

/// Opens or lays what `spec` says into the memory of a `Shmem`, which goes with the segment.
pub(crate) fn over(
    shmem: Shmem,
    spec: &Spec,
    access: &Access,
    init: impl FnOnce(&Core),
) -> Result<(Core, OwnedFd)> {
    let name = shmem.get_os_id().to_owned();
    let start = shmem.as_ptr().addr();
    let keep = Box::new(Kept(ManuallyDrop::new(shmem)));
    let at = At::from(&check(&name)?);
    let (core, file) = Core::over(&at, spec, access, keep, init)
        .map_err(|fault| Error::segment("open shared memory", &name, fault))?;
    // The name may mean another file by now.
    let stat = fstat(&file).map_err(|errno| Error::os("look at shared memory", &name, errno))?;
    let device = format!("{:02x}:{:02x}", major(stat.st_dev), minor(stat.st_dev));
    if mapped_at(start) != Some((device, stat.st_ino)) {
        return Err(Error::NotFound { name });
    }
    Ok((core, file))
}

/// The file that is mapped at an address: its device as in `/proc/self/maps`, and its inode.
fn mapped_at(start: usize) -> Option<(String, u64)> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let line = maps.lines().find(|line| {
        let address = line.split('-').next().and_then(|from| usize::from_str_radix(from, 16).ok());
        address == Some(start)
    })?;
    let mut fields = line.split_whitespace().skip(3);
    let device = fields.next()?.to_owned();
    Some((device, fields.next()?.parse().ok()?))
}

impl TryFrom<Shmem> for Segment {
    type Error = Error;

    /// Takes the memory of a `Shmem` as a segment: opens the one in it, or lays one into it if it
    /// begins with zeroes. Then all of it is zeroed; some of it is taken by the header. If the `Shmem` owns
    /// its name, so does the segment: the name goes when it is dropped.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let ours = shared_memory::ShmemConf::new().size(1 << 16).create()?;
    /// let name = ours.get_os_id().to_owned();
    /// let ours = ipc_shm::Segment::try_from(ours)?;
    /// let theirs = shared_memory::ShmemConf::new().os_id(name).open()?; // usually elsewhere
    /// let theirs = ipc_shm::Segment::try_from(theirs)?;
    /// ours.write_at(0, b"hello")?;
    /// let mut text = [0; 5];
    /// theirs.read_at(0, &mut text)?;
    /// assert_eq!(&text, b"hello");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Truncated`: it is too small for a header. `Corrupt`: something else is in it already. `NotFound`: its
    /// name is gone or means another one. Otherwise as [`SegmentOptions::open`].
    fn try_from(shmem: Shmem) -> Result<Self> {
        let options = SegmentOptions::new();
        let name = shmem.get_os_id().to_owned();
        let spec = options.spec()?;
        let (core, file) = over(shmem, &spec, &options.place.access, |_| {})?;
        Self::new(&options, &name, Hold::Living(core), file, Source::Name)
    }
}
