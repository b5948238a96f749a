//! Every wait ends when it should: data, deadline, end of the connection.

use std::time::{Duration, Instant};

use crate::{inherited, path_in};
use ipc_devkit::{alone, scratch};
use ipc_sock::Error;
use ipc_sock::unix::{Datagram, Listener, Options, SeqPacket, Stream};

const SHORT: Duration = Duration::from_millis(30);

/// Checks that `call` ends with `TimedOut`, and not before `SHORT`.
fn times_out<T: std::fmt::Debug>(call: impl FnOnce() -> Result<T, Error>) {
    let start = Instant::now();
    let outcome = call();
    assert!(matches!(outcome, Err(Error::TimedOut)), "{outcome:?}");
    assert!(start.elapsed() >= SHORT);
}

/// Checks that `call` ends with `WouldBlock`.
fn would_block<T: std::fmt::Debug>(outcome: Result<T, Error>) {
    assert!(matches!(outcome, Err(Error::WouldBlock)), "{outcome:?}");
}

#[test]
fn receiving_forms_end_as_they_say() {
    let options = Options::new().pass_fds(1).pass_credentials();
    let (stream, _other): (Stream, Stream) = options.pair().expect("pair");
    let (packets, _other): (SeqPacket, SeqPacket) = options.pair().expect("pair");
    let (datagrams, _other) = options.datagram_pair().expect("pair");
    let mut buf = [0; 8];
    macro_rules! all {
        ($($socket:ident)*) => { $(
            would_block($socket.try_recv(&mut buf));
            would_block($socket.try_recv_fds(&mut buf));
            would_block($socket.try_recv_credentials(&mut buf));
            times_out(|| $socket.recv_timeout(&mut buf, SHORT));
            times_out(|| $socket.recv_deadline(&mut buf, Instant::now() + SHORT));
            times_out(|| $socket.recv_fds_timeout(&mut buf, SHORT));
            times_out(|| $socket.recv_fds_deadline(&mut buf, Instant::now() + SHORT));
            times_out(|| $socket.recv_credentials_timeout(&mut buf, SHORT));
            times_out(|| $socket.recv_credentials_deadline(&mut buf, Instant::now() + SHORT));
        )* };
    }
    all!(stream packets datagrams);
    would_block(datagrams.try_recv_from(&mut buf));
    times_out(|| datagrams.recv_from_timeout(&mut buf, SHORT));
    times_out(|| datagrams.recv_from_deadline(&mut buf, Instant::now() + SHORT));
}

#[test]
fn sending_forms_end_as_they_say() {
    let options = Options::new().pass_fds(1);
    let (stream, _stream): (Stream, Stream) = options.pair().expect("pair");
    let (packets, _packets): (SeqPacket, SeqPacket) = options.pair().expect("pair");
    let (datagrams, _datagrams) = options.datagram_pair().expect("pair");
    let page = [7; 4096];
    while stream.try_send(&page).is_ok() {}
    while packets.try_send(&page).is_ok() {}
    while datagrams.try_send(&page).is_ok() {}
    let fd = std::fs::File::open("/dev/null").expect("open");
    macro_rules! all {
        ($($socket:ident)*) => { $(
            would_block($socket.try_send(&page));
            would_block($socket.try_send_fds(&page, &[&fd]));
            times_out(|| $socket.send_timeout(&page, SHORT));
            times_out(|| $socket.send_deadline(&page, Instant::now() + SHORT));
            times_out(|| $socket.send_fds_timeout(&page, &[&fd], SHORT));
            times_out(|| $socket.send_fds_deadline(&page, &[&fd], Instant::now() + SHORT));
        )* };
    }
    all!(stream packets datagrams);
}

#[test]
fn accepting_forms_end_as_they_say() {
    let dir = scratch::dir();
    let listener = Listener::bind(&path_in(&dir)).expect("listen");
    would_block(listener.try_accept());
    times_out(|| listener.accept_timeout(SHORT));
    times_out(|| listener.accept_deadline(Instant::now() + SHORT));
    let client = Stream::connect(&path_in(&dir)).expect("connect");
    listener.accept_deadline(Instant::now()).expect("what is there is taken");
    drop(client);
}

