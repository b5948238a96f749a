//! This process as a user of a FIFO: its place at the companion file, for as long as any handle of
//! the FIFO lives.

use std::time::Duration;

use ipc_core::Deadline;
use ipc_core::owner::{Companion, Refused, Takeover};
use rustix::fs::Mode;
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::place::Place;

/// How long a take-over by somebody else may go on: it is a few system calls.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct User {
    pub(crate) place: Place,
    companion: Option<Companion>,
    /// A forked child has the same descriptors, but is not the one to clean up.
    process: u32,
}

impl User {
    /// Becomes a user of a FIFO that this process is about to create.
    pub(crate) fn create(place: Place, mode: Mode) -> Result<Self> {
        let path = place.beside(&place.companion());
        match Companion::join(&path, companion_mode(mode), Deadline::after(PATIENCE)) {
            Ok(companion) => Ok(Self::new(place, Some(companion))),
            // No such locks here: the FIFO works, and can never be reclaimed.
            Err(Refused::Os(Errno::NOLCK | Errno::OPNOTSUPP)) => Ok(Self::unseen(place)),
            Err(Refused::Os(errno)) => Err(Error::os("create FIFO", &place.path, errno)),
            Err(refused) => Err(refusal(&place, refused)),
        }
    }

    /// Becomes a user of a FIFO that stands there.
    pub(crate) fn join(place: Place, allowed: Option<u32>) -> Result<Self> {
        let path = place.beside(&place.companion());
        match Companion::join_existing(&path, allowed, Deadline::after(PATIENCE)) {
            Ok(companion) => Ok(Self::new(place, Some(companion))),
            Err(Refused::InUse) => Err(refusal(&place, Refused::InUse)),
            // Made by a program that is not ours: nobody takes it over.
            Err(Refused::NoCompanion) => Ok(Self::new(place, None)),
            Err(_) => Ok(Self::unseen(place)),
        }
    }

    /// Ends a take-over as a user.
    pub(crate) fn after(place: Place, takeover: Takeover) -> Result<Self> {
        match takeover.finish() {
            Ok(companion) => Ok(Self::new(place, Some(companion))),
            Err(errno) => Err(Error::os("take over FIFO", &place.path, errno)),
        }
    }

    fn unseen(place: Place) -> Self {
        crate::log::warn(format_args!(
            "the companion file of FIFO {} cannot be locked: others may take it for stale",
            place.path.display()
        ));
        Self::new(place, None)
    }

    fn new(place: Place, companion: Option<Companion>) -> Self {
        Self { place, companion, process: std::process::id() }
    }

    /// Whether this process made the handle, and not its parent before a fork.
    pub(crate) fn here(&self) -> bool {
        self.process == std::process::id()
    }
}

impl Drop for User {
    fn drop(&mut self) {
        if let (true, Some(companion)) = (self.here(), self.companion.take()) {
            // The companion lives as long as the FIFO's name.
            let gone = || matches!(self.place.stat(), Ok(None));
            let _ = companion.leave_if(gone);
        }
    }
}

/// Whoever may use the FIFO may lock its companion, which takes both rights.
pub(crate) fn companion_mode(mode: Mode) -> Mode {
    let classes = [Mode::RUSR | Mode::WUSR, Mode::RGRP | Mode::WGRP, Mode::ROTH | Mode::WOTH];
    classes.into_iter().filter(|class| mode.intersects(*class)).collect::<Mode>()
        | Mode::RUSR
        | Mode::WUSR
}

pub(crate) fn refusal(place: &Place, refused: Refused) -> Error {
    let path = place.path.clone();
    let op = "lock the companion file of FIFO";
    match refused {
        Refused::InUse => Error::Contended { path },
        Refused::WrongOwner { uid } => Error::WrongOwner { path, uid },
        Refused::NotAFile => Error::os(op, &path, Errno::EXIST),
        Refused::NoCompanion => Error::os(op, &path, Errno::NOENT),
        Refused::Os(errno) => Error::os(op, &path, errno),
    }
}

/// What errors of an end name; nothing, if it was made of a descriptor.
pub(crate) fn path_of(user: Option<&std::sync::Arc<User>>) -> &std::path::Path {
    user.map_or(std::path::Path::new(""), |user| &user.place.path)
}
