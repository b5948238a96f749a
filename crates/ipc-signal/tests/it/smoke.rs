//! The shortest way through the crate.

use ipc_devkit::Blocking;
use ipc_signal::{Process, Signal, Signals};

/// A value sent by one process arrives in another, with its sender.
#[test]
fn a_value_arrives() {
    Blocking(&crate::realtime()).two_process(
        "smoke::a_value_arrives",
        |mut child| {
            assert_eq!(child.hear(), "ready");
            let process = Process::open(child.raw_pid().unsigned_abs()).expect("open");
            process.queue(Signal::rt(0), 42).expect("queue");
        },
        |mut parent| {
            let mut signals = Signals::new(Signal::rt(0)).expect("create");
            parent.tell("ready");
            let info = signals.recv().expect("receive");
            assert_eq!((info.signal, info.value), (Signal::rt(0), Some(42)));
            assert_eq!(info.pid, Some(std::os::unix::process::parent_id()));
            assert_eq!(info.uid, Some(rustix::process::getuid().as_raw()));
        },
    );
}

/// The types cross threads as their pages say.
#[test]
fn types_are_send_and_sync() {
    fn both<T: Send + Sync>() {}
    both::<Signal>();
    both::<Signals>();
    both::<Process>();
    both::<ipc_signal::Timer>();
    both::<ipc_signal::SignalTimer>();
    both::<ipc_signal::Registration>();
    both::<ipc_signal::Override>();
    both::<ipc_signal::Canceller>();
    both::<ipc_signal::Error>();
    both::<ipc_signal::graceful::Graceful>();
    both::<ipc_signal::fault::Reporter>();
}

/// The features are told without being used.
#[test]
fn features_are_told() {
    let features = ipc_signal::features();
    assert_eq!(features, ipc_signal::features());
}
