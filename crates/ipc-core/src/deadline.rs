//! When a wait must end, on the monotonic clock.

use std::time::{Duration, Instant};

use rustix::event::Timespec;

/// The instant at which a wait gives up. It may be "never".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// Waits for ever.
    pub const NEVER: Self = Self(None);

    /// Gives up at `instant`.
    #[must_use]
    pub const fn at(instant: Instant) -> Self {
        Self(Some(instant))
    }

    /// Gives up when `timeout` has passed. A time too far to be represented means never.
    #[must_use]
    pub fn after(timeout: Duration) -> Self {
        Self(Instant::now().checked_add(timeout))
    }

    /// The time that is left: `None` without end, zero when the deadline has passed.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Whether the deadline has passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.0.is_some_and(|at| at <= Instant::now())
    }

    /// Whether this is [`Deadline::NEVER`].
    #[must_use]
    pub const fn is_never(&self) -> bool {
        self.0.is_none()
    }

    /// The time that is left, but at most `slice`: how long one sleep may last.
    #[must_use]
    pub fn slice(&self, slice: Duration) -> Duration {
        self.remaining().map_or(slice, |left| left.min(slice))
    }

    /// The time that is left as the kernel wants it (`None` without end).
    #[must_use]
    pub fn timespec(&self) -> Option<Timespec> {
        self.remaining().map(timespec)
    }
}

/// A duration as the kernel wants it. One beyond its range becomes the longest it can hold.
#[must_use]
pub fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}

/// Whether a call may wait, and until when: the `try_` form, or any of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Do not wait: the `try_` form.
    No,
    /// Wait until then.
    Until(Deadline),
}

impl Wait {
    /// Wait for ever: the plain form.
    pub const FOREVER: Self = Self::Until(Deadline::NEVER);

    /// The `_timeout` form.
    #[must_use]
    pub fn timeout(timeout: Duration) -> Self {
        Self::Until(Deadline::after(timeout))
    }

    /// The `_deadline` form.
    #[must_use]
    pub const fn deadline(deadline: Instant) -> Self {
        Self::Until(Deadline::at(deadline))
    }
}
