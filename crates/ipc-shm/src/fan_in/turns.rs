//! Which lane is next: the busy ones take turns, the idle ones cost nearly nothing.
//!
//! A lane in which nothing was found a few times in a row is idle. Idle lanes are looked at only when the busy
//! ones are empty, and in one round of many in any case, so that none is forgotten. All this is
//! private to the receiver: senders share no word that they write for each message.

/// So many messages are taken from one lane before the next has its turn.
const BURST: u32 = 16;
/// So many times in a row nothing was found, and the lane is idle.
const PATIENCE: u8 = 4;
/// One round in so many looks at all lanes.
const RARE: u32 = 16;

/// The receiver's memory of the lanes.
#[derive(Debug)]
pub(super) struct Turns {
    /// For each lane, how many more times it may be empty before it is idle.
    patience: Vec<u8>,
    /// The lane that has its turn, and how many more messages it may have.
    current: usize,
    left: u32,
    rounds: u32,
}

impl Turns {
    pub(super) fn new(lanes: usize) -> Self {
        Self { patience: vec![0; lanes], current: 0, left: 0, rounds: 0 }
    }

    /// The first lane, among the first `used`, in which `look` finds something, and what it finds.
    #[inline]
    pub(super) fn next<R, E>(
        &mut self,
        used: usize,
        mut look: impl FnMut(usize) -> Result<Option<R>, E>,
    ) -> Result<Option<(usize, R)>, E> {
        if self.left > 0 {
            self.left -= 1;
            if let Some(found) = look(self.current)? {
                return Ok(Some((self.current, found)));
            }
        }
        self.turn(used, look)
    }

    fn turn<R, E>(
        &mut self,
        used: usize,
        mut look: impl FnMut(usize) -> Result<Option<R>, E>,
    ) -> Result<Option<(usize, R)>, E> {
        let used = used.min(self.patience.len());
        self.rounds = self.rounds.wrapping_add(1);
        let all = self.rounds % RARE == 0;
        // First those that are busy, then, if there is nothing, the others.
        for idle in [false, true] {
            for step in 1..=used {
                let lane = (self.current + step) % used;
                let is_idle = self.patience[lane] == 0;
                let wanted = is_idle == idle || (all && is_idle);
                if !wanted {
                    continue;
                }
                if let Some(found) = look(lane)? {
                    self.patience[lane] = PATIENCE;
                    self.current = lane;
                    self.left = BURST - 1;
                    return Ok(Some((lane, found)));
                }
                self.patience[lane] = self.patience[lane].saturating_sub(1);
            }
        }
        self.left = 0;
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
