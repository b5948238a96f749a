//! Which part this process plays in a test, and how it takes up that part.
//!
//! A process that the devkit starts finds its part in the environment and its channel on standard input.

use std::os::fd::AsFd as _;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, Signal};

use crate::channel::Channel;

/// `parent`, or the index of a child; absent in the harness.
const ROLE: &str = "IPC_DEVKIT_ROLE";
/// The test that the process was started for.
const TEST: &str = "IPC_DEVKIT_TEST";
/// The process that started it.
const STARTER: &str = "IPC_DEVKIT_STARTER";
/// The parent half, whose number all scratch names of the test carry.
const FAMILY: &str = "IPC_DEVKIT_FAMILY";

/// The first message on a new channel.
pub(super) const HELLO: &str = "hello";

/// Channels stay clear of the low numbers that tests like to count on.
const FIRST_CHANNEL_FD: i32 = 10;

/// The part of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// What libtest or nextest started: it starts the parent half and supervises.
    Harness,
    /// The first process of a test.
    Parent,
    /// A process that the parent half started.
    Child(usize),
}

/// The part of this process, as its starter wrote it into the environment.
pub(crate) fn current() -> Role {
    match std::env::var(ROLE) {
        Err(_) => Role::Harness,
        Ok(role) if role == "parent" => Role::Parent,
        Ok(role) => Role::Child(role.parse().expect("the starter writes an index")),
    }
}

/// The test that runs on this thread, as far as anyone knows.
pub(crate) fn test_name() -> String {
    std::env::var(TEST)
        .ok()
        .or_else(|| std::thread::current().name().map(str::to_owned))
        .unwrap_or_else(|| "unnamed test".to_owned())
}

/// The process whose number stands in the scratch names of this test.
pub(crate) fn family() -> u32 {
    std::env::var(FAMILY).ok().and_then(|pid| pid.parse().ok()).unwrap_or_else(std::process::id)
}

/// Writes a part into the environment of a process that is about to start.
pub(super) fn assign(command: &mut Command, role: Role, test: &str) {
    let me = std::process::id().to_string();
    match role {
        Role::Harness => unreachable!("a harness is never started"),
        Role::Parent => command.env(ROLE, "parent").env_remove(FAMILY),
        Role::Child(index) => command.env(ROLE, index.to_string()).env(FAMILY, &me),
    };
    command.env(TEST, test).env(STARTER, me);
}

/// Takes up the part: ties this process's life to its starter's, claims the channel, says hello.
pub(super) fn enter(name: &str) -> Channel {
    static ENTERED: AtomicBool = AtomicBool::new(false);
    assert!(
        !ENTERED.swap(true, Ordering::Relaxed),
        "{name}: one call of alone, two_process or processes is all that a test can do"
    );
    let test = test_name();
    assert_eq!(name, test, "the name that the test gives is not its own");

    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .expect("set the parent death signal");
    let starter = std::env::var(STARTER).ok().and_then(|pid| pid.parse().ok());
    if rustix::process::getppid().map(Pid::as_raw_pid) != starter {
        // The starter died before the line above could tie us to it.
        std::process::exit(1);
    }

    let channel = rustix::io::fcntl_dupfd_cloexec(std::io::stdin().as_fd(), FIRST_CHANNEL_FD)
        .expect("the channel is on standard input");
    let null = std::fs::File::open("/dev/null").expect("open /dev/null");
    rustix::stdio::dup2_stdin(null).expect("put /dev/null on standard input");
    let channel = Channel::from(channel);
    channel.send_text(HELLO).expect("say hello to the starter");
    channel
}

/// Fails when libtest runs this test under a name other than the one that the test gave.
pub(super) fn check_thread_name(name: &str) {
    if let Some(thread) = std::thread::current().name() {
        assert!(thread == "main" || thread == name, "the test {thread} says that it is {name}");
    }
}
