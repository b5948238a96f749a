//! Which lane is next: the busy ones take turns, the idle ones cost nearly nothing.
//!
//! A lane in which nothing was found a few times in a row is idle. At each turn one idle lane is looked at, so
//! that none waits long, and all of them only when the busy ones are empty. All this is private to the
//! receiver: senders share no word that they write for each message.

/// So many messages are taken from one lane before the next has its turn.
const BURST: u32 = 16;
/// So many times in a row nothing was found, and the lane is idle.
const PATIENCE: u8 = 4;
/// The receiver's memory of the lanes.
#[derive(Debug)]
pub(super) struct Turns {
    /// For each lane, how many more times it may be empty before it is idle.
    patience: Vec<u8>,
    /// The lane that has its turn, and how many more messages it may have.
    current: usize,
    left: u32,
    /// The idle lane that was looked at last.
    probed: usize,
}

impl Turns {
    pub(super) fn new(lanes: usize) -> Self {
        Self { patience: vec![0; lanes], current: 0, left: 0, probed: 0 }
    }

    /// The lane that has its turn, if it may have one more message.
    #[inline]
    pub(super) fn current(&self) -> Option<usize> {
        if self.left > 0 { Some(self.current) } else { None }
    }

    /// A message was taken from it.
    #[inline]
    pub(super) fn took(&mut self) {
        self.left -= 1;
    }

    /// Gives the turn to the next lane, among the first `used`, in which `look` finds something. False:
    /// there is none.
    pub(super) fn turn<E>(
        &mut self,
        used: usize,
        mut look: impl FnMut(usize) -> Result<bool, E>,
    ) -> Result<bool, E> {
        let used = used.min(self.patience.len());
        let probe = self.probe(used);
        // An idle one, then those that are busy, then, if there is nothing, all.
        for all in [false, true] {
            let turns = (1..=used).map(|step| (self.current + step) % used);
            for lane in probe.into_iter().filter(|_| !all).chain(turns) {
                if self.patience[lane] == 0 && !all && Some(lane) != probe {
                    continue;
                }
                if look(lane)? {
                    self.patience[lane] = PATIENCE;
                    self.current = lane;
                    self.left = BURST;
                    return Ok(true);
                }
                self.patience[lane] = self.patience[lane].saturating_sub(1);
            }
        }
        self.left = 0;
        Ok(false)
    }

    /// The next idle lane.
    fn probe(&mut self, used: usize) -> Option<usize> {
        let mut next = (1..=used).map(|step| (self.probed + step) % used);
        let lane = next.find(|lane| self.patience[*lane] == 0)?;
        self.probed = lane;
        Some(lane)
    }
}

#[cfg(test)]
mod tests;
