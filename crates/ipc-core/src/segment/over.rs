//! A segment in memory that is there already and has a fixed size.
//!
//! Nobody can publish it by a name, so its magic is the name: it stands there last. Until then it says
//! `building`, and who finds that under the attach lock knows that the builder died, and begins again.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;

use rustix::fs::OFlags;

use super::header::{BUILDING, HEADER};
use super::memory::{AttachLock, read_start, reserve};
use super::place::At;
use super::{Access, Fault, Header, Keep, Map, Segment, Spec, registry};

impl Segment {
    /// Opens the segment that fills the file at `at`, or lays one into it if it begins with 64 zeroes;
    /// then all its memory is zeroed before `init`. Nobody removes or replaces such a segment but who made
    /// the file. `keep` is dropped with the last clone, in a forked child too.
    ///
    /// # Errors
    /// As [`open`](Self::open), `Truncated` (too small for what `spec` says), `NoSpace`.
    pub fn over(
        at: &At,
        spec: &Spec,
        access: &Access,
        keep: Keep,
        init: impl FnOnce(&Self),
    ) -> Result<(Self, OwnedFd), Fault> {
        registry::enter()?;
        let file = at.open(access, OFlags::RDWR)?;
        let lock = AttachLock::take(file.as_fd())?;
        let (bytes, size) = read_start(&file)?;
        let building = bytes[..8] == BUILDING.to_le_bytes();
        let fresh = building || bytes == [0; HEADER];
        let segment = if fresh {
            build(&file, spec, size, keep, init)?
        } else {
            let header = Header::decode(&bytes, size, spec)?;
            let map = Map::new(file.as_fd(), header).map_err(Fault::of("map the segment"))?;
            Self::join(map, Some(keep))?
        };
        drop(lock);
        Ok((segment, file))
    }
}

fn build(
    file: &OwnedFd,
    spec: &Spec,
    size: u64,
    keep: Keep,
    init: impl FnOnce(&Segment),
) -> Result<Segment, Fault> {
    let least = Header::new(spec)?;
    let whole = usize::try_from(size).map_err(|_| Fault::TooLarge)?;
    let Some(body) = whole.checked_sub(least.body_offset).filter(|body| *body >= spec.body) else {
        return Err(Fault::Truncated { size, needed: least.total() as u64 });
    };
    reserve(file, size)?;
    let header = Header::new(&Spec { body, ..*spec })?;
    let map = Map::new(file.as_fd(), header).map_err(Fault::of("map the segment"))?;
    map.control().magic.store(BUILDING, Ordering::Release);
    map.write_header_without_magic();
    map.zero();
    let segment = Segment::join(map, Some(keep))?;
    init(&segment);
    segment.0.map.publish();
    Ok(segment)
}
