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
pub struct Canceller(pub(crate) CancelWord);

impl Canceller {
    /// Ends the current or the next wait.
    pub fn cancel(&self) {
        self.0.cancel();
    }
}
