//! Waits on a queue that has neither deadlines nor a descriptor.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ipc_core::deadline::timespec;
use ipc_core::{Deadline, Wait};
use rustix::io::Errno;
use rustix::thread::futex;

use super::helper::{self, Ticket};
use super::options::Timing;
use super::queue::Queue;
use crate::error::{Error, Result};

/// A request to end a wait: the word of a handle's canceller.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// 1: a request that nobody has taken. Set by `ask` (Release), cleared by `take` (Acquire).
    word: AtomicU32,
}

impl Asked {
    /// Async-signal-safe: one store and two futex calls.
    pub(crate) fn ask(&self) {
        self.word.store(1, Ordering::Release);
        // The polling sleeper waits on the word itself.
        let _ = futex::wake(&self.word, futex::Flags::PRIVATE, u32::MAX >> 1);
        helper::rouse();
    }

    pub(super) fn is_asked(&self) -> bool {
        self.word.load(Ordering::Relaxed) != 0
    }

    /// Takes a request: true once a request.
    #[inline]
    pub(super) fn take(&self) -> bool {
        self.is_asked() && self.word.swap(0, Ordering::Acquire) != 0
    }

    /// Sleeps until there is a request, at most so long. May return early.
    fn sleep(&self, longest: Duration) {
        let _ = futex::wait(&self.word, futex::Flags::PRIVATE, 0, Some(&timespec(longest)));
    }
}

/// Why a call did not do its work.
pub(super) enum Stop {
    WouldBlock,
    TimedOut,
    Cancelled,
    /// The id means another queue now.
    Replaced,
    Os(Errno),
}

/// Between two looks at the queue where no signal may be used: from, and at most. It doubles.
const FIRST_NAP: Duration = Duration::from_micros(50);
const LONGEST_NAP: Duration = Duration::from_millis(5);

impl Queue {
    /// Calls until it is done, a wait is refused, or a wait ends otherwise. `busy` is the error that means
    /// "would wait"; `call` is told whether it must not wait.
    #[inline]
    pub(super) fn repeat<R>(
        &self,
        wait: Wait,
        busy: Errno,
        mut call: impl FnMut(bool) -> Result<R, Errno>,
    ) -> Result<R, Stop> {
        if !self.identity.trusted() {
            self.confirm()?;
        }
        if wait != Wait::No && self.asked.take() {
            return Err(Stop::Cancelled);
        }
        loop {
            return match call(true) {
                Ok(done) => Ok(done),
                Err(Errno::INTR) => continue,
                Err(errno) if errno != busy => Err(Stop::Os(errno)),
                Err(_) => match wait {
                    Wait::No => Err(Stop::WouldBlock),
                    Wait::Until(deadline) => self.wait(deadline, busy, &mut call),
                },
            };
        }
    }

    #[cold]
    fn wait<R>(
        &self,
        deadline: Deadline,
        busy: Errno,
        call: &mut dyn FnMut(bool) -> Result<R, Errno>,
    ) -> Result<R, Stop> {
        let ticket = match self.timing {
            Timing::Signal => Ticket::take(deadline, &self.asked),
            Timing::Polling => None,
        };
        let mut nap = FIRST_NAP;
        loop {
            if self.asked.take() {
                return Err(Stop::Cancelled);
            }
            if deadline.passed() {
                return Err(Stop::TimedOut);
            }
            let called = call(ticket.is_none());
            match called {
                Ok(done) => return Ok(done),
                Err(Errno::INTR) => self.confirm()?,
                Err(errno) if errno == busy => {
                    self.asked.sleep(deadline.slice(nap));
                    nap = (nap * 2).min(LONGEST_NAP);
                    self.confirm()?;
                }
                Err(errno) => return Err(Stop::Os(errno)),
            }
        }
    }

    /// Looks whether the id still means this queue.
    #[cold]
    pub(super) fn confirm(&self) -> Result<(), Stop> {
        let data = crate::sys::msg::stat(self.id());
        match data {
            Ok(data) if self.identity.confirm(&data) => Ok(()),
            Ok(_) => Err(Stop::Replaced),
            // A queue that we may not read cannot be compared. Whether we may use it, the call will say.
            Err(Errno::ACCESS) => Ok(()),
            Err(errno) => Err(Stop::Os(errno)),
        }
    }

    /// What stopped a call, in the words of this crate.
    #[cold]
    pub(super) fn stopped(&self, op: &'static str, stop: Stop) -> Error {
        match stop {
            Stop::WouldBlock => Error::WouldBlock,
            Stop::TimedOut => Error::TimedOut,
            Stop::Cancelled => Error::Cancelled,
            Stop::Replaced => Error::Removed { name: self.name() },
            Stop::Os(errno) => self.failed(op, errno),
        }
    }
}
