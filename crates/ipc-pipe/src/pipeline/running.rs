//! A pipeline that runs. One thread moves everything, and waits in one `poll`: for room in the input,
//! for output, for what the stages complain, for their ends, for the deadline and the canceller. So
//! no amount of data can lock it up, and nothing is left when it is dropped.

use std::os::fd::{AsFd, OwnedFd};
use std::process::Child;
use std::time::Duration;

use ipc_core::Deadline;
use ipc_core::cancel::Canceller;
use ipc_core::deadline::timespec;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_send_signal, waitid,
};

use super::feed::{Fed, Feed};
use super::finished::{Finished, Stage};
use crate::error::{Error, Result};
use crate::pair::Reader;

/// How much of the output is read at once.
const PIECE: usize = 64 << 10;
/// How much is kept of what a stage complains.
const COMPLAINT: usize = 64 << 10;

pub(super) struct Running<'a> {
    pub(super) members: Vec<Member>,
    /// The process group of the stages, if it is not ours. Its number stays taken until the first
    /// stage is reaped, which is the last thing that happens.
    pub(super) group: Option<Pid>,
    pub(super) input: Option<Feed<'a>>,
    pub(super) output: Option<Reader>,
    deadline: Deadline,
    linger: Duration,
    /// When the silence ends that is granted after the last stage has ended.
    patience: Option<Deadline>,
    canceller: Option<Canceller>,
    unread: bool,
    /// We closed the output before its end.
    pub(super) enough: bool,
}

/// A stage that was started.
pub(super) struct Member {
    pub(super) program: String,
    pub(super) child: Child,
    pidfd: OwnedFd,
    ended: bool,
    /// If the command pipes it.
    stderr: Option<Reader>,
    complaint: Vec<u8>,
}

impl Member {
    pub(super) fn new(program: String, mut child: Child, pidfd: OwnedFd) -> Self {
        let stderr = child.stderr.take().map(Reader::from);
        Self { program, child, pidfd, ended: false, stderr, complaint: Vec::new() }
    }

    /// Takes what it complains, and keeps the end of it.
    fn listen(&mut self, buf: &mut [u8]) {
        // One that never stops must not keep us.
        for _ in 0..256 {
            let Some(stderr) = &mut self.stderr else { return };
            match stderr.try_read(buf) {
                Ok(n) if n > 0 => {
                    self.complaint.extend_from_slice(&buf[..n]);
                    let surplus = self.complaint.len().saturating_sub(COMPLAINT);
                    self.complaint.drain(..surplus);
                    if n < buf.len() || !self.ended {
                        return;
                    }
                }
                Err(Error::WouldBlock) => return,
                _ => self.stderr = None,
            }
        }
    }

    fn stopped_by(&self) -> Option<i32> {
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::PidFd(self.pidfd.as_fd()), options).ok().flatten()?;
        status.stopping_signal()
    }
}

impl<'a> Running<'a> {
    pub(super) fn new(deadline: Deadline, linger: Duration, canceller: Option<Canceller>) -> Self {
        Self {
            members: Vec::new(),
            group: None,
            input: None,
            output: None,
            deadline,
            linger,
            patience: None,
            canceller,
            unread: false,
            enough: false,
        }
    }

    /// Hands all output to `sink`, until the pipeline has ended.
    pub(super) fn drain(&mut self, mut sink: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut buf = vec![0; if self.output.is_some() { PIECE } else { 0 }];
        loop {
            match self.next(&mut buf)? {
                0 => return Ok(()),
                n => sink(&buf[..n])?,
            }
        }
    }

    /// The next bytes of the output; 0 when it and all stages have ended.
    pub(super) fn next(&mut self, buf: &mut [u8]) -> Result<usize> {
        loop {
            if self.deadline.passed() && !(self.has_ended() && self.output.is_none()) {
                return Err(self.too_late());
            }
            if let Some(output) = &mut self.output {
                match output.try_read(buf) {
                    Ok(0) => self.output = None,
                    Ok(n) => {
                        self.patience = None;
                        return Ok(n);
                    }
                    Err(Error::WouldBlock) => {}
                    Err(error) => return Err(self.last(error)),
                }
            }
            if self.has_ended() {
                if self.output.is_none() {
                    self.last_words();
                    return Ok(0);
                }
                let linger = self.linger;
                if self.patience.get_or_insert_with(|| Deadline::after(linger)).passed() {
                    return Err(self.last(Error::KeptOpen));
                }
            }
            self.turn()?;
        }
    }

