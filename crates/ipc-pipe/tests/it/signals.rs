//! Signals neither kill nor shorten nor lengthen a call.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use ipc_devkit::{alone, fault, two_process};
use ipc_pipe::{Error, Reader, pipe};

/// X7: SIGPIPE is never delivered, though its action is to kill.
#[test]
fn writing_to_a_closed_pipe_does_not_kill() {
    alone("signals::writing_to_a_closed_pipe_does_not_kill", || {
        fault::set_sigpipe_default();
        let (reader, mut writer) = pipe().expect("create");
        drop(reader);
        assert!(matches!(writer.write(b"x"), Err(Error::Closed { .. })));
        assert!(matches!(writer.try_write(b"x"), Err(Error::Closed { .. })));
        assert!(matches!(writer.write_atomic(b"x"), Err(Error::Closed { .. })));
        let error = writer.write_all(b"x").expect_err("closed");
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    });
}

/// X2: a deadline is kept while a signal handler runs every millisecond.
#[test]
fn a_storm_of_signals_moves_no_deadline() {
    alone("signals::a_storm_of_signals_moves_no_deadline", || {
        let (mut reader, mut writer) = pipe().expect("create");
        let storm = fault::alarm_storm(Duration::from_millis(1));
        let wait = Duration::from_millis(300);
        let mut spent = Vec::new();
        let start = Instant::now();
        assert!(matches!(reader.read_timeout(&mut [0; 8], wait), Err(Error::TimedOut)));
        spent.push(start.elapsed());
        while writer.try_write(&[0; 4096]).is_ok() {}
        let start = Instant::now();
        assert!(matches!(writer.write_timeout(&[0; 8], wait), Err(Error::TimedOut)));
        spent.push(start.elapsed());
        assert!(storm.count() > 100, "only {} signals came", storm.count());
        drop(storm);
        for spent in spent {
            assert!(spent >= wait && spent < wait + Duration::from_millis(100), "{spent:?}");
        }
    });
}

/// X2: nothing is lost or doubled while both sides are interrupted all the time.
#[test]
fn a_storm_of_signals_loses_nothing() {
    const COUNT: u64 = 100_000;
    two_process(
        "signals::a_storm_of_signals_loses_nothing",
        |mut child| {
            let (reader, mut writer) = pipe().expect("create");
            child.give(&reader);
            drop(reader);
            let storm = fault::alarm_storm(Duration::from_millis(1));
            for number in 0..COUNT {
                writer.write_all(&number.to_le_bytes()).expect("write");
            }
            drop(storm);
            drop(writer);
        },
        |mut parent| {
            let mut reader = Reader::from(parent.take());
            let storm = fault::alarm_storm(Duration::from_millis(1));
            let mut number = [0; 8];
            for expected in 0..COUNT {
                reader.read_exact(&mut number).expect("read");
                assert_eq!(u64::from_le_bytes(number), expected);
            }
            assert_eq!(reader.read(&mut number).expect("end"), 0);
            drop(storm);
        },
    );
}