#[test]
fn connecting_forms_end_as_they_say_while_the_backlog_is_full() {
    let dir = scratch::dir();
    let address = path_in(&dir);
    let listener: Listener = Options::new().backlog(0).listen(&address).expect("listen");
    let options = Options::new();
    let mut waiting: Vec<Stream> = Vec::new();
    loop {
        match options.try_connect(&address) {
            Ok(stream) => waiting.push(stream),
            Err(Error::WouldBlock) => break,
            Err(error) => panic!("{error}"),
        }
    }
    times_out(|| options.connect_timeout::<Stream>(&address, SHORT));
    times_out(|| options.connect_deadline::<Stream>(&address, Instant::now() + SHORT));
    let late = std::thread::spawn(move || Options::new().connect::<Stream>(&address));
    listener.accept().expect("accept");
    late.join().expect("no panic").expect("room was made");
}

/// K13: an unconnected sender waits for the receiver's queue without spinning.
#[test]
fn a_full_datagram_queue_is_waited_for_without_spinning() {
    alone("waiting::a_full_datagram_queue_is_waited_for_without_spinning", || {
        let dir = scratch::dir();
        let address = path_in(&dir);
        let receiver = Datagram::bind(&address).expect("bind");
        let sender = Datagram::unbound().expect("create");
        while sender.try_send_to(b"x", &address).is_ok() {}
        would_block(sender.try_send_to(b"x", &address));
        let before = cpu_time();
        let wait = Duration::from_millis(300);
        let late = sender.send_to_timeout(b"x", &address, wait);
        assert!(matches!(late, Err(Error::TimedOut)), "{late:?}");
        let spent = cpu_time() - before;
        assert!(spent < wait / 10, "{spent:?} of CPU time in a wait of {wait:?}");
        times_out(|| sender.send_to_deadline(b"x", &address, Instant::now() + SHORT));
        let thread = std::thread::spawn(move || {
            let long = Duration::from_secs(60);
            sender.send_to_timeout(b"last", &address, long).expect("room comes");
        });
        let mut buf = [0; 8];
        while receiver.recv(&mut buf).expect("receive") != 4 {}
        thread.join().expect("no panic");
    });
}

/// X1: what comes into being on the way is close-on-exec, and closed with its handle.
#[test]
fn no_descriptor_reaches_a_child_or_is_left() {
    alone("waiting::no_descriptor_reaches_a_child_or_is_left", || {
        let before = inherited();
        let dir = scratch::dir();
        let options = Options::new().pass_fds(2).pass_credentials();
        let mut listener: Listener = options.listen(&path_in(&dir)).expect("listen");
        assert_eq!(inherited(), before);
        let client: Stream = Options::new().connect(&path_in(&dir)).expect("connect");
        assert_eq!(inherited(), before);
        let mut server = listener.accept().expect("accept");
        assert_eq!(inherited(), before);
        client.send_fds(b"x", &[&client]).expect("send");
        let received = server.recv_fds(&mut [0; 8]).expect("receive");
        assert_eq!(received.fds.len(), 1);
        assert!(received.credentials.as_ref().is_some_and(|who| who.pidfd.is_some()));
        assert_eq!(inherited(), before);
        let who = server.peer_credentials().expect("ask");
        let cancellers = (listener.canceller().expect("one"), server.canceller().expect("one"));
        server.watch_peer(std::os::unix::process::parent_id()).expect("watch");
        let copy = server.try_clone().expect("clone");
        let pairs = (Datagram::pair().expect("pair"), SeqPacket::pair().expect("pair"));
        let tcp = ipc_sock::net::TcpListener::bind("127.0.0.1:0".parse().expect("address"));
        let tcp = tcp.expect("listen");
        let to = ipc_sock::net::TcpStream::connect(tcp.local_addr().expect("address"));
        let accepted = tcp.accept().expect("accept");
        assert_eq!(inherited(), before);
        drop((who, cancellers, copy, pairs, tcp, to, accepted));
    });
}

/// What this process has used so far.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/schedstat").expect("read");
    let nanos = stat.split(' ').next().expect("a number").parse().expect("a number");
    Duration::from_nanos(nanos)
}
