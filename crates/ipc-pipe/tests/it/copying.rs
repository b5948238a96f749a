//! Copying: every pair of ends, by the way that fits, all of it or a typed error.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use ipc_devkit::{alone, fault, scratch};
use ipc_pipe::{
    Copied, CopyOptions, Error, Method, copy, copy_deadline, copy_exact, copy_timeout, pipe,
    try_copy,
};

const SHORT: Duration = Duration::from_millis(20);
const COPY_FILE_RANGE: i64 = 326;
const SENDFILE: i64 = 40;
const SPLICE: i64 = 275;

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|index| u8::try_from(index * 31 % 251).expect("small")).collect()
}

fn file(path: &Path, contents: &[u8]) -> File {
    let mut options = File::options();
    options.create(true).truncate(true).read(true).write(true);
    let mut file = options.open(path).expect("create");
    file.write_all(contents).expect("write");
    file.rewind().expect("rewind");
    file
}

fn by(copied: Copied, len: usize, method: Method) {
    assert_eq!((copied.bytes, copied.method), (len as u64, method));
}

/// Copies files of several lengths, whole and from the middle; the last one is large.
fn files_arrive_whole(short: Method, large: Method) {
    let dir = scratch::dir();
    for (len, method) in [(1, short), (16 << 10, short), ((5 << 20) + 3, large)] {
        let contents = bytes(len);
        let source = file(&dir.path().join("source"), &contents);
        let target = file(&dir.path().join("target"), b"");
        by(copy(&source, &target).expect("copy"), len, method);
        assert!(fs::read(dir.path().join("target")).expect("read") == contents);
        assert_eq!(copy(&source, &target).expect("nothing is left").bytes, 0);
        (&source).seek(SeekFrom::Start(len as u64 / 2)).expect("seek");
        let rest = len - len / 2;
        assert_eq!(copy(&source, &target).expect("from the middle").bytes, rest as u64);
        let got = fs::read(dir.path().join("target")).expect("read");
        assert!(got[..len] == contents && got[len..] == contents[len / 2..]);
    }
}

#[test]
fn file_to_file_stays_in_the_kernel() {
    alone("copying::file_to_file_stays_in_the_kernel", || {
        let kind = rustix::fs::statfs(std::env::temp_dir()).expect("statfs").f_type;
        let copies_all = kind == 0xef53 || kind == 0x0102_1994;
        let large = if copies_all { Method::Splice } else { Method::CopyFileRange };
        files_arrive_whole(Method::CopyFileRange, large);
    });
}

/// Each errno with which kernels refuse a way makes the next one go on.
#[test]
fn every_refusal_has_a_way_round() {
    alone("copying::every_refusal_has_a_way_round", || {
        fault::deny_syscall(SPLICE, 22);
        for errno in [1, 9, 18, 22, 38, 95] {
            // The latest filter counts.
            fault::deny_syscall(COPY_FILE_RANGE, errno);
            files_arrive_whole(Method::SendFile, Method::SendFile);
        }
        fault::deny_syscall(SENDFILE, 22);
        files_arrive_whole(Method::ReadWrite, Method::ReadWrite);
    });
}

#[test]
fn a_file_opened_to_append_is_appended_to() {
    alone("copying::a_file_opened_to_append_is_appended_to", || {
        let dir = scratch::dir();
        let source = file(&dir.path().join("source"), &bytes(600_000));
        let path = dir.path().join("target");
        drop(file(&path, b"before"));
        let target = File::options().append(true).open(&path).expect("open");
        by(copy(&source, &target).expect("copy"), 600_000, Method::ReadWrite);
        let got = fs::read(path).expect("read");
        assert!(&got[..6] == b"before" && got[6..] == bytes(600_000));
    });
}

fn collect(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut got = Vec::new();
        from.read_to_end(&mut got).expect("read");
        got
    })
}

