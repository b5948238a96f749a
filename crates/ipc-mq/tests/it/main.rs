//! What message queues promise, one file a behaviour.

mod smoke;

mod names;
mod options;
mod waiting;

mod cancel;
mod death;
mod fork;
mod identity;
mod limits;
mod notify;
mod reclaim;
mod signals;
mod types;

mod shared;

mod interop;
mod suites;

#[cfg(feature = "serde")]
mod typed;

use std::time::Duration;

use ipc_mq::posix;

const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(60);

/// A small queue of this test; removed by [`Gone`].
fn small(tag: &str) -> (posix::Queue, Gone) {
    let name = ipc_devkit::scratch::name(tag);
    let options = posix::QueueOptions::new().capacity(4).message_size(64);
    (options.create(&name).expect("create"), Gone(name))
}

/// Removes a POSIX queue when dropped.
struct Gone(String);

impl Drop for Gone {
    fn drop(&mut self) {
        let _ = posix::Queue::unlink(&self.0);
    }
}

/// A private System V queue, removed when dropped.
struct Private(ipc_mq::sysv::Queue);

impl Private {
    fn new() -> Self {
        Self(ipc_mq::sysv::Queue::private().expect("create"))
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let _ = self.0.remove();
    }
}
