//! The barrier, which breaks when a participant dies.
//!
//! | bits of the state | meaning |
//! |---|---|
//! | 0 to 15 | how many have arrived |
//! | 16 to 30 | how often it has opened |
//! | 31 | broken |
//!
//! A participant is a process that has a handle: it is counted in its place of `joined` as
//! {handles: low 32 bits, generation of its owner id: high 32}. A place with handles whose owner lives no
//! more is a dead participant.

use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ipc_core::Wait;
use ipc_core::life::sleep::{Stop, wake_all};

use crate::canceller::Canceller;
use crate::error::{Error, Result};
use crate::shared::layout::BarrierBody;
use crate::shared::{Form, ObjectOptions, Shared, places, unlink};

/// Choices for a [`Barrier`].
pub type BarrierOptions = ObjectOptions<Barrier>;

const BROKEN: u32 = 1 << 31;
const ARRIVED: u32 = 0xffff;
const TURN: u32 = 0x1_0000;

/// A place where a number of processes wait for each other, again and again.
///
/// Every process with a handle takes part, from `open` until it drops the handle. If one dies, the
/// barrier is `Broken`, for those who wait and for ever: nobody can tell what the dead one has done of its
/// share. Make a new one with [`reclaim_stale`](ObjectOptions::reclaim_stale) when all have left.
///
/// # Linux
/// By name, it is a file in `/dev/shm`; sleeping is `futex_waitv(2)` (5.16), or `futex(2)`.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), ipc_sem::Error> {
/// let (barrier, _fd) = ipc_sem::Barrier::anonymous(2)?;
/// std::thread::scope(|scope| {
///     let other = scope.spawn(|| barrier.wait().unwrap().is_leader());
///     let leader = barrier.wait().unwrap().is_leader();
///     assert_ne!(leader, other.join().unwrap()); // exactly one of them
/// });
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "pthread_barrier_t")]
pub struct Barrier {
    pub(crate) shared: Shared<BarrierBody>,
}

/// What [`Barrier::wait`] gives: whether this was the last to arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    leader: bool,
}

impl Opened {
    /// True for exactly one of those who waited together.
    #[must_use]
    #[doc(alias = "PTHREAD_BARRIER_SERIAL_THREAD")]
    pub fn is_leader(&self) -> bool {
        self.leader
    }
}

/// Checks a number of parties.
fn check(parties: u32) -> Result<u32> {
    match parties {
        1..=ARRIVED => Ok(parties),
        _ => Err(Error::InvalidArgument { what: "create barrier: it has 1 to 65535 parties" }),
    }
}

impl Barrier {
    /// Creates a barrier for so many waits at a time, 1 to 65535, for this user only. Does not block.
    ///
    /// # Errors
    /// `AlreadyExists`, `InvalidName`, `InvalidArgument`, `NoSpace`, `Limit`. `NotOwner`: this is a fork's child.
    pub fn create(name: &str, parties: u32) -> Result<Self> {
        BarrierOptions::new().create(name, parties)
    }

    /// Opens one that exists. Does not block. It states that only cooperating processes write to it.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, `Limit`. `WrongOwner`: it belongs neither to this user nor to root.
    /// `Corrupt`, `Truncated`, `Mismatch`: it is something else. `TooManyPeers`: 60 processes use it.
    /// `Contended`: others come and go all the time. `NotOwner`: this is a fork's child.
    pub fn open(name: &str) -> Result<Self> {
        BarrierOptions::new().open(name)
    }

    /// Opens it, or creates it. Does not block.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`open`](Self::open).
    pub fn open_or_create(name: &str, parties: u32) -> Result<Self> {
        BarrierOptions::new().open_or_create(name, parties)
    }

    /// Removes the name. Who has it open goes on using it. Does not block.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, or what `unlink(2)` reports.
    pub fn unlink(name: &str) -> Result<()> {
        unlink::<BarrierBody>(name)
    }

