//! What an end sees when the process at the other one dies.

use std::time::Duration;

use ipc_devkit::{fault, processes, two_process};
use ipc_pipe::{Error, Frames, Reader, Writer, pipe};

/// P6: killed inside a message: `Truncated`, not a hang, not a short message.
#[test]
fn a_message_cut_by_death_is_truncated() {
    two_process(
        "death::a_message_cut_by_death_is_truncated",
        |mut child| {
            let (reader, writer) = pipe().expect("create");
            child.give(&writer);
            drop(writer);
            let mut frames = Frames::new(reader);
            assert_eq!(frames.recv().expect("a whole one"), b"whole");
            child.kill();
            match frames.recv() {
                Err(Error::Truncated { got: 7, want: 104 }) => {}
                other => panic!("{other:?}"),
            }
        },
        |mut parent| {
            let mut writer = Writer::from(parent.take());
            writer.write(b"\x05\0\0\0whole\x64\0\0\0cut").expect("write");
            let _ = parent.hear();
        },
    );
}

/// P6: the same while a second writer keeps the pipe open: the watch ends the wait.
#[test]
fn a_message_cut_by_death_is_noticed_though_another_writer_lives() {
    two_process(
        "death::a_message_cut_by_death_is_noticed_though_another_writer_lives",
        |mut child| {
            let (reader, second_writer) = pipe().expect("create");
            child.give(&second_writer);
            let mut frames = Frames::new(reader);
            let pid = child.raw_pid().try_into().expect("positive");
            frames.end_mut().watch_peer(pid).expect("watch");
            assert_eq!(frames.recv().expect("a whole one"), b"whole");
            child.kill();
            assert!(matches!(frames.recv(), Err(Error::Truncated { got: 7, want: 104 })));
            drop(second_writer);
        },
        |mut parent| {
            let mut writer = Writer::from(parent.take());
            writer.write(b"\x05\0\0\0whole\x64\0\0\0cut").expect("write");
            let _ = parent.hear();
        },
    );
}

/// P7: a copy of the writing end in a forked child means no end of the stream; the watch fires.
#[test]
fn a_leaked_writing_end_does_not_hide_the_death() {
    two_process(
        "death::a_leaked_writing_end_does_not_hide_the_death",
        |mut child| {
            let (mut reader, writer) = pipe().expect("create");
            child.give(&writer);
            let holder = fault::fork_orphan();
            drop(writer);
            reader.watch_peer(child.raw_pid().try_into().expect("positive")).expect("watch");
            assert_eq!(child.hear(), "written");
            child.kill();
            let mut buf = [0; 8];
            assert_eq!(reader.read(&mut buf).expect("what it wrote comes first"), 4);
            assert!(matches!(reader.read(&mut buf), Err(Error::Closed { peer_died: true })));
            assert!(matches!(reader.try_read(&mut buf), Err(Error::Closed { peer_died: true })));
            let long = Duration::from_secs(60);
            let dead = reader.read_timeout(&mut buf, long);
            assert!(matches!(dead, Err(Error::Closed { peer_died: true })));
            drop(holder);
            assert_eq!(reader.read(&mut buf).expect("now the pipe itself has ended"), 0);
        },
        |mut parent| {
            Writer::from(parent.take()).write(b"last").expect("write");
            parent.tell("written");
            let _ = parent.hear();
        },
    );
}

/// P7: the same for a writer whose reader died while a copy of the reading end lives on.
#[test]
fn a_leaked_reading_end_does_not_hide_the_death() {
    two_process(
        "death::a_leaked_reading_end_does_not_hide_the_death",
        |mut child| {
            let (reader, mut writer) = pipe().expect("create");
            child.give(&reader);
            writer.watch_peer(child.raw_pid().try_into().expect("positive")).expect("watch");
            child.kill();
            let outcome = loop {
                match writer.write(&[1; 4096]) {
                    Ok(_) => {}
                    Err(error) => break error,
                }
            };
            assert!(matches!(outcome, Error::Closed { peer_died: true }), "{outcome}");
            drop(reader);
        },
        |mut parent| {
            let _reader = Reader::from(parent.take());
            let _ = parent.hear();
        },
    );
}

#[test]
fn watching_a_process_that_is_gone_says_so() {
    let mut child = std::process::Command::new("true").spawn().expect("spawn");
    let pid = child.id();
    child.wait().expect("reap");
    let (mut reader, _writer) = pipe().expect("create");
    assert!(matches!(reader.watch_peer(pid), Err(Error::Closed { peer_died: true })));
    assert!(matches!(reader.watch_peer(0), Err(Error::Os { .. })));
    assert!(matches!(reader.watch_peer(u32::MAX), Err(Error::Os { .. })));
}

/// A paused peer is not a dead one.
#[test]
fn a_paused_writer_is_not_dead() {
    two_process(
        "death::a_paused_writer_is_not_dead",
        |mut child| {
            let (mut reader, writer) = pipe().expect("create");
            child.give(&writer);
            drop(writer);
            reader.watch_peer(child.raw_pid().try_into().expect("positive")).expect("watch");
            assert_eq!(child.hear(), "ready");
            child.stop();
            let waited = reader.read_timeout(&mut [0; 8], Duration::from_millis(50));
            assert!(matches!(waited, Err(Error::TimedOut)));
            child.cont();
            child.tell("write");
            assert_eq!(reader.read(&mut [0; 8]).expect("read"), 5);
        },
        |mut parent| {
            let mut writer = Writer::from(parent.take());
            parent.tell("ready");
            assert_eq!(parent.hear(), "write");
            writer.write(b"alive").expect("write");
        },
    );
}

/// P6: killed after each number of bytes of a message, with a second writer still there.
#[test]
fn a_frame_torn_at_any_byte_is_truncated() {
    const FRAME: &[u8] = b"\x05\0\0\0whole";
    processes(
        "death::a_frame_torn_at_any_byte_is_truncated",
        FRAME.len() + 1,
        |children| {
            for (sent, mut child) in children.into_iter().enumerate() {
                let (reader, second_writer) = pipe().expect("create");
                child.give(&second_writer);
                let mut frames = Frames::new(reader);
                let pid = child.raw_pid().try_into().expect("positive");
                frames.end_mut().watch_peer(pid).expect("watch");
                assert_eq!(child.hear(), "written");
                child.kill();
                match (sent, frames.recv()) {
                    (0, Err(Error::Closed { peer_died: true })) => {}
                    (9, Ok(message)) => assert_eq!(message, b"whole"),
                    (_, Err(Error::Truncated { got, .. })) => assert_eq!(got, sent),
                    (_, other) => panic!("after {sent} bytes: {other:?}"),
                }
                drop(second_writer);
            }
        },
        |mut parent, sent| {
            let mut writer = Writer::from(parent.take());
            for byte in &FRAME[..sent] {
                writer.write(&[*byte]).expect("write");
            }
            parent.tell("written");
            let _ = parent.hear();
        },
    );
}
