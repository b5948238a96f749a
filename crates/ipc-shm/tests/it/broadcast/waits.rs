//! The four forms of each wait, and what ends them.

use std::time::{Duration, Instant};

use ipc_devkit::{alone, fault};
use ipc_shm::Error;
use ipc_shm::broadcast::{Options, Receiver, Sender};

use crate::{LONG, SHORT};

fn small() -> (Sender, Receiver) {
    Options::new().capacity(64).pair().expect("make")
}

/// Each form of receiving and sending: at once, in vain, and in time.
#[test]
fn all_forms() {
    alone("broadcast::waits::all_forms", || {
        let (mut sender, mut receiver) = small();
        let mut buf = [0; 64];
        assert!(matches!(receiver.try_recv(), Err(Error::WouldBlock)));
        assert!(matches!(receiver.try_recv_into(&mut buf), Err(Error::WouldBlock)));
        let since = Instant::now();
        assert!(matches!(receiver.recv_timeout(SHORT), Err(Error::TimedOut)));
        assert!(matches!(receiver.recv_into_timeout(&mut buf, SHORT), Err(Error::TimedOut)));
        assert!(since.elapsed() >= 2 * SHORT);
        let now = Instant::now();
        assert!(matches!(receiver.recv_deadline(now), Err(Error::TimedOut)));
        assert!(matches!(receiver.recv_into_deadline(&mut buf, now), Err(Error::TimedOut)));
        let full = [1; 60];
        let take = |receiver: &mut Receiver| assert_eq!(receiver.recv().expect("one").bytes, full);
        sender.try_send(&full).expect("room");
        assert!(matches!(sender.try_send(&full), Err(Error::WouldBlock)));
        assert!(matches!(sender.send_timeout(&full, SHORT), Err(Error::TimedOut)));
        assert!(matches!(sender.send_deadline(&full, now), Err(Error::TimedOut)));
        take(&mut receiver);
        sender.send_timeout(&full, LONG).expect("room");
        assert_eq!(receiver.recv_timeout(LONG).expect("there").bytes, full);
        sender.send_deadline(&full, Instant::now() + LONG).expect("room");
        assert_eq!(receiver.recv_deadline(Instant::now() + LONG).expect("there").bytes, full);
        std::thread::scope(|scope| {
            let sending = scope.spawn(|| (0..1000).try_for_each(|_| sender.send(&full)));
            (0..1000).for_each(|_| take(&mut receiver));
            sending.join().expect("no panic").expect("sent");
        });
    });
}

/// X18: a canceller ends the current or the next wait of its end, also from a signal handler.
#[test]
fn cancelled() {
    alone("broadcast::waits::cancelled", || {
        let (mut sender, mut receiver) = small();
        let cancel = receiver.canceller();
        cancel.cancel();
        assert!(matches!(receiver.try_recv(), Err(Error::WouldBlock)), "it does not wait");
        assert!(matches!(receiver.recv(), Err(Error::Cancelled)));
        assert!(matches!(receiver.recv_timeout(SHORT), Err(Error::TimedOut)), "one wait");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| receiver.recv_into(&mut [0; 64]));
            cancel.cancel();
            assert!(matches!(waiting.join().expect("no panic"), Err(Error::Cancelled)));
        });
        sender.send(&[1; 60]).expect("room");
        let cancel = sender.canceller();
        fault::signal_handler_calls(14, Box::new(move || cancel.cancel()));
        fault::raise(14);
        assert!(matches!(sender.send(&[1; 60]), Err(Error::Cancelled)));
    });
}

/// X2: signals do not end a wait, nor make it longer.
#[test]
fn interrupted() {
    alone("broadcast::waits::interrupted", || {
        let (mut sender, mut receiver) = small();
        let storm = fault::alarm_storm(Duration::from_millis(1));
        let in_time = |since: Instant| (10 * SHORT..15 * SHORT).contains(&since.elapsed());
        let since = Instant::now();
        assert!(matches!(receiver.recv_timeout(10 * SHORT), Err(Error::TimedOut)));
        assert!(in_time(since));
        sender.send(&[1; 60]).expect("room");
        let since = Instant::now();
        assert!(matches!(sender.send_timeout(&[1; 60], 10 * SHORT), Err(Error::TimedOut)));
        assert!(in_time(since));
        assert!(storm.count() > 20);
    });
}

/// X4: in a forked child every operation is `NotOwner`, and dropping does nothing.
#[test]
fn forked() {
    alone("broadcast::waits::forked", || {
        let (sender, receiver) = small();
        let (mut sender, mut receiver) = (Some(sender), Some(receiver));
        sender.as_mut().expect("there").send(b"before").expect("send");
        ipc_devkit::in_fork(|| {
            let (mut s, mut r) = (sender.take().expect("there"), receiver.take().expect("there"));
            assert!(matches!(s.send(b"x"), Err(Error::NotOwner { .. })));
            assert!(matches!(s.try_send(b"x"), Err(Error::NotOwner { .. })));
            let id = s.receivers();
            assert!(id.is_empty() || matches!(s.evict(id[0].id), Err(Error::NotOwner { .. })));
            assert!(matches!(r.recv(), Err(Error::NotOwner { .. })));
            assert!(matches!(r.try_recv_into(&mut [0; 9]), Err(Error::NotOwner { .. })));
        });
        let (mut sender, mut receiver) = (sender.expect("ours"), receiver.expect("ours"));
        assert_eq!(receiver.recv().expect("receive").bytes, b"before");
        sender.send(b"after").expect("send");
        assert_eq!(receiver.recv().expect("receive").bytes, b"after");
    });
}
