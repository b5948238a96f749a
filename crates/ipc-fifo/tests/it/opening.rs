//! Opening an end waits as its form says, and never longer.

use std::time::{Duration, Instant};

use ipc_devkit::{alone, fault, processes, two_process};
use ipc_fifo::{Error, Fifo, Reader};

use crate::{fill, inherited, scratch};

const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(60);

/// F3: without a reader, `NoReader` at once; the reading end opens at once.
#[test]
fn without_a_reader_there_is_no_hang() {
    let (_dir, path) = scratch();
    let fifo = Fifo::create(path).expect("create");
    assert!(matches!(fifo.try_open_writer(), Err(Error::NoReader)));
    let mut reader = fifo.try_open_reader().expect("open");
    assert_eq!(reader.read(&mut [0; 8]).expect("nobody writes"), 0);
    let mut writer = fifo.try_open_writer().expect("now there is one");
    assert!(matches!(reader.try_read(&mut [0; 8]), Err(Error::WouldBlock)));
    writer.write(b"x").expect("write");
    assert_eq!(reader.read(&mut [0; 8]).expect("read"), 1);
    drop(reader);
    assert!(matches!(fifo.try_open_writer(), Err(Error::NoReader)), "a writer is no reader");
    assert!(matches!(writer.try_write(b"x"), Err(Error::Closed { peer_died: false })));
}

/// F4: an open with a deadline ends at it, for either end, though signals rain.
#[test]
fn an_open_ends_at_its_deadline_in_a_storm_of_signals() {
    alone("opening::an_open_ends_at_its_deadline_in_a_storm_of_signals", || {
        let (_dir, path) = scratch();
        let fifo = Fifo::create(path).expect("create");
        let storm = fault::alarm_storm(Duration::from_millis(1));
        let late = SHORT + Duration::from_millis(100);
        for _ in 0..3 {
            let start = Instant::now();
            assert!(matches!(fifo.open_writer_timeout(SHORT), Err(Error::TimedOut)));
            assert!(start.elapsed() >= SHORT && start.elapsed() < late, "{:?}", start.elapsed());
            let start = Instant::now();
            assert!(matches!(fifo.open_reader_timeout(SHORT), Err(Error::TimedOut)));
            assert!(start.elapsed() >= SHORT && start.elapsed() < late, "{:?}", start.elapsed());
        }
        assert!(storm.count() > 50, "only {} signals came", storm.count());
        drop(storm);
        let past = Instant::now();
        assert!(matches!(fifo.open_writer_deadline(past), Err(Error::TimedOut)));
        assert!(matches!(fifo.open_reader_deadline(past), Err(Error::TimedOut)));
        let _reader = fifo.try_open_reader().expect("open");
        fifo.open_writer_deadline(past).expect("somebody is there: no wait");
        fifo.open_writer_timeout(Duration::MAX).expect("for ever");
    });
}

/// F4: no thread is left: what waited in an open has returned and its descriptors are closed.
#[test]
fn nothing_is_left_of_an_open_that_timed_out() {
    alone("opening::nothing_is_left_of_an_open_that_timed_out", || {
        let (_dir, path) = scratch();
        let fifo = Fifo::create(path).expect("create");
        let tasks = || std::fs::read_dir("/proc/self/task").expect("list").count();
        let fds = || std::fs::read_dir("/proc/self/fd").expect("list").count();
        let before = (tasks(), fds());
        for _ in 0..20 {
            let brief = Duration::from_millis(1);
            assert!(matches!(fifo.open_writer_timeout(brief), Err(Error::TimedOut)));
            assert!(matches!(fifo.open_reader_timeout(brief), Err(Error::TimedOut)));
        }
        assert_eq!((tasks(), fds()), before);
    });
}

#[test]
fn each_side_may_wait_for_the_other() {
    two_process(
        "opening::each_side_may_wait_for_the_other",
        |mut child| {
            let (_dir, path) = scratch();
            let fifo = Fifo::create(&path).expect("create");
            child.tell(path.to_str().expect("text"));
            for round in 0..50_u8 {
                let mut writer = fifo.open_writer_timeout(LONG).expect("open");
                writer.write(&[round]).expect("write");
                // Closed before the reader may have looked: it must not miss this writer.
                drop(writer);
                assert_eq!(child.hear(), round.to_string());
                // Only now: the next reader must not meet the last writer.
                child.tell("next");
            }
        },
        |mut parent| {
            let fifo = Fifo::open(parent.hear()).expect("open");
            for round in 0..50_u8 {
                let mut reader = fifo.open_reader_timeout(LONG).expect("open");
                let mut byte = [0; 2];
                assert_eq!(reader.read(&mut byte).expect("read"), 1);
                assert_eq!(byte[0], round);
                drop(reader);
                parent.tell(&round.to_string());
                assert_eq!(parent.hear(), "next");
            }
        },
    );
}

/// Two that meet and part at once have both met: neither waits on for somebody who has been there.
#[test]
fn a_meeting_is_one_for_both() {
    two_process(
        "opening::a_meeting_is_one_for_both",
        |mut child| {
            let (_dir, path) = scratch();
            let second = path.with_extension("2");
            let (first, second) = (Fifo::create(&path), Fifo::create(&second));
            let (first, second) = (first.expect("create"), second.expect("create"));
            child.tell(path.to_str().expect("text"));
            for _ in 0..500 {
                drop(first.open_writer().expect("open"));
                drop(second.open_reader().expect("open"));
            }
        },
        |mut parent| {
            let path = parent.hear();
            let first = Fifo::open(&path).expect("open");
            let second = Fifo::open(format!("{path}.2")).expect("open");
            for _ in 0..500 {
                drop(first.open_reader().expect("open"));
                drop(second.open_writer().expect("open"));
            }
        },
    );
}

