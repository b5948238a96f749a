//! Starts a copy of this test binary in a given part.

use std::process::{Child, Command, Stdio};

use rustix::fs::MemfdFlags;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;

use super::role::{self, Role};
use crate::channel::Channel;

/// A copy of this binary that is starting, and our end of the channel to it.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) process: Child,
    pub(crate) channel: Channel,
}

/// Starts the parent half, leader of a process group that holds every process of the test.
///
/// What the test prints on standard output goes to `output`: most of it is libtest's own report.
pub(crate) fn parent_half(test: &str, output: OwnedFd) -> Started {
    start(test, Role::Parent, |command| command.stdout(output).process_group(0))
}

/// Starts one child half. It shares the output and the process group of its parent.
pub(super) fn child_half(test: &str, index: usize) -> Started {
    start(test, Role::Child(index), |command| command)
}

/// A private file for [`parent_half`]'s output.
pub(crate) fn output_file() -> std::fs::File {
    rustix::fs::memfd_create("test-output", MemfdFlags::CLOEXEC)
        .expect("create a file for the test's output")
        .into()
}

fn start(test: &str, role: Role, adjust: impl FnOnce(&mut Command) -> &mut Command) -> Started {
    let (ours, theirs) = Channel::pair().expect("create a hand-shake channel");
    let program = std::env::current_exe().expect("find the test binary");
    let mut command = Command::new(program);
    command
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .stdin(Stdio::from(OwnedFd::from(theirs)));
    role::assign(&mut command, role, test);
    adjust(&mut command);
    crate::masked::apply(&mut command);
    let process = command
        .spawn()
        .unwrap_or_else(|error| panic!("start a process for the test {test}: {error}"));
    Started { process, channel: ours }
}
