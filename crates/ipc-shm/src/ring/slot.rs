//! A message that is being written in place.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::record::Place;
use super::sender::Sender;

/// A place in the ring for a message: write into it, then [`commit`](Self::commit).
///
/// Dropping it sends nothing, and gives the place back. If this process is killed meanwhile, nothing was
/// sent.
#[must_use = "dropping a slot sends nothing"]
pub struct Slot<'a> {
    sender: &'a mut Sender,
    place: Place,
}

impl<'a> Slot<'a> {
    #[inline]
    pub(super) fn new(sender: &'a mut Sender, place: Place) -> Self {
        Self { sender, place }
    }

    /// Sends the message. No system call unless the receiver sleeps. In a forked child it does nothing.
    #[inline]
    pub fn commit(self) {
        self.sender.commit(self.place);
    }
}

impl Deref for Slot<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.sender.memory().bytes_of(self.place)
    }
}

impl DerefMut for Slot<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        self.sender.memory().bytes_of_mut(self.place)
    }
}

impl fmt::Debug for Slot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("len", &self.place.len).finish_non_exhaustive()
    }
}
