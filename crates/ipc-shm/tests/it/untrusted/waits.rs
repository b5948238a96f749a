//! How waits begin and end.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ipc_devkit::{alone, fault, two_process};
use ipc_shm::Error;
use ipc_shm::ring::untrusted::Options;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{accept_from, both, offer_to};

/// Both ends of a side sleep at once, on one socket: each is woken by what is meant for it.
#[test]
fn both_ends_of_a_side_sleep_at_once() {
    two_process(
        "untrusted::waits::both_ends_of_a_side_sleep_at_once",
        |mut child| {
            let (mut sender, mut receiver) = offer_to(&mut child);
            let filling = std::thread::spawn(move || {
                for number in 0..3000_u32 {
                    sender.send(&[&number.to_le_bytes()[..], &[0; 900]].concat()).expect("send");
                }
            });
            let slice = Duration::from_millis(250);
            for number in 0..300_u32 {
                let before = Instant::now();
                assert_eq!(receiver.recv().expect("recv"), number.to_le_bytes());
                // One lost wake-up may hide in a slice; three hundred would not fit the watchdog.
                assert!(before.elapsed() < slice * 8);
            }
            filling.join().expect("the filling thread");
        },
        |mut parent| {
            let (mut sender, mut receiver) = accept_from(&mut parent);
            let mut buf = [0; 1000];
            for number in 0..3000_u32 {
                receiver.recv_into(&mut buf).expect("recv");
                assert_eq!(buf[..4], number.to_le_bytes());
                if number % 10 == 0 {
                    // Long enough for the ring to fill and for both of them to sleep.
                    let pause = Timespec { tv_sec: 0, tv_nsec: 300_000 };
                    poll(&mut [], Some(&pause)).expect("a pause");
                    sender.send(&(number / 10).to_le_bytes()).expect("send");
                }
            }
        },
    );
}

/// X18: a canceller ends one wait of its end, and no other's.
#[test]
fn a_canceller_ends_one_wait() {
    alone("untrusted::waits::a_canceller_ends_one_wait", || {
        let options = Options::new().capacity(4096);
        let ((mut sender, near), (far, mut receiver)) = both(&options);
        let canceller = receiver.canceller();
        let stopper = std::thread::spawn(move || canceller.cancel());
        assert!(matches!(receiver.recv(), Err(Error::Cancelled)));
        stopper.join().expect("the stopper");
        let short = Duration::from_millis(5);
        assert!(matches!(receiver.recv_timeout(short), Err(Error::TimedOut)));

        // Before the wait, twice: one wait ends.
        sender.canceller().cancel();
        sender.canceller().cancel();
        while sender.try_send(&[0; 500]).is_ok() {}
        assert!(matches!(sender.send(&[0; 500]), Err(Error::Cancelled)));
        assert!(matches!(sender.send_timeout(&[0; 500], short), Err(Error::TimedOut)));
        drop((near, far));
    });
}

/// X18: in a signal handler, too.
#[test]
fn a_signal_handler_can_cancel() {
    alone("untrusted::waits::a_signal_handler_can_cancel", || {
        let ((_sender, _near), (_far, mut receiver)) = both(&Options::new());
        // The handler is never taken back: it would keep the descriptor open.
        let canceller = Arc::new(Mutex::new(Some(receiver.canceller())));
        let inside = Arc::clone(&canceller);
        let cancel = move || {
            if let Some(canceller) = inside.try_lock().ok().as_deref().and_then(Option::as_ref) {
                canceller.cancel();
            }
        };
        fault::signal_handler_calls(libc::SIGUSR1, Box::new(cancel));
        fault::raise(libc::SIGUSR1);
        assert!(matches!(receiver.recv(), Err(Error::Cancelled)));
        canceller.lock().expect("nobody panicked").take();
    });
}

/// X2: signals do not end a wait, nor make it longer.
#[test]
fn signals_leave_the_deadline_as_it_is() {
    alone("untrusted::waits::signals_leave_the_deadline_as_it_is", || {
        let options = Options::new().capacity(4096);
        let ((mut sender, _near), (_far, mut receiver)) = both(&options);
        let storm = fault::alarm_storm(Duration::from_millis(1));
        let before = Instant::now();
        assert!(matches!(receiver.recv_timeout(Duration::from_millis(300)), Err(Error::TimedOut)));
        assert!(before.elapsed() >= Duration::from_millis(300));
        while sender.try_send(&[0; 500]).is_ok() {}
        let before = Instant::now();
        let full = sender.send_timeout(&[0; 500], Duration::from_millis(300));
        assert!(matches!(full, Err(Error::TimedOut)));
        assert!(before.elapsed() >= Duration::from_millis(300));
        assert!(storm.count() > 10, "{} signals came", storm.count());
    });
}

/// A descriptor for an event loop: unreadable after `WouldBlock`, readable when a message comes, when there
/// is room again, and when the peer is gone.
#[test]
fn the_descriptor_tells_when_to_look() {
    alone("untrusted::waits::the_descriptor_tells_when_to_look", || {
        let options = Options::new().capacity(4096);
        let ((mut sender, _near), (far, mut receiver)) = both(&options);
        receiver.ready().expect("a descriptor");
        assert!(matches!(receiver.try_recv(), Err(Error::WouldBlock)));
        for round in 0..100 {
            assert!(!readable(receiver.ready().expect("it"), 0), "round {round}");
            sender.send(b"x").expect("send");
            assert!(readable(receiver.ready().expect("it"), 5), "round {round}");
            assert_eq!(receiver.try_recv().expect("a message"), b"x");
            assert!(matches!(receiver.try_recv(), Err(Error::WouldBlock)));
        }
        sender.ready().expect("a descriptor");
        while sender.try_send(&[0; 100]).is_ok() {}
        assert!(!readable(sender.ready().expect("it"), 0));
        receiver.recv().expect("a message");
        assert!(readable(sender.ready().expect("it"), 5));
        while receiver.try_recv().is_ok() {}
        assert!(!readable(receiver.ready().expect("it"), 0));
        drop(sender);
        assert!(readable(receiver.ready().expect("it"), 5));
        assert!(matches!(receiver.try_recv(), Err(Error::Closed { peer_died: false })));
        drop(far);
    });
}

fn readable(fd: std::os::fd::BorrowedFd<'_>, seconds: i64) -> bool {
    let mut entry = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
    poll(&mut entry, Some(&Timespec { tv_sec: seconds, tv_nsec: 0 })).expect("poll") > 0
}
