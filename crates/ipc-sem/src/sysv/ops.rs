//! Groups of operations that a set does in one step.

use crate::error::{Error, Result};
use crate::sys::sysv::Op;

const UNDO: i16 = 0x1000;

/// Operations that are done all at once or not at all, in this order.
///
/// ```
/// # fn main() -> Result<(), ipc_sem::Error> {
/// let set = ipc_sem::SysvSet::private(&[3, 0])?;
/// // Wait until nobody uses 1, then move two units from 0 to 1.
/// set.apply(&ipc_sem::Ops::new().zero(1).p(0, 2).v(1, 2))?;
/// assert_eq!(set.values()?, [1, 2]);
/// set.remove()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
#[doc(alias = "sembuf")]
pub struct Ops {
    ops: Vec<Op>,
    wrong: Option<&'static str>,
}

impl Ops {
    /// No operation yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes `units` of semaphore `index`; the group waits until there are so many.
    pub fn p(self, index: u16, units: u16) -> Self {
        self.change(index, units, -1)
    }

    /// Gives `units` to semaphore `index`.
    pub fn v(self, index: u16, units: u16) -> Self {
        self.change(index, units, 1)
    }

    /// The group waits until semaphore `index` is 0.
    pub fn zero(mut self, index: u16) -> Self {
        self.ops.push(op(index, 0));
        self
    }

    /// The operation added last is undone when this *process* ends, however it ends: the kernel
    /// adds back what was taken, and takes back what was given, as far as it is there.
    ///
    /// # Linux
    /// `SEM_UNDO` of [`semop(2)`](https://man7.org/linux/man-pages/man2/semop.2.html). All threads
    /// share what is to be undone: the end of one thread undoes nothing. A fork's child has nothing
    /// to undo; exec keeps it. `set_value` and `remove` forget it.
    #[doc(alias = "SEM_UNDO")]
    pub fn undo(mut self) -> Self {
        match self.ops.last_mut() {
            Some(last) => last.sem_flg |= UNDO,
            None => self.wrong = Some("undo operation: none was added before"),
        }
        self
    }

    fn change(mut self, index: u16, units: u16, sign: i16) -> Self {
        match i16::try_from(units) {
            Ok(0) => self.wrong = Some("add operation: it takes or gives 0 units"),
            Ok(units) => self.ops.push(op(index, sign * units)),
            Err(_) => self.wrong = Some("add operation: more units than 32767"),
        }
        self
    }

    pub(super) fn valid(&self) -> Result<&[Op]> {
        match self.wrong {
            Some(what) => Err(Error::InvalidArgument { what }),
            None if self.ops.is_empty() => {
                Err(Error::InvalidArgument { what: "use semaphore set: the group is empty" })
            }
            None => Ok(&self.ops),
        }
    }
}

pub(super) const fn op(index: u16, change: i16) -> Op {
    Op { sem_num: index, sem_op: change, sem_flg: 0 }
}

/// A value as an amount to add. Values are checked where they come in; a larger one becomes the
/// largest.
pub(super) fn amount(value: u16) -> i16 {
    i16::try_from(value).unwrap_or(i16::MAX)
}
