//! Properties that other test suites check.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use crate::{inherited, open_fds};
use ipc_devkit::{alone, two_process};
use ipc_sock::Error;
use ipc_sock::unix::{Datagram, Options, SeqPacket, Stream};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

/// Both ends of a pair are close-on-exec and blocking.
#[test]
fn ltp_socketpair02_flags() {
    alone("suites::ltp_socketpair02_flags", || {
        let before = inherited();
        let (one, other) = Stream::pair().expect("pair");
        let (packet, other_packet) = SeqPacket::pair().expect("pair");
        let (dgram, other_dgram) = Datagram::pair().expect("pair");
        let all = [one.as_fd(), other.as_fd(), packet.as_fd(), other_packet.as_fd()];
        for fd in all.into_iter().chain([dgram.as_fd(), other_dgram.as_fd()]) {
            let flags = rustix::io::fcntl_getfd(fd).expect("ask");
            assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
            let status = rustix::fs::fcntl_getfl(fd).expect("ask");
            assert!(!status.contains(rustix::fs::OFlags::NONBLOCK));
        }
        assert_eq!(inherited(), before);
    });
}

/// One descriptor passes beside one byte, and is the same open file.
#[test]
fn ltp_recvmsg01_one_descriptor() {
    two_process(
        "suites::ltp_recvmsg01_one_descriptor",
        |mut child| {
            let (ours, theirs): (Stream, Stream) = Options::new().pass_fds(1).pair().expect("pair");
            child.give(&theirs);
            drop(theirs);
            let file = rustix::fs::memfd_create("shared", rustix::fs::MemfdFlags::CLOEXEC);
            let file = file.expect("create");
            rustix::io::write(&file, b"written before").expect("write");
            ours.send_fds(b"!", &[&file]).expect("send");
            assert_eq!(ours.recv(&mut [0; 8]).expect("answer"), 2);
            assert_eq!(rustix::fs::tell(&file).expect("ask"), 3, "the offset is shared");
        },
        |mut parent| {
            let theirs: Stream = Options::new().pass_fds(1).adopt(parent.take()).expect("adopt");
            let received = theirs.recv_fds(&mut [0; 8]).expect("receive");
            assert_eq!(received.fds.len(), 1);
            rustix::fs::seek(&received.fds[0], rustix::fs::SeekFrom::Start(3)).expect("seek");
            theirs.send(b"ok").expect("send");
        },
    );
}

/// With nothing there, no form of receiving waits past its word: no urgent or error queue is read.
#[test]
fn ltp_recvmsg01_nothing_to_receive() {
    let (ours, _theirs) = Stream::pair().expect("pair");
    assert!(matches!(ours.try_recv(&mut [0; 8]), Err(Error::WouldBlock)));
    let (ours, _theirs) = Datagram::pair().expect("pair");
    assert!(matches!(ours.try_recv(&mut [0; 8]), Err(Error::WouldBlock)));
}

/// Control messages that are not ours (an identity that the sender may claim) do not disturb.
#[test]
fn ltp_sendmsg01_foreign_control_message() {
    let (from, to): (SeqPacket, SeqPacket) =
        Options::new().pass_fds(1).pass_credentials().pair().expect("pair");
    let claim = rustix::net::UCred {
        pid: rustix::process::getpid(),
        uid: rustix::process::getuid(),
        gid: rustix::process::getgid(),
    };
    let fd = std::fs::File::open("/dev/null").expect("open");
    let fds = [fd.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1), ScmCredentials(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmCredentials(claim)));
    assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
    rustix::net::sendmsg(&from, &[IoSlice::new(b"x")], &mut control, SendFlags::NOSIGNAL)
        .expect("send");
    let received = to.recv_fds(&mut [0; 8]).expect("receive");
    assert_eq!((received.bytes, received.fds.len()), (1, 1));
    assert_eq!(received.credentials.expect("identity").pid, Some(std::process::id()));
}

/// Urgent bytes between and at the ends of plain ones neither come through nor stop the reader.
#[test]
fn ltp_cve_2025_38236_urgent_bytes() {
    let (from, to) = Stream::pair().expect("pair");
    let urgent = SendFlags::OOB | SendFlags::NOSIGNAL;
    for _ in 0..3 {
        if rustix::net::send(&from, b"!", urgent).is_err() {
            break; // This kernel has none at all for Unix sockets.
        }
        // Takes what is there: nothing, since the urgent byte is not ours.
        let outcome = to.try_recv(&mut [0; 8]);
        let skipped = matches!(outcome, Err(Error::WouldBlock) | Ok(0 | 1));
        assert!(skipped, "{outcome:?}");
    }
    from.send(b"plain").expect("send");
    drop(from);
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut &to, &mut text).expect("receive");
    assert!(text.ends_with(b"plain"), "{text:?}");
}

