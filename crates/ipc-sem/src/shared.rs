//! What all objects that live in shared memory have in common: a segment, a place in it, a canceller.
#![expect(unsafe_code, reason = "turns a checked place in a segment into a reference")]

mod cell;
mod in_place;
pub(crate) mod layout;
mod options;
pub(crate) mod places;

use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::AtomicU32;

use ipc_core::deadline::Wait;
use ipc_core::life::sleep::{Sleeper, Stop};
use ipc_core::life::{Membership, OwnerId};
use ipc_core::segment::{Segment, Spec};
use ipc_core::wait::{Spin, one_cpu};

use crate::canceller::{Cancel, Canceller};
use crate::error::{Error, Result};

pub use options::ObjectOptions;
pub(crate) use options::{Form, unlink};

/// Looks before the first yield: about 2 us.
const LOOKS: u32 = 200;

/// What lies in shared memory for one kind of object.
///
/// # Safety
/// Who implements it states that
/// - it is `repr(C)` or `repr(transparent)`, of atomics, cells of `ShmSafe` values and padding only,
/// - all zeroes is a valid value, and so is every other pattern,
/// - it has nothing to drop.
pub(crate) unsafe trait Body: Sized + Sync + 'static {
    /// Four letters in the segment's header.
    const KIND: u32;
    /// What messages call it.
    const WHAT: &'static str;
    /// A hash of the size, the alignment and the version of this layout.
    const LAYOUT: u64;
    /// Slots of a segment made for it.
    const SLOTS: usize = 60;

    fn spec() -> Spec {
        let layout = Self::LAYOUT;
        Spec { slots: Self::SLOTS, ..Spec::new(Self::KIND, layout, size_of::<Self>()) }
    }
}

/// One object: a `B` in a segment that stays mapped as long as this lives.
#[derive(Debug)]
pub(crate) struct Shared<B> {
    /// Inside the body of `segment`, aligned; set by `new` only.
    place: NonNull<B>,
    /// `Membership::me_word` of `segment`, which keeps it there; set by `new` only.
    me: NonNull<AtomicU32>,
    segment: Segment,
    cancel: Cancel,
    /// How often in a row short looks led to nothing. A hint: lost updates do not matter.
    misses: AtomicU32,
    /// How long to look before sleeping; whoever finds it taken sleeps at once.
    spin: Mutex<Spin>,
    /// What messages call it: `mutex "/jobs"`.
    shown: String,
}

// SAFETY: the place is reached by shared references only, and `Body` is `Sync`.
unsafe impl<B: Body> Send for Shared<B> {}
// SAFETY: see above.
unsafe impl<B: Body> Sync for Shared<B> {}

// Data behind a lock is poisoned by a panic; the rest is atomics.
impl<B: Body> std::panic::UnwindSafe for Shared<B> {}
impl<B: Body> std::panic::RefUnwindSafe for Shared<B> {}

impl<B: Body> Shared<B> {
    /// The object at the beginning of the body.
    fn whole(segment: Segment, shown: String) -> Self {
        let place = segment.body().cast();
        Self::new(place, segment, shown)
    }

    /// The object at an address.
    ///
    /// # Safety
    /// - `place` holds a `B` that was initialised, or zeroes, and nothing else uses those bytes.
    pub(crate) unsafe fn at(place: NonNull<u8>) -> Result<Self> {
        let place = place.cast::<B>();
        let address = place.as_ptr().cast_const().cast::<()>();
        let segment = Segment::containing(address);
        let inside = segment.filter(|segment| segment.contains(address, size_of::<B>()));
        match inside {
            Some(segment) if place.is_aligned() => {
                Ok(Self::new(place, segment, format!("{} in memory", B::WHAT)))
            }
            Some(_) => Err(Error::InvalidArgument { what: "the address is not aligned for it" }),
            None => Err(Error::NotInSegment { what: B::WHAT }),
        }
    }

    fn new(place: NonNull<B>, segment: Segment, shown: String) -> Self {
        let (misses, spin) = (AtomicU32::new(0), Mutex::new(Spin::new(one_cpu())));
        let me = NonNull::from(segment.members().me_word());
        Self { place, me, segment, cancel: Cancel::default(), misses, spin, shown }
    }

    /// What lies in shared memory.
    #[inline]
    pub(crate) fn body(&self) -> &B {
        // SAFETY: `place` is aligned and inside the mapping (`whole`: the body begins 128-aligned and
        // is as large as `spec` asks; `at` checks both), `segment` keeps that mapped, and every
        // pattern of a `Body` is valid.
        unsafe { self.place.as_ref() }
    }

    /// This process's place in the segment.
    #[inline]
    pub(crate) fn members(&self) -> &Membership {
        self.segment.members()
    }

