//! Who is at the other end.

use crate::path_in;
use ipc_devkit::{alone, scratch, two_process};
use ipc_sock::unix::{Address, Datagram, Listener, Options, SeqPacket, Stream};
use ipc_sock::{Error, net};

/// K10: both sides learn the other's process, user, groups and pidfd from the kernel.
#[test]
fn both_sides_know_each_other() {
    two_process(
        "credentials::both_sides_know_each_other",
        |mut child| {
            let dir = scratch::dir();
            let listener = Listener::bind(&path_in(&dir)).expect("listen");
            child.tell(&path_in(&dir).to_string());
            let server = listener.accept().expect("accept");
            let who = server.peer_credentials().expect("ask");
            assert_eq!(who.pid.map(i64::from), Some(child.raw_pid().into()));
            assert_eq!(who.uid, rustix::process::geteuid().as_raw());
            assert_eq!(who.gid, rustix::process::getegid().as_raw());
            let groups: Vec<u32> =
                rustix::process::getgroups().expect("groups").iter().map(|g| g.as_raw()).collect();
            assert_eq!(who.groups, groups);
            assert_eq!(who.is_alive(), Some(true));
            child.kill();
            assert_eq!(who.is_alive(), Some(false));
            // Reaped: the number is no longer to be had as a process, and that is no error.
            let late = server.peer_credentials().expect("ask");
            assert_eq!(late.pid, who.pid);
            assert_ne!(late.is_alive(), Some(true));
        },
        |mut parent| {
            let address = Address::path(parent.hear()).expect("address");
            let client = Stream::connect(&address).expect("connect");
            let who = client.peer_credentials().expect("ask");
            assert_eq!(who.pid, Some(std::os::unix::process::parent_id()));
            let _ = parent.hear();
        },
    );
}

/// K10: of connect time: passing the connected descriptor on changes nothing.
#[test]
fn credentials_stay_those_of_the_connect() {
    two_process(
        "credentials::credentials_stay_those_of_the_connect",
        |mut child| {
            let dir = scratch::dir();
            let listener = Listener::bind(&path_in(&dir)).expect("listen");
            let client = Stream::connect(&path_in(&dir)).expect("connect");
            let server = listener.accept().expect("accept");
            child.give(&client);
            drop(client);
            assert_eq!(server.recv(&mut [0; 8]).expect("from the child"), 5);
            let who = server.peer_credentials().expect("ask");
            assert_eq!(who.pid, Some(std::process::id()), "who connected, not who writes");
        },
        |mut parent| {
            Stream::from(parent.take()).send(b"child").expect("send");
        },
    );
}

/// K10: of each message: who sent it, whoever connected.
#[test]
fn messages_name_their_sender() {
    two_process(
        "credentials::messages_name_their_sender",
        |mut child| {
            let options = Options::new().pass_credentials();
            let (ours, theirs): (SeqPacket, SeqPacket) = options.pair().expect("pair");
            let (dgram, their_dgram) = options.datagram_pair().expect("pair");
            child.give(&theirs);
            child.give(&their_dgram);
            let sender = |received: ipc_sock::Received| {
                let who = received.credentials.expect("identity");
                assert_eq!(who.uid, rustix::process::geteuid().as_raw());
                assert_eq!(who.is_alive(), ipc_sock::features().message_pidfd.then_some(true));
                who.pid.map(i64::from)
            };
            let mut buf = [0; 8];
            let theirs_pid = Some(i64::from(child.raw_pid()));
            assert_eq!(sender(ours.recv_credentials(&mut buf).expect("receive")), theirs_pid);
            assert_eq!(sender(dgram.recv_credentials(&mut buf).expect("receive")), theirs_pid);
            theirs.send(b"ours").expect("send by this process over the same end");
            let us = Some(i64::from(std::process::id()));
            assert_eq!(sender(ours.recv_credentials(&mut buf).expect("receive")), us);
            child.tell("done");
        },
        |mut parent| {
            let packets = SeqPacket::from(parent.take());
            let datagrams = Datagram::from(parent.take());
            packets.send(b"child").expect("send");
            datagrams.send(b"child").expect("send");
            assert_eq!(parent.hear(), "done");
        },
    );
}

#[test]
fn identities_come_only_when_asked_for() {
    let (ours, theirs) = Stream::pair().expect("pair");
    theirs.send(b"x").expect("send");
    let outcome = ours.recv_credentials(&mut [0; 8]);
    assert!(matches!(outcome, Err(Error::Unsupported { .. })), "{outcome:?}");
}

/// X13, K10: a server that runs as somebody else is refused, unless it is allowed.
#[test]
fn a_server_of_another_user_is_refused() {
    alone("credentials::a_server_of_another_user_is_refused", || {
        if !rustix::process::geteuid().is_root() {
            return ipc_devkit::skip("needs root, to become another user");
        }
        let dir = scratch::dir();
        let nobody = rustix::process::Uid::from_raw(65_534);
        let address = path_in(&dir);
        rustix::fs::chown(dir.path(), Some(nobody), None).expect("give away");
        // Who listens counts: this one thread, as nobody.
        let server = std::thread::scope(|scope| {
            let listen = || {
                rustix::thread::set_thread_res_uid(nobody, nobody, nobody).expect("become nobody");
                let listener = Options::new().mode(0o666).listen::<Listener>(&address);
                let mut listener = listener.expect("listen");
                listener.keep_path();
                listener
            };
            scope.spawn(listen).join().expect("no panic")
        });
        let outcome = Stream::connect(&address);
        assert!(matches!(outcome, Err(Error::WrongOwner { uid: 65_534 })), "{outcome:?}");
        let allowed = Options::new().allow_owner(65_534).connect::<Stream>(&address);
        assert_eq!(allowed.expect("allowed").peer_credentials().expect("ask").uid, 65_534);
        drop(server);
        std::fs::remove_file(address.as_path().expect("path")).expect("remove");
        std::fs::remove_file(dir.path().join("sock.lock")).expect("remove");

        let _server = Datagram::bind(&address).expect("bind");
        let path = address.as_path().expect("path");
        rustix::fs::chown(path, Some(nobody), None).expect("give away");
        let client = Datagram::unbound().expect("create");
        let outcome = client.connect(&address);
        assert!(matches!(outcome, Err(Error::WrongOwner { uid: 65_534 })), "{outcome:?}");
        client.connect_with(&address, &Options::new().allow_owner(65_534)).expect("allowed");
    });
}

#[test]
fn a_network_peer_has_no_credentials() {
    let listener = net::TcpListener::bind("127.0.0.1:0".parse().expect("address")).expect("listen");
    let client = net::TcpStream::connect(listener.local_addr().expect("address")).expect("connect");
    let as_unix = Stream::from(std::os::fd::OwnedFd::from(client));
    let outcome = as_unix.peer_credentials();
    assert!(matches!(outcome, Err(Error::Unsupported { .. })), "{outcome:?}");
}
