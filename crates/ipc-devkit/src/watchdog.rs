//! The harness watches each test from outside and ends what does not end by itself.
//!
//! It sits in the harness's own thread, so the processes of the test have neither a thread nor a timer of
//! ours, and it works even when they are stopped. When the time is out it prints what every process of the
//! test waits for, then kills them all.

mod report;

use std::io::{Read as _, Seek as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal};

use crate::channel::{Channel, Message};
use crate::peer::{Started, output_file, parent_half};
use crate::{leaks, scratch};

/// How long a test may take unless it says otherwise.
const DEFAULT_LIMIT: Duration = Duration::from_secs(10);

/// The parent half's line to the harness.
static HARNESS: OnceLock<Channel> = OnceLock::new();

/// Gives this test `limit` instead of 10 s, counted from its start; for the first line of a parent half.
///
/// In a child half it does nothing: one clock runs for the whole test. The environment variable
/// `IPC_WATCHDOG_SECS` replaces the default and is the least that any test gets (for slow machines).
///
/// # Panics
/// If the harness is gone.
///
/// # Examples
/// ```no_run
/// ipc_devkit::alone("death::of_a_thousand", || {
///     ipc_devkit::watchdog::limit(std::time::Duration::from_secs(60));
/// });
/// ```
pub fn limit(limit: Duration) {
    if let Some(harness) = HARNESS.get() {
        harness.send_text(&limit.as_millis().to_string()).expect("tell the harness the limit");
    }
}

/// Keeps the parent half's channel for [`limit`].
pub(crate) fn report_to(harness: Channel) {
    HARNESS.set(harness).expect("a process has one harness");
}

/// Runs the parent half of `test` and panics unless it ends well and in time.
pub(crate) fn supervise(test: &str) {
    let mut output = output_file();
    let start = Instant::now();
    let copy = output.try_clone().expect("copy the output's descriptor");
    let Started { mut process, channel } = parent_half(test, copy.into());
    let pid = Pid::from_child(&process);

    let watch = Watch { test, pid, channel, start, said_hello: false, limit: least_limit() };
    let (said_hello, timed_out) = watch.until_end();
    // The leader is not reaped yet, so the number of its group cannot mean anyone else.
    let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    let status = process.wait().expect("reap the parent half");

    let leftovers = leaks::leftover_names(&scratch::mark(process.id()));
    leaks::remove(&leftovers);
    let verdict = verdict(test, status, said_hello, timed_out, &leftovers);
    if let Some(failure) = verdict {
        output.rewind().expect("rewind the test's output");
        let mut text = Vec::new();
        output.read_to_end(&mut text).expect("read the test's output");
        print!("{}", String::from_utf8_lossy(&text));
        panic!("{failure}, after {:.2} s", start.elapsed().as_secs_f64());
    }
}

/// What went wrong, if anything did.
fn verdict(
    test: &str,
    status: ExitStatus,
    said_hello: bool,
    timed_out: bool,
    leftovers: &[std::path::PathBuf],
) -> Option<String> {
    if timed_out {
        Some(format!("{test} hangs and was killed"))
    } else if !said_hello {
        Some(match status.signal() {
            None => format!("no test named {test} in this binary ({status})"),
            Some(_) => format!("{test} died before it began ({status})"),
        })
    } else if !status.success() {
        Some(format!("the parent half of {test} failed ({status})"))
    } else if !leftovers.is_empty() {
        Some(format!("{test} leaves behind {leftovers:?}"))
    } else {
        None
    }
}

fn least_limit() -> Duration {
    std::env::var("IPC_WATCHDOG_SECS")
        .ok()
        .and_then(|seconds| seconds.parse().ok())
        .map_or(DEFAULT_LIMIT, Duration::from_secs)
}

/// One running test, seen from the harness.
struct Watch<'a> {
    test: &'a str,
    pid: Pid,
    channel: Channel,
    start: Instant,
    said_hello: bool,
    limit: Duration,
}

impl Watch<'_> {
    /// Waits for the end of the parent half or of its time: (it said hello, time is out).
    fn until_end(mut self) -> (bool, bool) {
        let process = rustix::process::pidfd_open(self.pid, PidfdFlags::empty())
            .expect("open the parent half's pidfd");
        let mut listening = true;
        loop {
            let Some(left) = self.limit.checked_sub(self.start.elapsed()) else {
                report::print(self.test, self.pid, self.start.elapsed());
                return (self.said_hello, true);
            };
            let mut events = vec![PollFd::new(&process, PollFlags::IN)];
            if listening {
                events.push(PollFd::from_borrowed_fd(self.channel.as_fd(), PollFlags::IN));
            }
            let left = Timespec::try_from(left).expect("a limit fits a timespec");
            match rustix::event::poll(&mut events, Some(&left)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => panic!("watch {}: {error}", self.test),
            }
            let ended = !events[0].revents().is_empty();
            let told = events.get(1).is_some_and(|event| !event.revents().is_empty());
            drop(events);
            // What it said before it ended comes first.
            if told {
                listening = self.listen();
            } else if ended {
                return (self.said_hello, false);
            }
        }
    }

    /// Takes one message: the hello first, then limits. False when no more can come.
    fn listen(&mut self) -> bool {
        match self.channel.receive() {
            Ok(Some(Message::Text(text))) => {
                match text.parse() {
                    Ok(millis) => self.limit = least_limit_or(Duration::from_millis(millis)),
                    Err(_) => self.said_hello = true,
                }
                true
            }
            Ok(_) | Err(_) => false,
        }
    }
}

/// `asked`, unless the environment asks for more.
fn least_limit_or(asked: Duration) -> Duration {
    if std::env::var_os("IPC_WATCHDOG_SECS").is_some() { asked.max(least_limit()) } else { asked }
}
