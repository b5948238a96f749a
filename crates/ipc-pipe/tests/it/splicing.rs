//! Moving bytes without copying them: `splice`, `tee`, `vmsplice`.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use ipc_devkit::{alone, fault, scratch, two_process};
use ipc_pipe::{Error, FrozenPages, Pages, PipeOptions, Reader, Writer, pipe};

const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(60);

fn pattern(index: usize) -> u8 {
    u8::try_from(index % 251).expect("small")
}

fn frozen(len: usize) -> FrozenPages {
    let mut pages = Pages::new(len).expect("map");
    for (index, byte) in pages.iter_mut().enumerate() {
        *byte = pattern(index);
    }
    pages.freeze().expect("freeze")
}

#[test]
fn frozen_pages_reach_another_process_as_often_as_wanted() {
    const LEN: usize = 300_000;
    two_process(
        "splicing::frozen_pages_reach_another_process_as_often_as_wanted",
        |mut child| {
            let (reader, mut writer) = pipe().expect("create");
            child.give(&reader);
            drop(reader);
            let pages = frozen(LEN);
            for _ in 0..3 {
                assert_eq!(writer.vmsplice(&pages).expect("lend"), LEN);
            }
            // What is still in the pipe outlives the mapping.
            drop((pages, writer));
            assert_eq!(child.hear(), "right");
        },
        |mut parent| {
            let mut got = Vec::new();
            Reader::from(parent.take()).read_to_end(&mut got).expect("read");
            assert_eq!(got.len(), 3 * LEN);
            let right = got.iter().enumerate().all(|(i, byte)| *byte == pattern(i % LEN));
            parent.tell(if right { "right" } else { "wrong" });
        },
    );
}

/// The pages are freed while the pipe refers to them, and memory is used again at once.
#[test]
fn freed_pages_keep_their_bytes_in_the_pipe() {
    let (mut reader, mut writer) = PipeOptions::new().capacity(1 << 20).create().expect("create");
    let pages = frozen(1 << 20);
    assert_eq!(writer.vmsplice(&pages).expect("lend"), 1 << 20);
    drop(pages);
    let mut other = Pages::new(4 << 20).expect("map");
    other.fill(0xee);
    let mut got = vec![0; 1 << 20];
    reader.read_exact(&mut got).expect("read");
    assert!(got.iter().enumerate().all(|(i, byte)| *byte == pattern(i)));
}

#[test]
fn a_part_is_the_same_memory() {
    let pages = frozen(10_000);
    let part = pages.slice(5_000..).slice(1..=2);
    assert_eq!(&*part, &pages[5_001..5_003]);
    assert_eq!(part.as_ptr(), pages[5_001..].as_ptr());
    drop(pages);
    let (mut reader, mut writer) = pipe().expect("create");
    assert_eq!(writer.vmsplice(&part).expect("lend"), 2);
    assert_eq!(writer.vmsplice(&part.slice(..0)).expect("nothing"), 0);
    assert_eq!(reader.read(&mut [0; 8]).expect("read"), 2);
    assert!(Pages::new(0).expect("nothing").freeze().expect("freeze").is_empty());
    assert!(matches!(Pages::new(usize::MAX), Err(Error::Os { .. })));
    assert!(matches!(Pages::new(1 << 60), Err(Error::Os { .. })));
}

/// The memory itself refuses writers, not only the types.
#[test]
fn frozen_pages_are_read_only_for_the_kernel_too() {
    let pages = frozen(4096);
    let (_reader, writer) = pipe().expect("create");
    let maps = std::fs::read_to_string("/proc/self/maps").expect("read");
    let at = pages.as_ptr().addr();
    let line = maps.lines().find(|line| {
        let (start, rest) = line.split_once('-').expect("a range");
        let end = rest.split(' ').next().expect("its end");
        let number = |text| usize::from_str_radix(text, 16).expect("hexadecimal");
        (number(start)..number(end)).contains(&at)
    });
    assert!(line.expect("it is mapped").contains(" r--p "), "{line:?}");
    drop(writer);
}

#[test]
fn vmsplice_ends_as_its_form_says() {
    let (_reader, mut writer) = pipe().expect("create");
    let pages = frozen(100_000);
    assert_eq!(writer.try_vmsplice(&pages).expect("a part"), 64 * 1024);
    assert!(matches!(writer.try_vmsplice(&pages), Err(Error::WouldBlock)));
    let start = Instant::now();
    assert!(matches!(writer.vmsplice_timeout(&pages, SHORT), Err(Error::TimedOut)));
    assert!(start.elapsed() >= SHORT);
    assert!(matches!(writer.vmsplice_deadline(&pages, start), Err(Error::TimedOut)));
}

