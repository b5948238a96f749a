//! A queue that a process has open: how its lock is had, and what is done without it.

use std::sync::atomic::Ordering::{self, Relaxed};
use std::sync::atomic::fence;

use ipc_core::life::sleep::{CancelWord, Stop};
use ipc_core::lock::{LockFault, Locked};
use ipc_core::{Deadline, Wait};

use super::Envelope;
use super::bell;
use super::follow::{Follow, Pace};
use super::held::Held;
use super::lane::Outlet;
use super::layout::Memory;
use super::shape::Corrupt;
use crate::error::{Error, Result};

/// How long a form that does not wait for messages waits for the lock: its holder may be stopped.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(20);

/// One attached queue.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) memory: Memory,
    pub(super) name: String,
    pub(super) outlet: Outlet,
    pub(super) follow: Follow,
    pub(super) pace: Pace,
}

impl Store {
    /// Does something under the lock, then wakes whom it concerns.
    #[inline]
    pub(super) fn locked<R>(
        &self,
        wait: Wait,
        cancel: Option<&CancelWord>,
        act: impl FnOnce(&Held<'_>) -> Result<R, Corrupt>,
    ) -> Result<R> {
        let (head, members) = (self.memory.head(), self.memory.segment().members());
        let locked = match head.lock.lock(members, Wait::No, None) {
            Err(LockFault::Stop(Stop::WouldBlock)) => self.wait_for_lock(wait, cancel)?,
            tried => tried.map_err(|fault| self.lock_fault(fault))?,
        };
        let me = members.me().ok_or_else(|| self.not_owner())?;
        let held = Held::new(&self.memory, me);
        let sound = match locked {
            Locked::Clean if members.deaths() == head.deaths.load(Relaxed) => Ok(()),
            Locked::Clean => held.sweep(),
            Locked::OwnerDied(owner) => held.rebuild(&self.name, owner),
        };
        let done = sound.and_then(|()| act(&held));
        head.lock.unlock(members);
        held.wake();
        done.map_err(|corrupt| self.corrupt(corrupt))
    }

    /// Sends a message without the lock. False: no slot is lent to us, or another thread is at it.
    #[inline]
    pub(super) fn push(&self, envelope: Envelope, bytes: &[u8]) -> Result<bool> {
        self.push_many(&[(envelope, bytes)]).map(|sent| sent == 1)
    }

    /// As [`push`](Self::push), from the front of `messages`. How many.
    #[inline]
    pub(super) fn push_many(&self, messages: &[(Envelope, &[u8])]) -> Result<usize> {
        // First of all: in a forked child the outlet is a copy, and may be busy for ever.
        let me = self.memory.segment().members().me().ok_or_else(|| self.not_owner())?;
        let Some(inside) = self.outlet.enter() else { return Ok(0) };
        let mut sent = 0;
        for (envelope, bytes) in messages {
            let pushed = inside.push(&self.memory, me, *envelope, bytes);
            if !pushed.map_err(|corrupt| self.corrupt(corrupt))? {
                break;
            }
            sent += 1;
        }
        drop(inside);
        let arrived = &self.memory.head().arrived;
        if sent > 0 {
            if let Some(ring) = bell::ring(arrived, sent > 1) {
                bell::wake(arrived, ring);
            }
        }
        Ok(sent)
    }

    #[cold]
    fn wait_for_lock(&self, wait: Wait, cancel: Option<&CancelWord>) -> Result<Locked> {
        let (lock, members) = (&self.memory.head().lock, self.memory.segment().members());
        // Not looking leaves the line to who works in it: both get more done.
        for turn in 1..=TURNS {
            for _ in 0..turn * PAUSES {
                std::hint::spin_loop();
            }
            match lock.lock(members, Wait::No, None) {
                Err(LockFault::Stop(Stop::WouldBlock)) => {}
                tried => return tried.map_err(|fault| self.lock_fault(fault)),
            }
        }
        let wait = match wait {
            Wait::No => Wait::Until(Deadline::after(PATIENCE)),
            wait => wait,
        };
        lock.lock(members, wait, cancel).map_err(|fault| self.lock_fault(fault))
    }

    /// Whether there may be a message. False is certain at this moment.
    #[inline]
    pub(super) fn may_receive(&self) -> bool {
        let head = self.memory.head();
        let turn = head.turn.load(Ordering::Acquire);
        let odd = turn & 1 != 0;
        if odd || head.queued.load(Ordering::Acquire) != 0 || self.memory.any_sent() {
            return true;
        }
        // What came out of the lanes since is in the index.
        fence(Ordering::Acquire);
        head.turn.load(Relaxed) != turn || self.somebody_died()
    }

    /// Whether there may be a free slot. False is certain at this moment.
    #[inline]
    pub(super) fn may_send(&self) -> bool {
        self.memory.head().taken.load(Ordering::Acquire) < self.memory.sizes().capacity
            || self.somebody_died()
    }

    #[inline]
    fn somebody_died(&self) -> bool {
        self.memory.segment().members().deaths() != self.memory.head().deaths.load(Relaxed)
    }

    #[cold]
    fn lock_fault(&self, fault: LockFault) -> Error {
        match fault {
            LockFault::NotRecoverable => self.corrupt(Corrupt("the lock")),
            LockFault::Stop(stop) => self.stop(stop),
        }
    }

    #[cold]
    pub(super) fn stop(&self, stop: Stop) -> Error {
        match stop {
            Stop::WouldBlock => Error::WouldBlock,
            Stop::TimedOut => Error::TimedOut,
            Stop::Cancelled => Error::Cancelled,
            Stop::Forked => self.not_owner(),
        }
    }

    #[cold]
    pub(super) fn not_owner(&self) -> Error {
        Error::NotOwner { name: self.name.clone() }
    }

    #[cold]
    pub(super) fn corrupt(&self, Corrupt(what): Corrupt) -> Error {
        Error::Corrupt { name: self.name.clone(), what }
    }
}

/// How often the lock is tried before sleeping, and how many pauses lie between at first.
const TURNS: u32 = 8;
const PAUSES: u32 = 24;
