//! The words of a lane that change without the lock: who has which place, and whether it was sent.

use super::atomic::{AtomicU64, Ordering};

/// {places granted: high half, places taken: low half}, both counted from 0 up and wrapping.
///
/// | who | when | change |
/// |---|---|---|
/// | the lane's owner, at most one thread of it | any time | taken + 1 |
/// | the same | under the queue's lock, all places taken | granted + n |
/// | anybody | under the queue's lock | granted = taken |
///
/// All are one compare-and-swap, so a place is either its owner's or taken back. Relaxed: whoever gets a
/// slot this way needs to see only what was done with it before it was lent, under the lock.
#[repr(transparent)]
#[derive(Debug)]
pub(super) struct Claim(AtomicU64);

/// What stands in a [`Claim`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) taken: u32,
    pub(super) granted: u32,
}

impl Span {
    pub(super) fn from_word(word: u64) -> Self {
        Self { taken: (word & 0xffff_ffff) as u32, granted: (word >> 32) as u32 }
    }

    pub(super) fn word(self) -> u64 {
        u64::from(self.granted) << 32 | u64::from(self.taken)
    }

    /// Places that can be taken.
    pub(super) fn left(self) -> u32 {
        self.granted.wrapping_sub(self.taken)
    }
}

impl Claim {
    #[cfg(loom)]
    pub(super) fn new(span: Span) -> Self {
        Self(AtomicU64::new(span.word()))
    }

    pub(super) fn load(&self) -> Span {
        Span::from_word(self.0.load(Ordering::Relaxed))
    }

    /// Takes the next place of those that `span` has; then the span without it. None: they were taken back.
    #[inline]
    pub(super) fn take(&self, span: Span) -> Option<Span> {
        let after = Span { taken: span.taken.wrapping_add(1), ..span };
        self.swap(span, after).then_some(after)
    }

    /// Takes back all places that are not taken: the span of them.
    pub(super) fn revoke(&self) -> Span {
        let mut seen = self.load();
        // The owner can be faster only as often as it has places.
        while seen.left() != 0 && !self.swap(seen, Span { granted: seen.taken, ..seen }) {
            seen = self.load();
        }
        seen
    }

    /// Grants `count` more places, to the owner, by itself. False: it is not as `span` says.
    pub(super) fn grant(&self, span: Span, count: u32) -> bool {
        self.swap(span, Span { granted: span.granted.wrapping_add(count), ..span })
    }

    /// A new owner begins.
    pub(super) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn swap(&self, old: Span, new: Span) -> bool {
        let (old, new) = (old.word(), new.word());
        self.0.compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Writes the state that says that a message was sent, before all that the caller loads after it
/// (`SeqCst`): either it sees who is about to sleep, or that one sees the message.
#[inline]
pub(super) fn publish(state: &AtomicU64, sent: u64) {
    state.swap(sent, Ordering::SeqCst);
    // Loom has one order for all of fences only, not of `SeqCst` accesses.
    #[cfg(loom)]
    super::atomic::fence(Ordering::SeqCst);
}
