//! What a half is asked to do, and the bytes it moves while doing it.

use std::cell::RefCell;
use std::io;
use std::ops::Range;
use std::time::Duration;

thread_local! {
    /// What the measured half has timed itself since this was last taken, in nanoseconds.
    static OWN: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// A number of turns for one half: round trips to make or answer, messages to send or receive.
///
/// Every message has a sequence number, and its content follows from it. In the verifying pass every byte
/// is derived from the number and checked; in timed passes only the first and the last 8 bytes carry it,
/// so that the check costs next to nothing. (Below 16 bytes only the first 8 do, below 8 none.)
#[derive(Clone, Copy, Debug)]
pub struct Turns {
    first: u64,
    count: u64,
    whole: bool,
}

impl Turns {
    pub(super) fn new(first: u64, count: u64, whole: bool) -> Self {
        Self { first, count, whole }
    }

    /// The sequence numbers of these turns. They go on from block to block, starting at 0.
    #[must_use]
    pub fn sequence(self) -> Range<u64> {
        self.first..self.first + self.count
    }

    /// Whether every byte counts: the verifying pass.
    pub(super) fn is_whole(self) -> bool {
        self.whole
    }

    /// Reports one sample that the measured half has timed itself.
    ///
    /// For turns whose preparations take longer than what is measured, such as the start of a process
    /// that is then killed. Once a half reports, its samples are what it reported, and the whole turns
    /// (the rate, the processor time) only tell how long the preparations take.
    pub fn report(self, sample: Duration) {
        let sample = u64::try_from(sample.as_nanos()).unwrap_or(u64::MAX);
        OWN.with_borrow_mut(|own| own.push(sample));
    }

    /// What was reported since the last call.
    pub(super) fn reported() -> Vec<u64> {
        OWN.take()
    }

    /// Writes the content of message `number` into `message`.
    #[inline]
    pub fn fill(self, message: &mut [u8], number: u64) {
        if self.whole {
            for (index, chunk) in (0..).zip(message.chunks_mut(8)) {
                chunk.copy_from_slice(&pattern(number, index)[..chunk.len()]);
            }
        } else {
            if let Some(start) = message.first_chunk_mut() {
                *start = number.to_le_bytes();
            }
            if let (16.., Some(end)) = (message.len(), message.last_chunk_mut()) {
                *end = number.to_le_bytes();
            }
        }
    }

    /// Checks that `message` is message `number`.
    ///
    /// # Errors
    /// `InvalidData`: it is not; the text says which bytes differ.
    #[inline]
    pub fn check(self, message: &[u8], number: u64) -> io::Result<()> {
        let right = if self.whole {
            (0..)
                .zip(message.chunks(8))
                .all(|(index, chunk)| *chunk == pattern(number, index)[..chunk.len()])
        } else {
            let stamp = number.to_le_bytes();
            let start = message.first_chunk().is_none_or(|start| *start == stamp);
            start && (message.len() < 16 || message.last_chunk() == Some(&stamp))
        };
        if right { Ok(()) } else { Err(self.wrong(message, number)) }
    }

    #[cold]
    fn wrong(self, message: &[u8], number: u64) -> io::Error {
        let mut expected = message.to_vec();
        self.fill(&mut expected, number);
        let place = message.iter().zip(&expected).position(|(is, should)| is != should);
        let place = place.unwrap_or(0);
        let text = format!(
            "message {number} of {} bytes is wrong: byte {place} is {:#04x} and should be {:#04x}",
            message.len(),
            message[place],
            expected[place],
        );
        io::Error::new(io::ErrorKind::InvalidData, text)
    }
}

/// Eight bytes of message `number`: different in each message and at each place.
#[inline]
fn pattern(number: u64, index: u64) -> [u8; 8] {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ index.wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed.to_le_bytes()
}

#[cfg(test)]
mod tests;
