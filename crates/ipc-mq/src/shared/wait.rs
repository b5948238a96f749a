//! Waiting for a message, or for room for one.

use std::sync::atomic::{AtomicU32, Ordering};

use ipc_core::life::sleep::{CancelWord, Sleeper};
use ipc_core::wait::{Spin, one_cpu};
use ipc_core::{Deadline, Wait};

use super::bell;
use super::held::Held;
use super::shape::{Corrupt, Peer};
use super::store::Store;
use crate::error::{Error, Result};

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Send,
    /// `picky`: not any message will do.
    Receive {
        picky: bool,
    },
}

impl Role {
    fn bell(self, store: &Store) -> &AtomicU32 {
        match self {
            Self::Send => &store.memory.head().freed,
            Self::Receive { .. } => &store.memory.head().arrived,
        }
    }

    /// False: it is certain that an attempt would be in vain.
    #[inline]
    fn may(self, store: &Store) -> bool {
        match self {
            Self::Send => store.may_send(),
            Self::Receive { .. } => store.may_receive(),
        }
    }

    /// Nothing is there, after a while of messages: whether there is something after a pause.
    #[inline]
    fn is_worth_a_pause(self, store: &Store) -> bool {
        matches!(self, Self::Receive { .. }) && store.follow.pause() && store.may_receive()
    }

    fn sleepers(self, peer: &Peer) -> &AtomicU32 {
        match self {
            Self::Send => &peer.sending,
            Self::Receive { .. } => &peer.receiving,
        }
    }
}

/// Attempts something under the lock until it succeeds.
#[inline]
pub(super) fn until<R>(
    store: &Store,
    role: Role,
    wait: Wait,
    cancel: &CancelWord,
    mut attempt: impl FnMut(&Held<'_>) -> Result<Option<R>, Corrupt>,
) -> Result<R> {
    if role.may(store) || role.is_worth_a_pause(store) {
        match store.locked(wait, Some(cancel), &mut attempt) {
            Ok(Some(done)) => return Ok(done),
            Ok(None) => {}
            // Somebody was stopped under the lock: who does not wait is not kept.
            Err(Error::TimedOut) if wait == Wait::No => return Err(Error::WouldBlock),
            Err(error) => return Err(error),
        }
    }
    match wait {
        Wait::No if store.memory.segment().members().me().is_none() => Err(store.not_owner()),
        Wait::No => Err(Error::WouldBlock),
        Wait::Until(deadline) => park(store, role, deadline, cancel, attempt),
    }
}

#[cold]
fn park<R>(
    store: &Store,
    role: Role,
    deadline: Deadline,
    cancel: &CancelWord,
    mut attempt: impl FnMut(&Held<'_>) -> Result<Option<R>, Corrupt>,
) -> Result<R> {
    let members = store.memory.segment().members();
    let me = members.me().ok_or_else(|| store.not_owner())?;
    let wait = Wait::Until(deadline);
    let picky = role == Role::Receive { picky: true };
    let mut spin = Spin::new(one_cpu_cached());
    while spin.turn() {
        if role.may(store) {
            if let Some(done) = store.locked(wait, Some(cancel), &mut attempt)? {
                return Ok(done);
            }
        }
        if spin.look_at_clock() && deadline.passed() {
            break;
        }
    }
    let bell = role.bell(store);
    let peer = store.memory.peer(me.slot()).map_err(|corrupt| store.corrupt(corrupt))?;
    let _asleep = Asleep::new(role.sleepers(peer));
    let mut sleeper = Sleeper::new(Some(members), wait, Some(cancel));
    loop {
        sleeper.look();
        let found = store.locked(wait, Some(cancel), |held| {
            if let Some(done) = attempt(held)? {
                return Ok(Ok(done));
            }
            let expected = bell::announce(bell, picky);
            // Once more, for who sent without the lock and without seeing us.
            Ok(attempt(held)?.ok_or(expected))
        });
        let expected = match found {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(expected)) => expected,
            Err(error) => {
                sleeper.pass_on(bell);
                return Err(error);
            }
        };
        sleeper.sleep(bell, expected).map_err(|stop| store.stop(stop))?;
    }
}

/// Asked once: it reads files.
fn one_cpu_cached() -> bool {
    static ONE: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *ONE.get_or_init(one_cpu)
}

/// A thread of this process that is counted as a sleeper, for `stat`.
struct Asleep<'a>(&'a AtomicU32);

impl<'a> Asleep<'a> {
    fn new(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
