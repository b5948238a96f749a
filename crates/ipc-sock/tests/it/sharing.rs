//! X8: what other processes share is left as it is.

use std::os::fd::AsFd;
use std::time::Duration;

use ipc_devkit::two_process;
use ipc_sock::Error;
use ipc_sock::unix::{SeqPacket, Stream};

fn flags(fd: &dyn AsFd) -> u32 {
    rustix::fs::fcntl_getfl(fd.as_fd()).expect("flags").bits()
}

/// X8: the flags of a shared description never change, whatever form is called.
#[test]
fn flags_of_a_shared_description_never_change() {
    two_process(
        "sharing::flags_of_a_shared_description_never_change",
        |mut child| {
            let (mut ours, theirs) = SeqPacket::pair().expect("pair");
            let canceller = ours.canceller().expect("canceller");
            child.give(&ours);
            child.give(&theirs);
            assert_eq!(child.hear(), "watching");
            let short = Duration::from_millis(1);
            let mut buf = [0; 4096];
            for _ in 0..100 {
                assert!(matches!(ours.try_recv(&mut buf), Err(Error::WouldBlock)));
                assert!(matches!(ours.recv_timeout(&mut buf, short), Err(Error::TimedOut)));
                canceller.cancel();
                assert!(matches!(ours.recv(&mut buf), Err(Error::Cancelled)));
                while theirs.try_send(&buf).is_ok() {}
                assert!(matches!(theirs.send_timeout(&buf, short), Err(Error::TimedOut)));
                while ours.try_recv(&mut buf).is_ok() {}
            }
            child.tell("done");
            assert_eq!(child.hear(), "unchanged");
        },
        |mut parent| {
            let (ours, theirs) = (parent.take(), parent.take());
            let before = (flags(&ours), flags(&theirs));
            let stop = std::thread::spawn(move || {
                parent.tell("watching");
                assert_eq!(parent.hear(), "done");
                parent
            });
            while !stop.is_finished() {
                assert_eq!((flags(&ours), flags(&theirs)), before);
            }
            stop.join().expect("hand-shake").tell("unchanged");
        },
    );
}

/// A description that somebody else made non-blocking is waited on all the same.
#[test]
fn a_nonblocking_description_is_waited_on() {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("pair");
    ours.set_nonblocking(true).expect("set");
    theirs.set_nonblocking(true).expect("set");
    let (ours, theirs) = (std::os::fd::OwnedFd::from(ours), std::os::fd::OwnedFd::from(theirs));
    let (ours, theirs) = (Stream::from(ours), Stream::from(theirs));
    let waiting = std::thread::spawn(move || {
        let got = ours.recv(&mut [0; 8]).expect("waits instead of EAGAIN");
        (ours, got)
    });
    theirs.send(b"x").expect("send");
    let (ours, got) = waiting.join().expect("no panic");
    assert_eq!(got, 1);
    let mut full = 0;
    while let Ok(n) = theirs.try_send(&[0; 65536]) {
        full += n;
    }
    let waiting = std::thread::spawn(move || theirs.send(b"y").expect("waits for room"));
    let mut got = 0;
    while got < full + 1 {
        got += ours.recv(&mut [0; 65536]).expect("receive");
    }
    assert_eq!(waiting.join().expect("no panic"), 1);
}
