//! What all objects of this crate have in common when they are made or opened: a name, or a descriptor.

use std::os::fd::OwnedFd;

use ipc_core::name::{NAME_MAX, Name};
use ipc_core::segment::{Access, MAX_SLOTS, Segment, Spec};

use crate::error::{Error, Result};

/// What stands in messages for the name that an object has not.
pub(crate) const ANONYMOUS: &str = "(anonymous)";

/// How an object is made or opened, whatever lives in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    pub(crate) access: Access,
    pub(crate) reclaim_stale: bool,
}

impl Place {
    /// Makes the object; `init` fills it before it has its name.
    pub(crate) fn create(
        &self,
        name: &str,
        spec: &Spec,
        init: impl Fn(&Segment),
    ) -> Result<Segment> {
        let checked = check(name)?;
        let made = if self.reclaim_stale {
            Segment::replace_stale(&checked, spec, &self.access, init)
        } else {
            Segment::create(&checked, spec, &self.access, init)
        };
        made.map_err(|fault| Error::segment("create shared memory", name, fault))
    }

    /// Opens the object; the body has at least as many bytes as `spec` says.
    pub(crate) fn open(&self, name: &str, spec: &Spec) -> Result<Segment> {
        let opened = Segment::open(&check(name)?, spec, &self.access);
        opened.map_err(|fault| Error::segment("open shared memory", name, fault))
    }

    /// Opens the object, or makes it if there is none.
    pub(crate) fn open_or_create(
        &self,
        name: &str,
        least: &Spec,
        spec: &Spec,
        init: impl Fn(&Segment),
    ) -> Result<Segment> {
        let fresh = Self { reclaim_stale: false, ..self.clone() };
        for _ in 0..1000 {
            match self.open(name, least) {
                Err(Error::NotFound { .. }) => {}
                opened => return opened,
            }
            match fresh.create(name, spec, &init) {
                Err(Error::AlreadyExists { .. }) => {}
                created => return created,
            }
        }
        Err(Error::Contended { name: name.to_owned() })
    }
}

/// Makes an object without a name.
pub(crate) fn anonymous(spec: &Spec, init: impl FnOnce(&Segment)) -> Result<(Segment, OwnedFd)> {
    Segment::anonymous(spec, init)
        .map_err(|fault| Error::segment("create shared memory", ANONYMOUS, fault))
}

/// Opens the object behind a descriptor.
pub(crate) fn from_fd(fd: OwnedFd, spec: &Spec) -> Result<Segment> {
    Segment::from_fd(fd, spec)
        .map_err(|fault| Error::segment("open shared memory", ANONYMOUS, fault))
}

/// Removes a name.
pub(crate) fn unlink(name: &str) -> Result<()> {
    Segment::unlink(&check(name)?)
        .map_err(|fault| Error::segment("remove shared memory", name, fault))
}

/// How many processes an object may be for.
pub(crate) fn check_peers(peers: usize) -> Result<()> {
    if (1..=MAX_SLOTS).contains(&peers) {
        Ok(())
    } else {
        Err(Error::InvalidInput { what: "an object is for 1 to 240 processes" })
    }
}

pub(crate) fn check(name: &str) -> Result<Name> {
    Name::new(name, NAME_MAX)
        .map_err(|fault| Error::InvalidName { name: name.to_owned(), reason: fault.to_string() })
}
