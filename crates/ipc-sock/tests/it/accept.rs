//! K14: a listener goes on when descriptors run out.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use crate::path_in;
use ipc_devkit::{alone, fault, scratch};
use ipc_sock::Error;
use ipc_sock::unix::{Listener, Options, SeqPacketListener, Stream};

/// K14: at the limit a connection is taken and refused; the loop does not spin, and recovers.
#[test]
fn a_lack_of_descriptors_neither_stops_nor_spins() {
    alone("accept::a_lack_of_descriptors_neither_stops_nor_spins", || {
        let dir = scratch::dir();
        let address = path_in(&dir);
        let listener = Listener::bind(&address).expect("listen");
        let clients: Vec<Stream> =
            (0..3).map(|_| Stream::connect(&address).expect("connect")).collect();
        // So many that the numbers below the first free one are all taken.
        let _fill: Vec<Stream> = (0..20).map(|_| clients[0].try_clone().expect("clone")).collect();
        let first_free: OwnedFd = std::fs::File::open("/dev/null").expect("open").into();
        let first_free_number = first_free.as_raw_fd().unsigned_abs();
        drop(first_free);
        let before = cpu_time();
        let limit = fault::limit_nofile(u64::from(first_free_number));
        let start = Instant::now();
        let mut refused = 0;
        while start.elapsed() < Duration::from_secs(1) {
            match listener.accept_timeout(Duration::from_millis(100)) {
                Err(Error::Limit { which, .. }) => {
                    assert!(which.contains("RLIMIT_NOFILE"), "{which}");
                    refused += 1;
                }
                Err(Error::TimedOut) => {}
                other => panic!("{other:?}"),
            }
        }
        drop(limit);
        assert_eq!(refused, clients.len());
        let spent = cpu_time() - before;
        assert!(spent < Duration::from_millis(50), "{spent:?} of CPU time in a second");
        for client in &clients {
            let outcome = client.recv(&mut [0; 8]);
            assert!(matches!(outcome, Ok(0) | Err(Error::PeerReset)), "{outcome:?}");
        }
        let client = Stream::connect(&address).expect("connect");
        listener.accept().expect("accepts again").send(b"x").expect("send");
        assert_eq!(client.recv(&mut [0; 8]).expect("receive"), 1);
    });
}

/// What this process has used so far.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/schedstat").expect("read");
    let nanos = stat.split(' ').next().expect("a number").parse().expect("a number");
    Duration::from_nanos(nanos)
}

/// A listener that came as a blocking descriptor keeps its deadlines.
#[test]
fn an_adopted_listener_keeps_its_deadlines() {
    let dir = scratch::dir();
    let address = path_in(&dir);
    let foreign = std::os::unix::net::UnixListener::bind(address.as_path().expect("path"));
    let foreign = OwnedFd::from(foreign.expect("bind"));
    let wrong = SeqPacketListener::adopt(foreign.try_clone().expect("clone"), &Options::new());
    assert!(matches!(wrong, Err(Error::Unsupported { .. })), "{wrong:?}");
    let options = Options::new().pass_fds(1);
    let mut listener = Listener::adopt(foreign, &options).expect("adopt");
    assert!(matches!(listener.try_accept(), Err(Error::WouldBlock)));
    let outcome = listener.accept_timeout(Duration::from_millis(20));
    assert!(matches!(outcome, Err(Error::TimedOut)), "{outcome:?}");
    listener.canceller().expect("canceller").cancel();
    assert!(matches!(listener.accept(), Err(Error::Cancelled)));
    let client = Stream::connect(&address).expect("connect");
    let server = listener.incoming().next().expect("never ends").expect("accept");
    client.send_fds(b"x", &[&client]).expect("send");
    assert_eq!(server.recv_fds(&mut [0; 8]).expect("receive").fds.len(), 1);
}

/// A listener handed to a successor: the path stays, and no connection is lost.
#[test]
fn a_listener_can_be_handed_over() {
    let dir = scratch::dir();
    let address = path_in(&dir);
    let first = Listener::bind(&address).expect("listen");
    let waiting = Stream::connect(&address).expect("connect");
    let fd = OwnedFd::from(first);
    let second = Listener::adopt(fd, &Options::new()).expect("adopt");
    let late = Stream::connect(&address).expect("the path is still there");
    for client in [waiting, late] {
        second.accept().expect("accept").send(b"x").expect("send");
        assert_eq!(client.recv(&mut [0; 8]).expect("receive"), 1);
    }
}