#[test]
fn splice_moves_between_pipes_files_and_sockets() {
    alone("splicing::splice_moves_between_pipes_files_and_sockets", || {
        let dir = scratch::dir();
        let (mut first, mut into_first) = pipe().expect("create");
        let (mut second, mut into_second) = pipe().expect("create");
        into_first.write(b"to a file").expect("write");
        let mut options = File::options();
        options.create_new(true).read(true).write(true);
        let mut file = options.open(dir.path().join("file")).expect("create");
        assert_eq!(first.splice(&file, 5).expect("a part"), 5);
        assert_eq!(first.splice_timeout(&file, 100, LONG).expect("the rest"), 4);
        file.rewind().expect("rewind");
        assert_eq!(into_second.splice(&file, usize::MAX).expect("from the file"), 9);
        assert_eq!(into_second.try_splice(&file, usize::MAX).expect("its end"), 0);
        let (mut ours, theirs) = UnixStream::pair().expect("pair");
        assert_eq!(second.splice_timeout(&theirs, 100, LONG).expect("to a socket"), 9);
        ours.write_all(b"back").expect("write");
        assert_eq!(into_first.splice_timeout(&theirs, 4, LONG).expect("from a socket"), 4);
        let mut text = [0; 9];
        ours.read_exact(&mut text).expect("read");
        assert_eq!(&text, b"to a file");
        assert_eq!(first.read(&mut text).expect("read"), 4);
        drop(into_first);
        assert_eq!(first.splice(&into_second, 9).expect("end"), 0);
    });
}

#[test]
fn splice_and_tee_end_as_their_form_says() {
    let (mut from, mut source) = pipe().expect("create");
    let (_sink, mut to) = pipe().expect("create");
    let (_other, empty) = UnixStream::pair().expect("pair");
    let past = Instant::now();
    assert!(matches!(from.try_splice(&to, 9), Err(Error::WouldBlock)));
    assert!(matches!(from.try_tee(&mut to, 9), Err(Error::WouldBlock)));
    assert!(matches!(source.try_splice(&empty, 9), Err(Error::WouldBlock)));
    assert!(matches!(from.splice_timeout(&to, 9, SHORT), Err(Error::TimedOut)));
    assert!(matches!(from.splice_deadline(&to, 9, past), Err(Error::TimedOut)));
    assert!(matches!(from.tee_timeout(&mut to, 9, SHORT), Err(Error::TimedOut)));
    assert!(matches!(from.tee_deadline(&mut to, 9, past), Err(Error::TimedOut)));
    assert!(matches!(source.splice_timeout(&empty, 9, SHORT), Err(Error::TimedOut)));
    assert!(matches!(source.splice_deadline(&empty, 9, past), Err(Error::TimedOut)));
    // Data on one side, no room on the other.
    source.write(b"data").expect("write");
    while to.try_write(&[7; 4096]).is_ok() {}
    assert!(matches!(from.try_splice(&to, 9), Err(Error::WouldBlock)));
    assert!(matches!(from.splice_timeout(&to, 9, SHORT), Err(Error::TimedOut)));
    assert!(matches!(from.tee_timeout(&mut to, 9, SHORT), Err(Error::TimedOut)));
}

#[test]
fn tee_leaves_the_bytes_where_they_are() {
    let (mut from, mut source) = pipe().expect("create");
    let (mut copy, mut to) = pipe().expect("create");
    source.write(b"twice").expect("write");
    assert_eq!(from.tee(&mut to, 3).expect("copy"), 3);
    assert_eq!(from.try_tee(&mut to, 9).expect("copy"), 5);
    assert_eq!(from.available().expect("ask"), 5);
    let mut buf = [0; 8];
    assert_eq!(copy.read(&mut buf).expect("read"), 8);
    assert_eq!(&buf, b"twitwice");
}

/// X7: none of them raises SIGPIPE, though its action is to kill.
#[test]
fn moving_into_a_closed_pipe_does_not_kill() {
    alone("splicing::moving_into_a_closed_pipe_does_not_kill", || {
        fault::set_sigpipe_default();
        let (mut from, mut source) = pipe().expect("create");
        let (sink, mut closed) = pipe().expect("create");
        source.write(b"data").expect("write");
        drop(sink);
        let pages = frozen(4096);
        let file = File::open("Cargo.toml").expect("open");
        assert!(matches!(from.splice(&closed, 9), Err(Error::Closed { .. })));
        assert!(matches!(from.try_splice(&closed, 9), Err(Error::Closed { .. })));
        assert!(matches!(from.tee(&mut closed, 9), Err(Error::Closed { .. })));
        assert!(matches!(closed.vmsplice(&pages), Err(Error::Closed { .. })));
        assert!(matches!(closed.vmsplice_timeout(&pages, LONG), Err(Error::Closed { .. })));
        assert!(matches!(closed.splice(&file, 9), Err(Error::Closed { .. })));
        assert!(matches!(ipc_pipe::copy(&file, &closed), Err(Error::Closed { .. })));
        let (gone, socket) = UnixStream::pair().expect("pair");
        drop(gone);
        assert!(matches!(ipc_pipe::copy(&file, &socket), Err(Error::Closed { .. })));
    });
}

