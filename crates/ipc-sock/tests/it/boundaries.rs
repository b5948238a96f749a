//! Messages keep their boundaries, and nothing looks like an end that is none.

use crate::path_in;
use ipc_devkit::scratch;
use ipc_sock::unix::{Datagram, Options, SeqPacket, Stream};
use ipc_sock::{Error, net::UdpSocket};

/// K4: a message longer than the buffer is refused with its length, in every form; never a prefix.
#[test]
fn a_message_longer_than_the_buffer_is_refused() {
    let options = Options::new().pass_fds(1).pass_credentials();
    let (from, to): (SeqPacket, SeqPacket) = options.pair().expect("pair");
    let (dgram_from, dgram_to) = options.datagram_pair().expect("pair");
    let mut buf = [0; 4];
    macro_rules! refused {
        ($call:expr) => {{
            from.send(&[1; 10]).expect("send");
            dgram_from.send(&[1; 10]).expect("send");
            let outcome = $call;
            let expected = matches!(outcome, Err(Error::MessageTooLong { real: 10, limit: 4 }));
            assert!(expected, "{outcome:?}");
            // The one for the other socket.
            let _ = (to.try_recv(&mut buf), dgram_to.try_recv(&mut buf));
        }};
    }
    refused!(to.recv(&mut buf));
    refused!(to.recv_fds(&mut buf));
    refused!(to.recv_credentials(&mut buf));
    refused!(dgram_to.recv(&mut buf));
    refused!(dgram_to.recv_fds(&mut buf));
    refused!(dgram_to.recv_from(&mut buf));
    from.send(b"next").expect("send");
    assert_eq!(to.recv(&mut buf).expect("the next is whole"), 4);

    let (one, other) = (udp(), udp());
    one.send_to(&[1; 10], other.local_addr().expect("address")).expect("send");
    let outcome = other.recv(&mut buf);
    assert!(matches!(outcome, Err(Error::MessageTooLong { real: 10, limit: 4 })), "{outcome:?}");
    let outcome = one.send_to(&[0; 70_000], other.local_addr().expect("address"));
    assert!(matches!(outcome, Err(Error::MessageTooLong { real: 70_000, .. })), "{outcome:?}");
}

fn udp() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0".parse().expect("address")).expect("bind")
}

/// K4: a message longer than the send buffer is refused whole.
#[test]
fn a_message_longer_than_the_send_buffer_is_refused() {
    let (from, to): (SeqPacket, SeqPacket) =
        Options::new().send_buffer(64 * 1024).pair().expect("pair");
    let outcome = from.send(&vec![0; 1 << 20]);
    assert!(matches!(outcome, Err(Error::MessageTooLong { real: 1_048_576, .. })), "{outcome:?}");
    assert!(matches!(to.try_recv(&mut [0; 8]), Err(Error::WouldBlock)));
}

#[test]
fn one_mebibyte_goes_in_one_message_where_the_system_allows() {
    let allowed = std::fs::read_to_string("/proc/sys/net/core/wmem_max").expect("read");
    let allowed: usize = allowed.trim().parse().expect("a number");
    if allowed < 2 << 20 {
        return ipc_devkit::skip("net.core.wmem_max is below 2 MiB");
    }
    let (from, to) = SeqPacket::pair().expect("pair");
    let message: Vec<u8> = (0..1 << 20).map(|i: u32| i.to_le_bytes()[0]).collect();
    from.send(&message).expect("send");
    let mut buf = vec![0; to.next_len().expect("look")];
    assert_eq!(to.recv(&mut buf).expect("receive"), 1 << 20);
    assert!(buf == message);
}

/// K5: an empty message is not sent over a connection, and a foreign one is not taken for the end.
#[test]
fn an_empty_message_is_not_the_end() {
    let (from, to): (SeqPacket, SeqPacket) = Options::new().pass_fds(1).pair().expect("pair");
    assert!(matches!(from.send(b""), Err(Error::EmptyMessage)));
    assert!(matches!(from.try_send(b""), Err(Error::EmptyMessage)));
    assert!(matches!(from.send_fds(b"", &[&to]), Err(Error::EmptyMessage)));
    let hostile = |socket: &SeqPacket| {
        rustix::net::send(socket, b"", rustix::net::SendFlags::NOSIGNAL).expect("send nothing");
    };
    let mut buf = [0; 8];
    hostile(&from);
    assert_eq!(to.recv(&mut buf).expect("an empty message"), 0);
    hostile(&from);
    assert_eq!(to.recv_fds(&mut buf).expect("an empty message").bytes, 0);
    hostile(&from);
    from.send(b"last").expect("send");
    drop(from);
    assert_eq!(to.recv(&mut buf).expect("an empty message before the last"), 0);
    assert_eq!(to.recv(&mut buf).expect("the last"), 4);
    assert!(matches!(to.recv(&mut buf), Err(Error::Closed { peer_died: false })));
    assert!(matches!(to.recv_fds(&mut buf), Err(Error::Closed { peer_died: false })));
    assert!(matches!(to.next_len(), Err(Error::Closed { peer_died: false })));
}

#[test]
fn an_empty_datagram_is_one_like_any_other() {
    let dir = scratch::dir();
    let server = Datagram::bind(&path_in(&dir)).expect("bind");
    let client = Datagram::unbound().expect("create");
    client.connect(&path_in(&dir)).expect("connect");
    client.send(b"").expect("send");
    let (length, from) = server.recv_from(&mut [0; 8]).expect("receive");
    assert!(length == 0 && from.is_unnamed());
}

/// K6: closed with something unread is a reset; closed with nothing unread is the end.
#[test]
fn a_close_with_unread_data_is_a_reset() {
    let mut buf = [0; 8];
    let (ours, theirs) = Stream::pair().expect("pair");
    theirs.send(b"words").expect("send");
    drop(theirs);
    assert_eq!(ours.recv(&mut buf).expect("what was sent"), 5);
    assert_eq!(ours.recv(&mut buf).expect("the end"), 0);
    assert!(matches!(ours.send(b"x"), Err(Error::Closed { peer_died: false })));

    let (ours, theirs) = Stream::pair().expect("pair");
    ours.send(b"unread").expect("send");
    theirs.send(b"words").expect("send");
    drop(theirs);
    assert_eq!(ours.recv(&mut buf).expect("what was sent comes first"), 5);
    assert!(matches!(ours.recv(&mut buf), Err(Error::PeerReset)));

    let (ours, theirs) = SeqPacket::pair().expect("pair");
    ours.send(b"unread").expect("send");
    drop(theirs);
    assert!(matches!(ours.recv(&mut buf), Err(Error::PeerReset)));

    let (ours, theirs) = Stream::pair().expect("pair");
    ours.send(b"unread").expect("send");
    drop(theirs);
    assert!(matches!(ours.send(b"x"), Err(Error::Closed { .. } | Error::PeerReset)));
    assert!(matches!(ours.recv(&mut buf), Err(Error::PeerReset)));
}

/// K12: urgent data is not delivered, and does not disturb what is.
#[test]
fn urgent_data_never_comes_through() {
    let (ours, theirs) = Stream::pair().expect("pair");
    ours.send(b"ab").expect("send");
    let urgent = rustix::net::SendFlags::OOB | rustix::net::SendFlags::NOSIGNAL;
    if rustix::net::send(&ours, b"!", urgent).is_err() {
        // This kernel has none at all for Unix sockets.
        return;
    }
    ours.send(b"cd").expect("send");
    drop(ours);
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut &theirs, &mut text).expect("receive");
    assert_eq!(text, b"abcd");
}
