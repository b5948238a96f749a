//! A persistent reader outlives its writers.

use std::time::{Duration, Instant};

use ipc_devkit::two_process;
use ipc_fifo::{Error, Fifo, Reader};

use crate::scratch;

const LONG: Duration = Duration::from_secs(60);

/// F5: a hundred writers come and go, and no end of the stream comes between them.
#[test]
fn a_hundred_generations_of_writers_bring_no_end() {
    two_process(
        "persistent::a_hundred_generations_of_writers_bring_no_end",
        |mut child| {
            let (_dir, path) = scratch();
            let fifo = Fifo::create(&path).expect("create");
            let mut reader = Reader::persistent(&fifo).expect("open");
            child.tell(path.to_str().expect("text"));
            let mut buf = [0; 8];
            for generation in 0..100_u64 {
                assert_eq!(reader.read(&mut buf).expect("read"), 8);
                assert_eq!(u64::from_le_bytes(buf), generation);
                // The writer has closed its end, or will: there is no end of the stream.
                assert!(matches!(reader.try_read(&mut buf), Err(Error::WouldBlock)));
                child.tell("next");
                assert_eq!(child.hear(), "closed");
                assert!(matches!(reader.try_read(&mut buf), Err(Error::WouldBlock)));
                child.tell("next");
            }
        },
        |mut parent| {
            let path = parent.hear();
            for generation in 0..100_u64 {
                let fifo = Fifo::open(&path).expect("open");
                let mut writer = fifo.try_open_writer().expect("the reader is always there");
                writer.write_atomic(&generation.to_le_bytes()).expect("write");
                assert_eq!(parent.hear(), "next");
                drop(writer);
                parent.tell("closed");
                assert_eq!(parent.hear(), "next");
            }
        },
    );
}

/// F5: waiting from one writer to the next costs no processor time.
#[test]
fn waiting_between_writers_does_not_spin() {
    let cpu = || {
        let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(spent.tv_sec.unsigned_abs(), u32::try_from(spent.tv_nsec).expect("small"))
    };
    let (_dir, path) = scratch();
    let fifo = Fifo::create(path).expect("create");
    let mut reader = Reader::persistent(&fifo).expect("open");
    drop(fifo.open_writer().expect("a writer that came and went"));
    let (start, before) = (Instant::now(), cpu());
    let nothing = reader.read_timeout(&mut [0; 8], Duration::from_millis(300));
    assert!(matches!(nothing, Err(Error::TimedOut)));
    let (wall, spent) = (start.elapsed(), cpu() - before);
    assert!(spent * 20 < wall, "{spent:?} of {wall:?}");
    // The same for whoever waits for the other end to be opened.
    drop(reader);
    let (start, before) = (Instant::now(), cpu());
    let nobody = fifo.open_writer_timeout(Duration::from_millis(300));
    assert!(matches!(nobody, Err(Error::TimedOut)));
    let (wall, spent) = (start.elapsed(), cpu() - before);
    assert!(spent * 20 < wall, "{spent:?} of {wall:?}");
}

/// A writer that is killed does not end the stream, and its atomic records are whole.
#[test]
fn a_killed_writer_leaves_whole_records() {
    two_process(
        "persistent::a_killed_writer_leaves_whole_records",
        |mut child| {
            let (_dir, path) = scratch();
            let fifo = Fifo::create(&path).expect("create");
            let mut reader = Reader::persistent(&fifo).expect("open");
            child.tell(path.to_str().expect("text"));
            let mut record = [0; 256];
            for _ in 0..100 {
                std::io::Read::read_exact(&mut reader, &mut record).expect("read");
            }
            child.kill();
            let mut writer = fifo.open_writer().expect("open");
            while reader.available().expect("ask") > 0 {
                std::io::Read::read_exact(&mut reader, &mut record).expect("read");
                assert!(record.iter().all(|byte| *byte == record[0]), "torn");
            }
            writer.write_atomic(b"next").expect("write");
            assert_eq!(reader.read_timeout(&mut record, LONG).expect("read"), 4);
        },
        |mut parent| {
            let fifo = Fifo::open(parent.hear()).expect("open");
            let mut writer = fifo.open_writer().expect("open");
            for number in (0..=u8::MAX).cycle() {
                writer.write_atomic(&[number; 256]).expect("write");
            }
        },
    );
}

/// It keeps writers from `NoReader` only while it lives.
#[test]
fn writers_learn_that_it_is_gone() {
    let (_dir, path) = scratch();
    let fifo = Fifo::create(path).expect("create");
    let reader = Reader::persistent(&fifo).expect("open");
    let mut writer = fifo.open_writer().expect("open");
    drop(reader);
    assert!(matches!(writer.write(b"x"), Err(Error::Closed { peer_died: false })));
    assert!(matches!(fifo.try_open_writer(), Err(Error::NoReader)));
}