#[test]
fn pipes_and_sockets_get_what_a_file_has() {
    alone("copying::pipes_and_sockets_get_what_a_file_has", || {
        let dir = scratch::dir();
        let contents = bytes(3_000_000);
        let source = file(&dir.path().join("source"), &contents);
        for timeout in [None, Some(Duration::from_secs(60))] {
            let go = |from: &File, to: std::os::fd::BorrowedFd<'_>| match timeout {
                None => copy(from, to).expect("copy"),
                Some(timeout) => copy_timeout(from, to, timeout).expect("copy"),
            };
            use std::os::fd::AsFd;
            (&source).rewind().expect("rewind");
            let (reader, writer) = pipe().expect("create");
            let reading = collect(reader);
            by(go(&source, writer.as_fd()), contents.len(), Method::Splice);
            drop(writer);
            assert!(reading.join().expect("no panic") == contents);

            (&source).rewind().expect("rewind");
            let (ours, theirs) = UnixStream::pair().expect("pair");
            let reading = collect(ours);
            let method = if timeout.is_none() { Method::SendFile } else { Method::ReadWrite };
            by(go(&source, theirs.as_fd()), contents.len(), method);
            drop(theirs);
            assert!(reading.join().expect("no panic") == contents);
        }
    });
}

#[test]
fn a_file_gets_what_pipes_and_sockets_have() {
    alone("copying::a_file_gets_what_pipes_and_sockets_have", || {
        let dir = scratch::dir();
        let contents = bytes(3_000_000);
        let path = dir.path().join("target");
        let (reader, mut writer) = pipe().expect("create");
        let writing = contents.clone();
        let feeding = std::thread::spawn(move || writer.write_all(&writing));
        let target = file(&path, b"");
        by(copy(&reader, &target).expect("copy"), contents.len(), Method::Splice);
        feeding.join().expect("no panic").expect("write");
        assert!(fs::read(&path).expect("read") == contents);

        let (ours, mut theirs) = UnixStream::pair().expect("pair");
        let writing = contents.clone();
        let feeding = std::thread::spawn(move || theirs.write_all(&writing));
        let target = file(&path, b"");
        let copied = copy_timeout(&ours, &target, Duration::from_secs(60));
        by(copied.expect("copy"), contents.len(), Method::ReadWrite);
        feeding.join().expect("no panic").expect("write");
        assert!(fs::read(&path).expect("read") == contents);
    });
}

#[test]
fn files_of_the_kernel_are_copied_whatever_size_they_claim() {
    alone("copying::files_of_the_kernel_are_copied_whatever_size_they_claim", || {
        let dir = scratch::dir();
        for path in ["/proc/version", "/sys/kernel/mm/transparent_hugepage/enabled"] {
            let Ok(contents) = fs::read(path) else { continue };
            let target = file(&dir.path().join("target"), b"");
            let copied = copy(File::open(path).expect("open"), &target).expect("copy");
            assert_eq!(copied.bytes, contents.len() as u64, "{path}");
            assert_eq!(fs::read(dir.path().join("target")).expect("read"), contents);
        }
    });
}

#[test]
fn holes_stay_holes() {
    alone("copying::holes_stay_holes", || {
        let dir = scratch::dir();
        let source = file(&dir.path().join("source"), b"");
        source.set_len(40 << 20).expect("extend");
        source.write_all_at(&bytes(1 << 20), 8 << 20).expect("write");
        source.write_all_at(b"near the end", 30 << 20).expect("write");
        let target = file(&dir.path().join("target"), b"");
        let copied = copy(&source, &target).expect("copy");
        assert_eq!(copied.bytes, 40 << 20);
        if copied.holes == 0 {
            return ipc_devkit::skip("this file system has no holes");
        }
        assert!(copied.holes >= 38 << 20, "{copied:?}");
        let meta = target.metadata().expect("stat");
        assert_eq!(meta.len(), 40 << 20);
        assert!(meta.blocks() * 512 < 3 << 20, "{} blocks", meta.blocks());
        let read = |name: &str| fs::read(dir.path().join(name)).expect("read");
        assert!(read("source") == read("target"));
        assert_eq!((&target).stream_position().expect("tell"), 40 << 20);

        // A part that ends in a hole, behind what is there already.
        (&source).seek(SeekFrom::Start(4 << 20)).expect("seek");
        let copied = copy_exact(&source, &target, 20 << 20).expect("copy");
        let position = (&source).stream_position().expect("tell");
        assert_eq!((copied.bytes, position), (20 << 20, 24 << 20));
        assert_eq!(target.metadata().expect("stat").len(), 60 << 20);
        assert!(read("target")[40 << 20..] == read("source")[4 << 20..24 << 20]);

        // Where the destination has something already, a hole of the source overwrites it.
        let target = file(&dir.path().join("target"), &vec![0xff; 12 << 20]);
        (&source).rewind().expect("rewind");
        assert_eq!(copy(&source, &target).expect("copy").holes, 0);
        assert!(read("source") == read("target"));
    });
}