    /// Creates one without a name, and the descriptor by which a relative opens it. Does not block.
    ///
    /// # Errors
    /// `InvalidArgument`, `NoSpace`, `Limit`, `NotOwner`.
    pub fn anonymous(parties: u32) -> Result<(Self, OwnedFd)> {
        let parties = check(parties)?;
        let (shared, fd) =
            Shared::anonymous(|body: &BarrierBody| body.parties.store(parties, Ordering::Release))?;
        Ok((Self::join(shared)?, fd))
    }

    /// Opens the one behind a descriptor that [`anonymous`](Self::anonymous) gave. Does not block.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        Self::join(Shared::from_fd(fd)?)
    }

    /// Waits until as many wait as there are parties, waiting until that can be done.
    ///
    /// # Errors
    /// `Broken`: a participant died. `Cancelled`; `NotOwner`: this is a fork's child.
    #[inline]
    pub fn wait(&self) -> Result<Opened> {
        self.wait_within(Wait::FOREVER)
    }

    /// Waits until as many wait as there are parties if that can be done at once. Does not block.
    ///
    /// # Errors
    /// `WouldBlock`; otherwise as [`wait`](Self::wait).
    #[inline]
    pub fn try_wait(&self) -> Result<Opened> {
        self.wait_within(Wait::No)
    }

    /// Waits until as many wait as there are parties, waiting at most for `timeout`.
    ///
    /// # Errors
    /// `TimedOut`; otherwise as [`wait`](Self::wait).
    pub fn wait_timeout(&self, timeout: Duration) -> Result<Opened> {
        self.wait_within(Wait::timeout(timeout))
    }

    /// Waits until as many wait as there are parties, waiting at most until `deadline`.
    ///
    /// # Errors
    /// `TimedOut`; otherwise as [`wait`](Self::wait).
    pub fn wait_deadline(&self, deadline: Instant) -> Result<Opened> {
        self.wait_within(Wait::deadline(deadline))
    }

    /// Sets the number of parties of one that lies [in memory](Self::at), before the first use.
    ///
    /// # Errors
    /// `InvalidArgument`: not 1 to 65535. `NotOwner`: this is a fork's child.
    pub fn set_parties(&self, parties: u32) -> Result<()> {
        self.shared.me()?;
        self.shared.body().parties.store(check(parties)?, Ordering::Release);
        Ok(())
    }

    /// How many wait together.
    #[must_use]
    pub fn parties(&self) -> u32 {
        self.shared.body().parties.load(Ordering::Acquire)
    }

    /// Whether a participant died.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.shared.body().state.load(Ordering::Acquire) & BROKEN != 0 || self.somebody_died()
    }

    /// A handle that ends the current or the next wait of this one.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.shared.canceller()
    }

    /// Counts this handle as a participant.
    pub(crate) fn join(shared: Shared<BarrierBody>) -> Result<Self> {
        let me = shared.me()?;
        let Some(place) = shared.body().joined.get(me.slot()) else {
            let (name, slots) = (shared.shown().to_owned(), shared.body().joined.len());
            return Err(Error::TooManyPeers { name, slots });
        };
        let before = places::enter(place, me);
        if places::count(before) > 0 && places::generation(before) != me.generation() {
            // Who had this place died without leaving: nobody else would know any more.
            shared.body().state.fetch_or(BROKEN, Ordering::Release);
            wake_all(&shared.body().state);
        }
        Ok(Self { shared })
    }

    fn somebody_died(&self) -> bool {
        let body = self.shared.body();
        body.joined.iter().enumerate().any(|(slot, place)| {
            let seen = place.load(Ordering::Acquire);
            places::count(seen) > 0 && !places::lives(self.shared.members(), slot, seen)
        })
    }

    fn broken(&self) -> Error {
        let body = self.shared.body();
        if body.state.fetch_or(BROKEN, Ordering::Release) & BROKEN == 0 {
            crate::log::warn(format_args!("{}: a participant died", self.shared.shown()));
            wake_all(&body.state);
        }
        Error::Broken { name: self.shared.shown().to_owned() }
    }

    fn wait_within(&self, wait: Wait) -> Result<Opened> {
        self.shared.me()?;
        if self.somebody_died() {
            return Err(self.broken());
        }
        self.arrive(wait)
    }

    fn arrive(&self, wait: Wait) -> Result<Opened> {
        let state = &self.shared.body().state;
        let mut seen = state.load(Ordering::Acquire);
        loop {
            if seen & BROKEN != 0 {
                return Err(self.broken());
            }
            let last = (seen & ARRIVED) + 1 >= self.parties();
            if !last && wait == Wait::No {
                return Err(self.shared.stopped(Stop::WouldBlock));
            }
            let next = if last { turned(seen) } else { seen + 1 };
            match state.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) if last => {
                    wake_all(state);
                    return Ok(Opened { leader: true });
                }
                Ok(_) => return self.stay(seen & !ARRIVED, wait),
                Err(now) => seen = now,
            }
        }
    }

    /// Waits until the turn is over that this process has arrived in.
    #[cold]
    fn stay(&self, turn: u32, wait: Wait) -> Result<Opened> {
        let state = &self.shared.body().state;
        self.shared.spin(wait, || state.load(Ordering::Relaxed) & !ARRIVED != turn);
        let mut sleeper = self.shared.sleeper(wait);
        loop {
            sleeper.look();
            let seen = state.load(Ordering::Acquire);
            if seen & !ARRIVED & !BROKEN != turn {
                return Ok(Opened { leader: false });
            }
            if seen & BROKEN != 0 || self.somebody_died() {
                return Err(self.broken());
            }
            if let Err(stop) = sleeper.sleep(state, seen) {
                return self.leave(turn, stop);
            }
        }
    }

    /// Takes the arrival back, unless the barrier opens first.
    fn leave(&self, turn: u32, stop: Stop) -> Result<Opened> {
        let state = &self.shared.body().state;
        if stop == Stop::Forked {
            return Err(self.shared.not_owner());
        }
        let mut seen = state.load(Ordering::Acquire);
        while seen & !ARRIVED == turn && seen & ARRIVED > 0 {
            match state.compare_exchange_weak(seen, seen - 1, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Err(self.shared.stopped(stop)),
                Err(now) => seen = now,
            }
        }
        if seen & BROKEN != 0 { Err(self.broken()) } else { Ok(Opened { leader: false }) }
    }
}

