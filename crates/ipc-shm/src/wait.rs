//! How an end waits: it looks again and again, then sleeps. Ends when the other side is gone.

use ipc_core::Wait as Until;
use ipc_core::life::Membership;
use ipc_core::life::sleep::{CancelWord, Sleeper, Stop};
use ipc_core::wait::{Bell, Spin, one_cpu};

/// How a side waits for the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// Look for about 50 us, then sleep until woken. It costs a sender nothing while nobody sleeps.
    #[default]
    Block,
    /// Look until the end of the wait, without ever sleeping: the least delay, and a whole processor.
    /// Only where both sides have a processor of their own.
    Spin,
}

/// In `Spin` mode everything but the thing itself is looked at once in so many turns.
const TURNS: u32 = 64;

/// Looks before a wait proper.
const POLLS: u32 = 32;

/// Why a wait ended without what it waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Stop(Stop),
    /// Nobody is there who could bring it.
    Gone,
}

/// The waits of one handle.
#[derive(Debug)]
pub(crate) struct Waiter {
    mode: Wait,
    spin: Spin,
}

impl Waiter {
    pub(crate) fn new(mode: Wait) -> Self {
        Self { mode, spin: Spin::new(one_cpu_cached()) }
    }

    /// How often it is worth to look, with a pause each time, before [waiting](Self::wait): not at all
    /// where the other side cannot run meanwhile.
    pub(crate) fn polls(&self) -> u32 {
        if self.mode == Wait::Spin || self.spin.pauses_work() { POLLS } else { 0 }
    }

    /// Waits until `ready`, which loads with Acquire. The other side rings `bell` after it made it so.
    ///
    /// `gone` says whether nobody is there any more who could; what was made before counts.
    #[inline]
    pub(crate) fn wait(
        &mut self,
        members: &Membership,
        bell: &Bell,
        until: Until,
        cancel: &CancelWord,
        ready: impl Fn() -> bool,
        gone: impl Fn() -> bool,
    ) -> Result<(), Ended> {
        if until == Until::No {
            return match (gone(), ready()) {
                (_, true) => Ok(()),
                (true, false) => Err(Ended::Gone),
                (false, false) => Err(Ended::Stop(Stop::WouldBlock)),
            };
        }
        match self.mode {
            Wait::Block => {
                self.spin.restart();
                while self.spin.turn() {
                    if ready() {
                        self.spin.worked();
                        return Ok(());
                    }
                }
                self.spin.parked();
                park(Sleeper::new(Some(members), until, Some(cancel)), bell, ready, gone)
            }
            Wait::Spin => look(members, until, cancel, ready, gone),
        }
    }
}

#[cold]
fn park(
    mut sleeper: Sleeper<'_>,
    bell: &Bell,
    ready: impl Fn() -> bool,
    gone: impl Fn() -> bool,
) -> Result<(), Ended> {
    loop {
        sleeper.look();
        let nap = bell.announce();
        // In this order: what the other side did before it went counts.
        let gone = gone();
        if ready() {
            return Ok(());
        }
        if gone {
            return Err(Ended::Gone);
        }
        let slept = sleeper.sleep_at_most(bell.word(), nap.value(), nap.longest());
        // Look before announcing again: an announcement left behind costs the next ringer a wake. But a
        // cancellation was taken, and is told.
        if slept != Err(Stop::Cancelled) && ready() {
            return Ok(());
        }
        slept.map_err(Ended::Stop)?;
    }
}

fn look(
    members: &Membership,
    until: Until,
    cancel: &CancelWord,
    ready: impl Fn() -> bool,
    gone: impl Fn() -> bool,
) -> Result<(), Ended> {
    loop {
        for _ in 0..TURNS {
            if ready() {
                return Ok(());
            }
            std::hint::spin_loop();
        }
        let gone = gone();
        if ready() {
            return Ok(());
        }
        if gone {
            return Err(Ended::Gone);
        }
        if members.me().is_none() {
            return Err(Ended::Stop(Stop::Forked));
        }
        if cancel.take() {
            return Err(Ended::Stop(Stop::Cancelled));
        }
        if matches!(until, Until::Until(deadline) if deadline.passed()) {
            return Err(Ended::Stop(Stop::TimedOut));
        }
    }
}

/// Asked once: it reads files.
pub(crate) fn one_cpu_cached() -> bool {
    static ONE: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *ONE.get_or_init(one_cpu)
}
