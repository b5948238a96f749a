//! What every handle of a cell, a broadcast or a fan-in keeps beside its memory: its name, and its waits.

use std::os::fd::{AsFd, BorrowedFd};

use ipc_core::Wait as Until;
use ipc_core::life::sleep::{CancelWord, Stop};
use ipc_core::wait::Bell;

use crate::area::Area;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::wait::{Ended, Wait, Waiter};

/// Name, canceller and waits of one handle.
#[derive(Debug)]
pub(crate) struct Handle {
    name: String,
    pub(crate) cancel: CancelWord,
    waiter: Waiter,
    /// Tells who waits for descriptors, once somebody asked for it.
    event: Option<Event>,
    /// Messages since nothing was last found.
    streak: u32,
}

/// After so many messages in a row the sender is taken to be streaming.
const STREAMING: u32 = 4;
/// `pause`s that leave the lines to a streaming sender, so that it fills several.
const BACK_OFF: u32 = 40;

impl Handle {
    pub(crate) fn new(name: &str, mode: Wait) -> Self {
        Self {
            name: name.to_owned(),
            cancel: CancelWord::new(),
            waiter: Waiter::new(mode),
            event: None,
            streak: 0,
        }
    }

    /// The descriptor that tells when it is worth to try again: after `bell` was rung, or somebody died.
    pub(crate) fn event(
        &mut self,
        area: &Area,
        bell: &Bell,
        ready: impl Fn() -> bool,
    ) -> Result<BorrowedFd<'_>> {
        if area.me().is_none() {
            return Err(self.not_owner());
        }
        if self.event.is_none() {
            let event = Event::new(&self.name)?;
            // It may be readable for no reason: then who tries finds out, and arms it in earnest.
            event.arm(area.members(), bell, ready)?;
            self.event = Some(event);
        }
        self.event.as_ref().map(AsFd::as_fd).ok_or_else(|| self.not_owner())
    }

    /// Before the memory goes, and not in a forked child.
    pub(crate) fn disarm(&self, area: &Area) {
        if let Some(event) = &self.event {
            event.disarm(area.members());
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How often it is worth to look before waiting.
    pub(crate) fn polls(&self) -> u32 {
        self.waiter.polls()
    }

    /// A message was received.
    #[inline]
    pub(crate) fn took(&mut self) {
        self.streak = self.streak.wrapping_add(1);
    }

    /// Nothing was found. True: the sender was streaming and got time to go on, so look again.
    #[inline]
    pub(crate) fn back_off(&mut self, until: Until) -> bool {
        let streaming = self.streak >= STREAMING && until != Until::No;
        self.streak = 0;
        if streaming {
            (0..BACK_OFF).for_each(|_| std::hint::spin_loop());
        }
        streaming
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
                Err(Ended::Stop(stop)) => {
                    if let (Stop::WouldBlock, Some(event)) = (stop, &self.event) {
                        event.arm(members, bell, || ready() || is_gone())?;
                    }
                    return Err(Error::stop(&self.name, stop));
                }
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
