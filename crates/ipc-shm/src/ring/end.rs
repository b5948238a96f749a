//! What both ends of a ring are: its memory, who is on the other side, and how to wait.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{Ordering, compiler_fence, fence};

use ipc_core::Wait as Until;
use ipc_core::fence::support;
use ipc_core::life::Membership;
use ipc_core::life::sleep::{CancelWord, Stop};
use ipc_core::segment::Segment;
use ipc_core::wait::Bell;

use super::flow::Corrupt;
use super::memory::Memory;
use super::role::{Other, Role};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::guard::{self, Watched};
use crate::named::ANONYMOUS;
use crate::wait::{Ended, Wait, Waiter};

/// Which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Sender,
    Receiver,
}

impl Side {
    /// The other end in words.
    fn other(self) -> &'static str {
        match self {
            Self::Sender => "receiver",
            Self::Receiver => "sender",
        }
    }

    fn own_role(self, memory: &Memory) -> &Role {
        match self {
            Self::Sender => &memory.head().sender,
            Self::Receiver => &memory.head().receiver,
        }
    }

    fn other_role(self, memory: &Memory) -> &Role {
        match self {
            Self::Sender => &memory.head().receiver,
            Self::Receiver => &memory.head().sender,
        }
    }

    /// What became of the other side, if `past` is nobody to ask for any more.
    fn other_end(self, memory: &Memory, past: u32) -> Other {
        let role = self.other_role(memory);
        if past != 0 && role.holder() == past {
            return Other::Awaited;
        }
        role.other(memory.segment().members())
    }

    /// Who had the other side, died, and will have a successor. To a sender one that closed is the same: it
    /// sends to the next. A receiver comes to the end of what was closed.
    fn past(self, memory: &Memory) -> u32 {
        let role = self.other_role(memory);
        let holder = role.holder();
        match role.other(memory.segment().members()) {
            Other::Died => holder,
            Other::Closed if self == Self::Sender => holder,
            Other::Closed | Other::Awaited | Other::Lives => 0,
        }
    }

    /// The bell on which this end sleeps.
    fn own_bell(self, memory: &Memory) -> &Bell {
        match self {
            Self::Sender => &memory.head().freed,
            Self::Receiver => &memory.head().arrived,
        }
    }
}

/// One end, without its place in the flow.
#[derive(Debug)]
pub(crate) struct End {
    /// Tells if somebody cut the ring's file off, where the guard is installed. Before the memory: it is to
    /// be dropped first.
    watched: Option<Arc<Watched>>,
    pub(super) memory: Memory,
    side: Side,
    waiter: Waiter,
    pub(super) cancel: CancelWord,
    /// The count of deaths when the other side was last seen alive, or awaited.
    known: u32,
    /// Who had the other side and was gone before we came: its successor is awaited. 0: nobody.
    past: u32,
    /// This process passes the sleepers' fences.
    registered: bool,
    event: Option<Event>,
    name: Arc<str>,
}

impl End {
    /// Takes the place of `side`.
    pub(super) fn take(memory: Memory, side: Side, mode: Wait, name: &str) -> Result<Self> {
        let name: Arc<str> = name.into();
        let Some(me) = memory.me() else { return Err(Error::NotOwner { name: name.to_string() }) };
        let watched = watch(memory.segment(), &name)?;
        // Before the look at the other side: a death after this line changes it.
        let known = memory.segment().members().deaths();
        if !side.own_role(&memory).take(memory.segment().members(), me) {
            return Err(Error::AlreadyExists { name: name.to_string() });
        }
        let past = side.past(&memory);
        // Who waits for this end to be there looks again.
        memory.segment().members().rouse();
        Ok(Self {
            memory,
            side,
            waiter: Waiter::new(mode),
            cancel: CancelWord::new(),
            known,
            past,
            registered: support().registered,
            watched,
            event: None,
            name,
        })
    }

    pub(super) fn members(&self) -> &Membership {
        self.memory.segment().members()
    }

    /// What became of the other side.
    pub(super) fn other(&self) -> Other {
        self.side.other_end(&self.memory, self.past)
    }

