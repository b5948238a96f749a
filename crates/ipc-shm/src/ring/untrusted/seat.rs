//! How an end waits: it spins, then sleeps on the socket and its eventfd.
//!
//! A sleeper announces itself in its own memory, fences, and looks a last time. The other side publishes,
//! then reads that word: with nobody asleep that is one load and no fence (see `ipc_core::fence`). A peer
//! that does not play along costs a slice or the deadline, nothing else: no sleep is longer than 250 ms.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use ipc_core::deadline::timespec;
use ipc_core::wait::{SHORT_SLICE, SLICE, Spin};
use ipc_core::{Deadline, Wait, fence};
use rustix::event::{PollFd, PollFlags, epoll, poll};

use super::PEER;
use super::layout::{ASLEEP, GONE};
use super::link::{End, Link};
use crate::error::{Error, Result};
use crate::wait::one_cpu_cached;

/// How often an end that never waits asks the socket whether the peer lives.
const ASK: Duration = Duration::from_millis(1);

/// One end's part in waiting and waking.
#[derive(Debug)]
pub(super) struct Seat {
    end: End,
    /// Our state word: even while awake.
    state: u64,
    /// The peer's state word when we last woke it: each announcement is answered once.
    rung: u64,
    /// Waits of this call so far. A peer can make every wait end at once, for nothing; from the second on each
    /// looks at the deadline first, and one that is not to wait at all is over.
    fruitless: u32,
    spin: Spin,
    /// The descriptor for other loops, and proof that somebody may be waiting there.
    ready: Option<OwnedFd>,
    /// When the socket was last asked.
    asked: Option<Instant>,
}

impl Seat {
    pub(super) fn new(end: End) -> Self {
        Self {
            end,
            state: 0,
            rung: 0,
            fruitless: 0,
            spin: Spin::new(one_cpu_cached()),
            ready: None,
            asked: None,
        }
    }

    /// Wakes the peer's end if it sleeps. Call it after the store that it waits for. False: it sleeps for
    /// ever, its process is dead.
    #[inline]
    pub(super) fn ring(&mut self, link: &Link) -> bool {
        fence::light();
        let state = link.foreign.load(self.end.other().state());
        if state & ASLEEP == 0 || state == self.rung {
            return true;
        }
        self.rung = state;
        link.wake(self.end.other())
    }

    /// What was waited for was found.
    #[inline]
    pub(super) fn found(&mut self) {
        self.fruitless = 0;
    }

    /// Waits until `ready()`. After `Ok` the caller looks itself, and may come again.
    #[cold]
    pub(super) fn wait(&mut self, link: &Link, wait: Wait, ready: impl Fn() -> bool) -> Result<()> {
        self.fruitless = self.fruitless.saturating_add(1);
        let waited = match wait {
            Wait::No => self.look_once(link, ready),
            Wait::Until(deadline) => self.wait_until(link, deadline, ready),
        };
        if waited.is_err() {
            // The call ends with this.
            self.fruitless = 0;
        }
        waited
    }

    fn wait_until(
        &mut self,
        link: &Link,
        deadline: Deadline,
        ready: impl Fn() -> bool,
    ) -> Result<()> {
        if self.fruitless > 1 {
            self.check(link, deadline)?;
        }
        if let Some(gone) = link.gone(self.end) {
            return if ready() { Ok(()) } else { Err(gone) };
        }
        self.spin.restart();
        while self.spin.turn() {
            if ready() {
                self.spin.worked();
                return Ok(());
            }
            if self.spin.look_at_clock() && deadline.passed() {
                break;
            }
        }
        self.spin.parked();
        self.park(link, deadline, ready)
    }

    fn park(&mut self, link: &Link, deadline: Deadline, ready: impl Fn() -> bool) -> Result<()> {
        loop {
            let longest = self.announce(link);
            let looked = self.look(link, deadline, &ready);
            if !matches!(looked, Ok(false)) {
                self.rise(link);
                return looked.map(drop);
            }
            let slept = self.sleep(link, deadline.slice(longest));
            self.rise(link);
            slept?;
            // Before announcing again, which costs the peer a wake.
            if self.look(link, deadline, &ready)? {
                return Ok(());
            }
        }
    }

