//! What a receiver gets.

use std::ops::Deref;
use std::sync::Arc;

use ipc_core::Wait;

use super::store::Store;
use crate::error::{Error, Result};

/// A message that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// What was sent.
    pub bytes: Vec<u8>,
    /// Its priority.
    pub priority: u32,
    /// Its type.
    pub kind: i64,
    /// Its number in this queue, from 1 up in the order of sending. It keeps it when it comes again.
    pub id: u64,
    /// It was delivered before, to a receiver that died or did not acknowledge it: what it asks for may
    /// have been done, or half done.
    pub redelivered: bool,
}

/// A message that is ours until it is acknowledged. It [derefs](Deref) to the [`Message`].
///
/// While it exists nobody else gets the message. [`ack`](Self::ack) removes it for ever. Dropped without,
/// or when this process dies, it goes back to its old place and comes again, `redelivered`. To hold it
/// to the end of the process instead, [forget](std::mem::forget) it.
///
/// It holds a place in the queue, and keeps the queue's memory mapped.
///
/// In a forked child it is the parent's: `ack` is `NotOwner`, and dropping it does nothing.
#[derive(Debug)]
#[must_use = "dropped without `ack`, the message goes back to the queue"]
pub struct Delivery {
    store: Arc<Store>,
    slot: u32,
    message: Message,
}

impl Delivery {
    pub(super) fn new(store: Arc<Store>, slot: u32, message: Message) -> Self {
        Self { store, slot, message }
    }

    /// Acknowledges the message: it is done and never comes again.
    ///
    /// # Errors
    /// `NotOwner`: this is a forked child. `Corrupt`: the memory of the queue is damaged. The message is
    /// not acknowledged then.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_mq::Error> {
    /// let (queue, _fd) = ipc_mq::shared::Queue::anonymous()?;
    /// queue.send(0, b"job")?;
    /// drop(queue.recv()?); // not done: it comes again
    /// let job = queue.recv()?;
    /// assert!(job.redelivered);
    /// job.ack()
    /// # }
    /// ```
    pub fn ack(self) -> Result<()> {
        self.take().map(drop)
    }

    /// Acknowledges the message and gives it by value.
    ///
    /// # Errors
    /// As [`ack`](Self::ack).
    pub fn take(mut self) -> Result<Message> {
        self.store.locked(Wait::FOREVER, None, |held| held.acknowledge(self.slot))?;
        let nothing =
            Message { bytes: Vec::new(), priority: 0, kind: 0, id: 0, redelivered: false };
        let message = std::mem::replace(&mut self.message, nothing);
        self.slot = DONE;
        Ok(message)
    }
}

/// What stands for the slot of a delivery that has none any more.
const DONE: u32 = u32::MAX;

impl Deref for Delivery {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if self.slot == DONE {
            return;
        }
        let given = self.store.locked(Wait::FOREVER, None, |held| held.give_back(self.slot));
        if let Err(Error::Corrupt { what, .. }) = given {
            // It stays ours; there is nobody to tell.
            crate::log::warn(format_args!(
                "queue {:?}: a message is lost: {what}",
                self.store.name
            ));
        }
    }
}
