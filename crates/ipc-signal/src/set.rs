//! A set of signals.

use std::fmt;
use std::ops::{BitOr, Sub};

use crate::signal::Signal;

/// Signals 32 and 33, which glibc keeps for itself.
const RESERVED: u64 = 0b11 << 31;

/// A set of signals. [`Mask`](crate::Mask), [`Signals`](crate::Signals) and the waits take one.
///
/// ```
/// use ipc_signal::{Signal, SignalSet};
///
/// let set = SignalSet::from([Signal::INT, Signal::TERM]);
/// assert!(set.contains(Signal::INT) && !set.contains(Signal::HUP));
/// assert_eq!(set.with(Signal::HUP).len(), 3);
/// assert_eq!(set.to_string(), "{SIGINT, SIGTERM}");
/// assert_eq!(set, Signal::INT | Signal::TERM);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
#[doc(alias = "sigset_t")]
pub struct SignalSet(u64);

impl SignalSet {
    /// No signal.
    #[must_use]
    pub const fn empty() -> Self {
        Self(0)
    }

    /// Every signal a program may use. SIGKILL and SIGSTOP are in it: masks pass them by.
    #[must_use]
    #[doc(alias = "sigfillset")]
    pub const fn full() -> Self {
        Self(!RESERVED)
    }

    /// This set and `signal`.
    #[must_use]
    pub const fn with(self, signal: Signal) -> Self {
        Self(self.0 | signal.bit())
    }

    /// This set without `signal`.
    #[must_use]
    pub const fn without(self, signal: Signal) -> Self {
        Self(self.0 & !signal.bit())
    }

    /// Adds `signal`.
    #[doc(alias = "sigaddset")]
    pub const fn insert(&mut self, signal: Signal) {
        self.0 |= signal.bit();
    }

    /// Removes `signal`.
    #[doc(alias = "sigdelset")]
    pub const fn remove(&mut self, signal: Signal) {
        self.0 &= !signal.bit();
    }

    /// Whether `signal` is in it.
    #[must_use]
    #[doc(alias = "sigismember")]
    pub const fn contains(&self, signal: Signal) -> bool {
        self.0 & signal.bit() != 0
    }

    /// How many signals are in it.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether it is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// Its signals, lowest number first.
    pub fn iter(&self) -> impl Iterator<Item = Signal> + use<> {
        let bits = self.0;
        Signal::all().filter(move |signal| bits & signal.bit() != 0)
    }

    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits & !RESERVED)
    }
}

impl From<Signal> for SignalSet {
    fn from(signal: Signal) -> Self {
        Self(signal.bit())
    }
}

impl<const N: usize> From<[Signal; N]> for SignalSet {
    fn from(signals: [Signal; N]) -> Self {
        signals.into_iter().collect()
    }
}

impl From<&[Signal]> for SignalSet {
    fn from(signals: &[Signal]) -> Self {
        signals.iter().copied().collect()
    }
}

impl From<&SignalSet> for SignalSet {
    fn from(set: &SignalSet) -> Self {
        *set
    }
}

impl FromIterator<Signal> for SignalSet {
    fn from_iter<I: IntoIterator<Item = Signal>>(signals: I) -> Self {
        signals.into_iter().fold(Self::empty(), Self::with)
    }
}

impl Extend<Signal> for SignalSet {
    fn extend<I: IntoIterator<Item = Signal>>(&mut self, signals: I) {
        *self = signals.into_iter().fold(*self, Self::with);
    }
}

/// The signals of both.
impl BitOr for SignalSet {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The signals of the first that are not in the second.
impl Sub for SignalSet {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl BitOr for Signal {
    type Output = SignalSet;

    fn bitor(self, other: Self) -> SignalSet {
        SignalSet::from(self).with(other)
    }
}

impl BitOr<Signal> for SignalSet {
    type Output = Self;

    fn bitor(self, other: Signal) -> Self {
        self.with(other)
    }
}

impl fmt::Display for SignalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, signal) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{signal}")?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for SignalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