impl Drop for Barrier {
    fn drop(&mut self) {
        if let Ok(me) = self.shared.me() {
            if let Some(place) = self.shared.body().joined.get(me.slot()) {
                places::leave(place);
            }
        }
    }
}

/// The state of the next turn, in which nobody has arrived.
fn turned(state: u32) -> u32 {
    (state & !ARRIVED).wrapping_add(TURN) & !BROKEN
}

impl ObjectOptions<Barrier> {
    /// As [`Barrier::create`].
    ///
    /// # Errors
    /// As there.
    pub fn create(&self, name: &str, parties: u32) -> Result<Barrier> {
        let parties = check(parties)?;
        Barrier::join(self.make(Form::Create, name, |body: &BarrierBody| {
            body.parties.store(parties, Ordering::Release)
        })?)
    }

    /// As [`Barrier::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(&self, name: &str) -> Result<Barrier> {
        Barrier::join(self.make(Form::Open, name, |_| {})?)
    }

    /// As [`Barrier::open_or_create`].
    ///
    /// # Errors
    /// As there.
    pub fn open_or_create(&self, name: &str, parties: u32) -> Result<Barrier> {
        let parties = check(parties)?;
        Barrier::join(self.make(Form::OpenOrCreate, name, |body: &BarrierBody| {
            body.parties.store(parties, Ordering::Release)
        })?)
    }
}
