//! One wait, several ends.

use std::os::fd::AsFd;
use std::time::Duration;

use ipc_core::Deadline;
use ipc_core::watch::{Watch, Woken};
use ipc_devkit::two_process;
use rustix::event::PollFlags;
use rustix::pipe::{PipeFlags, pipe_with};

const SHORT: Duration = Duration::from_millis(20);

fn wait(watch: &Watch, fd: &impl AsFd, deadline: Deadline) -> Woken {
    watch.wait(fd.as_fd(), PollFlags::IN, deadline).expect("poll")
}

#[test]
fn each_end_is_told_apart() {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).expect("create");
    let mut watch = Watch::default();
    assert_eq!(wait(&watch, &reader, Deadline::after(SHORT)), Woken::TimedOut);
    let canceller = watch.canceller().expect("canceller");
    canceller.cancel();
    assert_eq!(wait(&watch, &reader, Deadline::NEVER), Woken::Cancelled);
    assert_eq!(wait(&watch, &reader, Deadline::after(SHORT)), Woken::TimedOut);
    rustix::io::write(&writer, b"x").expect("write");
    assert_eq!(wait(&watch, &reader, Deadline::NEVER), Woken::Ready);
    assert!(!watch.cancelled());
}

/// X18: of many cancellations from many threads, each wait takes one, and none is left ringing.
#[test]
fn cancellations_and_waits_at_once_stay_in_step() {
    let (reader, _writer) = pipe_with(PipeFlags::CLOEXEC).expect("create");
    let mut watch = Watch::default();
    let canceller = watch.canceller().expect("canceller");
    let done = std::sync::atomic::AtomicBool::new(false);
    let done = &done;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                canceller.cancel();
                std::thread::yield_now();
            }
        });
        for _ in 0..1000 {
            assert_eq!(wait(&watch, &reader, Deadline::NEVER), Woken::Cancelled);
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    while watch.cancelled() {}
    assert_eq!(wait(&watch, &reader, Deadline::after(SHORT)), Woken::TimedOut);
}

#[test]
fn a_death_ends_the_wait_and_data_comes_first() {
    two_process(
        "watch::a_death_ends_the_wait_and_data_comes_first",
        |mut child| {
            let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).expect("create");
            let mut watch = Watch::default();
            watch.set_peer(child.pidfd());
            assert!(!watch.peer_exited().expect("poll"));
            assert_eq!(wait(&watch, &reader, Deadline::after(SHORT)), Woken::TimedOut);
            child.kill();
            assert!(watch.peer_exited().expect("poll"));
            assert_eq!(wait(&watch, &reader, Deadline::NEVER), Woken::PeerDied);
            rustix::io::write(&writer, b"x").expect("write");
            assert_eq!(wait(&watch, &reader, Deadline::NEVER), Woken::Ready);
        },
        |mut parent| {
            let _ = parent.hear();
        },
    );
}
