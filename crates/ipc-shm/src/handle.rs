//! What every handle of a cell, a broadcast or a fan-in keeps beside its memory: its name, and its waits.

use ipc_core::Wait as Until;
use ipc_core::life::sleep::CancelWord;
use ipc_core::wait::Bell;

use crate::area::Area;
use crate::error::{Error, Result};
use crate::wait::{Ended, Wait, Waiter};

/// Name, canceller and waits of one handle.
#[derive(Debug)]
pub(crate) struct Handle {
    name: String,
    pub(crate) cancel: CancelWord,
    waiter: Waiter,
}

impl Handle {
    pub(crate) fn new(name: &str, mode: Wait) -> Self {
        Self { name: name.to_owned(), cancel: CancelWord::new(), waiter: Waiter::new(mode) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Waits until `ready`, which loads with Acquire what others publish before they ring `bell`; what
    /// `gone` tells ends the wait, unless it is ready all the same.
    pub(crate) fn wait(
        &mut self,
        area: &Area,
        bell: &Bell,
        until: Until,
        ready: impl Fn() -> bool,
        gone: impl Fn() -> Option<Error>,
    ) -> Result<()> {
        if area.me().is_none() {
            return Err(self.not_owner());
        }
        let is_gone = || gone().is_some();
        let (members, cancel) = (area.members(), &self.cancel);
        loop {
            match self.waiter.wait(members, bell, until, cancel, &ready, is_gone) {
                Ok(()) => return Ok(()),
                Err(Ended::Stop(stop)) => return Err(Error::stop(&self.name, stop)),
                Err(Ended::Gone) => {
                    // None: another one came in between.
                    if let Some(error) = gone() {
                        return Err(error);
                    }
                }
            }
        }
    }

    #[cold]
    pub(crate) fn not_owner(&self) -> Error {
        Error::NotOwner { name: self.name.clone() }
    }

    #[cold]
    pub(crate) fn not_found(&self) -> Error {
        Error::NotFound { name: self.name.clone() }
    }

    #[cold]
    pub(crate) fn exists(&self) -> Error {
        Error::AlreadyExists { name: self.name.clone() }
    }

    #[cold]
    pub(crate) fn contended(&self) -> Error {
        Error::Contended { name: self.name.clone() }
    }

    #[cold]
    pub(crate) fn evicted(&self) -> Error {
        Error::Evicted { name: self.name.clone() }
    }

    #[cold]
    pub(crate) fn too_many(&self, slots: usize) -> Error {
        Error::TooManyPeers { name: self.name.clone(), slots }
    }

    #[cold]
    pub(crate) fn corrupt(&self, what: &'static str) -> Error {
        Error::Corrupt { name: self.name.clone(), what }
    }
}
