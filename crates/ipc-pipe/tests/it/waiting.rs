//! Every wait ends when it should: data, deadline, end of the stream.

use std::time::{Duration, Instant};

use crate::inherited;
use ipc_devkit::{alone, processes, two_process};
use ipc_pipe::{Error, Reader, Writer, pipe};

const SHORT: Duration = Duration::from_millis(30);

fn fill(writer: &mut Writer) -> usize {
    let mut total = 0;
    loop {
        match writer.try_write(&[7; 4096]) {
            Ok(n) => total += n,
            Err(Error::WouldBlock) => return total,
            Err(error) => panic!("fill: {error}"),
        }
    }
}

#[test]
fn reads_of_an_empty_pipe_end_as_their_form_says() {
    let (mut reader, _writer) = pipe().expect("create");
    let mut buf = [0; 8];
    assert!(matches!(reader.try_read(&mut buf), Err(Error::WouldBlock)));
    let start = Instant::now();
    assert!(matches!(reader.read_timeout(&mut buf, SHORT), Err(Error::TimedOut)));
    assert!(start.elapsed() >= SHORT);
    let deadline = Instant::now() + SHORT;
    assert!(matches!(reader.read_deadline(&mut buf, deadline), Err(Error::TimedOut)));
    assert!(Instant::now() >= deadline);
}

#[test]
fn writes_into_a_full_pipe_end_as_their_form_says() {
    let (_reader, mut writer) = pipe().expect("create");
    fill(&mut writer);
    let start = Instant::now();
    assert!(matches!(writer.write_timeout(&[1], SHORT), Err(Error::TimedOut)));
    assert!(matches!(writer.write_atomic_timeout(&[1], SHORT), Err(Error::TimedOut)));
    assert!(start.elapsed() >= 2 * SHORT);
    let past = Instant::now();
    assert!(matches!(writer.write_deadline(&[1], past), Err(Error::TimedOut)));
    assert!(matches!(writer.write_atomic_deadline(&[1], past), Err(Error::TimedOut)));
    assert!(matches!(writer.try_write_atomic(&[1]), Err(Error::WouldBlock)));
}

#[test]
fn a_deadline_that_has_passed_still_takes_what_is_there() {
    let (mut reader, mut writer) = pipe().expect("create");
    writer.write(b"x").expect("write");
    let past = Instant::now();
    assert_eq!(reader.read_deadline(&mut [0; 8], past).expect("read"), 1);
}

#[test]
fn a_timeout_too_long_to_be_represented_means_for_ever() {
    let (mut reader, mut writer) = pipe().expect("create");
    writer.write(b"x").expect("write");
    assert_eq!(reader.read_timeout(&mut [0; 8], Duration::MAX).expect("read"), 1);
}

/// P2: a full pipe refuses up to PIPE_BUF bytes whole, and takes a part of more.
#[test]
fn a_full_pipe_takes_a_part_only_of_long_writes() {
    let (mut reader, mut writer) = pipe().expect("create");
    let capacity = writer.capacity().expect("capacity");
    assert_eq!(fill(&mut writer), capacity);
    let mut page = [0; 4096];
    let mut got = 0;
    while got < page.len() {
        got += reader.read(&mut page[got..]).expect("make room");
    }
    assert!(matches!(writer.try_write(&[7; 4096]), Ok(4096)));
    assert!(matches!(writer.try_write(&[7; 4096]), Err(Error::WouldBlock)));
    reader.read(&mut page).expect("make room");
    assert_eq!(writer.try_write(&vec![7; 3 * 4096]).expect("a part"), 4096);
    assert!(matches!(writer.try_write(&vec![7; 3 * 4096]), Err(Error::WouldBlock)));
}

/// P3: the end of the stream comes after the data; the last reader's end is `Closed`.
#[test]
fn data_comes_before_the_end() {
    let (mut reader, mut writer) = pipe().expect("create");
    writer.write(b"last words").expect("write");
    drop(writer);
    let mut buf = [0; 4];
    let mut lengths = Vec::new();
    for _ in 0..4 {
        lengths.push(reader.read(&mut buf).expect("read"));
    }
    assert_eq!(lengths, [4, 4, 2, 0]);
    let (reader, mut writer) = pipe().expect("create");
    drop(reader);
    assert!(matches!(writer.write(b"x"), Err(Error::Closed { peer_died: false })));
    assert!(matches!(writer.try_write(b"x"), Err(Error::Closed { peer_died: false })));
}

/// P5: a process that waits for room can be killed.
#[test]
fn a_waiting_writer_can_be_killed() {
    two_process(
        "waiting::a_waiting_writer_can_be_killed",
        |mut child| {
            let (reader, mut writer) = pipe().expect("create");
            fill(&mut writer);
            child.give(&writer);
            drop(writer);
            assert_eq!(child.hear(), "writing");
            child.kill();
            drop(reader);
        },
        |mut parent| {
            let mut writer = Writer::from(parent.take());
            parent.tell("writing");
            let _ = writer.write(&[1; 4096]);
            unreachable!("the pipe is full and nobody reads");
        },
    );
}

/// P5: closing the last writing end wakes every reader.
#[test]
fn all_readers_wake_at_the_last_close() {
    processes(
        "waiting::all_readers_wake_at_the_last_close",
        5,
        |mut children| {
            let (reader, writer) = pipe().expect("create");
            for child in &mut children {
                child.give(&reader);
            }
            drop(reader);
            for child in &mut children {
                assert_eq!(child.hear(), "reading");
            }
            drop(writer);
            for child in &mut children {
                assert_eq!(child.hear(), "end");
            }
        },
        |mut parent, _| {
            let mut reader = Reader::from(parent.take());
            parent.tell("reading");
            assert_eq!(reader.read(&mut [0; 8]).expect("wait for the end"), 0);
            parent.tell("end");
        },
    );
}

/// X1: what the waiting forms open on the way is close-on-exec, and closed with the end.
#[test]
fn no_descriptor_reaches_a_child_or_is_left() {
    alone("waiting::no_descriptor_reaches_a_child_or_is_left", || {
        let before = inherited();
        let (mut reader, mut writer) = pipe().expect("create");
        let canceller = reader.canceller().expect("canceller");
        writer.watch_peer(std::os::unix::process::parent_id()).expect("watch");
        let copy = writer.try_clone().expect("clone");
        let (ours, theirs) = ipc_pipe::duplex().expect("duplex");
        assert_eq!(inherited(), before);
        drop((reader, writer, canceller, copy, ours, theirs));
    });
}
