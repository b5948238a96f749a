//! What ipc-signal promises, one file a behaviour.

mod smoke;

mod cancel;
mod disposition;
mod errors;
mod fault;
mod graceful;
mod handler;
mod inherit;
mod isolated;
mod limit;
mod mask;
mod names;
mod process;
mod queue;
mod send;
mod suites;
mod timer;
mod waiting;

use ipc_signal::{Process, Signal};

/// This process, as others would open it.
fn me() -> Process {
    Process::open(std::process::id()).expect("open this process")
}

/// The numbers of SIGRTMIN+0 to +3, for `ipc_devkit::Blocking`.
fn realtime() -> [i32; 4] {
    [0, 1, 2, 3].map(|n| Signal::rt(n).as_raw())
}

/// One line of /proc/self/status of the calling thread.
fn status(field: &str) -> String {
    let text = std::fs::read_to_string("/proc/thread-self/status").expect("read status");
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    line.expect("the field is there").trim().to_owned()
}
