//! Portable local sockets, with our verbs.

use std::time::Duration;

use ipc_devkit::{alone, fault, scratch, two_process};
use ipc_sock::local::{Listener, Name, Stream};
use ipc_sock::{Error, Frames};

#[test]
fn two_processes_meet_by_a_portable_name() {
    two_process(
        "local::two_processes_meet_by_a_portable_name",
        |mut child| {
            let name = scratch::name("local");
            let mut listener =
                Listener::bind(&Name::namespaced(&name).expect("name")).expect("bind");
            assert!(matches!(listener.try_accept(), Err(Error::WouldBlock)));
            let short = Duration::from_millis(5);
            assert!(matches!(listener.accept_timeout(short), Err(Error::TimedOut)));
            listener.canceller().expect("canceller").cancel();
            assert!(matches!(listener.accept(), Err(Error::Cancelled)));
            child.tell(&name);
            let mut frames = Frames::new(listener.accept().expect("accept"));
            assert_eq!(frames.recv().expect("receive"), b"question");
            frames.send(b"answer").expect("send");
            assert!(matches!(frames.recv(), Err(Error::Closed { .. })));
        },
        |mut parent| {
            let name = Name::namespaced(&parent.hear()).expect("name");
            let stream = Stream::connect(&name).expect("connect");
            assert!(matches!(stream.try_recv(&mut [0; 4]), Err(Error::WouldBlock)));
            let mut frames = Frames::new(stream);
            frames.send(b"question").expect("send");
            assert_eq!(frames.recv().expect("receive"), b"answer");
        },
    );
}

#[test]
fn a_path_goes_with_its_listener() {
    let dir = scratch::dir();
    let path = dir.path().join("sock");
    let name = Name::path(path.to_str().expect("text")).expect("name");
    let missing = Stream::connect(&name);
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
    let listener = Listener::bind(&name).expect("bind");
    let taken = Listener::bind(&name);
    assert!(matches!(taken, Err(Error::AlreadyExists { .. })), "{taken:?}");
    Stream::connect(&name).expect("connect");
    drop(listener);
    assert!(!path.exists());
}

#[test]
fn a_connect_to_a_full_backlog_ends_at_its_deadline() {
    let dir = scratch::dir();
    let path = dir.path().join("sock");
    let name = Name::path(path.to_str().expect("text")).expect("name");
    let missing = Stream::connect_timeout(&name, Duration::from_secs(5));
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
    let listener = Listener::bind(&name).expect("bind");
    rustix::net::listen(&listener, 1).expect("shorten the backlog");
    let mut clients = Vec::new();
    let full = loop {
        match Stream::try_connect(&name) {
            Ok(client) => clients.push(client),
            Err(error) => break error,
        }
    };
    assert!(matches!(full, Error::WouldBlock), "{full:?}");
    let late = Stream::connect_timeout(&name, Duration::from_millis(20));
    assert!(matches!(late, Err(Error::TimedOut)), "{late:?}");
    let late = Stream::connect_deadline(&name, std::time::Instant::now());
    assert!(matches!(late, Err(Error::TimedOut)), "{late:?}");
    listener.accept().expect("accept");
    clients.pop();
    let client = Stream::connect_timeout(&name, Duration::from_secs(5)).expect("room");
    let server = loop {
        let server = listener.accept_timeout(Duration::from_secs(5)).expect("accept");
        if clients.pop().is_none() {
            break server;
        }
    };
    client.send(b"x").expect("send");
    assert_eq!(server.recv(&mut [0; 8]).expect("receive"), 1);
}

/// K14: at the limit of descriptors a connection is taken and refused, and the listener goes on.
#[test]
fn a_lack_of_descriptors_does_not_stop_a_local_listener() {
    alone("local::a_lack_of_descriptors_does_not_stop_a_local_listener", || {
        let name = Name::namespaced(&scratch::name("lack")).expect("name");
        let listener = Listener::bind(&name).expect("bind");
        let client = Stream::connect(&name).expect("connect");
        let next =
            std::os::fd::AsRawFd::as_raw_fd(&std::fs::File::open("/dev/null").expect("open"));
        let limit = fault::limit_nofile(u64::from(next.unsigned_abs()));
        let outcome = listener.accept();
        assert!(matches!(outcome, Err(Error::Limit { .. })), "{outcome:?}");
        drop(limit);
        assert!(matches!(client.recv(&mut [0; 8]), Ok(0) | Err(Error::PeerReset)));
        assert!(matches!(listener.try_accept(), Err(Error::WouldBlock)), "it was taken");
        let _client = Stream::connect(&name).expect("connect");
        listener.accept().expect("goes on");
    });
}
