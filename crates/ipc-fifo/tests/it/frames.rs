//! Whole messages, whatever the pieces they come in.

use std::time::Duration;

use ipc_devkit::{processes, two_process};
use ipc_fifo::{Error, Fifo, Frames, PIPE_BUF, Reader, Writer};

use crate::{ends, scratch};

const SHORT: Duration = Duration::from_millis(20);

#[test]
fn messages_of_all_lengths_arrive_whole_and_in_order() {
    two_process(
        "frames::messages_of_all_lengths_arrive_whole_and_in_order",
        |mut child| {
            let (_dir, path) = scratch();
            let fifo = Fifo::create(&path).expect("create");
            child.tell(path.to_str().expect("text"));
            let mut frames = Frames::new(fifo.open_writer().expect("open"));
            for len in lengths() {
                frames.send(&message(len)).expect("send");
            }
        },
        |mut parent| {
            let fifo = Fifo::open(parent.hear()).expect("open");
            let frames = Frames::new(fifo.open_reader().expect("open"));
            let mut lengths = lengths();
            for received in frames {
                let len = lengths.next().expect("one too many");
                assert_eq!(received.expect("receive"), message(len), "length {len}");
            }
            assert_eq!(lengths.next(), None, "one is missing");
        },
    );
}

fn lengths() -> impl Iterator<Item = usize> {
    (0..200).chain([4091, 4092, 4093, 65_532, 65_536, 70_000, 1 << 20, 3]).chain(0..50)
}

fn message(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from((at * 7 + len) % 251).expect("small")).collect()
}

/// Many writers on one persistent reader: shared frames never mix.
#[test]
fn shared_frames_of_many_writers_do_not_mix() {
    processes(
        "frames::shared_frames_of_many_writers_do_not_mix",
        4,
        |mut children| {
            let (_dir, path) = scratch();
            let fifo = Fifo::create(&path).expect("create");
            let mut frames = Frames::new(Reader::persistent(&fifo).expect("open"));
            for child in &mut children {
                child.tell(path.to_str().expect("text"));
            }
            let mut next = [0_u16; 4];
            for _ in 0..4 * 500 {
                let message = frames.recv().expect("receive");
                let (who, number) = (usize::from(message[0]), [message[1], message[2]]);
                assert_eq!(u16::from_le_bytes(number), next[who]);
                assert!(message[3..].iter().all(|byte| usize::from(*byte) == who), "mixed");
                next[who] += 1;
            }
            assert!(matches!(frames.try_recv(), Err(Error::WouldBlock)));
        },
        |mut parent, index| {
            let fifo = Fifo::open(parent.hear()).expect("open");
            let mut frames = Frames::shared(fifo.open_writer().expect("open"));
            let who = u8::try_from(index).expect("small");
            for number in 0..500_u16 {
                let [low, high] = number.to_le_bytes();
                let mut message = vec![who, low, high];
                message.resize(3 + usize::from(number) * 8, who);
                frames.send(&message).expect("send");
            }
        },
    );
}

#[test]
fn a_deadline_inside_a_message_loses_nothing() {
    let (_dir, path) = scratch();
    let fifo = Fifo::create(path).expect("create");
    let (mut reader, writer) = ends(&fifo);
    assert_eq!(reader.set_capacity(4096).expect("set"), 4096);
    let (mut from, mut to) = (Frames::new(reader), Frames::new(writer));
    let long = message(10_000);
    assert!(matches!(to.send_timeout(&long, SHORT), Err(Error::TimedOut)));
    assert_eq!(to.unsent(), 4 + 10_000 - 4096);
    assert!(matches!(from.recv_timeout(SHORT), Err(Error::TimedOut)));
    assert!(matches!(to.try_send(b"next"), Err(Error::WouldBlock)));
    assert!(matches!(from.try_recv(), Err(Error::WouldBlock)));
    to.flush().expect("the FIFO was emptied");
    assert_eq!(to.unsent(), 0);
    assert_eq!(from.recv_ref().expect("whole"), long);
    to.send(b"next").expect("send");
    assert_eq!(from.recv_deadline(std::time::Instant::now() + SHORT).expect("receive"), b"next");
}

/// X17: a length that lies makes an error, not memory and not a panic.
#[test]
fn a_length_that_lies_is_refused() {
    let (_dir, path) = scratch();
    let fifo = Fifo::create(path).expect("create");
    let (reader, mut writer) = ends(&fifo);
    writer.write(&u32::MAX.to_le_bytes()).expect("write");
    let mut from = Frames::new(reader);
    for _ in 0..2 {
        match from.recv() {
            Err(Error::MessageTooLong { real, limit }) => {
                assert_eq!((real, limit), (u32::MAX as usize, 16 << 20));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_is_too_long_is_refused_before_anything_is_written() {
    let (_dir, path) = scratch();
    let fifo = Fifo::create(path).expect("create");
    let (reader, writer) = ends(&fifo);
    let mut to: Frames<Writer> = Frames::shared(writer);
    assert!(matches!(to.send(&[0; PIPE_BUF - 3]), Err(Error::MessageTooLong { .. })));
    let refused = to.end_mut().write_atomic(&[0; PIPE_BUF + 1]);
    assert!(matches!(refused, Err(Error::MessageTooLong { real: 4097, limit: 4096 })));
    assert_eq!((reader.available().expect("ask"), to.unsent()), (0, 0));
    to.send(&[0; PIPE_BUF - 4]).expect("send");
}

#[test]
fn bytes_read_ahead_are_given_back() {
    let (_dir, path) = scratch();
    let fifo = Fifo::create(path).expect("create");
    let (reader, mut writer) = ends(&fifo);
    writer.write(b"\x01\0\0\0aplain text").expect("write");
    let mut from = Frames::new(reader);
    assert_eq!(from.recv().expect("receive"), b"a");
    let (_reader, rest) = from.into_parts();
    assert_eq!(rest, b"plain text");
}
