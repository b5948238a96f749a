//! The parent half's view of a child half.

use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitStatus;

use rustix::io::retry_on_intr;
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions};

use super::role::HELLO;
use super::start::{self, Started};
use crate::channel::{Channel, Message};

/// A child half, held by the parent half.
///
/// Dropping it waits for the child to end and panics if the child failed, unless its death was asked for
/// ([`Self::kill`]), announced ([`Self::expect_death`]) or looked at ([`Self::wait`]). A parent half that is
/// panicking kills the child instead.
#[derive(Debug)]
pub struct Child {
    index: usize,
    process: std::process::Child,
    channel: Channel,
    judged: bool,
}

impl Child {
    /// Starts the child half `index` of the test `test` and waits for its hello.
    pub(super) fn start(test: &str, index: usize) -> Self {
        let Started { process, channel } = start::child_half(test, index);
        let mut child = Self { index, process, channel, judged: false };
        match child.channel.receive().expect("receive from the new child") {
            Some(Message::Text(text)) if text == HELLO => child,
            _ => {
                let status = child.wait();
                panic!("no test named {test} started in child half {index} ({status})");
            }
        }
    }

    /// The process number.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    /// The process number, as C has it.
    #[must_use]
    pub fn raw_pid(&self) -> i32 {
        self.pid().as_raw_nonzero().get()
    }

    /// A descriptor of the process, for polling and for sending signals without a race.
    ///
    /// # Panics
    /// If the child was waited for already.
    #[must_use]
    pub fn pidfd(&self) -> OwnedFd {
        rustix::process::pidfd_open(self.pid(), PidfdFlags::empty())
            .expect("open the child's pidfd")
    }

    /// Sends a text to the child half.
    ///
    /// # Panics
    /// If the child is gone.
    pub fn tell(&mut self, text: &str) {
        self.channel.send_text(text).unwrap_or_else(|error| {
            panic!("tell child half {} {text:?}: {error}", self.index);
        });
    }

    /// The next text from the child half.
    ///
    /// # Panics
    /// If the child ended without saying anything, or gave a descriptor instead.
    #[must_use]
    pub fn hear(&mut self) -> String {
        super::parent::expect_text(self.channel.receive(), &format!("child half {}", self.index))
    }

    /// Sends a copy of a descriptor to the child half.
    ///
    /// # Panics
    /// If the child is gone.
    pub fn give(&mut self, descriptor: impl AsFd) {
        self.channel.send_descriptor(descriptor.as_fd()).unwrap_or_else(|error| {
            panic!("give a descriptor to child half {}: {error}", self.index);
        });
    }

    /// The next descriptor from the child half.
    ///
    /// # Panics
    /// If the child ended without giving one, or told a text instead.
    #[must_use]
    pub fn take(&mut self) -> OwnedFd {
        let from = format!("child half {}", self.index);
        super::parent::expect_descriptor(self.channel.receive(), &from)
    }

    /// Kills the child with SIGKILL and reaps it: when this returns, it is gone.
    ///
    /// # Panics
    /// If the kernel refuses.
    pub fn kill(&mut self) {
        self.judged = true;
        self.process.kill().expect("kill the child half");
        self.process.wait().expect("reap the child half");
    }

    /// Stops the child with SIGSTOP and returns when it stands still.
    ///
    /// # Panics
    /// If the child ended instead.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
        let options = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let status = retry_on_intr(|| rustix::process::waitid(WaitId::Pid(self.pid()), options))
            .expect("wait until the child half stands still")
            .expect("a wait without NOHANG has a status");
        assert!(status.stopped(), "child half {} ended before it could be stopped", self.index);
    }

    /// Lets a stopped child go on.
    ///
    /// # Panics
    /// If the child is gone.
    pub fn cont(&self) {
        self.signal(Signal::CONT);
    }

    /// Waits until the child has ended. The caller judges the status: dropping no longer does.
    ///
    /// # Panics
    /// If the kernel refuses.
    #[must_use]
    pub fn wait(&mut self) -> ExitStatus {
        self.judged = true;
        self.channel.finish_sending();
        self.process.wait().expect("wait for the child half")
    }

    /// Announces that the child half will die: dropping waits for it and takes any status.
    pub fn expect_death(&mut self) {
        self.judged = true;
    }

    fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal)
            .unwrap_or_else(|error| panic!("{signal:?} to child half {}: {error}", self.index));
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The failure that is on its way says more than any error here.
            let _ = self.process.kill();
            let _ = self.process.wait();
            return;
        }
        let judged = self.judged;
        let status = self.wait();
        assert!(judged || status.success(), "child half {} failed: {status}", self.index);
    }
}
