//! Ending a wait from outside.

use ipc_core::life::sleep::CancelWord;

/// Ends the current or the next wait of the handle it was made from: that call returns `Cancelled`.
///
/// Each [`cancel`](Self::cancel) ends one wait. It may be called from any thread and from a signal
/// handler: it takes no lock and allocates nothing. Forms that do not wait (`try_`) are not ended, nor
/// are calls that find what they want at once.
///
/// ```
/// # fn main() -> Result<(), ipc_shm::Error> {
/// let (_sender, mut receiver) = ipc_shm::ring::pair()?;
/// let canceller = receiver.canceller();
/// let stopper = std::thread::spawn(move || canceller.cancel());
/// assert!(matches!(receiver.recv(), Err(ipc_shm::Error::Cancelled)));
/// # stopper.join().unwrap();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Canceller(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// Waits on a futex have a word that they sleep on, too.
    Word(CancelWord),
    /// Waits on a descriptor poll an eventfd beside it.
    Event(ipc_core::cancel::Canceller),
}

impl Canceller {
    pub(crate) fn word(word: CancelWord) -> Self {
        Self(Kind::Word(word))
    }

    pub(crate) fn event(canceller: ipc_core::cancel::Canceller) -> Self {
        Self(Kind::Event(canceller))
    }

    /// Ends the current or the next wait.
    pub fn cancel(&self) {
        match &self.0 {
            Kind::Word(word) => word.cancel(),
            Kind::Event(canceller) => canceller.cancel(),
        }
    }
}
