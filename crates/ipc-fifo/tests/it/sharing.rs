//! X8: what other processes share is left as it is.

use std::os::fd::AsFd;
use std::time::Duration;

use ipc_devkit::{alone, two_process};
use ipc_fifo::{Error, Fifo, Reader, Writer};

use crate::{ends, fill, scratch};

/// X8: the flags of a description that another process has never change, whatever form is called.
#[test]
fn flags_of_a_shared_description_never_change() {
    two_process(
        "sharing::flags_of_a_shared_description_never_change",
        |mut child| {
            let (_dir, path) = scratch();
            let fifo = Fifo::create(&path).expect("create");
            let (mut reader, mut writer) = ends(&fifo);
            child.give(&reader);
            child.give(&writer);
            assert_eq!(child.hear(), "watching");
            let short = Duration::from_millis(1);
            for _ in 0..200 {
                assert!(matches!(reader.try_read(&mut [0; 8]), Err(Error::WouldBlock)));
                assert!(matches!(reader.read_timeout(&mut [0; 8], short), Err(Error::TimedOut)));
                fill(&mut writer);
                assert!(matches!(writer.write_timeout(&[0; 8], short), Err(Error::TimedOut)));
                while reader.available().expect("ask") > 0 {
                    reader.read(&mut [0; 65536]).expect("empty it");
                }
            }
            child.tell("done");
            assert_eq!(child.hear(), "unchanged");
        },
        |mut parent| {
            let (reader, writer) = (Reader::from(parent.take()), Writer::from(parent.take()));
            let flags = |fd: &dyn AsFd| rustix::fs::fcntl_getfl(fd.as_fd()).expect("flags").bits();
            let before = (flags(&reader), flags(&writer));
            let stop = std::thread::spawn(move || {
                parent.tell("watching");
                assert_eq!(parent.hear(), "done");
                parent
            });
            while !stop.is_finished() {
                assert_eq!((flags(&reader), flags(&writer)), before);
            }
            stop.join().expect("hand-shake").tell("unchanged");
        },
    );
}

/// An end handed to another program waits, as programs expect of a standard stream.
#[test]
fn the_descriptor_of_an_end_is_a_blocking_one() {
    let (_dir, path) = scratch();
    let fifo = Fifo::create(path).expect("create");
    let (reader, writer) = ends(&fifo);
    let persistent = Reader::persistent(&fifo).expect("open");
    for fd in [reader.as_fd(), writer.as_fd(), persistent.as_fd()] {
        let flags = rustix::fs::fcntl_getfl(fd).expect("flags");
        assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK));
    }
}

/// An end of a description that is not ours works by the same rules.
#[test]
fn an_end_made_of_a_descriptor_works_the_same() {
    let (_dir, path) = scratch();
    let fifo = Fifo::create(&path).expect("create");
    let (reader, writer) = ends(&fifo);
    let mut reader = Reader::from(std::os::fd::OwnedFd::from(reader));
    let mut writer = Writer::from(std::os::fd::OwnedFd::from(writer));
    assert!(matches!(reader.try_read(&mut [0; 8]), Err(Error::WouldBlock)));
    assert_eq!(writer.try_write(b"x").expect("write"), 1);
    let brief = Duration::from_millis(20);
    assert_eq!(reader.read_timeout(&mut [0; 8], brief).expect("read"), 1);
    drop(reader);
    assert!(matches!(writer.try_write(b"x"), Err(Error::Closed { .. })));
}

/// X19: a change of user after opening takes nothing away.
#[test]
fn ends_work_on_after_a_change_of_user() {
    alone("sharing::ends_work_on_after_a_change_of_user", || {
        if !rustix::process::geteuid().is_root() {
            return ipc_devkit::skip("only root can become somebody else");
        }
        let (_dir, path) = scratch();
        let fifo = Fifo::create(&path).expect("create");
        let (mut reader, mut writer) = ends(&fifo);
        std::thread::scope(|scope| {
            let as_nobody = scope.spawn(|| {
                crate::suites::become_user(4242, 4242);
                assert!(std::fs::File::open(&path).is_err(), "it is somebody else now");
                assert!(matches!(reader.try_read(&mut [0; 8]), Err(Error::WouldBlock)));
                writer.try_write(b"x").expect("write");
                writer.write_timeout(b"y", Duration::from_secs(60)).expect("write");
                assert_eq!(reader.read(&mut [0; 8]).expect("read"), 2);
            });
            as_nobody.join().expect("no panic");
        });
    });
}
