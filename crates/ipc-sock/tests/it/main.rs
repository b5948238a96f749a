//! What ipc-sock promises, one file a behaviour.

mod smoke;

mod accept;
mod batch;
mod boundaries;
mod bounds;
mod cancel;
mod credentials;
mod death;
mod errors;
mod fds;
mod fds_limits;
mod flood;
mod frames;
#[cfg(feature = "local")]
mod local;
mod names;
mod net;
mod reclaim;
mod reclaim_step;
mod sharing;
mod signals;
mod suites;
mod suites_stress;
mod waiting;

use ipc_sock::unix::Address;

/// The descriptors that a program started now is born with.
fn inherited() -> String {
    let listed = std::process::Command::new("ls").arg("/proc/self/fd").output().expect("run ls");
    String::from_utf8(listed.stdout).expect("numbers")
}

/// How many descriptors this process has.
fn open_fds() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("list").count()
}

/// A path in a directory of this test.
fn path_in(dir: &ipc_devkit::scratch::ScratchDir) -> Address {
    Address::path(dir.path().join("sock")).expect("short enough")
}
