//! What one end sees when the process at the other one dies.

use std::time::Duration;

use crate::path_in;
use ipc_devkit::{fault, scratch, two_process};
use ipc_sock::Error;
use ipc_sock::unix::{Address, Datagram, Listener, Options, SeqPacket, Stream};

#[test]
fn what_a_dead_peer_sent_comes_before_its_end() {
    two_process(
        "death::what_a_dead_peer_sent_comes_before_its_end",
        |mut child| {
            let (stream, theirs) = Stream::pair().expect("pair");
            let (packets, their_packets) = SeqPacket::pair().expect("pair");
            child.give(&theirs);
            child.give(&their_packets);
            drop((theirs, their_packets));
            assert_eq!(child.hear(), "sent");
            child.kill();
            let mut buf = [0; 16];
            assert_eq!(stream.recv(&mut buf).expect("its last words"), 4);
            assert_eq!(stream.recv(&mut buf).expect("the end"), 0);
            assert_eq!(packets.recv(&mut buf).expect("its last words"), 4);
            assert!(matches!(packets.recv(&mut buf), Err(Error::Closed { .. })));
            assert!(matches!(packets.send(b"x"), Err(Error::Closed { .. })));
        },
        |mut parent| {
            let stream = Stream::from(parent.take());
            let packets = SeqPacket::from(parent.take());
            stream.send(b"last").expect("send");
            packets.send(b"last").expect("send");
            parent.tell("sent");
            let _ = parent.hear();
        },
    );
}

/// A copy of the dead one's end that somebody else holds hides the death; the watch shows it.
#[test]
fn a_leaked_copy_of_the_end_does_not_hide_the_death() {
    two_process(
        "death::a_leaked_copy_of_the_end_does_not_hide_the_death",
        |mut child| {
            let dir = scratch::dir();
            let listener = Listener::bind(&path_in(&dir)).expect("listen");
            child.tell(&path_in(&dir).to_string());
            let mut server = listener.accept().expect("accept");
            let who = server.peer_credentials().expect("ask");
            let (mut datagram, theirs) = Datagram::pair().expect("pair");
            child.give(&theirs);
            let Some(pidfd) = who.pidfd else {
                return ipc_devkit::skip("this kernel has no SO_PEERPIDFD");
            };
            server.watch_pidfd(pidfd);
            datagram.watch_peer(child.raw_pid().try_into().expect("positive")).expect("watch");
            // The child's copy of its end came to us, and lives in a forked process as well.
            let copy = child.take();
            let holder = fault::fork_orphan();
            child.kill();
            let mut buf = [0; 8];
            assert_eq!(server.recv(&mut buf).expect("what it sent comes first"), 4);
            let died = |outcome: Result<usize, Error>| {
                assert!(matches!(outcome, Err(Error::Closed { peer_died: true })), "{outcome:?}");
            };
            died(server.recv(&mut buf));
            died(server.try_recv(&mut buf));
            died(server.recv_timeout(&mut buf, Duration::from_secs(60)));
            died(datagram.recv(&mut buf));
            drop((copy, holder, theirs));
            assert_eq!(server.recv(&mut buf).expect("now the connection itself has ended"), 0);
        },
        |mut parent| {
            let address = Address::path(parent.hear()).expect("address");
            let client = Stream::connect(&address).expect("connect");
            client.send(b"last").expect("send");
            let _datagram = parent.take();
            parent.give(&client);
            let _ = parent.hear();
        },
    );
}

/// A paused peer is not a dead one.
#[test]
fn a_paused_peer_is_not_dead() {
    two_process(
        "death::a_paused_peer_is_not_dead",
        |mut child| {
            let (mut ours, theirs): (SeqPacket, SeqPacket) = Options::new().pair().expect("pair");
            child.give(&theirs);
            drop(theirs);
            ours.watch_peer(child.raw_pid().try_into().expect("positive")).expect("watch");
            assert_eq!(child.hear(), "ready");
            child.stop();
            let waited = ours.recv_timeout(&mut [0; 8], Duration::from_millis(50));
            assert!(matches!(waited, Err(Error::TimedOut)), "{waited:?}");
            child.cont();
            child.tell("send");
            assert_eq!(ours.recv(&mut [0; 8]).expect("receive"), 5);
        },
        |mut parent| {
            let theirs = SeqPacket::from(parent.take());
            parent.tell("ready");
            assert_eq!(parent.hear(), "send");
            theirs.send(b"alive").expect("send");
        },
    );
}

#[test]
fn a_datagram_sender_hears_that_the_receiver_is_gone() {
    two_process(
        "death::a_datagram_sender_hears_that_the_receiver_is_gone",
        |mut child| {
            let dir = scratch::dir();
            child.tell(&path_in(&dir).to_string());
            assert_eq!(child.hear(), "bound");
            let sender = Datagram::unbound().expect("create");
            while sender.try_send_to(b"x", &path_in(&dir)).is_ok() {}
            let address = path_in(&dir);
            let waiting = std::thread::spawn(move || {
                let long = Duration::from_secs(60);
                sender.send_to_timeout(b"x", &address, long)
            });
            child.kill();
            let outcome = waiting.join().expect("no panic");
            assert!(matches!(outcome, Err(Error::Refused { .. })), "{outcome:?}");
        },
        |mut parent| {
            let address = Address::path(parent.hear()).expect("address");
            let _receiver = Datagram::bind(&address).expect("bind");
            parent.tell("bound");
            let _ = parent.hear();
        },
    );
}

#[test]
fn watching_a_process_that_is_gone_says_so() {
    let mut child = std::process::Command::new("true").spawn().expect("spawn");
    let pid = child.id();
    child.wait().expect("reap");
    let (mut ours, _theirs) = Stream::pair().expect("pair");
    assert!(matches!(ours.watch_peer(pid), Err(Error::Closed { peer_died: true })));
    assert!(matches!(ours.watch_peer(0), Err(Error::Os { .. })));
}
