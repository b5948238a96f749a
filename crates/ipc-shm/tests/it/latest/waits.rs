//! The four forms of waiting for a newer value, and what ends them.

use std::time::Instant;

use ipc_devkit::{alone, fault};
use ipc_shm::{Error, Latest};

use crate::{LONG, SHORT};

/// Each form: at once, in vain, and in time.
#[test]
fn all_forms() {
    alone("latest::waits::all_forms", || {
        let (mut writer, mut reader) = Latest::<u64>::pair().expect("make");
        assert!(matches!(reader.try_wait(), Err(Error::WouldBlock)));
        let since = Instant::now();
        assert!(matches!(reader.wait_timeout(SHORT), Err(Error::TimedOut)));
        assert!(since.elapsed() >= SHORT);
        assert!(matches!(reader.wait_deadline(Instant::now()), Err(Error::TimedOut)));
        writer.store(1).expect("store");
        assert_eq!(reader.try_wait().expect("there"), 1);
        assert_eq!(reader.wait().expect("there"), 1);
        assert_eq!(reader.wait_timeout(LONG).expect("there"), 1);
        assert_eq!(reader.wait_deadline(Instant::now() + LONG).expect("there"), 1);
        reader.load().expect("load");
        assert!(matches!(reader.try_wait(), Err(Error::WouldBlock)), "it was seen");
    });
}

/// X18: a canceller ends the current or the next wait, also from a signal handler.
#[test]
fn cancelled() {
    alone("latest::waits::cancelled", || {
        let (_writer, mut reader) = Latest::<u64>::pair().expect("make");
        let canceller = reader.canceller();
        canceller.cancel();
        assert!(matches!(reader.try_wait(), Err(Error::WouldBlock)), "it does not wait");
        assert!(matches!(reader.wait(), Err(Error::Cancelled)));
        assert!(matches!(reader.wait_timeout(SHORT), Err(Error::TimedOut)), "one wait");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| reader.wait_timeout(LONG));
            canceller.cancel();
            assert!(matches!(waiting.join().expect("no panic"), Err(Error::Cancelled)));
        });
        let other = reader.canceller();
        fault::signal_handler_calls(14, Box::new(move || other.cancel()));
        fault::raise(14);
        assert!(matches!(reader.wait(), Err(Error::Cancelled)));
    });
}

/// X2: signals do not end a wait, nor make it longer.
#[test]
fn interrupted() {
    alone("latest::waits::interrupted", || {
        let (_writer, mut reader) = Latest::<u64>::pair().expect("make");
        let storm = fault::alarm_storm(std::time::Duration::from_millis(1));
        let since = Instant::now();
        assert!(matches!(reader.wait_timeout(10 * SHORT), Err(Error::TimedOut)));
        let took = since.elapsed();
        assert!(took >= 10 * SHORT && took < 15 * SHORT, "{took:?}");
        assert!(storm.count() > 10);
    });
}

/// X4: in a forked child every operation is `NotOwner`, and dropping does nothing.
#[test]
fn forked() {
    alone("latest::waits::forked", || {
        let (writer, mut reader) = Latest::<u64>::pair().expect("make");
        let mut writer = Some(writer);
        writer.as_mut().expect("there").store(1).expect("store");
        ipc_devkit::in_fork(|| {
            let ours = writer.as_mut().expect("there");
            assert!(matches!(ours.store(2), Err(Error::NotOwner { .. })));
            assert!(matches!(reader.load(), Err(Error::NotOwner { .. })));
            assert!(matches!(reader.load_into(&mut 0), Err(Error::NotOwner { .. })));
            assert!(matches!(reader.wait(), Err(Error::NotOwner { .. })));
            assert!(matches!(reader.try_wait(), Err(Error::NotOwner { .. })));
            drop(writer.take());
        });
        assert_eq!(reader.load().expect("load"), 1);
        let mut writer = writer.expect("the parent's own");
        assert_eq!(writer.store(2).expect("the writer still sits there"), 2);
        assert_eq!(reader.wait().expect("newer"), 2);
    });
}