    /// Whether the other side was there and is not any more.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.other(), Other::Closed | Other::Died)
    }

    /// False: a forked child, or somebody died or left since the other side was last looked at.
    #[inline]
    pub(super) fn is_quiet(&self) -> bool {
        self.memory.deaths() == self.known && self.memory.me().is_some() && !self.was_cut()
    }

    /// Whether somebody cut the ring's file off.
    #[inline]
    fn was_cut(&self) -> bool {
        self.watched.as_ref().is_some_and(|watched| watched.was_cut())
    }

    /// Looks at the other side after something happened: an error if it is gone.
    #[cold]
    pub(super) fn look(&mut self) -> Result<()> {
        if self.memory.me().is_none() {
            return Err(self.not_owner());
        }
        if self.was_cut() {
            return Err(Error::Truncated { name: self.name.to_string() });
        }
        let deaths = self.members().deaths();
        match self.other() {
            Other::Awaited | Other::Lives => {
                self.known = deaths;
                Ok(())
            }
            Other::Closed => Err(Error::Closed { peer_died: false }),
            Other::Died => Err(self.died()),
        }
    }

    /// Wakes the receiver, if it sleeps: after the store that it waits for.
    #[inline]
    pub(super) fn ring_receiver(&self) {
        self.ring(&self.memory.head().arrived);
    }

    /// Wakes the sender, if it sleeps: after the store that it waits for.
    #[inline]
    pub(super) fn ring_sender(&self) {
        self.ring(&self.memory.head().freed);
    }

    #[inline]
    fn ring(&self, bell: &Bell) {
        if self.registered {
            compiler_fence(Ordering::SeqCst);
        } else {
            fence(Ordering::SeqCst);
        }
        bell.ring_after_fence();
    }

    /// Waits until `ready`.
    #[inline]
    pub(super) fn wait(&mut self, until: Until, ready: impl Fn(&Memory) -> bool) -> Result<()> {
        let (side, memory, cancel) = (self.side, &self.memory, &self.cancel);
        let members = memory.segment().members();
        let (past, watched) = (self.past, self.watched.as_deref());
        let gone = || is_gone(side, memory, past, watched);
        let bell = side.own_bell(memory);
        let waited = self.waiter.wait(members, bell, until, cancel, || ready(memory), gone);
        match waited {
            Ok(()) => Ok(()),
            Err(ended) => {
                if let (Ended::Stop(Stop::WouldBlock), Some(event)) = (ended, &self.event) {
                    event.arm(members, bell, || ready(memory) || gone())?;
                }
                if ended == Ended::Gone {
                    // It may not be counted yet: the next call looks all the same.
                    self.known = self.known.wrapping_sub(1);
                }
                Err(self.ended(ended))
            }
        }
    }

    /// The descriptor that tells when it is worth to try again.
    pub(super) fn event(&mut self, ready: impl Fn(&Memory) -> bool) -> Result<BorrowedFd<'_>> {
        if self.memory.me().is_none() {
            return Err(self.not_owner());
        }
        if self.event.is_none() {
            let event = Event::new(&self.name)?;
            let (side, memory) = (self.side, &self.memory);
            let members = memory.segment().members();
            let (past, watched) = (self.past, self.watched.as_deref());
            let gone = || is_gone(side, memory, past, watched);
            event.arm(members, side.own_bell(memory), || ready(memory) || gone())?;
            self.event = Some(event);
        }
        self.event.as_ref().map(AsFd::as_fd).ok_or_else(|| self.not_owner())
    }

    /// How often it is worth to look before [waiting](Self::wait).
    pub(super) fn polls(&self) -> u32 {
        self.waiter.polls()
    }

    #[cold]
    fn ended(&self, ended: Ended) -> Error {
        match ended {
            Ended::Stop(Stop::WouldBlock) if self.memory.me().is_none() => self.not_owner(),
            Ended::Stop(stop) => Error::stop(&self.name, stop),
            Ended::Gone if self.was_cut() => Error::Truncated { name: self.name.to_string() },
            Ended::Gone if self.other() == Other::Died => self.died(),
            Ended::Gone => Error::Closed { peer_died: false },
        }
    }

    fn died(&self) -> Error {
        crate::log::warn(format_args!(
            "shared memory {:?}: the {} died",
            self.name,
            self.side.other()
        ));
        Error::Closed { peer_died: true }
    }

    #[cold]
    pub(super) fn not_owner(&self) -> Error {
        Error::NotOwner { name: self.name.to_string() }
    }

    #[cold]
    pub(super) fn corrupt(&self, _corrupt: Corrupt) -> Error {
        corrupt(&self.name)
    }
}

/// Whether nothing more comes: the other side was there and is not any more, or the memory is cut off.
fn is_gone(side: Side, memory: &Memory, past: u32, watched: Option<&Watched>) -> bool {
    let other = side.other_end(memory, past);
    matches!(other, Other::Closed | Other::Died) || watched.is_some_and(Watched::was_cut)
}

/// Puts a ring that others can cut off under the guard, if this process has it.
fn watch(segment: &Segment, name: &str) -> Result<Option<Arc<Watched>>> {
    if name == ANONYMOUS {
        return Ok(None);
    }
    let (base, len) = segment.whole();
    let watched = guard::watch(false, base, len, false)?.map(Arc::new);
    if let Some(watched) = &watched {
        segment.keep(Box::new(Arc::clone(watched)));
    }
    Ok(watched)
}

/// A record that no ring of ours has.
#[cold]
pub(super) fn corrupt(name: &str) -> Error {
    Error::Corrupt { name: name.to_owned(), what: "a message in the ring" }
}

impl Drop for End {
    fn drop(&mut self) {
        // Not in a forked child: the place is its parent's.
        if let Some(me) = self.memory.me() {
            if let Some(event) = &self.event {
                event.disarm(self.members());
            }
            if self.side.own_role(&self.memory).close(me) {
                self.members().rouse();
            }
        }
    }
}
