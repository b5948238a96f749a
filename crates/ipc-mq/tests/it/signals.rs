//! X2: signal handlers that run all the time.

use std::time::{Duration, Instant};

use ipc_devkit::{alone, fault, two_process};
use ipc_mq::Error;
use ipc_mq::sysv::{Filter, Queue, QueueOptions, Timing};

use crate::{Private, small};

/// X2: a deadline is kept while a handler runs every millisecond.
#[test]
fn a_storm_of_signals_moves_no_deadline() {
    alone("signals::a_storm_of_signals_moves_no_deadline", || {
        let (queue, _gone) = small("q");
        let other = Private::new();
        let polling = QueueOptions::new().timing(Timing::Polling);
        let polling = polling.from_id(other.0.id()).expect("open");
        let storm = fault::alarm_storm(Duration::from_millis(1));
        let wait = Duration::from_millis(200);
        let mut spent = Vec::new();
        let mut time = |call: &dyn Fn() -> Result<(), Error>| {
            let start = Instant::now();
            assert!(matches!(call(), Err(Error::TimedOut)));
            spent.push(start.elapsed());
        };
        time(&|| queue.recv_timeout(wait).map(drop));
        time(&|| other.0.recv_timeout(Filter::Any, wait).map(drop));
        time(&|| polling.recv_timeout(Filter::Any, wait).map(drop));
        while queue.try_send(0, b"x").is_ok() {}
        while other.0.try_send(1, &[0; 1000]).is_ok() {}
        time(&|| queue.send_timeout(0, b"x", wait));
        time(&|| other.0.send_timeout(1, &[0; 1000], wait));
        assert!(storm.count() > 300, "only {} signals came", storm.count());
        drop(storm);
        for spent in spent {
            assert!(spent >= wait && spent < wait + Duration::from_millis(100), "{spent:?}");
        }
    });
}

/// X2: nothing is lost or doubled while both sides are interrupted all the time.
#[test]
fn a_storm_of_signals_loses_nothing() {
    const COUNT: u64 = 30_000;
    two_process(
        "signals::a_storm_of_signals_loses_nothing",
        |mut child| {
            let (queue, gone) = small("q");
            let other = Private::new();
            child.tell(&gone.0);
            child.tell(&other.0.id().to_string());
            let storm = fault::alarm_storm(Duration::from_millis(1));
            for number in 0..COUNT {
                queue.send(0, &number.to_le_bytes()).expect("send");
                other.0.send(1, &number.to_le_bytes()).expect("send");
            }
            drop(storm);
            assert_eq!(child.hear(), "done");
        },
        |mut parent| {
            let queue = ipc_mq::posix::Queue::open(&parent.hear()).expect("open");
            let other = Queue::from_id(parent.hear().parse().expect("id")).expect("open");
            let storm = fault::alarm_storm(Duration::from_millis(1));
            for number in 0..COUNT {
                assert_eq!(queue.recv().expect("receive").bytes, number.to_le_bytes());
                let bytes = other.recv(Filter::Any).expect("receive").bytes;
                assert_eq!(bytes, number.to_le_bytes());
            }
            drop(storm);
            assert!(matches!(queue.try_recv(), Err(Error::WouldBlock)));
            assert!(matches!(other.try_recv(Filter::Any), Err(Error::WouldBlock)));
            parent.tell("done");
        },
    );
}
