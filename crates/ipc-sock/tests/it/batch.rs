//! Many messages in one call.

use std::io::{IoSlice, IoSliceMut};
use std::time::Duration;

use ipc_sock::Error;
use ipc_sock::net::UdpSocket;
use ipc_sock::unix::{Datagram, Options, SeqPacket};

#[test]
fn batches_keep_order_and_lengths() {
    let (from, to) = Datagram::pair().expect("pair");
    let messages: Vec<Vec<u8>> = (1..=100_u8).map(|n| vec![n; usize::from(n)]).collect();
    let sender = std::thread::spawn(move || {
        let slices: Vec<IoSlice<'_>> = messages.iter().map(|m| IoSlice::new(m)).collect();
        let mut sent = 0;
        while sent < slices.len() {
            sent += from.send_many(&slices[sent..]).expect("send");
        }
    });
    let mut bytes = vec![0; 16 * 128];
    let mut lens = Vec::new();
    let mut next = 1;
    while next <= 100 {
        let mut bufs: Vec<IoSliceMut<'_>> = bytes.chunks_mut(128).map(IoSliceMut::new).collect();
        let got = to.recv_many(&mut bufs, &mut lens).expect("receive");
        assert!(got >= 1 && got == lens.len());
        for (buf, len) in bufs.iter().zip(&lens) {
            assert_eq!((*len, buf[0]), (usize::from(next), next));
            next += 1;
        }
    }
    sender.join().expect("no panic");
}

#[test]
fn the_forms_of_a_batch_end_as_they_say() {
    let (from, to) = Datagram::pair().expect("pair");
    let mut bytes = [0; 8];
    let mut bufs = [IoSliceMut::new(&mut bytes)];
    let mut lens = Vec::new();
    let short = Duration::from_millis(10);
    assert!(matches!(to.try_recv_many(&mut bufs, &mut lens), Err(Error::WouldBlock)));
    assert!(matches!(to.recv_many_timeout(&mut bufs, &mut lens, short), Err(Error::TimedOut)));
    let now = std::time::Instant::now();
    assert!(matches!(to.recv_many_deadline(&mut bufs, &mut lens, now), Err(Error::TimedOut)));
    let message = [IoSlice::new(b"x")];
    while from.try_send_many(&message).is_ok() {}
    assert!(matches!(from.try_send_many(&message), Err(Error::WouldBlock)));
    assert!(matches!(from.send_many_timeout(&message, short), Err(Error::TimedOut)));
    assert!(matches!(from.send_many_deadline(&message, now), Err(Error::TimedOut)));
    assert_eq!(from.send_many(&[]).expect("nothing to do"), 0);
}

/// K4: one of a batch that does not fit is told, with its length; the others are whole.
#[test]
fn one_of_a_batch_that_is_too_long_is_told() {
    let address = "127.0.0.1:0".parse().expect("address");
    let (from, to) =
        (UdpSocket::bind(address).expect("bind"), UdpSocket::bind(address).expect("bind"));
    from.connect(to.local_addr().expect("address")).expect("connect");
    let messages = [IoSlice::new(b"ok"), IoSlice::new(b"too long"), IoSlice::new(b"fine")];
    assert_eq!(from.send_many(&messages).expect("send"), 3);
    let mut bytes = [0; 12];
    let mut bufs: Vec<IoSliceMut<'_>> = bytes.chunks_mut(4).map(IoSliceMut::new).collect();
    let mut lens = Vec::new();
    let outcome = to.recv_many(&mut bufs, &mut lens);
    assert!(matches!(outcome, Err(Error::MessageTooLong { real: 8, limit: 4 })), "{outcome:?}");
    assert_eq!(lens, [2, 8, 4]);
    assert_eq!(&bytes[8..], b"fine");
}

/// K5: the end of a connection ends a batch, and is no message; an empty one is not sent.
#[test]
fn a_batch_of_a_connection_ends_with_it() {
    let (from, to) = SeqPacket::pair().expect("pair");
    let empty = [IoSlice::new(b"x"), IoSlice::new(b"")];
    assert!(matches!(from.send_many(&empty), Err(Error::EmptyMessage)));
    let messages = [IoSlice::new(b"one"), IoSlice::new(b"three")];
    let mut lens = Vec::new();
    let mut bytes = [0; 64];
    let mut bufs: Vec<IoSliceMut<'_>> = bytes.chunks_mut(8).map(IoSliceMut::new).collect();
    assert!(matches!(to.try_recv_many(&mut bufs, &mut lens), Err(Error::WouldBlock)));
    assert_eq!(from.send_many(&messages).expect("send"), 2);
    assert_eq!(to.recv_many(&mut bufs, &mut lens).expect("receive"), 2);
    assert_eq!(lens, [3, 5]);
    // A foreign program may send empty messages: they are no end while it lives.
    rustix::net::send(&from, b"", rustix::net::SendFlags::NOSIGNAL).expect("send");
    assert_eq!(to.recv_many(&mut bufs, &mut lens).expect("receive"), 1);
    assert_eq!(lens, [0]);
    assert_eq!(from.send_many(&messages).expect("send"), 2);
    drop(from);
    assert_eq!(to.recv_many(&mut bufs, &mut lens).expect("its last words"), 2);
    assert_eq!(lens, [3, 5]);
    let outcome = to.recv_many(&mut bufs, &mut lens);
    assert!(matches!(outcome, Err(Error::Closed { .. })), "{outcome:?}");
    assert!(lens.is_empty());
}

/// K4: descriptors beside a message of a batch are closed, and told.
#[test]
fn descriptors_beside_a_batch_are_told() {
    let (from, to): (SeqPacket, SeqPacket) = Options::new().pass_fds(1).pair().expect("pair");
    let (end, passed) = rustix::pipe::pipe().expect("pipe");
    from.send_fds(b"x", &[&passed]).expect("send");
    drop(passed);
    let mut bytes = [0; 8];
    let outcome = to.recv_many(&mut [IoSliceMut::new(&mut bytes)], &mut Vec::new());
    assert!(matches!(outcome, Err(Error::AncillaryTruncated)), "{outcome:?}");
    assert_eq!(rustix::io::read(&end, &mut [0; 8]).expect("read"), 0, "closed");
}
