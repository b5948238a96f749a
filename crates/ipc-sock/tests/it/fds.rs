//! Descriptors: those asked for come, all others are closed.

use std::io::Read;
use std::os::fd::OwnedFd;

use crate::open_fds;
use ipc_devkit::{alone, two_process};
use ipc_sock::Error;
use ipc_sock::unix::{Datagram, FDS_MAX, Options, SeqPacket, Stream};

fn null() -> OwnedFd {
    std::fs::File::open("/dev/null").expect("open").into()
}

#[test]
fn a_descriptor_works_in_the_other_process() {
    two_process(
        "fds::a_descriptor_works_in_the_other_process",
        |mut child| {
            let (ours, theirs): (SeqPacket, SeqPacket) =
                Options::new().pass_fds(4).pair().expect("pair");
            child.give(&theirs);
            drop(theirs);
            let (reader, writer) =
                rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("create pipe");
            ours.send_fds(b"write here", &[&writer]).expect("send");
            drop(writer);
            let mut text = String::new();
            std::fs::File::from(reader).read_to_string(&mut text).expect("read");
            assert_eq!(text, "through the passed end");
        },
        |mut parent| {
            let options = Options::new().pass_fds(4);
            let theirs: SeqPacket = options.adopt(parent.take()).expect("adopt");
            let mut received = theirs.recv_fds(&mut [0; 32]).expect("receive");
            assert_eq!((received.bytes, received.fds.len()), (10, 1));
            let mut file = std::fs::File::from(received.fds.remove(0));
            std::io::Write::write_all(&mut file, b"through the passed end").expect("write");
        },
    );
}

/// K1: without `pass_fds` none comes; the sender is told, and nothing is left open.
#[test]
fn descriptors_that_nobody_asked_for_do_not_come() {
    alone("fds::descriptors_that_nobody_asked_for_do_not_come", || {
        let before = open_fds();
        let (stream, to_stream) = Stream::pair().expect("pair");
        let (packets, to_packets) = SeqPacket::pair().expect("pair");
        let (datagrams, to_datagrams) = Datagram::pair().expect("pair");
        let refused = ipc_sock::features().refuses_descriptors;
        let mut buf = [0; 8];
        macro_rules! check {
            ($($from:ident $to:ident)*) => { $(
                let unsupported = $to.recv_fds(&mut buf);
                assert!(matches!(unsupported, Err(Error::Unsupported { .. })), "{unsupported:?}");
                let outcome = $from.send_fds(b"x", &[null()]);
                if refused {
                    assert!(matches!(outcome, Err(Error::FdsRefused)), "{outcome:?}");
                } else {
                    outcome.expect("send");
                    assert_eq!($to.recv(&mut buf).expect("the bytes still come"), 1);
                    assert_eq!($to.refused_messages(), 1);
                }
                $from.send(b"fine").expect("send");
                assert_eq!($to.recv(&mut buf).expect("receive"), 4);
            )* };
        }
        check!(stream to_stream packets to_packets datagrams to_datagrams);
        assert_eq!(open_fds(), before + 6);
    });
}

/// K1: on a kernel without SO_PASSRIGHTS they come, are closed and counted.
#[test]
fn an_older_kernel_closes_and_counts() {
    alone("fds::an_older_kernel_closes_and_counts", || {
        const SETSOCKOPT: i64 = 54;
        const ENOPROTOOPT: i32 = 92;
        // Bit 6 is set in the number of SO_PASSRIGHTS (83), and of no other option that is set here.
        ipc_devkit::fault::deny_syscall_flags(SETSOCKOPT, 2, 0x40, ENOPROTOOPT);
        assert!(!ipc_sock::features().refuses_descriptors);
        let (from, to) = SeqPacket::pair().expect("pair");
        let before = open_fds();
        from.send_fds(b"x", &[null()]).expect("this kernel lets it through");
        assert_eq!(to.recv(&mut [0; 8]).expect("the bytes come"), 1);
        assert_eq!((open_fds(), to.refused_messages()), (before, 1));
        from.send(b"plain").expect("send");
        assert_eq!(to.recv(&mut [0; 8]).expect("receive"), 5);
        assert_eq!(to.refused_messages(), 1);
    });
}

