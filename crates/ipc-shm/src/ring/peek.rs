//! A message that is looked at in place.

use std::fmt;
use std::ops::Deref;

use super::receiver::Receiver;
use super::record::Place;

/// The next message of a ring, in place: the bytes are the sender's own.
///
/// [`release`](Self::release) takes it off the ring. Dropping this leaves it there, to be received again.
#[must_use = "dropping it leaves the message in the ring"]
pub struct Peek<'a> {
    receiver: &'a mut Receiver,
    place: Place,
}

impl<'a> Peek<'a> {
    #[inline]
    pub(super) fn new(receiver: &'a mut Receiver, place: Place) -> Self {
        Self { receiver, place }
    }

    /// Takes the message off the ring: the sender has its room again. In a forked child it does nothing.
    #[inline]
    pub fn release(self) {
        // In a forked child the message is its parent's.
        if self.receiver.memory().me().is_some() {
            self.receiver.take(self.place);
        }
    }
}

impl Deref for Peek<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.receiver.memory().bytes_of(self.place)
    }
}

impl fmt::Debug for Peek<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peek").field("len", &self.place.len).finish_non_exhaustive()
    }
}
