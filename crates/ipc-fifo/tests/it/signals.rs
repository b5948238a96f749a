//! Signals neither kill nor shorten nor lengthen a call.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use ipc_devkit::{alone, fault, two_process};
use ipc_fifo::{Error, Fifo};

use crate::{ends, fill, scratch};

/// X7: SIGPIPE is never delivered, though its action is to kill.
#[test]
fn writing_when_nobody_reads_does_not_kill() {
    alone("signals::writing_when_nobody_reads_does_not_kill", || {
        fault::set_sigpipe_default();
        let (_dir, path) = scratch();
        let fifo = Fifo::create(path).expect("create");
        let (reader, mut writer) = ends(&fifo);
        drop(reader);
        assert!(matches!(writer.write(b"x"), Err(Error::Closed { .. })));
        assert!(matches!(writer.try_write(b"x"), Err(Error::Closed { .. })));
        assert!(matches!(writer.write_atomic(b"x"), Err(Error::Closed { .. })));
        let error = writer.write_all(b"x").expect_err("closed");
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
        // A reader that waits for a writer copies some of the data that is there.
        let _reader = fifo.try_open_reader().expect("open");
        let mut writer = fifo.try_open_writer().expect("open");
        writer.write(b"data").expect("write");
        fifo.open_reader().expect("there is a writer");
    });
}

/// X2: a deadline is kept while a signal handler runs every millisecond.
#[test]
fn a_storm_of_signals_moves_no_deadline() {
    alone("signals::a_storm_of_signals_moves_no_deadline", || {
        let (_dir, path) = scratch();
        let fifo = Fifo::create(path).expect("create");
        let (mut reader, mut writer) = ends(&fifo);
        let storm = fault::alarm_storm(Duration::from_millis(1));
        let wait = Duration::from_millis(300);
        let start = Instant::now();
        assert!(matches!(reader.read_timeout(&mut [0; 8], wait), Err(Error::TimedOut)));
        let reading = start.elapsed();
        fill(&mut writer);
        let start = Instant::now();
        assert!(matches!(writer.write_timeout(&[0; 8], wait), Err(Error::TimedOut)));
        let writing = start.elapsed();
        assert!(storm.count() > 100, "only {} signals came", storm.count());
        drop(storm);
        for spent in [reading, writing] {
            assert!(spent >= wait && spent < wait + Duration::from_millis(100), "{spent:?}");
        }
    });
}

/// X2: nothing is lost or doubled while both sides are interrupted all the time.
#[test]
fn a_storm_of_signals_loses_nothing() {
    const COUNT: u64 = 50_000;
    two_process(
        "signals::a_storm_of_signals_loses_nothing",
        |mut child| {
            let (_dir, path) = scratch();
            let fifo = Fifo::create(&path).expect("create");
            child.tell(path.to_str().expect("text"));
            let storm = fault::alarm_storm(Duration::from_millis(1));
            let mut writer = fifo.open_writer().expect("open");
            for number in 0..COUNT {
                writer.write_all(&number.to_le_bytes()).expect("write");
            }
            drop((storm, writer));
            assert_eq!(child.hear(), "all");
        },
        |mut parent| {
            let fifo = Fifo::open(parent.hear()).expect("open");
            let storm = fault::alarm_storm(Duration::from_millis(1));
            let mut reader = fifo.open_reader().expect("open");
            let mut number = [0; 8];
            for expected in 0..COUNT {
                reader.read_exact(&mut number).expect("read");
                assert_eq!(u64::from_le_bytes(number), expected);
            }
            assert_eq!(reader.read(&mut number).expect("end"), 0);
            drop(storm);
            parent.tell("all");
        },
    );
}
