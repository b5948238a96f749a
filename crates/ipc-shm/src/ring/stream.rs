//! Following a stream: how a receiver behaves when it finds nothing.
//!
//! A receiver that looks at the next header all the time takes its line away from a sender that is about
//! to write there, message for message. One that leaves it alone for a moment finds several messages at
//! once. So after some small messages in a row, an empty ring is left alone once before it is polled.

/// After so many messages in a row the sender is taken to be streaming.
const STREAMING: u32 = 4;
/// Longer messages take so long that it is no use to back off.
const SMALL: usize = 2048;
/// `pause`s that leave the line alone.
const BACK_OFF: u32 = 40;

/// What a receiver knows of its sender's pace.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Small messages in a row since the ring was last found empty.
    streak: u32,
    /// How often to look before anything else is done about an empty ring.
    polls: u32,
}

impl Stream {
    pub(crate) fn new(polls: u32) -> Self {
        Self { streak: 0, polls }
    }

    pub(crate) fn set_polls(&mut self, polls: u32) {
        self.polls = polls;
    }

    /// A message of `len` bytes was taken.
    #[inline]
    pub(crate) fn took(&mut self, len: usize) {
        self.streak = if len <= SMALL { self.streak.wrapping_add(1) } else { 0 };
    }

    /// The ring is empty. True: look again; `polls` counts. False: do something about it.
    #[inline]
    pub(crate) fn polls(&mut self, polls: &mut u32) -> bool {
        if *polls < self.polls && self.streak < STREAMING {
            *polls += 1;
            self.streak = 0;
            true
        } else {
            false
        }
    }

    /// Leaves the ring alone for a moment if the sender is streaming: then true.
    pub(crate) fn back_off(&mut self) -> bool {
        let streaming = self.streak >= STREAMING;
        self.streak = 0;
        if streaming {
            for _ in 0..BACK_OFF {
                std::hint::spin_loop();
            }
        }
        streaming
    }
}