#[test]
fn exactly_so_much_or_truncated() {
    alone("copying::exactly_so_much_or_truncated", || {
        let dir = scratch::dir();
        let source = file(&dir.path().join("source"), &bytes(1_000_000));
        let target = file(&dir.path().join("target"), b"");
        by(copy_exact(&source, &target, 10).expect("copy"), 10, Method::CopyFileRange);
        assert_eq!(copy_exact(&source, &target, 600_000).expect("copy").bytes, 600_000);
        match copy_exact(&source, &target, 400_000) {
            Err(Error::Truncated { got: 399_990, want: 400_000 }) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(copy_exact(&source, &target, 0).expect("nothing").bytes, 0);
    });
}

/// A source that shrinks while it is copied: what is gone is missed, not taken for the end.
#[test]
fn a_source_cut_in_the_middle_is_truncated() {
    alone("copying::a_source_cut_in_the_middle_is_truncated", || {
        let dir = scratch::dir();
        for hole in [false, true] {
            let path = dir.path().join("source");
            let source = file(&path, &bytes(20 << 20));
            if hole {
                source.set_len(30 << 20).expect("extend");
            }
            let size = source.metadata().expect("stat").len();
            let target = file(&dir.path().join("target"), b"");
            let cutter = File::options().write(true).open(&path).expect("open");
            let mut cut = false;
            let copied = CopyOptions::new()
                .progress(|_| {
                    if !std::mem::replace(&mut cut, true) {
                        cutter.set_len(10 << 20).expect("cut");
                    }
                })
                .copy(&source, &target);
            match copied {
                Err(Error::Truncated { got, want }) => {
                    assert_eq!((got as u64, want as u64), (10 << 20, size));
                }
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn a_full_disk_is_no_space() {
    alone("copying::a_full_disk_is_no_space", || {
        let dir = scratch::dir();
        let full = File::options().write(true).open("/dev/full").expect("open");
        let source = file(&dir.path().join("source"), &bytes(100_000));
        let refused = copy(&source, &full);
        assert!(matches!(refused, Err(Error::NoSpace { .. })), "{refused:?}");
        let (reader, mut writer) = pipe().expect("create");
        writer.write(b"x").expect("write");
        assert!(matches!(copy(&reader, &full), Err(Error::NoSpace { .. })));
        (&source).rewind().expect("rewind");
        let error = std::io::Error::from(copy(&source, &full).expect_err("full"));
        assert_eq!(error.raw_os_error(), Some(28), "ENOSPC");
    });
}

#[test]
fn errors_name_the_end() {
    alone("copying::errors_name_the_end", || {
        let dir = scratch::dir();
        let path = dir.path().join("file");
        drop(file(&path, &bytes(100)));
        let read_only = File::open(&path).expect("open");
        let null = File::options().write(true).open("/dev/null").expect("open");
        let terminal = File::options().read(true).write(true).open("/dev/null").expect("open");
        assert_eq!(copy(&terminal, &terminal).expect("a device may be both").bytes, 0);
        let error = copy(&null, &read_only).expect_err("not readable").to_string();
        assert!(error.contains("read source") && error.contains("EBADF"), "{error}");
        let other = file(&dir.path().join("other"), &bytes(100));
        let error = copy(&other, &read_only).expect_err("not writable").to_string();
        assert!(error.contains("write destination") && error.contains("EBADF"), "{error}");
        // What could not be written is not taken from a source that can seek.
        assert_eq!((&other).stream_position().expect("tell"), 0);
        let folder = File::open(dir.path()).expect("open");
        let error = copy(&folder, &null).expect_err("a directory").to_string();
        assert!(error.contains("read source") && error.contains("EISDIR"), "{error}");
        let same = File::options().read(true).write(true).open(&path).expect("open");
        let refused = copy(&read_only, &same);
        assert!(matches!(refused, Err(Error::Unsupported { .. })), "{refused:?}");
        assert_eq!(path.metadata().expect("stat").len(), 100);
    });
}

#[test]
fn copies_end_as_their_form_says() {
    alone("copying::copies_end_as_their_form_says", || {
        let dir = scratch::dir();
        let target = file(&dir.path().join("target"), b"");
        let (reader, mut writer) = pipe().expect("create");
        assert!(matches!(try_copy(&reader, &target), Err(Error::WouldBlock)));
        let start = Instant::now();
        assert!(matches!(copy_timeout(&reader, &target, SHORT), Err(Error::TimedOut)));
        assert!(start.elapsed() >= SHORT);
        assert!(matches!(copy_deadline(&reader, &target, start), Err(Error::TimedOut)));
        writer.write(b"some").expect("write");
        by(try_copy(&reader, &target).expect("what is there"), 4, Method::Splice);
        writer.write(b"more").expect("write");
        // It moves what is there, then waits for the rest in vain.
        assert!(matches!(copy_timeout(&reader, &target, SHORT), Err(Error::TimedOut)));
        assert_eq!(fs::read(dir.path().join("target")).expect("read"), b"somemore");
        drop(writer);
        assert_eq!(try_copy(&reader, &target).expect("end").bytes, 0);

        // Nobody reads what comes, whatever the end is.
        let source = file(&dir.path().join("source"), &bytes(8 << 20));
        let (_reader, writer) = pipe().expect("create");
        assert!(matches!(copy_timeout(&source, &writer, SHORT), Err(Error::TimedOut)));
        let (_ours, theirs) = UnixStream::pair().expect("pair");
        let before = (&source).stream_position().expect("tell");
        let mut sent = 0;
        let stuck = CopyOptions::new().timeout(SHORT).progress(|n| sent = n).copy(&source, &theirs);
        assert!(matches!(stuck, Err(Error::TimedOut)), "{stuck:?}");
        assert_eq!((&source).stream_position().expect("tell"), before + sent, "nothing is lost");
    });
}

/// X18: a canceller ends the copy that is under way or comes next.
#[test]
fn a_copy_can_be_cancelled() {
    let (reader, _writer) = pipe().expect("create");
    let null = File::options().write(true).open("/dev/null").expect("open");
    let mut options = CopyOptions::new();
    let canceller = options.canceller().expect("canceller");
    canceller.cancel();
    assert!(matches!(options.copy(&reader, &null), Err(Error::Cancelled)));
    let stopper = std::thread::spawn(move || canceller.cancel());
    assert!(matches!(options.copy(&reader, &null), Err(Error::Cancelled)));
    stopper.join().expect("no panic");
}

/// X2: a storm of signals loses nothing, and moves no deadline.
#[test]
fn a_storm_of_signals_loses_nothing() {
    alone("copying::a_storm_of_signals_loses_nothing", || {
        let dir = scratch::dir();
        let contents = bytes(30 << 20);
        let source = file(&dir.path().join("source"), &contents);
        let target = file(&dir.path().join("target"), b"");
        let (reader, writer) = pipe().expect("create");
        let storm = fault::alarm_storm(Duration::from_millis(1));
        let feeding = std::thread::spawn(move || copy(&source, &writer).expect("copy").bytes);
        assert_eq!(copy(&reader, &target).expect("copy").bytes, contents.len() as u64);
        assert_eq!(feeding.join().expect("no panic"), contents.len() as u64);
        assert!(fs::read(dir.path().join("target")).expect("read") == contents);
        let (reader, _writer) = pipe().expect("create");
        let start = Instant::now();
        let wait = Duration::from_millis(200);
        assert!(matches!(copy_timeout(&reader, &target, wait), Err(Error::TimedOut)));
        assert!(start.elapsed() >= wait && start.elapsed() < wait * 2);
        drop(storm);
    });
}

#[test]
fn progress_is_reported_to_the_last_byte() {
    alone("copying::progress_is_reported_to_the_last_byte", || {
        let dir = scratch::dir();
        let source = file(&dir.path().join("source"), &bytes(20 << 20));
        let target = file(&dir.path().join("target"), b"");
        let mut seen = Vec::new();
        CopyOptions::new().progress(|bytes| seen.push(bytes)).copy(&source, &target).expect("copy");
        assert!(seen.len() >= 3 && seen.is_sorted(), "{seen:?}");
        assert_eq!(seen.last(), Some(&(20 << 20)));
    });
}