    /// A look at everything that ends a wait: true if the caller should look, too.
    fn look(&self, link: &Link, deadline: Deadline, ready: impl Fn() -> bool) -> Result<bool> {
        if ready() {
            return Ok(true);
        }
        match link.gone(self.end) {
            // What was sent before the end is found before it.
            Some(_) if ready() => Ok(true),
            Some(gone) => Err(gone),
            None => self.check(link, deadline).map(|()| false),
        }
    }

    fn check(&self, link: &Link, deadline: Deadline) -> Result<()> {
        if link.canceller(self.end).take() {
            Err(Error::Cancelled)
        } else if deadline.passed() {
            Err(Error::TimedOut)
        } else {
            Ok(())
        }
    }

    /// The `try_` form: looks, but does not wait.
    fn look_once(&mut self, link: &Link, ready: impl Fn() -> bool) -> Result<()> {
        if self.fruitless > 1 {
            if self.ready.is_some() {
                // Whoever polls the descriptor looks again.
                link.nudge(self.end);
            }
            return Err(link.gone(self.end).unwrap_or(Error::WouldBlock));
        }
        let now = Instant::now();
        if self.asked.is_none_or(|before| now.duration_since(before) >= ASK) {
            self.asked = Some(now);
            link.look();
        }
        if self.ready.is_some() {
            // Whoever polls the descriptor wants to hear of the next one.
            link.drain(self.end);
            link.canceller(self.end).silence();
            self.rise(link);
            self.announce(link);
        }
        let gone = link.gone(self.end);
        if ready() { Ok(()) } else { Err(gone.unwrap_or(Error::WouldBlock)) }
    }

    /// Says that we sleep, or are about to; how long a sleep may be.
    fn announce(&mut self, link: &Link) -> Duration {
        self.state = (self.state | ASLEEP) & !GONE;
        link.own.publish(self.end.state(), self.state);
        if fence::heavy() { SLICE } else { SHORT_SLICE }
    }

    /// Says that we are awake; the next announcement has another number.
    fn rise(&mut self, link: &Link) {
        if self.state & ASLEEP != 0 {
            self.state = self.state.wrapping_add(1) & !GONE;
            link.own.publish(self.end.state(), self.state);
        }
    }

    fn sleep(&self, link: &Link, longest: Duration) -> Result<()> {
        let canceller = link.canceller(self.end);
        let mut entries = [
            PollFd::from_borrowed_fd(link.socket(), PollFlags::IN | PollFlags::RDHUP),
            PollFd::new(canceller, PollFlags::IN),
        ];
        // Interrupted by a signal, timed out, woken for nothing: the caller looks and comes again.
        if poll(&mut entries, Some(&timespec(longest))).is_err() {
            return Ok(());
        }
        let [socket, nudged] = entries.map(|entry| entry.revents());
        link.heard(self.end, socket);
        if !nudged.is_empty() {
            if canceller.take() {
                return Err(Error::Cancelled);
            }
            canceller.silence();
        }
        Ok(())
    }

    /// Says that this end is closed, and wakes the peer's.
    pub(super) fn leave(&mut self, link: &Link) {
        if link.forked() {
            // Our copy only: the parent goes on.
            return;
        }
        link.own.publish(self.end.state(), GONE);
        self.ring(link);
    }

    pub(super) const fn end(&self) -> End {
        self.end
    }

    /// A descriptor that is readable when it is worth looking; made at the first call.
    pub(super) fn ready(&mut self, link: &Link) -> Result<BorrowedFd<'_>> {
        if self.ready.is_none() {
            let made = self.make_ready(link);
            let made = made.map_err(|errno| Error::os("make a descriptor to poll", PEER, errno))?;
            // Something may have come before: readable until somebody has looked.
            link.nudge(self.end);
            self.ready = Some(made);
        }
        // The line above made it.
        self.ready.as_ref().map(AsFd::as_fd).ok_or(Error::WouldBlock)
    }

    fn make_ready(&self, link: &Link) -> rustix::io::Result<OwnedFd> {
        let made = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let data = epoll::EventData::new_u64(0);
        let events = epoll::EventFlags::IN | epoll::EventFlags::RDHUP;
        epoll::add(&made, link.socket(), data, events)?;
        epoll::add(&made, link.canceller(self.end), data, events)?;
        Ok(made)
    }
}
