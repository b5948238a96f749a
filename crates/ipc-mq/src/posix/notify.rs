//! To be told that a queue stops being empty, without losing a message in between.
//!
//! The kernel's registration is good for one notice, is given only at the step from empty to not empty, and
//! only if nobody waits in a receive. Who receives first and registers then can miss a message that comes
//! between, and sleep on a queue that is not empty. So: register, *then* drain without waiting. A message
//! before the registration is found by the drain; one after the drain found the queue empty makes the step,
//! so it gives notice; one in between gives notice too, and the next drain may find nothing.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;

use super::queue::Queue;
use super::recv::Message;
use crate::error::{Error, Result};
use crate::sys::mq;

/// How to be told that there are messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notify {
    /// The queue's descriptor becomes readable: for poll and epoll. Any number of processes may do so.
    Descriptor,
    /// A signal, best a real-time one (`SIGRTMIN` to `SIGRTMAX`), to this process. Only one process at a
    /// time can be registered.
    Signal {
        /// The signal's number.
        signal: i32,
        /// The value that comes with it.
        value: i32,
    },
}

/// A queue that tells when it has messages; dropping it takes a registration back.
#[derive(Debug)]
pub struct Notification<'q> {
    queue: &'q Queue,
    how: Notify,
}

impl Queue {
    /// Asks to be told when there are messages. Call [`Notification::drain`] at once, and after each notice.
    ///
    /// A registration for a signal ends when this process closes *any* descriptor of the queue, dies, or
    /// execs; then others can register.
    ///
    /// # Errors
    /// `NotifyBusy`: somebody is registered. `InvalidInput`: there is no such signal. `Os`.
    ///
    /// # Linux
    /// [`mq_notify(3)`](https://man7.org/linux/man-pages/man3/mq_notify.3.html). `SIGEV_THREAD` is not
    /// offered: its thread has been the source of security holes, and the descriptor does more.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_mq::Error> {
    /// # let name = &format!("/ipc-doc-{}-notify", std::process::id());
    /// use ipc_mq::posix::{Notify, Queue};
    /// let queue = Queue::create(name)?;
    /// queue.send(0, b"was here before")?;
    /// let mut notification = queue.notify(Notify::Descriptor)?;
    /// let mut seen = 0;
    /// notification.drain(|_message| seen += 1)?;
    /// assert_eq!(seen, 1);
    /// # Queue::unlink(name)
    /// # }
    /// ```
    #[doc(alias = "mq_notify")]
    pub fn notify(&self, how: Notify) -> Result<Notification<'_>> {
        if let Notify::Signal { signal, .. } = how {
            // The kernel takes 0 for a signal here, and then never sends one.
            if signal < 1 || signal > libc::SIGRTMAX() {
                return Err(Error::InvalidInput { what: "there is no signal of this number" });
            }
        }
        register(self, how).map_err(|errno| failed(self, errno))?;
        Ok(Notification { queue: self, how })
    }
}

impl Notification<'_> {
    /// Registers again if need be, then takes every message there is, without waiting. The number taken.
    ///
    /// After it, a notice comes for every message that it did not take. A notice may also come for one that
    /// it took: then the next drain takes none.
    ///
    /// # Errors
    /// `NotifyBusy`: somebody else registered between the notice and this call; nothing was taken.
    /// `Os`.
    pub fn drain(&mut self, mut each: impl FnMut(Message)) -> Result<usize> {
        self.arm()?;
        let mut taken = 0;
        loop {
            match self.queue.try_recv() {
                Ok(message) => each(message),
                Err(Error::WouldBlock) => return Ok(taken),
                Err(error) => return Err(error),
            }
            taken += 1;
        }
    }

    /// Registers for the next notice, whether or not the last one has come. Drain afterwards, not before.
    ///
    /// # Errors
    /// `NotifyBusy`, `Os`.
    pub fn arm(&mut self) -> Result<()> {
        let armed = match register(self.queue, self.how) {
            // Perhaps it is us, and the notice has not come: taking it back has no effect on others.
            Err(Errno::BUSY) => {
                mq::notify(self.queue.as_fd(), None).and_then(|()| register(self.queue, self.how))
            }
            done => done,
        };
        armed.map_err(|errno| failed(self.queue, errno))
    }
}

impl AsFd for Notification<'_> {
    /// The queue's descriptor.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}

impl Drop for Notification<'_> {
    fn drop(&mut self) {
        if self.how != Notify::Descriptor {
            // Only a registration of this process goes; in a forked child there is none.
            let _ = mq::notify(self.queue.as_fd(), None);
        }
    }
}

fn register(queue: &Queue, how: Notify) -> Result<(), Errno> {
    match how {
        Notify::Descriptor => Ok(()),
        Notify::Signal { signal, value } => mq::notify(queue.as_fd(), Some((signal, value))),
    }
}

fn failed(queue: &Queue, errno: Errno) -> Error {
    match errno {
        Errno::BUSY => Error::NotifyBusy,
        _ => Error::os("ask for notice by message queue", queue.name(), errno),
    }
}
