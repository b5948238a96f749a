//! Signals, and what may be done in their handlers.

use std::time::{Duration, Instant};

use ipc_devkit::{alone, fault, two_process};
use ipc_shm::Error;
use ipc_shm::ring::{Receiver, Sender, Wait};

use super::{Gone, LONG, open, pattern, small};

/// X18: a signal handler may cancel.
#[test]
fn a_signal_handler_may_cancel() {
    alone("ring::signals::a_signal_handler_may_cancel", || {
        for (signal, wait) in [(libc::SIGUSR1, Wait::Block), (libc::SIGUSR2, Wait::Spin)] {
            let (mut sender, mut receiver) = small().wait(wait).pair().expect("make");
            while sender.try_send(&[7; 100]).is_ok() {}
            let both = [receiver.canceller(), sender.canceller()];
            let cancel = move || both.iter().for_each(ipc_shm::Canceller::cancel);
            fault::signal_handler_calls(signal, Box::new(cancel));
            fault::raise(signal);
            assert!(matches!(sender.send_timeout(&[7; 100], LONG), Err(Error::Cancelled)));
            receiver.drain(99, |_| {}).expect("drain");
            assert!(matches!(receiver.recv_timeout(LONG), Err(Error::Cancelled)));
        }
    });
}

/// X2: signals end no wait, and move no deadline.
#[test]
fn a_storm_of_signals_moves_no_deadline() {
    alone("ring::signals::a_storm_of_signals_moves_no_deadline", || {
        let time = Duration::from_millis(300);
        for wait in [Wait::Block, Wait::Spin] {
            let (mut sender, mut receiver) = small().wait(wait).pair().expect("make");
            let storm = fault::alarm_storm(Duration::from_millis(1));
            let since = Instant::now();
            assert!(matches!(receiver.recv_timeout(time), Err(Error::TimedOut)));
            let spent = [since.elapsed(), {
                while sender.try_send(&[7; 100]).is_ok() {}
                let since = Instant::now();
                assert!(matches!(sender.send_timeout(&[7; 100], time), Err(Error::TimedOut)));
                since.elapsed()
            }];
            assert!(storm.count() > 10, "{}", storm.count());
            drop(storm);
            for spent in spent {
                assert!(spent >= time && spent < time + Duration::from_secs(1), "{spent:?}");
            }
        }
    });
}

/// X2: nothing is lost, doubled or torn while both sides are interrupted all the time.
#[test]
fn a_storm_of_signals_loses_nothing() {
    const COUNT: u64 = 20_000;
    let len = |number: u64| usize::try_from(number % 251).expect("small");
    two_process(
        "ring::signals::a_storm_of_signals_loses_nothing",
        |mut child| {
            let gone = Gone::new("ring");
            let mut sender: Sender = small().create(&gone.0).expect("create");
            child.tell(&gone.0);
            let storm = fault::alarm_storm(Duration::from_millis(1));
            for number in 0..COUNT {
                sender.send_timeout(&pattern(number, len(number)), LONG).expect("send");
            }
            drop(storm);
            assert_eq!(child.hear(), "done");
        },
        |mut parent| {
            let mut receiver: Receiver = open(&parent.hear());
            let storm = fault::alarm_storm(Duration::from_millis(1));
            for number in 0..COUNT {
                let message = receiver.recv_timeout(LONG).expect("a message");
                assert_eq!(message, pattern(number, len(number)), "message {number}");
            }
            drop(storm);
            assert!(matches!(receiver.try_recv(), Err(Error::WouldBlock)));
            parent.tell("done");
        },
    );
}
