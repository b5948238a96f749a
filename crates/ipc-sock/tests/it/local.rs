//! Portable local sockets, with our verbs.

use std::time::Duration;

use ipc_devkit::{scratch, two_process};
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
