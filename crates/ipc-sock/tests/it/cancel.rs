//! X18: a canceller ends the current or the next wait of its handle.

use std::sync::Arc;
use std::time::Duration;

use crate::path_in;
use ipc_devkit::{alone, fault, scratch};
use ipc_sock::unix::{Datagram, Listener, Options, SeqPacket, Stream};
use ipc_sock::{Error, Frames, net};

const LONG: Duration = Duration::from_secs(60);

fn cancelled<T: std::fmt::Debug>(outcome: Result<T, Error>) {
    assert!(matches!(outcome, Err(Error::Cancelled)), "{outcome:?}");
}

/// X18: one cancellation, one ended wait, in every waiting form.
#[test]
fn a_cancellation_ends_the_next_wait_once() {
    let options = Options::new().pass_fds(1).pass_credentials();
    let (mut stream, _stream): (Stream, Stream) = options.pair().expect("pair");
    let (mut packets, _packets): (SeqPacket, SeqPacket) = options.pair().expect("pair");
    let (mut datagrams, _datagrams) = options.datagram_pair().expect("pair");
    let mut buf = [0; 8];
    macro_rules! all {
        ($($socket:ident $other:ident)*) => { $(
            let canceller = $socket.canceller().expect("canceller");
            canceller.cancel();
            canceller.cancel();
            cancelled($socket.recv(&mut buf));
            canceller.cancel();
            cancelled($socket.recv_timeout(&mut buf, LONG));
            canceller.cancel();
            cancelled($socket.recv_fds(&mut buf));
            canceller.cancel();
            cancelled($socket.recv_credentials(&mut buf));
            canceller.cancel();
            cancelled($socket.send(b"x"));
            canceller.cancel();
            cancelled($socket.send_fds(b"x", &[&canceller_fd()]));
            $other.send(b"data").expect("send");
            assert_eq!($socket.recv(&mut buf).expect("the next wait goes on"), 4);
            canceller.cancel();
            assert!(matches!($socket.try_recv(&mut buf), Err(Error::WouldBlock)));
            cancelled($socket.recv(&mut buf));
        )* };
    }
    all!(stream _stream packets _packets datagrams _datagrams);
    let canceller = datagrams.canceller().expect("canceller");
    canceller.cancel();
    cancelled(datagrams.recv_from(&mut buf));
}

fn canceller_fd() -> std::fs::File {
    std::fs::File::open("/dev/null").expect("open")
}

/// X18: from another thread, while the wait goes on; every handle that waits.
#[test]
fn a_cancellation_ends_a_wait_that_is_under_way() {
    let dir = scratch::dir();
    let mut listener = Listener::bind(&path_in(&dir)).expect("listen");
    let canceller = listener.canceller().expect("canceller");
    let waiting = std::thread::spawn(move || listener.accept().map(drop));
    canceller.cancel();
    cancelled(waiting.join().expect("no panic"));

    let mut tcp = net::TcpListener::bind("127.0.0.1:0".parse().expect("address")).expect("listen");
    let canceller = tcp.canceller().expect("canceller");
    let waiting = std::thread::spawn(move || tcp.accept().map(drop));
    canceller.cancel();
    cancelled(waiting.join().expect("no panic"));

    let mut udp = net::UdpSocket::bind("127.0.0.1:0".parse().expect("address")).expect("bind");
    let canceller = udp.canceller().expect("canceller");
    let waiting = std::thread::spawn(move || udp.recv(&mut [0; 8]));
    canceller.cancel();
    cancelled(waiting.join().expect("no panic"));

    // A sender without a connection, at a full queue.
    let address = path_in(&dir);
    let _receiver = Datagram::bind(&address).expect("bind");
    let mut sender = Datagram::unbound().expect("create");
    while sender.try_send_to(b"x", &address).is_ok() {}
    let canceller = sender.canceller().expect("canceller");
    let waiting = std::thread::spawn(move || sender.send_to(b"x", &address));
    canceller.cancel();
    cancelled(waiting.join().expect("no panic"));
}

/// X18: from a signal handler.
#[test]
fn a_signal_handler_may_cancel() {
    alone("cancel::a_signal_handler_may_cancel", || {
        let (mut stream, _other) = Stream::pair().expect("pair");
        let canceller = Arc::new(stream.canceller().expect("canceller"));
        let in_handler = Arc::downgrade(&canceller);
        let cancel = move || in_handler.upgrade().expect("not dropped yet").cancel();
        fault::signal_handler_calls(14, Box::new(cancel));
        fault::raise(14);
        cancelled(stream.recv_timeout(&mut [0; 8], LONG));
    });
}

/// X18: a message that was cut by a cancellation goes on where it stopped.
#[test]
fn a_cancelled_frame_is_not_lost() {
    let (stream, other) = Stream::pair().expect("pair");
    let mut frames = Frames::new(stream);
    let canceller = frames.stream_mut().canceller().expect("canceller");
    other.send(b"\x05\0\0\0he").expect("half a message");
    assert!(matches!(frames.try_recv(), Err(Error::WouldBlock)));
    canceller.cancel();
    cancelled(frames.recv());
    other.send(b"llo").expect("the rest");
    assert_eq!(frames.recv().expect("whole"), b"hello");
}