/// A writer that came and went without a word is seen by a reader that waits for one.
#[test]
fn a_silent_writer_ends_the_wait_of_a_reader() {
    let (_dir, path) = scratch();
    let fifo = Fifo::create(path).expect("create");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| fifo.open_reader_timeout(LONG).map(drop));
        drop(fifo.open_writer_timeout(LONG).expect("open"));
        // The first writer may have closed before the reader's second look; either way it returns.
        waiting.join().expect("no panic").expect("seen");
    });
}

/// All who wait for a reader get it.
#[test]
fn one_reader_ends_the_wait_of_all_writers() {
    processes(
        "opening::one_reader_ends_the_wait_of_all_writers",
        5,
        |mut children| {
            let (_dir, path) = scratch();
            let fifo = Fifo::create(&path).expect("create");
            for child in &mut children {
                child.tell(path.to_str().expect("text"));
                assert_eq!(child.hear(), "waiting");
            }
            let mut reader = Reader::persistent(&fifo).expect("open");
            let mut got = 0;
            while got < 5 {
                got += reader.read_timeout(&mut [0; 8], LONG).expect("read");
            }
        },
        |mut parent, _| {
            let fifo = Fifo::open(parent.hear()).expect("open");
            parent.tell("waiting");
            fifo.open_writer().expect("open").write_atomic(b"x").expect("write");
        },
    );
}

/// X14: a wait for somebody who can never come ends: the name is gone.
#[test]
fn a_wait_ends_when_the_name_is_removed() {
    two_process(
        "opening::a_wait_ends_when_the_name_is_removed",
        |mut child| {
            let (dir, path) = scratch();
            let fifo = Fifo::create(&path).expect("create");
            child.tell(path.to_str().expect("text"));
            assert_eq!(child.hear(), "waiting");
            Fifo::unlink(&path).expect("unlink");
            assert_eq!(child.hear(), "removed");
            let fifo2 = Fifo::create(&path).expect("create");
            child.tell("again");
            assert_eq!(child.hear(), "waiting");
            std::fs::rename(&path, dir.path().join("elsewhere")).expect("rename");
            assert_eq!(child.hear(), "removed");
            drop((fifo, fifo2));
        },
        |mut parent| {
            let path = parent.hear();
            let fifo = Fifo::open(&path).expect("open");
            parent.tell("waiting");
            assert!(matches!(fifo.open_writer(), Err(Error::Removed { .. })));
            parent.tell("removed");
            assert_eq!(parent.hear(), "again");
            let fifo = Fifo::open(&path).expect("open");
            parent.tell("waiting");
            assert!(matches!(fifo.open_reader(), Err(Error::Removed { .. })));
            parent.tell("removed");
        },
    );
}

/// F8: somebody who holds the FIFO and never reads costs its capacity, not the writer's time.
#[test]
fn a_reader_that_does_not_read_costs_only_the_deadline() {
    two_process(
        "opening::a_reader_that_does_not_read_costs_only_the_deadline",
        |mut child| {
            let (_dir, path) = scratch();
            let fifo = Fifo::create(&path).expect("create");
            child.tell(path.to_str().expect("text"));
            assert_eq!(child.hear(), "holding");
            child.stop();
            let mut writer = fifo.open_writer().expect("open");
            let capacity = writer.capacity().expect("ask");
            assert_eq!(fill(&mut writer), capacity);
            let start = Instant::now();
            assert!(matches!(writer.write_timeout(b"x", SHORT), Err(Error::TimedOut)));
            assert!(matches!(writer.write_atomic_timeout(b"x", SHORT), Err(Error::TimedOut)));
            assert!(start.elapsed() >= 2 * SHORT && start.elapsed() < LONG / 10);
            child.cont();
            child.tell("done");
        },
        |mut parent| {
            let fifo = Fifo::open(parent.hear()).expect("open");
            let _reader = fifo.try_open_reader().expect("open");
            parent.tell("holding");
            assert_eq!(parent.hear(), "done");
        },
    );
}

/// X1: nothing that is opened on the way reaches a child.
#[test]
fn no_descriptor_reaches_a_child_or_is_left() {
    alone("opening::no_descriptor_reaches_a_child_or_is_left", || {
        let (_dir, path) = scratch();
        let before = inherited();
        let mut fifo = Fifo::create(path).expect("create");
        let canceller = fifo.canceller().expect("canceller");
        let (mut reader, mut writer) = crate::ends(&fifo);
        let stop = (reader.canceller().expect("canceller"), writer.canceller().expect("canceller"));
        writer.watch_peer(std::os::unix::process::parent_id()).expect("watch");
        let copy = writer.try_clone().expect("clone");
        let persistent = Reader::persistent(&fifo).expect("open");
        assert_eq!(inherited(), before);
        drop((reader, writer));
        drop((persistent, copy));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| fifo.open_writer());
            assert_eq!(inherited(), before);
            canceller.cancel();
            assert!(matches!(waiting.join().expect("no panic"), Err(Error::Cancelled)));
        });
        drop(stop);
    });
}
