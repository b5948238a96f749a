//! The newest value.

mod death;
mod hostile;
mod smoke;
mod torn;
mod waits;

use ipc_shm::shm_safe;

shm_safe! {
    /// A value whose words all follow from one number.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Many {
        pub words: [u64; 500],
    }
}

impl Many {
    fn of(number: u64) -> Self {
        let mut words = [0; 500];
        for (word, index) in words.iter_mut().zip(0_u64..) {
            *word = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ index;
        }
        Self { words }
    }

    #[track_caller]
    fn check(&self) {
        let first = self.words[0];
        assert!(self.words.iter().zip(0_u64..).all(|(word, index)| *word == first ^ index), "torn");
    }
}