    /// The bits of this process's owner id; 0 in a forked child.
    #[inline]
    pub(crate) fn me_bits(&self) -> u32 {
        // SAFETY: `new` took it from `segment`, which is never replaced and keeps the word mapped.
        let me = unsafe { self.me.as_ref() };
        me.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// This process's owner id; `NotOwner` in a forked child.
    #[inline]
    pub(crate) fn me(&self) -> Result<OwnerId> {
        match OwnerId::from_bits(self.me_bits()) {
            Some(me) => Ok(me),
            None => Err(self.not_owner()),
        }
    }

    #[cold]
    pub(crate) fn not_owner(&self) -> Error {
        Error::NotOwner { name: self.shown.clone() }
    }

    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    pub(crate) fn canceller(&self) -> Canceller {
        self.cancel.canceller()
    }

    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    pub(crate) fn sleeper(&self, wait: Wait) -> Sleeper<'_> {
        Sleeper::new(Some(self.members()), wait, self.cancel.word())
    }

    /// Looks a while, as `ready` says, before the first sleep: a hand-over between processes that are
    /// both running needs no system call.
    pub(crate) fn spin(&self, wait: Wait, ready: impl Fn() -> bool) {
        let Wait::Until(deadline) = wait else { return };
        // Short looks first: a yield takes longer than the other side's whole turn, and two sides that
        // both yield never find back.
        // Where they lead to nothing, as with one processor for both sides, they are soon left out; a
        // process that is bound to one processor may well talk to one on another.
        use std::sync::atomic::Ordering::Relaxed;
        let misses = self.misses.load(Relaxed);
        if misses < 4 || misses % 64 == 0 {
            for _ in 0..LOOKS {
                if ready() {
                    self.misses.store(0, Relaxed);
                    return;
                }
                std::hint::spin_loop();
            }
        }
        self.misses.store(misses.wrapping_add(1).max(1), Relaxed);
        let Ok(mut spin) = self.spin.try_lock() else { return };
        spin.restart();
        while spin.turn() {
            if ready() {
                spin.worked();
                return;
            }
            if spin.look_at_clock() && deadline.passed() {
                return;
            }
        }
        spin.parked();
    }

    /// What a wait that ended without success is in this crate's words.
    #[cold]
    pub(crate) fn stopped(&self, stop: Stop) -> Error {
        match stop {
            Stop::WouldBlock => Error::WouldBlock,
            Stop::TimedOut => Error::TimedOut,
            Stop::Cancelled => Error::Cancelled,
            Stop::Forked => self.not_owner(),
        }
    }

    /// A name-less object, and the descriptor that a relative opens it by.
    pub(crate) fn anonymous(init: impl FnOnce(&B)) -> Result<(Self, OwnedFd)> {
        let shown = format!("nameless {}", B::WHAT);
        let made = Segment::anonymous(&B::spec(), |segment| {
            init(Self::whole(segment.clone(), String::new()).body());
        });
        match made {
            Ok((segment, fd)) => Ok((Self::whole(segment, shown), fd)),
            Err(fault) => Err(Error::segment("create", &shown, fault)),
        }
    }

    /// The object behind a descriptor.
    pub(crate) fn from_fd(fd: OwnedFd) -> Result<Self> {
        let shown = format!("nameless {}", B::WHAT);
        match Segment::from_fd(fd, &B::spec()) {
            Ok(segment) => Ok(Self::whole(segment, shown)),
            Err(fault) => Err(Error::segment("open", &shown, fault)),
        }
    }
}

/// A word on which any number of processes sleep: the number of rings, times two, plus one if
/// somebody sleeps or is about to. Zeroes: nobody.
#[repr(transparent)]
#[derive(Debug, Default)]
pub(crate) struct Bell(AtomicU32);

impl Bell {
    const ASLEEP: u32 = 1;

    /// Announces a sleeper: call it before the last look at the thing, then sleep on what it returns.
    pub(crate) fn announce(&self) -> u32 {
        use std::sync::atomic::Ordering::SeqCst;
        self.0.fetch_or(Self::ASLEEP, SeqCst) | Self::ASLEEP
    }

    /// Wakes all who announced themselves. Call it after a `SeqCst` store of what they wait for: then
    /// either we see the announcement, or they see the store.
    #[inline]
    pub(crate) fn ring(&self) {
        let seen = self.0.load(std::sync::atomic::Ordering::SeqCst);
        if seen & Self::ASLEEP != 0 {
            self.wake(seen);
        }
    }

    #[cold]
    fn wake(&self, seen: u32) {
        use std::sync::atomic::Ordering::{Relaxed, SeqCst};
        // If it fails, another rang meanwhile and wakes all who had slept.
        if self.0.compare_exchange(seen, seen.wrapping_add(1), SeqCst, Relaxed).is_ok() {
            ipc_core::life::sleep::wake_all(&self.0);
        }
    }

    pub(crate) fn word(&self) -> &AtomicU32 {
        &self.0
    }
}
