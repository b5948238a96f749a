//! A daemon's signals: stop, stop now, reload, and the ends of its own children.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use ipc_signal::graceful::{Event, Graceful};
//! use ipc_signal::{Process, Signal};
//! use std::process::Command;
//!
//! # if std::fs::read_dir("/proc/self/task")?.count() > 1 { return Ok(()) } // in a test
//! let mut daemon = Graceful::new()?; // first in main, before any thread
//! daemon.adopt(Command::new("true").spawn()?);
//! loop {
//!     match daemon.recv()? {
//!         Event::Reload => println!("reading the configuration again"),
//!         Event::ChildEnded { pid, exit } => {
//!             println!("child {pid} ended: {exit:?}");
//!             Process::open(std::process::id())?.send(Signal::TERM)?;
//!         }
//!         Event::Stop => break,
//!         Event::Force => std::process::exit(1),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::Child;
use std::time::{Duration, Instant};

use ipc_core::Wait;

use crate::canceller::Canceller;
use crate::error::{Error, Result};
use crate::info::SignalInfo;
use crate::mask::block_early;
use crate::process::Exit;
use crate::queue::Signals;
use crate::set::SignalSet;
use crate::signal::Signal;

const ALL: SignalSet =
    SignalSet::empty().with(Signal::INT).with(Signal::TERM).with(Signal::HUP).with(Signal::CHLD);

/// What a daemon is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The first SIGINT or SIGTERM: finish what is begun, then end.
    Stop,
    /// Every further SIGINT or SIGTERM: end now.
    Force,
    /// SIGHUP: read the configuration again.
    Reload,
    /// A child that was adopted has ended and is reaped.
    ChildEnded {
        /// Its number, free for others from now on.
        pid: u32,
        /// How it ended.
        exit: Exit,
    },
}

/// The queue of a daemon's events. It blocks SIGINT, SIGTERM, SIGHUP and SIGCHLD.
///
/// Only children given to [`adopt`](Self::adopt) are reaped, one by one: those of other code stay
/// theirs. Dropping it leaves the signals blocked, so that one that comes late does not kill the
/// process half-way through its end.
#[derive(Debug)]
pub struct Graceful {
    signals: Signals,
    children: Vec<Child>,
    ready: VecDeque<Event>,
    stopping: bool,
}

impl Graceful {
    /// Blocks the four signals for good and makes the queue. Call it before any thread is started.
    ///
    /// # Errors
    /// `UnblockedIn`: a thread runs already and has one of them unblocked. `Limit`: too many descriptors.
    pub fn new() -> Result<Self> {
        block_early(ALL)?;
        let signals = Signals::new(ALL)?;
        Ok(Self { signals, children: Vec::new(), ready: VecDeque::new(), stopping: false })
    }

    /// From now on the end of `child` is an event, and it is reaped. One that has ended already is
    /// reported, too.
    pub fn adopt(&mut self, child: Child) {
        self.children.push(child);
        // Its SIGCHLD may have come and gone.
        self.reap();
    }

    /// The children that run.
    #[must_use]
    pub fn children(&self) -> &[Child] {
        &self.children
    }

    /// Whether a stop was asked for.
    #[must_use]
    pub const fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// The next event, waiting until there is one.
    ///
    /// # Errors
    /// `Cancelled`: by the [`canceller`](Self::canceller). `Os`: the kernel refuses.
    pub fn recv(&mut self) -> Result<Event> {
        self.recv_until(Wait::FOREVER)
    }

    /// The next event, if there is one. Does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: there is none.
    pub fn try_recv(&mut self) -> Result<Event> {
        self.recv_until(Wait::No)
    }

    /// As [`recv`](Self::recv), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`: none came. Otherwise as [`recv`](Self::recv).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Event> {
        self.recv_until(Wait::timeout(timeout))
    }

    /// As [`recv`](Self::recv), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`: none came. Otherwise as [`recv`](Self::recv).
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<Event> {
        self.recv_until(Wait::deadline(deadline))
    }

    /// A handle that ends the current or next waiting call with `Cancelled`.
    ///
    /// # Errors
    /// `Limit`: no descriptor could be had for it.
    pub fn canceller(&mut self) -> Result<Canceller> {
        self.signals.canceller()
    }

    fn recv_until(&mut self, wait: Wait) -> Result<Event> {
        loop {
            // A stop goes before the ends of children.
            match self.signals.try_recv() {
                Ok(info) => {
                    self.note(&info);
                    continue;
                }
                Err(Error::WouldBlock) => {}
                Err(error) => return Err(error),
            }
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let info = self.signals.recv_until(wait)?;
            self.note(&info);
        }
    }

    fn note(&mut self, info: &SignalInfo) {
        match info.signal {
            Signal::CHLD => self.reap(),
            Signal::HUP => self.ready.push_back(Event::Reload),
            // `Stop` may still be there: what asks comes before what forces.
            _ if self.stopping => {
                let at = usize::from(self.ready.front() == Some(&Event::Stop));
                self.ready.insert(at, Event::Force);
            }
            _ => {
                self.stopping = true;
                self.ready.push_front(Event::Stop);
            }
        }
    }

    /// One SIGCHLD may stand for many children, so all of ours are asked, and nobody else's.
    fn reap(&mut self) {
        let ready = &mut self.ready;
        self.children.retain_mut(|child| {
            let exit = match child.try_wait() {
                Ok(None) => return true,
                Ok(Some(status)) => Exit::from(status),
                // Somebody else took it, or SIGCHLD is ignored: it has ended all the same.
                Err(_) => Exit::UNKNOWN,
            };
            ready.push_back(Event::ChildEnded { pid: child.id(), exit });
            false
        });
    }
}

/// Readable while one of the four signals is pending. Events that were found already are not seen by
/// it: call [`Graceful::try_recv`] until `WouldBlock`.
impl AsFd for Graceful {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.signals.as_fd()
    }
}
