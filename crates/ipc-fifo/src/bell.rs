//! Hearing that somebody opened a FIFO: neither `poll(2)` on an end nor anything else but a blocking
//! `open(2)` tells, and that one cannot be ended. inotify does. Where it is not to be had (128
//! instances a user), looking again after growing pauses has to do.

use std::os::fd::OwnedFd;
use std::time::Duration;

use ipc_core::Deadline;
use ipc_core::watch::{Watch, Woken};
use rustix::event::{EventfdFlags, PollFlags, eventfd};
use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
use rustix::io::Errno;

use crate::node::Node;

/// With inotify, one look in between is only a backstop.
const BACKSTOP: Duration = Duration::from_millis(250);
/// Without, the pauses double from the first to the last.
const FIRST: Duration = Duration::from_micros(50);
const LAST: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(crate) struct Bell {
    /// Readable when something happened; without inotify, an eventfd that never is.
    fd: OwnedFd,
    pause: Duration,
    last: Duration,
}

impl Bell {
    pub(crate) fn new(node: &Node) -> Result<Self, Errno> {
        match listen(node) {
            Ok(fd) => Ok(Self { fd, pause: BACKSTOP, last: BACKSTOP }),
            Err(_) => {
                crate::log::no_inotify();
                let fd = eventfd(0, EventfdFlags::CLOEXEC)?;
                Ok(Self { fd, pause: FIRST, last: LAST })
            }
        }
    }

    /// Sleeps until it is worth looking again (`Ready`), or the wait must end.
    pub(crate) fn wait(&mut self, watch: &Watch, deadline: Deadline) -> Result<Woken, Errno> {
        let slice = Deadline::after(deadline.slice(self.pause));
        self.pause = (self.pause * 2).min(self.last);
        match watch.wait(std::os::fd::AsFd::as_fd(&self.fd), PollFlags::IN, slice)? {
            Woken::Ready => {
                // What it says does not matter, only that it says nothing more.
                match rustix::io::read(&self.fd, &mut [0; 4096]) {
                    Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Ok(Woken::Ready),
                    Err(errno) => Err(errno),
                }
            }
            Woken::TimedOut if !deadline.passed() => Ok(Woken::Ready),
            woken => Ok(woken),
        }
    }
}

/// Opens, and changes of the name or of the number of names.
fn listen(node: &Node) -> Result<OwnedFd, Errno> {
    let inotify = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    let events = WatchFlags::OPEN | WatchFlags::ATTRIB | WatchFlags::MOVE_SELF;
    add_watch(&inotify, node.path(), events)?;
    Ok(inotify)
}

/// Whether inotify is to be had now.
pub(crate) fn works() -> bool {
    init(CreateFlags::CLOEXEC).is_ok()
}
