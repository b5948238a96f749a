//! How every handle of this crate waits: look, spin, then sleep until the other side rings or dies.

use std::sync::OnceLock;

use ipc_core::Wait;
use ipc_core::life::sleep::{CancelWord, Sleeper};
use ipc_core::wait::{Bell, Spin, one_cpu};

use crate::area::Area;
use crate::error::{Error, Result};

/// What a handle keeps for its waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) name: String,
    pub(crate) cancel: CancelWord,
    spin: Spin,
}

impl Waiter {
    pub(crate) fn new(name: &str) -> Self {
        // Asked once: it reads files.
        static ONE: OnceLock<bool> = OnceLock::new();
        let spin = Spin::new(*ONE.get_or_init(one_cpu));
        Self { name: name.to_owned(), cancel: CancelWord::new(), spin }
    }

    #[cold]
    pub(crate) fn not_owner(&self) -> Error {
        Error::NotOwner { name: self.name.clone() }
    }

    #[cold]
    pub(crate) fn corrupt(&self, what: &'static str) -> Error {
        Error::Corrupt { name: self.name.clone(), what }
    }

    /// Looks until there is something. `look` is called before the first sleep in any case; it loads with
    /// Acquire what others publish, and it is who says that the other side is gone.
    #[cold]
    pub(crate) fn until<R>(
        &mut self,
        area: &Area,
        bell: &Bell,
        wait: Wait,
        mut look: impl FnMut() -> Result<Option<R>>,
    ) -> Result<R> {
        if area.me().is_none() {
            return Err(self.not_owner());
        }
        let Wait::Until(deadline) = wait else {
            return look()?.ok_or(Error::WouldBlock);
        };
        self.spin.restart();
        while self.spin.turn() {
            if let Some(found) = look()? {
                self.spin.worked();
                return Ok(found);
            }
            if self.spin.look_at_clock() && deadline.passed() {
                break;
            }
        }
        self.spin.parked();
        let mut sleeper = Sleeper::new(Some(area.members()), wait, Some(&self.cancel));
        loop {
            sleeper.look();
            let nap = bell.announce();
            if let Some(found) = look()? {
                return Ok(found);
            }
            sleeper
                .sleep_at_most(bell.word(), nap.value(), nap.longest())
                .map_err(|stop| Error::stop(&self.name, stop))?;
            // Look before announcing again: an announcement left behind costs the next ring a wake.
            if let Some(found) = look()? {
                return Ok(found);
            }
        }
    }
}
