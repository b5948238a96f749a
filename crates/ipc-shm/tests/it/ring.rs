//! Rings: one sender, one receiver.

mod restart;
mod smoke;

mod fill;
mod model;
mod waits;

mod corners;
mod death;
mod fork;
mod handover;
mod names;
mod signals;
mod step;

mod fixture;
mod hostile;
mod types;

use std::time::{Duration, Instant};

use ipc_shm::ring::{Options, Receiver, RingEnd, Sender};

const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(5);

/// A ring that holds little, so that it wraps all the time.
fn small() -> Options {
    Options::new().capacity(1024)
}

/// Removes the name of a ring when dropped.
struct Gone(String);

impl Gone {
    fn new(tag: &str) -> Self {
        Self(ipc_devkit::scratch::name(tag))
    }
}

impl Drop for Gone {
    fn drop(&mut self) {
        let _ = Sender::unlink(&self.0);
    }
}

/// A message whose bytes tell its number and where each one belongs.
fn pattern(number: u64, len: usize) -> Vec<u8> {
    let mut word = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        word.to_le_bytes()[3]
    };
    (0..len).map(next).collect()
}

/// Opens an end as soon as it can be: the other half may be about to make the ring.
fn open<E: RingEnd>(name: &str) -> E {
    retry(|| Options::new().open(name))
}

fn retry<T>(open: impl Fn() -> ipc_shm::Result<T>) -> T {
    let since = Instant::now();
    loop {
        match open() {
            Ok(end) => return end,
            Err(error) => assert!(since.elapsed() < LONG, "{error}"),
        }
        std::thread::yield_now();
    }
}

/// Whether the thread `tid` of this process sleeps in the kernel.
fn sleeps(tid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{tid}/stat")).expect("stat");
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))
}

/// Receives until the other side is gone.
fn rest(receiver: &mut Receiver) -> (Vec<Vec<u8>>, ipc_shm::Error) {
    let mut got = Vec::new();
    loop {
        match receiver.recv_timeout(LONG) {
            Ok(message) => got.push(message),
            Err(error) => return (got, error),
        }
    }
}
