//! Signals: none is raised by our calls, and none ends a wait.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::path_in;
use ipc_devkit::{alone, fault, scratch, two_process};
use ipc_sock::unix::{Datagram, Listener, Options, SeqPacket, Stream};
use ipc_sock::{Error, Frames, net};

/// X7: SIGPIPE is never delivered, whatever its disposition, by any form of send.
#[test]
fn no_send_raises_sigpipe() {
    alone("signals::no_send_raises_sigpipe", || {
        fault::set_sigpipe_default();
        let second = Duration::from_secs(1);
        let closed = |outcome: Result<(), Error>| {
            assert!(matches!(outcome, Err(Error::Closed { .. } | Error::PeerReset)), "{outcome:?}");
        };
        let (stream, other): (Stream, Stream) = Options::new().pass_fds(1).pair().expect("pair");
        drop(other);
        closed(stream.send(b"x").map(drop));
        closed(stream.try_send(b"x").map(drop));
        closed(stream.send_timeout(b"x", second).map(drop));
        closed(stream.send_fds(b"x", &[&stream]).map(drop));
        assert!((&stream).write(b"x").is_err());
        closed(Frames::new(stream).send(b"x"));
        let (packets, other) = SeqPacket::pair().expect("pair");
        drop(other);
        closed(packets.send(b"x"));
        closed(packets.try_send(b"x"));
        let (datagrams, other) = Datagram::pair().expect("pair");
        drop(other);
        assert!(datagrams.send(b"x").is_err());
        assert!(datagrams.send_many(&[std::io::IoSlice::new(b"x")]).is_err());
        let listener = net::TcpListener::bind("127.0.0.1:0".parse().expect("a")).expect("listen");
        let tcp =
            net::TcpStream::connect(listener.local_addr().expect("address")).expect("connect");
        drop(listener.accept().expect("accept"));
        while tcp.send(b"x").is_ok() {}
        closed(tcp.send(b"x").map(drop));
    });
}

/// X2: deadlines are kept while a signal handler runs every millisecond.
#[test]
fn a_storm_of_signals_moves_no_deadline() {
    alone("signals::a_storm_of_signals_moves_no_deadline", || {
        let dir = scratch::dir();
        let address = path_in(&dir);
        let listener: Listener = Options::new().backlog(0).listen(&address).expect("listen");
        let (stream, _other) = Stream::pair().expect("pair");
        while stream.try_send(&[0; 4096]).is_ok() {}
        let storm = fault::alarm_storm(Duration::from_millis(1));
        let wait = Duration::from_millis(200);
        let timed = |call: &dyn Fn() -> Result<(), Error>| {
            let start = Instant::now();
            let outcome = call();
            assert!(matches!(outcome, Err(Error::TimedOut)), "{outcome:?}");
            let spent = start.elapsed();
            assert!(spent >= wait && spent < wait + Duration::from_millis(100), "{spent:?}");
        };
        timed(&|| stream.recv_timeout(&mut [0; 8], wait).map(drop));
        timed(&|| stream.send_timeout(&[0; 8], wait).map(drop));
        timed(&|| listener.accept_timeout(wait).map(drop));
        let options = Options::new();
        let mut waiting: Vec<Stream> = Vec::new();
        while let Ok(stream) = options.try_connect(&address) {
            waiting.push(stream);
        }
        timed(&|| options.connect_timeout::<Stream>(&address, wait).map(drop));
        assert!(storm.count() > 100, "only {} signals came", storm.count());
    });
}

/// X2: nothing is lost or doubled while both sides are interrupted all the time.
#[test]
fn a_storm_of_signals_loses_nothing() {
    const COUNT: u64 = 50_000;
    two_process(
        "signals::a_storm_of_signals_loses_nothing",
        |mut child| {
            let (mut ours, theirs) = Stream::pair().expect("pair");
            let (packets, their_packets) = SeqPacket::pair().expect("pair");
            child.give(&theirs);
            child.give(&their_packets);
            drop((theirs, their_packets));
            let storm = fault::alarm_storm(Duration::from_millis(1));
            for number in 0..COUNT {
                ours.write_all(&number.to_le_bytes()).expect("send");
                packets.send(&number.to_le_bytes()).expect("send");
            }
            drop(storm);
        },
        |mut parent| {
            let mut stream = Stream::from(parent.take());
            let packets = SeqPacket::from(parent.take());
            let storm = fault::alarm_storm(Duration::from_millis(1));
            let mut number = [0; 8];
            for expected in 0..COUNT {
                stream.read_exact(&mut number).expect("receive");
                assert_eq!(u64::from_le_bytes(number), expected);
                assert_eq!(packets.recv(&mut number).expect("receive"), 8);
                assert_eq!(u64::from_le_bytes(number), expected);
            }
            assert_eq!(stream.recv(&mut number).expect("end"), 0);
            drop(storm);
        },
    );
}