/// X18: a canceller ends each of them.
#[test]
fn a_canceller_ends_the_wait() {
    let (mut from, mut source) = pipe().expect("create");
    let (_sink, mut to) = pipe().expect("create");
    let pages = frozen(200_000);
    let stop_reading = from.canceller().expect("canceller");
    stop_reading.cancel();
    assert!(matches!(from.splice(&to, 9), Err(Error::Cancelled)));
    stop_reading.cancel();
    assert!(matches!(from.tee_timeout(&mut to, 9, LONG), Err(Error::Cancelled)));
    assert_eq!(to.try_vmsplice(&pages).expect("what there is room for"), 64 * 1024);
    let stop_writing = to.canceller().expect("canceller");
    let stopper = std::thread::spawn(move || stop_writing.cancel());
    assert!(matches!(to.vmsplice(&pages), Err(Error::Cancelled)));
    stopper.join().expect("no panic");
    source.write(b"x").expect("write");
    assert!(matches!(from.tee_timeout(&mut to, 9, SHORT), Err(Error::TimedOut)));
}

/// X2: deadlines are kept while a signal handler runs every millisecond, and nothing is lost.
#[test]
fn a_storm_of_signals_changes_nothing() {
    alone("splicing::a_storm_of_signals_changes_nothing", || {
        let (mut from, mut source) = pipe().expect("create");
        let (mut sink, to) = pipe().expect("create");
        let storm = fault::alarm_storm(Duration::from_millis(1));
        let wait = Duration::from_millis(200);
        let start = Instant::now();
        assert!(matches!(from.splice_timeout(&to, 9, wait), Err(Error::TimedOut)));
        assert!(start.elapsed() >= wait && start.elapsed() < wait + Duration::from_millis(100));
        let pages = frozen(10 << 20);
        let moving =
            std::thread::spawn(move || while from.splice(&to, 1 << 20).expect("splice") > 0 {});
        let reading = std::thread::spawn(move || {
            let mut got = Vec::new();
            sink.read_to_end(&mut got).expect("read");
            got
        });
        assert_eq!(source.vmsplice(&pages).expect("lend"), pages.len());
        drop(source);
        moving.join().expect("no panic");
        assert!(reading.join().expect("no panic") == *pages);
        assert!(storm.count() > 100);
        drop(storm);
    });
}

/// P7: a dead peer ends the wait though somebody else still holds its end.
#[test]
fn a_watched_peer_that_dies_ends_the_wait() {
    two_process(
        "splicing::a_watched_peer_that_dies_ends_the_wait",
        |mut child| {
            let (mut from, source) = pipe().expect("create");
            let (_sink, to) = pipe().expect("create");
            child.give(&source);
            from.watch_peer(child.raw_pid().try_into().expect("positive")).expect("watch");
            assert_eq!(child.hear(), "written");
            child.kill();
            assert_eq!(from.splice(&to, 99).expect("what it wrote comes first"), 4);
            assert!(matches!(from.splice(&to, 99), Err(Error::Closed { peer_died: true })));
            assert!(matches!(from.try_splice(&to, 99), Err(Error::Closed { peer_died: true })));
            drop(source);
        },
        |mut parent| {
            Writer::from(parent.take()).write(b"last").expect("write");
            parent.tell("written");
            let _ = parent.hear();
        },
    );
}

#[test]
fn what_cannot_be_spliced_says_so() {
    let (mut from, mut to) = pipe().expect("create");
    to.write(b"x").expect("write");
    let itself = to.try_clone().expect("clone");
    assert!(matches!(from.splice(&itself, 9), Err(Error::Unsupported { .. })));
    assert!(matches!(from.try_tee(&mut to, 9), Err(Error::Unsupported { .. })));
    let full = File::options().write(true).open("/dev/full").expect("open");
    let refused = from.splice(&full, 9);
    assert!(matches!(refused, Err(Error::Unsupported { .. })), "{refused:?}");
    assert_eq!(from.available().expect("ask"), 1, "nothing is lost");
}