/// Descriptors until the table is full: each is taken whole or the message is refused, none leaks.
#[test]
fn sn_sockfd_to_exhaustion() {
    alone("suites::sn_sockfd_to_exhaustion", || {
        let (from, to): (Stream, Stream) = Options::new().pass_fds(1).pair().expect("pair");
        let limit = ipc_devkit::fault::limit_nofile(64);
        let mut held: Vec<OwnedFd> = Vec::new();
        let outcome = loop {
            from.send_fds(b"x", &[&from]).expect("send");
            match to.recv_fds(&mut [0; 1]) {
                Ok(mut received) => held.push(received.fds.remove(0)),
                Err(error) => break error,
            }
        };
        assert!(matches!(outcome, Error::AncillaryTruncated), "{outcome}");
        assert!(held.len() > 40, "{}", held.len());
        held.pop();
        from.send_fds(b"x", &[&from]).expect("send");
        assert_eq!(to.recv_fds(&mut [0; 1]).expect("room again").fds.len(), 1);
        drop((held, limit));
    });
}

/// What goes through a pair comes out as it went in, at every length.
#[test]
fn sn_sockpair_verify() {
    let (from, to) = Stream::pair().expect("pair");
    let sender = std::thread::spawn(move || {
        for length in (1..3000).step_by(7) {
            let fill = u8::try_from(length % 251).expect("small");
            std::io::Write::write_all(&mut &from, &vec![fill; length]).expect("send");
        }
    });
    for length in (1..3000).step_by(7) {
        let mut buf = vec![0; length];
        std::io::Read::read_exact(&mut &to, &mut buf).expect("receive");
        assert!(buf.iter().all(|byte| usize::from(*byte) == length % 251));
    }
    sender.join().expect("no panic");
}

/// Calls that make no sense on a socket of the wrong kind or state are errors, never a panic or a hang.
#[test]
fn sn_sockabuse_wrong_kinds() {
    alone("suites::sn_sockabuse_wrong_kinds", || {
        let before = open_fds();
        let null: OwnedFd = std::fs::File::open("/dev/null").expect("open").into();
        let no_socket = Stream::from(null);
        let mut buf = [0; 8];
        assert!(matches!(no_socket.recv(&mut buf), Err(Error::Os { .. })));
        assert!(matches!(no_socket.send(b"x"), Err(Error::Os { .. })));
        assert!(no_socket.peer_credentials().is_err());
        assert!(no_socket.shutdown(std::net::Shutdown::Both).is_err());
        let unbound = Datagram::unbound().expect("create");
        assert!(unbound.send(b"x").is_err());
        let adopted = Options::new().adopt::<Stream>(OwnedFd::from(unbound));
        assert!(matches!(adopted, Err(Error::Unsupported { .. })), "{adopted:?}");
        let (one, _other) = SeqPacket::pair().expect("pair");
        one.shutdown(std::net::Shutdown::Both).expect("shut down");
        one.shutdown(std::net::Shutdown::Both).expect("twice");
        assert!(matches!(one.recv(&mut buf), Err(Error::Closed { .. })));
        assert!(matches!(one.send(b"x"), Err(Error::Closed { .. })));
        drop((no_socket, one, _other, adopted));
        assert_eq!(open_fds(), before);
    });
}

/// Many connections at once: each is accepted once, and none leaves a descriptor.
#[test]
fn sn_sockmany_connections() {
    alone("suites::sn_sockmany_connections", || {
        let dir = ipc_devkit::scratch::dir();
        let address = crate::path_in(&dir);
        let listener = ipc_sock::unix::Listener::bind(&address).expect("listen");
        let before = open_fds();
        for _ in 0..3 {
            let clients: Vec<Stream> =
                (0..200).map(|_| Stream::connect(&address).expect("connect")).collect();
            let servers: Vec<Stream> =
                (0..200).map(|_| listener.accept().expect("accept")).collect();
            assert!(matches!(listener.try_accept(), Err(Error::WouldBlock)));
            drop((clients, servers));
        }
        assert_eq!(open_fds(), before);
    });
}
