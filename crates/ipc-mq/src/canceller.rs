//! Ending a wait from outside.

/// Ends the current or the next wait of the handle it was made from: that call returns `Cancelled`.
#[derive(Clone, Debug)]
pub struct Canceller(pub(crate) Kind);

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A queue in shared memory has a word that its waits sleep on, too.
    Shared(ipc_core::life::sleep::CancelWord),
}

impl Canceller {
    /// Ends the current or the next wait.
    pub fn cancel(&self) {
        match &self.0 {
            Kind::Shared(word) => word.cancel(),
        }
    }
}
