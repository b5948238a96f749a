//! The same verbs to other hosts.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use ipc_devkit::{alone, scratch, two_process};
use ipc_sock::net::{
    KeepAlive, NetOptions, TcpListener, TcpStream, UdpSocket, VsockAddress, VsockListener,
    VsockStream,
};
use ipc_sock::{Error, Frames};

const SHORT: Duration = Duration::from_millis(20);

fn local(v6: bool) -> SocketAddr {
    if v6 { "[::1]:0" } else { "127.0.0.1:0" }.parse().expect("address")
}

#[test]
fn tcp_has_every_form() {
    for v6 in [false, true] {
        let keep_alive =
            KeepAlive { idle: Duration::from_secs(30), interval: Duration::from_secs(5), count: 3 };
        let options =
            NetOptions::new().nodelay().keep_alive(keep_alive).send_buffer(65_536).backlog(8);
        let listener = options.listen(local(v6)).expect("listen");
        let address = listener.local_addr().expect("address");
        assert!(matches!(listener.try_accept(), Err(Error::WouldBlock)));
        assert!(matches!(listener.accept_timeout(SHORT), Err(Error::TimedOut)));
        let at_once = options.try_connect(address).expect("within one host");
        at_once.send(b"x").expect("send");
        assert_eq!(listener.accept().expect("accept").recv(&mut [0; 2]).expect("receive"), 1);
        let client = options.connect_timeout(address, Duration::from_secs(5)).expect("connect");
        let server = listener.accept_deadline(Instant::now() + SHORT * 100).expect("accept");
        assert_eq!(client.peer_addr().expect("ask"), address);
        assert_eq!(server.peer_addr().expect("ask"), client.local_addr().expect("ask"));
        assert!(client.nodelay().expect("ask"));
        assert_eq!(rustix::net::sockopt::tcp_keepidle(&client).expect("ask"), keep_alive.idle);
        assert_eq!(rustix::net::sockopt::tcp_keepcnt(&server).expect("ask"), 3);
        assert_eq!(client.send_buffer().expect("ask"), 131_072);
        let mut buf = [0; 8];
        assert!(matches!(server.try_recv(&mut buf), Err(Error::WouldBlock)));
        assert!(matches!(server.recv_timeout(&mut buf, SHORT), Err(Error::TimedOut)));
        client.send(b"hello").expect("send");
        assert_eq!(server.recv(&mut buf).expect("receive"), 5);
        client.shutdown(std::net::Shutdown::Write).expect("shut down");
        assert_eq!(server.recv(&mut buf).expect("the end"), 0);
        server.send(b"still open this way").expect("send");
        assert_eq!(client.recv(&mut buf).expect("receive"), 8);
        // Closed with something unread: a reset, not an end.
        drop(client);
        let outcome = loop {
            match server.send(b"x") {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(matches!(outcome, Error::PeerReset | Error::Closed { .. }), "{outcome}");
    }
}

#[test]
fn a_reset_connection_is_told_from_an_ended_one() {
    let listener = TcpListener::bind(local(false)).expect("listen");
    let client = TcpStream::connect(listener.local_addr().expect("address")).expect("connect");
    let server = listener.accept().expect("accept");
    rustix::net::sockopt::set_socket_linger(&server, Some(Duration::ZERO)).expect("break off");
    drop(server);
    let outcome = client.recv(&mut [0; 8]);
    assert!(matches!(outcome, Err(Error::PeerReset)), "{outcome:?}");
}

#[test]
fn a_connect_to_a_silent_host_ends_at_its_deadline() {
    // A listener whose queue is full drops further requests, as a silent host would.
    let listener = NetOptions::new().backlog(0).listen(local(false)).expect("listen");
    let address = listener.local_addr().expect("address");
    let mut held = Vec::new();
    let outcome = loop {
        let start = Instant::now();
        match NetOptions::new().connect_timeout(address, Duration::from_millis(100)) {
            Ok(stream) => held.push(stream),
            Err(error) => break (error, start.elapsed()),
        }
        assert!(held.len() < 100);
    };
    assert!(matches!(outcome.0, Error::TimedOut), "{}", outcome.0);
    let outcome_at_once = NetOptions::new().try_connect(address);
    assert!(matches!(outcome_at_once, Err(Error::WouldBlock)), "{outcome_at_once:?}");
    let free = NetOptions::new().listen(local(false)).expect("listen");
    let nobody = free.local_addr().expect("address");
    drop(free);
    let refused = NetOptions::new().try_connect(nobody);
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    assert!(outcome.1 >= Duration::from_millis(100) && outcome.1 < Duration::from_secs(2));
}

#[test]
fn udp_has_every_form() {
    for v6 in [false, true] {
        let server = NetOptions::new().recv_buffer(65_536).bind_udp(local(v6)).expect("bind");
        let client = UdpSocket::bind(local(v6)).expect("bind");
        let mut buf = [0; 8];
        assert!(matches!(server.try_recv(&mut buf), Err(Error::WouldBlock)));
        assert!(matches!(server.try_recv_from(&mut buf), Err(Error::WouldBlock)));
        assert!(matches!(server.recv_timeout(&mut buf, SHORT), Err(Error::TimedOut)));
        assert!(matches!(server.recv_from_timeout(&mut buf, SHORT), Err(Error::TimedOut)));
        client.connect(server.local_addr().expect("address")).expect("connect");
        client.send(b"one").expect("send");
        client.try_send(b"").expect("send");
        let (length, from) = server.recv_from(&mut buf).expect("receive");
        assert_eq!((length, from), (3, client.local_addr().expect("address")));
        assert_eq!(server.recv(&mut buf).expect("an empty one"), 0);
        server.send_to_timeout(b"back", from, SHORT).expect("send");
        assert_eq!(client.recv(&mut buf).expect("receive"), 4);
        drop(server);
        client.send(b"to nobody").expect("send");
        let outcome = client.recv_timeout(&mut buf, Duration::from_secs(5));
        assert!(matches!(outcome, Err(Error::Refused { .. })), "{outcome:?}");
    }
}

/// A loopback where the kernel has one; otherwise the lack of it is typed.
#[test]
fn vsock_works_or_says_that_it_cannot() {
    let address = VsockAddress::new(VsockAddress::LOCAL, VsockAddress::ANY);
    let listener = match VsockListener::bind(address) {
        Ok(listener) => listener,
        Err(Error::Unsupported { what }) => {
            assert!(what.contains("vsock"), "{what}");
            let outcome = VsockStream::connect_timeout(VsockAddress::new(1, 9), SHORT);
            let typed = matches!(
                outcome,
                Err(Error::Unsupported { .. } | Error::PeerReset | Error::TimedOut)
            );
            assert!(typed, "{outcome:?}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let address = listener.local_addr().expect("address");
    let client = VsockStream::connect(address).expect("connect");
    let (server, from) = listener.accept().expect("accept");
    assert_eq!(from.cid, VsockAddress::LOCAL);
    let (mut client, mut server) = (Frames::new(client), Frames::new(server));
    client.send(b"hello").expect("send");
    assert_eq!(server.recv().expect("receive"), b"hello");
}

#[test]
fn an_address_in_use_is_told() {
    let listener = TcpListener::bind(local(false)).expect("listen");
    let taken = TcpListener::bind(listener.local_addr().expect("address"));
    assert!(matches!(taken, Err(Error::AlreadyExists { .. })), "{taken:?}");
}

/// Two hosts, as two network namespaces with a cable between them.
#[test]
fn two_hosts_talk_over_tcp_and_udp() {
    two_process(
        "net::two_hosts_talk_over_tcp_and_udp",
        |mut child| {
            if !rustix::process::geteuid().is_root() || run(&["link", "show", "lo"]).is_err() {
                child.tell("skip");
                return ipc_devkit::skip("needs root and `ip` (iproute2), for network namespaces");
            }
            let tag = scratch::name("n");
            let tag = tag.split('-').nth(2).expect("the process number");
            let (ours, theirs) = (format!("ia{tag}"), format!("ib{tag}"));
            leave_network();
            child.tell("leave");
            // The thread of the test there, which need not be its main one.
            let pid = child.hear();
            run(&["link", "add", &ours, "type", "veth", "peer", "name", &theirs, "netns", &pid])
                .expect("lay the cable");
            run(&["addr", "add", "10.77.0.1/24", "dev", &ours]).expect("address");
            run(&["addr", "add", "fd77::1/64", "dev", &ours, "nodad"]).expect("address");
            run(&["link", "set", &ours, "up"]).expect("up");
            child.tell(&theirs);
            assert_eq!(child.hear(), "up");
            for host in ["10.77.0.1", "[fd77::1]"] {
                let at = format!("{host}:0").parse().expect("address");
                let listener = TcpListener::bind(at).expect("listen");
                let udp = UdpSocket::bind(at).expect("bind");
                child.tell(&listener.local_addr().expect("address").to_string());
                child.tell(&udp.local_addr().expect("address").to_string());
                let mut stream = listener.accept().expect("accept");
                let mut text = String::new();
                stream.read_to_string(&mut text).expect("receive");
                assert_eq!(text.len(), 1_000_000);
                stream.write_all(b"got it").expect("send");
                drop(stream);
                let mut buf = [0; 64];
                let (length, from) = udp.recv_from(&mut buf).expect("receive");
                udp.send_to(&buf[..length], from).expect("send");
            }
        },
        |mut parent| {
            if parent.hear() == "skip" {
                return;
            }
            leave_network();
            parent.tell(&rustix::thread::gettid().as_raw_nonzero().to_string());
            let device = parent.hear();
            run(&["addr", "add", "10.77.0.2/24", "dev", &device]).expect("address");
            run(&["addr", "add", "fd77::2/64", "dev", &device, "nodad"]).expect("address");
            run(&["link", "set", &device, "up"]).expect("up");
            parent.tell("up");
            for mine in ["10.77.0.2:0", "[fd77::2]:0"] {
                let tcp: SocketAddr = parent.hear().parse().expect("address");
                let udp: SocketAddr = parent.hear().parse().expect("address");
                let deadline = Instant::now() + Duration::from_secs(5);
                let mut stream =
                    NetOptions::new().connect_deadline(tcp, deadline).expect("connect");
                stream.write_all(&vec![b'x'; 1_000_000]).expect("send");
                stream.shutdown(std::net::Shutdown::Write).expect("shut down");
                let mut text = String::new();
                stream.read_to_string(&mut text).expect("receive");
                assert_eq!(text, "got it");
                let socket = UdpSocket::bind(mine.parse().expect("address")).expect("bind");
                socket.send_to(b"ping", udp).expect("send");
                let mut buf = [0; 64];
                let (length, from) =
                    socket.recv_from_timeout(&mut buf, Duration::from_secs(5)).expect("receive");
                assert_eq!((&buf[..length], from), (b"ping".as_slice(), udp));
            }
        },
    );
}

/// Puts this process into a network namespace of its own: it goes with the process.
fn leave_network() {
    // The process has one thread that matters, this one; the harness' are outside.
    #[expect(
        deprecated,
        reason = "the unsafe form is for descriptor tables, which this leaves alone"
    )]
    rustix::thread::unshare(rustix::thread::UnshareFlags::NEWNET).expect("leave the network");
}

fn run(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(text) }
}

/// A TCP listener handed to another process goes on with its queue.
#[test]
fn a_tcp_listener_is_handed_over() {
    alone("net::a_tcp_listener_is_handed_over", || {
        let listener = TcpListener::bind(local(false)).expect("listen");
        let address = listener.local_addr().expect("address");
        let waiting = TcpStream::connect(address).expect("connect");
        let (ours, theirs): (ipc_sock::unix::SeqPacket, _) =
            ipc_sock::unix::Options::new().pass_fds(1).pair().expect("pair");
        ours.send_fds(b"take over", &[&listener]).expect("send");
        drop(listener);
        let mut received = theirs.recv_fds(&mut [0; 16]).expect("receive");
        let successor = TcpListener::from(received.fds.remove(0));
        successor.accept().expect("accept").send(b"x").expect("send");
        assert_eq!(waiting.recv(&mut [0; 8]).expect("receive"), 1);
    });
}
