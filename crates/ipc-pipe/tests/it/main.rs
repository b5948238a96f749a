//! What ipc-pipe promises, one file a behaviour.

mod smoke;

mod cancel;
mod capacity;
mod copying;
mod death;
mod errors;
mod fallback;
mod fork;
mod frames;
mod handover;
mod packets;
mod pipelines;
mod sharing;
mod signals;
mod splicing;
mod suites;
mod waiting;
mod writing;

/// The descriptors that a program started now is born with.
fn inherited() -> String {
    let listed = std::process::Command::new("ls").arg("/proc/self/fd").output().expect("run ls");
    String::from_utf8(listed.stdout).expect("numbers")
}
