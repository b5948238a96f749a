//! X8: what other processes share is left as it is.

use ipc_devkit::two_process;
use ipc_pipe::{Error, Reader, Writer, pipe};
use std::time::Duration;

/// X8: the flags of a shared description never change, whatever form is called.
#[test]
fn flags_of_a_shared_description_never_change() {
    two_process(
        "sharing::flags_of_a_shared_description_never_change",
        |mut child| {
            let (mut reader, mut writer) = pipe().expect("create");
            child.give(&reader);
            child.give(&writer);
            assert_eq!(child.hear(), "watching");
            let short = Duration::from_millis(1);
            for _ in 0..200 {
                assert!(matches!(reader.try_read(&mut [0; 8]), Err(Error::WouldBlock)));
                assert!(matches!(reader.read_timeout(&mut [0; 8], short), Err(Error::TimedOut)));
                while writer.try_write(&[0; 4096]).is_ok() {}
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
            let flags = |fd: &dyn std::os::fd::AsFd| {
                rustix::fs::fcntl_getfl(fd.as_fd()).expect("flags").bits()
            };
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

/// A description that somebody else made non-blocking is waited on all the same.
#[test]
fn a_nonblocking_description_is_waited_on() {
    use std::os::fd::OwnedFd;
    let flags = rustix::pipe::PipeFlags::NONBLOCK | rustix::pipe::PipeFlags::CLOEXEC;
    let (reader, writer): (OwnedFd, OwnedFd) = rustix::pipe::pipe_with(flags).expect("create");
    let (mut reader, mut writer) = (Reader::from(reader), Writer::from(writer));
    let waiting = std::thread::spawn(move || {
        let got = reader.read(&mut [0; 8]).expect("waits instead of EAGAIN");
        (reader, got)
    });
    writer.write(b"x").expect("write");
    let (mut reader, got) = waiting.join().expect("no panic");
    assert_eq!(got, 1);
    let mut full = 0;
    while let Ok(n) = writer.try_write(&[0; 65536]) {
        full += n;
    }
    let waiting = std::thread::spawn(move || writer.write(b"y").expect("waits for room"));
    let mut got = 0;
    while got < full + 1 {
        got += reader.read(&mut [0; 65536]).expect("read");
    }
    assert_eq!(waiting.join().expect("no panic"), 1);
}
