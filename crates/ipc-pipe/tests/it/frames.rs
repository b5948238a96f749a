//! Whole messages, whatever the pieces they come in.

use std::time::Duration;

use ipc_devkit::two_process;
use ipc_pipe::{Error, Frames, PIPE_BUF, PipeOptions, Reader, pipe};

const SHORT: Duration = Duration::from_millis(20);

#[test]
fn messages_of_all_lengths_arrive_whole_and_in_order() {
    two_process(
        "frames::messages_of_all_lengths_arrive_whole_and_in_order",
        |mut child| {
            let (reader, writer) = pipe().expect("create");
            child.give(&reader);
            drop(reader);
            let mut frames = Frames::new(writer);
            for len in lengths() {
                frames.send(&message(len)).expect("send");
            }
        },
        |mut parent| {
            let frames = Frames::new(Reader::from(parent.take()));
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

#[test]
fn a_deadline_inside_a_message_loses_nothing() {
    let (reader, writer) = PipeOptions::new().capacity(4096).create().expect("create");
    let (mut from, mut to) = (Frames::new(reader), Frames::new(writer));
    let long = message(10_000);
    assert!(matches!(to.send_timeout(&long, SHORT), Err(Error::TimedOut)));
    assert_eq!(to.unsent(), 4 + 10_000 - 4096);
    assert!(matches!(from.recv_timeout(SHORT), Err(Error::TimedOut)));
    assert!(matches!(to.try_send(b"next"), Err(Error::WouldBlock)));
    assert!(matches!(from.try_recv(), Err(Error::WouldBlock)));
    to.flush().expect("the pipe was emptied");
    assert_eq!(to.unsent(), 0);
    assert_eq!(from.recv_ref().expect("whole"), long);
    to.send(b"next").expect("send");
    assert_eq!(from.recv_deadline(std::time::Instant::now() + SHORT).expect("receive"), b"next");
}

#[test]
fn a_refused_message_leaves_nothing_in_the_pipe() {
    let (reader, writer) = pipe().expect("create");
    let mut to = Frames::with_limit(writer, 10);
    let refused = to.send(&[0; 11]);
    assert!(matches!(refused, Err(Error::MessageTooLong { real: 11, limit: 10 })));
    assert_eq!((reader.available().expect("ask"), to.unsent()), (0, 0));
    to.send(&[0; 10]).expect("send");
}

/// P1: what several processes send is limited to what stays in one piece.
#[test]
fn shared_frames_refuse_what_could_mix() {
    let (_reader, writer) = pipe().expect("create");
    let mut to = Frames::shared(writer);
    to.send(&[0; PIPE_BUF - 4]).expect("send");
    assert!(matches!(to.send(&[0; PIPE_BUF - 3]), Err(Error::MessageTooLong { .. })));
}

/// X17: a length that lies makes an error, not memory and not a panic.
#[test]
fn a_length_that_lies_is_refused() {
    let (reader, mut writer) = pipe().expect("create");
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
fn bytes_read_ahead_are_given_back() {
    let (reader, mut writer) = pipe().expect("create");
    writer.write(b"\x01\0\0\0aplain text").expect("write");
    let mut from = Frames::new(reader);
    assert_eq!(from.recv().expect("receive"), b"a");
    let (_reader, rest) = from.into_parts();
    assert_eq!(rest, b"plain text");
}

#[test]
fn iteration_ends_after_an_error() {
    let (reader, mut writer) = pipe().expect("create");
    writer.write(b"\x01\0\0\0a\x09\0\0\0cut").expect("write");
    drop(writer);
    let mut messages = Frames::new(reader).into_iter();
    assert!(matches!(messages.next(), Some(Ok(message)) if message == b"a"));
    assert!(matches!(messages.next(), Some(Err(Error::Truncated { got: 7, want: 13 }))));
    assert!(messages.next().is_none());
}
