//! Several messages at a time.

use ipc_core::Wait as Until;

use super::end::End;
use super::flow::{Rx, Tx};
use super::receiver::Receiver;
use super::record::Place;
use super::sender::Sender;
use crate::error::{Rejected, Result};

impl Sender {
    /// Sends several messages, waking the receiver once. It waits whenever the ring is full.
    ///
    /// What fits the ring together becomes visible together.
    ///
    /// # Errors
    /// As [`send`](Self::send), with the number of messages that were sent: `map_err(|rejected|
    /// rejected.error)` leaves the error alone.
    pub fn send_many(&mut self, messages: &[impl AsRef<[u8]>]) -> Result<(), Rejected<usize>> {
        let mut sent = 0;
        while sent < messages.len() {
            // Asked once: a second answer may be another.
            let first = messages[sent].as_ref();
            let place = self.wait_for_place(first.len(), Until::FOREVER);
            let place = place.map_err(|error| Rejected { value: sent, error })?;
            sent += self.batch(place, first, &messages[sent + 1..]);
        }
        Ok(())
    }

    /// As [`send_many`](Self::send_many), as many as there is room for now: how many.
    ///
    /// # Errors
    /// As [`send`](Self::send), for the first of them.
    pub fn try_send_many(&mut self, messages: &[impl AsRef<[u8]>]) -> Result<usize> {
        let Some((first, others)) = messages.split_first() else { return Ok(0) };
        let first = first.as_ref();
        let place = self.wait_for_place(first.len(), Until::No)?;
        Ok(self.batch(place, first, others))
    }

    /// Sends `first`, which goes to `place`, and as many others as there is room for.
    fn batch(&mut self, place: Place, first: &[u8], others: &[impl AsRef<[u8]>]) -> usize {
        let memory = &self.end.memory;
        memory.write(place, first);
        self.tx.prepare(memory, place);
        // Last, also if an `as_ref` panics: the receiver sees none of them before.
        let _publish = Publish { end: &self.end, place };
        let mut sent = 1;
        for bytes in others.iter().map(AsRef::as_ref) {
            if bytes.len() > memory.capacity() {
                break;
            }
            let place = match self.tx.place(bytes.len()) {
                None => self.tx.find_place_exactly(memory, bytes.len()).unwrap_or_default(),
                place => place,
            };
            let Some(place) = place else { break };
            memory.write(place, bytes);
            self.tx.commit(memory, place);
            sent += 1;
        }
        sent
    }
}

impl Receiver {
    /// Receives all messages that are there, at most `most`, in place: how many. It does not wait.
    ///
    /// The sender gets the room back when all were handled, or at the ring's end. If this process is killed
    /// before, the next receiver gets them again.
    ///
    /// # Errors
    /// `NotOwner`, `Corrupt`: as [`recv_into`](Self::recv_into). With nothing there it is 0, also when
    /// the sender is gone.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_shm::Error> {
    /// let (mut sender, mut receiver) = ipc_shm::ring::pair()?;
    /// sender.send_many(&["one", "two"]).map_err(|rejected| rejected.error)?;
    /// let mut letters = 0;
    /// assert_eq!(receiver.drain(100, |message| letters += message.len())?, 2);
    /// assert_eq!(letters, 6);
    /// # Ok(())
    /// # }
    /// ```
    pub fn drain(&mut self, most: usize, mut handle: impl FnMut(&[u8])) -> Result<usize> {
        if self.end.memory.me().is_none() {
            return Err(self.end.not_owner());
        }
        // Also if `handle` panics: what was handled does not come again.
        let Settle { end, rx } = &mut Settle { end: &self.end, rx: &mut self.rx };
        let mut count = 0;
        while count < most {
            let next = rx.next(&end.memory).map_err(|corrupt| end.corrupt(corrupt))?;
            let Some(place) = next else { break };
            handle(end.memory.bytes_of(place));
            rx.pass(&end.memory, place.end);
            count += 1;
        }
        Ok(count)
    }
}

/// Gives the room of all that was handled back, when dropped.
struct Settle<'a> {
    end: &'a End,
    rx: &'a mut Rx,
}

impl Drop for Settle<'_> {
    fn drop(&mut self) {
        self.rx.settle(&self.end.memory);
        self.end.ring_sender();
    }
}

/// Publishes the first message of a batch, and with it all of them, when dropped.
struct Publish<'a> {
    end: &'a End,
    place: Place,
}

impl Drop for Publish<'_> {
    fn drop(&mut self) {
        Tx::publish(&self.end.memory, self.place);
        self.end.ring_receiver();
    }
}
