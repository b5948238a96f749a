//! Ending a wait from outside.

use std::sync::Arc;

use crate::sysv::Asked;

/// Ends the current or the next wait of the handle it was made from: that call returns `Cancelled`.
///
/// Each [`cancel`](Self::cancel) ends one wait, of one thread. It may be called from any thread and from
/// a signal handler: it takes no lock and allocates nothing. Forms that do not wait (`try_`) are not
/// ended.
///
/// ```
/// # fn main() -> Result<(), ipc_mq::Error> {
/// let queue = ipc_mq::sysv::Queue::private()?;
/// let canceller = queue.canceller()?;
/// let stopper = std::thread::spawn(move || canceller.cancel());
/// let stopped = queue.recv(ipc_mq::sysv::Filter::Any);
/// assert!(matches!(stopped, Err(ipc_mq::Error::Cancelled)));
/// # stopper.join().unwrap();
/// # queue.remove()
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Canceller(pub(crate) Kind);

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A POSIX queue has a descriptor: an eventfd is polled beside it.
    Posix(ipc_core::cancel::Canceller),
    /// A System V queue has none: a flag, and a thread that nudges the waiting one.
    Sysv(Arc<Asked>),
    /// A queue in shared memory has a word that its waits sleep on, too.
    Shared(ipc_core::life::sleep::CancelWord),
}

impl Canceller {
    /// Ends the current or the next wait.
    pub fn cancel(&self) {
        match &self.0 {
            Kind::Posix(canceller) => canceller.cancel(),
            Kind::Sysv(asked) => asked.ask(),
            Kind::Shared(word) => word.cancel(),
        }
    }
}
