//! Waiting for somebody to open the other end. Neither `poll(2)` on an end nor anything else but a
//! blocking `open(2)` tells a writer that a reader came, and that call cannot be ended. So the wait looks
//! again after pauses that grow with it.
//!
//! inotify would tell at once, but closing an instance waits for a grace period of the kernel: 5 to
//! 10 ms in each wait (measured on 6.18), more than a pause ever costs, and a user may have only 128.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use ipc_core::Deadline;
use ipc_core::watch::{Watch, Woken};
use rustix::event::PollFlags;
use rustix::io::Errno;

const FIRST: Duration = Duration::from_micros(50);
const LAST: Duration = Duration::from_millis(5);

/// The pause to come.
#[derive(Debug)]
pub(crate) struct Pauses(Duration);

impl Pauses {
    pub(crate) const fn new() -> Self {
        Self(FIRST)
    }

    /// Sleeps until it is worth looking again (`Ready`), or the wait must end. What arrives at `fd` ends
    /// the pause.
    pub(crate) fn wait(
        &mut self,
        fd: BorrowedFd<'_>,
        watch: &Watch,
        deadline: Deadline,
    ) -> Result<Woken, Errno> {
        let pause = Deadline::after(deadline.slice(self.0));
        self.0 = (self.0 * 2).min(LAST);
        match watch.wait(fd, PollFlags::IN, pause)? {
            Woken::TimedOut if !deadline.passed() => Ok(Woken::Ready),
            woken => Ok(woken),
        }
    }
}
