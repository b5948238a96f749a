//! Ending a wait from outside.

/// Ends the current or the next wait of the handle it was made from: that call returns `Cancelled`.
///
/// Each [`cancel`](Self::cancel) ends one wait. It may be called from any thread and from a signal
/// handler: it takes no lock and allocates nothing. Forms that do not wait (`try_`) are not ended.
///
/// ```
/// # fn main() -> Result<(), ipc_sock::Error> {
/// let (mut ours, _theirs) = ipc_sock::unix::Stream::pair()?;
/// let canceller = ours.canceller()?;
/// let stopper = std::thread::spawn(move || canceller.cancel());
/// assert!(matches!(ours.recv(&mut [0; 8]), Err(ipc_sock::Error::Cancelled)));
/// # stopper.join().unwrap();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Canceller(pub(crate) ipc_core::cancel::Canceller);

impl Canceller {
    /// Ends the current or the next wait.
    pub fn cancel(&self) {
        self.0.cancel();
    }
}