    /// Sleeps until something can be done, and does it; the output is the caller's.
    fn turn(&mut self) -> Result<()> {
        let mut entries = Vec::with_capacity(2 * self.members.len() + 3);
        if let Some(canceller) = &self.canceller {
            entries.push(PollFd::from_borrowed_fd(canceller.as_fd(), PollFlags::IN));
        }
        if let Some(input) = &self.input {
            entries.push(PollFd::from_borrowed_fd(input.as_fd(), PollFlags::OUT));
        }
        if let Some(output) = &self.output {
            entries.push(PollFd::from_borrowed_fd(output.as_fd(), PollFlags::IN));
        }
        for stderr in self.members.iter().filter_map(|member| member.stderr.as_ref()) {
            entries.push(PollFd::from_borrowed_fd(stderr.as_fd(), PollFlags::IN));
        }
        let watched = entries.len();
        let alive = self.members.iter().filter(|member| !member.ended);
        entries.extend(alive.map(|member| PollFd::new(&member.pidfd, PollFlags::IN)));
        let left = match self.patience.and_then(|until| until.remaining()) {
            Some(patience) => Some(self.deadline.slice(patience)),
            None => self.deadline.remaining(),
        };
        match poll(&mut entries, left.map(timespec).as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::os("wait for pipeline", errno)),
        }
        let ended: Vec<_> = entries[watched..].iter().map(|e| !e.revents().is_empty()).collect();
        drop(entries);

        if self.canceller.as_ref().is_some_and(Canceller::take) {
            return Err(Error::Cancelled);
        }
        let alive = self.members.iter_mut().filter(|member| !member.ended);
        for (member, ended) in alive.zip(ended) {
            member.ended = ended;
        }
        self.feed()?;
        let mut buf = [0; 4096];
        for member in &mut self.members {
            member.listen(&mut buf);
        }
        Ok(())
    }

    fn feed(&mut self) -> Result<()> {
        let Some(input) = &mut self.input else { return Ok(()) };
        // What they started may still read, but it is no stage.
        let fed = if self.members.iter().all(|m| m.ended) { Fed::Unread } else { input.feed()? };
        if fed != Fed::More {
            self.input = None;
            self.unread |= fed == Fed::Unread;
        }
        Ok(())
    }

    fn has_ended(&self) -> bool {
        self.members.iter().all(|member| member.ended)
    }

    /// What was said before the end and not yet heard.
    fn last_words(&mut self) {
        let mut buf = [0; 4096];
        for member in &mut self.members {
            member.listen(&mut buf);
        }
        if self.input.take().is_some() {
            self.unread = true;
        }
    }

    /// Which stage kept us beyond the deadline: one that stands still, or the first that runs.
    fn too_late(&self) -> Error {
        let running = || self.members.iter().enumerate().filter(|(_, member)| !member.ended);
        let stopped = running().find_map(|(index, member)| Some((index, member.stopped_by()?)));
        match (stopped, running().next()) {
            (Some((index, signal)), _) => {
                Error::Stopped { signal }.at(index, &self.members[index].program)
            }
            (None, Some((index, member))) => Error::TimedOut.at(index, &member.program),
            (None, None) => self.last(Error::KeptOpen),
        }
    }

    /// An error of the last stage, which writes the output.
    pub(super) fn last(&self, error: Error) -> Error {
        match self.members.len().checked_sub(1) {
            Some(index) => error.at(index, &self.members[index].program),
            None => error,
        }
    }

    /// Reaps the stages, which have ended.
    pub(super) fn finish(mut self) -> Result<Finished> {
        let (enough, unread_input) = (self.enough, self.unread);
        // From here on its number may become somebody else's.
        self.group = None;
        let mut stages = Vec::with_capacity(self.members.len());
        for member in &mut self.members {
            let status = member.child.wait().map_err(|error| Error::io("reap stage", error))?;
            let stderr = std::mem::take(&mut member.complaint);
            stages.push(Stage { program: std::mem::take(&mut member.program), status, stderr });
        }
        // Nothing is left to kill.
        self.members.clear();
        Ok(Finished { stages, output: Vec::new(), unread_input, enough })
    }
}

impl Drop for Running<'_> {
    /// Kills what runs, and reaps it.
    fn drop(&mut self) {
        if self.members.is_empty() {
            return;
        }
        if let Some(group) = self.group {
            let _ = kill_process_group(group, Signal::KILL);
        }
        for member in &self.members {
            // One that left the group, or all if there is none.
            let _ = pidfd_send_signal(&member.pidfd, Signal::KILL);
        }
        for member in self.members.iter_mut().rev() {
            let _ = member.child.wait();
        }
    }
}
