//! What an end sees when the process at the other one dies.

use std::time::Duration;

use ipc_devkit::two_process;
use ipc_fifo::{Error, Fifo, Frames, Reader};

use crate::scratch;

const LONG: Duration = Duration::from_secs(60);

/// X17: killed inside a message: `Truncated`, not a hang, not a short message.
#[test]
fn a_message_cut_by_death_is_truncated() {
    two_process(
        "death::a_message_cut_by_death_is_truncated",
        |mut child| {
            let (_dir, path) = scratch();
            let fifo = Fifo::create(&path).expect("create");
            child.tell(path.to_str().expect("text"));
            let mut frames = Frames::new(fifo.open_reader().expect("open"));
            assert_eq!(frames.recv().expect("a whole one"), b"whole");
            child.kill();
            match frames.recv() {
                Err(Error::Truncated { got: 7, want: 104 }) => {}
                other => panic!("{other:?}"),
            }
        },
        |mut parent| {
            let fifo = Fifo::open(parent.hear()).expect("open");
            let mut writer = fifo.open_writer().expect("open");
            writer.write(b"\x05\0\0\0whole\x64\0\0\0cut").expect("write");
            let _ = parent.hear();
        },
    );
}

/// The same on a persistent reader, which has no end of the stream: the watch ends the wait.
#[test]
fn a_watched_death_ends_the_wait_of_a_persistent_reader() {
    two_process(
        "death::a_watched_death_ends_the_wait_of_a_persistent_reader",
        |mut child| {
            let (_dir, path) = scratch();
            let fifo = Fifo::create(&path).expect("create");
            let mut reader = Reader::persistent(&fifo).expect("open");
            reader.watch_peer(child.raw_pid().try_into().expect("positive")).expect("watch");
            child.tell(path.to_str().expect("text"));
            assert_eq!(child.hear(), "written");
            child.kill();
            let mut buf = [0; 8];
            assert_eq!(reader.read(&mut buf).expect("what it wrote comes first"), 4);
            for _ in 0..2 {
                let dead = reader.read_timeout(&mut buf, LONG);
                assert!(matches!(dead, Err(Error::Closed { peer_died: true })), "{dead:?}");
            }
            // The FIFO itself goes on.
            fifo.open_writer().expect("open").write(b"next").expect("write");
            assert_eq!(reader.read(&mut buf).expect("read"), 4);
        },
        |mut parent| {
            let fifo = Fifo::open(parent.hear()).expect("open");
            let mut writer = fifo.open_writer().expect("open");
            writer.write(b"last").expect("write");
            parent.tell("written");
            let _ = parent.hear();
        },
    );
}

/// The last reader's death ends a write that waits for room.
#[test]
fn a_dead_reader_ends_a_write() {
    two_process(
        "death::a_dead_reader_ends_a_write",
        |mut child| {
            let (_dir, path) = scratch();
            let fifo = Fifo::create(&path).expect("create");
            child.tell(path.to_str().expect("text"));
            assert_eq!(child.hear(), "holding");
            let mut writer = fifo.open_writer().expect("open");
            crate::fill(&mut writer);
            let writing = std::thread::spawn(move || writer.write(b"x"));
            child.kill();
            let outcome = writing.join().expect("no panic");
            assert!(matches!(outcome, Err(Error::Closed { .. })), "{outcome:?}");
            assert!(matches!(fifo.try_open_writer(), Err(Error::NoReader)));
        },
        |mut parent| {
            let fifo = Fifo::open(parent.hear()).expect("open");
            let _reader = fifo.try_open_reader().expect("open");
            parent.tell("holding");
            let _ = parent.hear();
        },
    );
}

/// The death of one who waits in an open disturbs nobody.
#[test]
fn a_death_inside_an_open_leaves_nothing() {
    two_process(
        "death::a_death_inside_an_open_leaves_nothing",
        |mut child| {
            let (_dir, path) = scratch();
            let fifo = Fifo::create(&path).expect("create");
            child.tell(path.to_str().expect("text"));
            // It waits for a writer, and has its end open meanwhile.
            let mut writer = fifo.open_writer().expect("open");
            child.kill();
            assert!(matches!(writer.write(b"x"), Err(Error::Closed { .. })));
            assert!(matches!(fifo.try_open_writer(), Err(Error::NoReader)));
        },
        |mut parent| {
            let fifo = Fifo::open(parent.hear()).expect("open");
            let _reader = fifo.open_reader().expect("open");
            let _ = parent.hear();
        },
    );
}

#[test]
fn watching_a_process_that_is_gone_says_so() {
    let mut child = std::process::Command::new("true").spawn().expect("spawn");
    let pid = child.id();
    child.wait().expect("reap");
    let (_dir, path) = scratch();
    let fifo = Fifo::create(path).expect("create");
    let (mut reader, _writer) = crate::ends(&fifo);
    assert!(matches!(reader.watch_peer(pid), Err(Error::Closed { peer_died: true })));
    assert!(matches!(reader.watch_peer(0), Err(Error::Os { .. })));
}
