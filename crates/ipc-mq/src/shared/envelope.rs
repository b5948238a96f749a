//! What stands on a message besides its bytes.

/// Priority and type of a message that is sent.
///
/// Where one is asked for, a plain priority will do: `queue.send(3, b"three")`.
///
/// ```
/// use ipc_mq::shared::Envelope;
///
/// assert_eq!(Envelope::from(3), Envelope::new().priority(3));
/// assert_eq!(Envelope::new(), Envelope::new().priority(0).kind(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Envelope {
    pub(super) priority: u32,
    pub(super) kind: i64,
}

impl Default for Envelope {
    fn default() -> Self {
        Self::new()
    }
}

impl Envelope {
    /// Priority 0, type 1.
    #[must_use]
    pub const fn new() -> Self {
        Self { priority: 0, kind: 1 }
    }

    /// The higher, the earlier it is received. Any number will do.
    #[must_use]
    pub const fn priority(mut self, priority: u32) -> Self {
        self.priority = priority;
        self
    }

    /// The type, by which a receiver may choose: a number from 1 up.
    #[must_use]
    pub const fn kind(mut self, kind: i64) -> Self {
        self.kind = kind;
        self
    }
}

impl From<u32> for Envelope {
    fn from(priority: u32) -> Self {
        Self::new().priority(priority)
    }
}
