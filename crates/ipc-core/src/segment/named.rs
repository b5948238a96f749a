//! Segments by name: made whole, opened, replaced. Each comes with a descriptor of its file.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;

use rustix::fs::OFlags;
use rustix::io::{pread, retry_on_intr};

use super::memory::{AttachLock, boot, read_header};
use super::place::{At, Draft};
use super::{Access, Fault, HEADER, Header, Map, Segment, Spec, registry};
use crate::life::table;

/// How often an open-or-create starts again because the name came and went.
const TURNS: usize = 1000;

impl Segment {
    /// As [`create`](Self::create), with its file.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_with_file(
        at: &At,
        spec: &Spec,
        access: &Access,
        init: impl FnOnce(&Self),
    ) -> Result<(Self, OwnedFd), Fault> {
        registry::enter()?;
        let draft = Draft::new(at, access.mode)?;
        let segment = Self::fill(&draft.file, Header::new(spec)?)?;
        init(&segment);
        draft.publish(at)?;
        Ok((segment, draft.file))
    }

    /// As [`open`](Self::open), with its file.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with_file(at: &At, spec: &Spec, access: &Access) -> Result<(Self, OwnedFd), Fault> {
        registry::enter()?;
        for _ in 0..TURNS {
            let file = at.open(access, OFlags::RDWR)?;
            let header = read_header(&file, spec)?;
            let lock = AttachLock::take(file.as_fd())?;
            let map = Map::new(file.as_fd(), header).map_err(Fault::of("map the segment"))?;
            if map.control().retired.load(Ordering::Acquire) != 0 {
                // Who replaces it holds the lock until the name is gone, or died before.
                at.unlink_this(&file)?;
                continue;
            }
            let segment = Self::join(map, None)?;
            drop(lock);
            return Ok((segment, file));
        }
        Err(Fault::Contended)
    }

    /// Opens a segment that exists for looking only: its file, to be mapped by the caller, and what its
    /// header says. Nobody sees that somebody looks.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn look(
        at: impl Into<At>,
        spec: &Spec,
        access: &Access,
    ) -> Result<(OwnedFd, Header), Fault> {
        registry::enter()?;
        let file = at.into().open(access, OFlags::RDONLY)?;
        let header = read_header(&file, spec)?;
        let mut retired = [0; 4];
        let read = retry_on_intr(|| pread(&file, &mut retired, HEADER as u64));
        match read.map_err(Fault::of("read the header"))? {
            4 if retired == [0; 4] => Ok((file, header)),
            _ => Err(Fault::NotFound),
        }
    }

    /// As [`open_or_create`](Self::open_or_create), with its file; one that exists need only be as
    /// `least` says.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`create`](Self::create).
    pub fn open_or_create_with_file(
        at: &At,
        least: &Spec,
        spec: &Spec,
        access: &Access,
        init: impl Fn(&Self),
    ) -> Result<(Self, OwnedFd), Fault> {
        for _ in 0..TURNS {
            match Self::open_with_file(at, least, access) {
                Err(Fault::NotFound) => {}
                opened => return opened,
            }
            match Self::create_with_file(at, spec, access, &init) {
                Err(Fault::AlreadyExists) => {}
                created => return created,
            }
        }
        Err(Fault::Contended)
    }

    /// As [`replace_stale`](Self::replace_stale), with its file.
    ///
    /// # Errors
    /// As [`replace_stale`](Self::replace_stale).
    pub fn replace_stale_with_file(
        at: &At,
        spec: &Spec,
        access: &Access,
        init: impl Fn(&Self),
    ) -> Result<(Self, OwnedFd), Fault> {
        for _ in 0..TURNS {
            match Self::create_with_file(at, spec, access, &init) {
                Err(Fault::AlreadyExists) => {}
                created => return created,
            }
            match retire(at, spec, access) {
                Ok(()) | Err(Fault::NotFound) => {}
                Err(fault) => return Err(fault),
            }
        }
        Err(Fault::Contended)
    }
}

/// Takes the name away from a segment in which nobody lives.
fn retire(at: &At, spec: &Spec, access: &Access) -> Result<(), Fault> {
    let file = at.open(access, OFlags::RDWR)?;
    let any_body = Spec { body: 0, ..*spec };
    let header = read_header(&file, &any_body)?;
    let _lock = AttachLock::take(file.as_fd())?;
    let map = Map::new(file.as_fd(), header).map_err(Fault::of("map the segment"))?;
    let run = map.control().boot.load(Ordering::Acquire);
    if run == boot() && table::anybody(&map) {
        return Err(Fault::AlreadyExists);
    }
    // An opener that has it open already must not move in: it looks at this under the lock.
    map.control().retired.store(1, Ordering::Release);
    at.unlink_this(&file)
}