/// K2, K3: one more than asked for, for each number: refused, and nothing is left open.
#[test]
fn one_descriptor_too_many_closes_all() {
    alone("fds::one_descriptor_too_many_closes_all", || {
        let fds: Vec<OwnedFd> = (0..FDS_MAX).map(|_| null()).collect();
        for max in 1..FDS_MAX {
            let (from, to): (SeqPacket, SeqPacket) =
                Options::new().pass_fds(max).pair().expect("pair");
            let before = open_fds();
            from.send_fds(b"too many", &fds[..=max]).expect("send");
            let outcome = to.recv_fds(&mut [0; 16]);
            assert!(matches!(outcome, Err(Error::AncillaryTruncated)), "{max}: {outcome:?}");
            assert_eq!(open_fds(), before, "{max} asked for, {} sent", max + 1);
            from.send_fds(b"all", &fds[..max]).expect("send");
            let received = to.recv_fds(&mut [0; 16]).expect("as many as asked for");
            assert_eq!(received.fds.len(), max);
            assert_eq!(to.refused_messages(), 1);
        }
    });
}

/// K3: 253 go in one message, 254 are refused before the kernel is asked.
#[test]
fn no_message_carries_254_descriptors() {
    alone("fds::no_message_carries_254_descriptors", || {
        let fds: Vec<OwnedFd> = (0..=FDS_MAX).map(|_| null()).collect();
        let (from, to): (Stream, Stream) = Options::new().pass_fds(1000).pair().expect("pair");
        let outcome = from.send_fds(b"x", &fds);
        assert!(matches!(outcome, Err(Error::TooManyFds { asked: 254 })), "{outcome:?}");
        let errno = std::io::Error::from(outcome.expect_err("refused")).raw_os_error();
        assert_eq!(errno, Some(22));
        from.send_fds(b"x", &fds[..FDS_MAX]).expect("send");
        assert_eq!(to.recv_fds(&mut [0; 8]).expect("receive").fds.len(), FDS_MAX);
    });
}

/// K2: descriptors beside a message that is too long are closed.
#[test]
fn descriptors_of_a_refused_message_are_closed() {
    alone("fds::descriptors_of_a_refused_message_are_closed", || {
        let (from, to) = Options::new().pass_fds(2).datagram_pair().expect("pair");
        let before = open_fds();
        from.send_fds(b"long message", &[null(), null()]).expect("send");
        let outcome = to.recv_fds(&mut [0; 4]);
        assert!(matches!(outcome, Err(Error::MessageTooLong { real: 12, .. })), "{outcome:?}");
        from.send_fds(b"plain call", &[null()]).expect("send");
        let outcome = to.recv(&mut [0; 16]);
        assert!(matches!(outcome, Err(Error::AncillaryTruncated)), "{outcome:?}");
        assert_eq!(open_fds(), before);
        assert_eq!(to.refused_messages(), 1);
    });
}

/// K1: what a listener asks for holds for the connections it accepts, before and after the accept.
#[test]
fn accepted_connections_inherit_what_may_come() {
    let dir = ipc_devkit::scratch::dir();
    let address = crate::path_in(&dir);
    let listener: ipc_sock::unix::Listener =
        Options::new().pass_fds(1).pass_credentials().listen(&address).expect("listen");
    let client = Stream::connect(&address).expect("connect");
    client.send_fds(b"early", &[null()]).expect("send before the accept");
    let server = listener.accept().expect("accept");
    let received = server.recv_fds(&mut [0; 8]).expect("receive");
    assert_eq!((received.fds.len(), received.bytes), (1, 5));
    let who = received.credentials.expect("identity");
    assert_eq!(who.pid, Some(std::process::id()));
    drop(listener);
    let plain = ipc_sock::unix::Listener::bind(&address).expect("listen");
    let client = Stream::connect(&address).expect("connect");
    if ipc_sock::features().refuses_descriptors {
        let outcome = client.send_fds(b"early", &[null()]);
        assert!(matches!(outcome, Err(Error::FdsRefused)), "{outcome:?}");
        let _server = plain.accept().expect("accept");
        let outcome = client.send_fds(b"late", &[null()]);
        assert!(matches!(outcome, Err(Error::FdsRefused)), "{outcome:?}");
    }
}

/// K8: sockets inside sockets, and in themselves, are reaped when all are closed.
#[test]
fn a_cycle_of_sockets_can_be_closed() {
    alone("fds::a_cycle_of_sockets_can_be_closed", || {
        for _ in 0..200 {
            let (one, other): (Stream, Stream) = Options::new().pass_fds(2).pair().expect("pair");
            one.send_fds(b"you", &[&other]).expect("send");
            other.send_fds(b"me", &[&one, &other]).expect("send");
        }
        let before = open_fds();
        let (one, other): (Stream, Stream) = Options::new().pass_fds(2).pair().expect("pair");
        one.send_fds(b"x", &[null()]).expect("nothing is exhausted");
        drop((one, other));
        assert_eq!(open_fds(), before);
    });
}
