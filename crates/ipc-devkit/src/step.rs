//! A thread of a child half, run instruction by instruction from a mark to a mark.
//!
//! To kill a process inside an operation at a chosen instruction: the child calls [`mark`] before and
//! after the operation, the parent steps it so far and kills it there.

use rustix::process::Signal;

use crate::peer::Child;
use crate::sys;

/// A signal that does nothing unless somebody traces the thread.
const MARK: i32 = libc::SIGURG;

/// Where the parent half stops this thread; nothing happens if it is not traced.
///
/// # Panics
/// If the kernel refuses the signal.
pub fn mark() {
    sys::raise(MARK).expect("raise the mark");
}

/// The number of the calling thread, for [`Stepper::seize`].
#[must_use]
pub fn this_thread() -> i32 {
    rustix::thread::gettid().as_raw_nonzero().get()
}

/// A traced thread of a child half.
#[derive(Debug)]
pub struct Stepper {
    child: Child,
    tid: i32,
}

/// Where a thread stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Mark,
    Step,
    Signal(i32),
    End,
}

impl Stepper {
    /// Traces the thread `tid` of `child`. It goes on as before.
    ///
    /// # Panics
    /// If the kernel refuses, for example because somebody traces it already.
    #[must_use]
    pub fn seize(child: Child, tid: i32) -> Self {
        let options = usize::try_from(libc::PTRACE_O_EXITKILL).expect("a flag");
        sys::ptrace(libc::PTRACE_SEIZE, tid, options).expect("trace the thread");
        Self { child, tid }
    }

    /// The child half.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits until the thread, which runs, stands at its next mark.
    ///
    /// # Panics
    /// If it ends instead.
    pub fn await_mark(&mut self) {
        loop {
            match self.wait() {
                At::Mark => return,
                At::Signal(signal) => self.resume(libc::PTRACE_CONT, signal),
                At::Step => self.resume(libc::PTRACE_CONT, 0),
                At::End => panic!("the thread ended before its mark"),
            }
        }
    }

    /// From a mark or a step, goes one instruction further (a system call is one). False: it stands at
    /// a mark now.
    ///
    /// # Panics
    /// If the thread ends.
    pub fn step(&mut self) -> bool {
        self.resume(libc::PTRACE_SINGLESTEP, 0);
        match self.wait() {
            At::Step | At::Signal(_) => true,
            At::Mark => false,
            At::End => panic!("the thread ended while it was stepped"),
        }
    }

    /// Lets the thread run on from where it stands to the next mark.
    ///
    /// # Panics
    /// If it ends instead.
    pub fn run_to_mark(&mut self) {
        self.resume(libc::PTRACE_CONT, 0);
        self.await_mark();
    }

    /// Kills the child half where it stands. When this returns it is gone.
    ///
    /// # Panics
    /// If the kernel refuses.
    pub fn kill(mut self) {
        rustix::process::kill_process(self.child.pid(), Signal::KILL).expect("kill the child half");
        // A traced thread must be waited for by its tracer, else its process does not end.
        if self.tid != self.child.raw_pid() {
            while self.wait() != At::End {}
        }
        self.child.kill();
    }

    fn resume(&self, request: libc::c_uint, signal: i32) {
        let signal = usize::try_from(signal).expect("a signal number");
        sys::ptrace(request, self.tid, signal).expect("resume the thread");
    }

    fn wait(&self) -> At {
        let status = sys::wait_thread(self.tid).expect("wait for the traced thread");
        if !libc::WIFSTOPPED(status) {
            return At::End;
        }
        match libc::WSTOPSIG(status) {
            MARK => At::Mark,
            libc::SIGTRAP => At::Step,
            signal => At::Signal(signal),
        }
    }
}
