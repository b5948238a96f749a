//! Properties that stress-ng checks, between two processes, in bounded time.
//!
//! Not here, because the safe interface cannot express them: LTP recvmsg01 and sendmsg01 with
//! `MSG_ERRQUEUE` (no call takes flags) and with a wrong control length (the length is computed).

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::path_in;
use ipc_devkit::{alone, fault, scratch, two_process};
use ipc_sock::unix::{Address, Listener, Options, SeqPacket, Stream};
use ipc_sock::{Error, Frames};
use rustix::fs::FlockOperation;
use rustix::process::{Pid, Signal};

/// Every descriptor is closed once: descriptors of others, whose numbers are those just given back,
/// stay open, and what one process closes or shuts down twice stays as it is in the other.
#[test]
fn sn_close_nothing_is_closed_twice() {
    two_process(
        "suites_stress::sn_close_nothing_is_closed_twice",
        |mut child| {
            let (kept, theirs) = Stream::pair().expect("pair");
            child.give(&theirs);
            drop(theirs);
            let done = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let victim = scope.spawn(|| {
                    let mut checked = 0_u64;
                    while !done.load(Ordering::Relaxed) || checked == 0 {
                        let file = std::fs::File::open("/dev/null").expect("open");
                        std::thread::yield_now();
                        rustix::fs::fstat(&file).expect("nobody else has closed it");
                        checked += 1;
                    }
                });
                close_in_every_way();
                done.store(true, Ordering::Relaxed);
                victim.join().expect("no panic");
            });
            kept.send(b"still there?").expect("send");
            let mut frames = Frames::new(kept);
            assert_eq!(frames.recv().expect("the other's copies are its own"), b"yes");
            assert!(matches!(frames.recv(), Err(Error::Closed { .. })));
        },
        |mut parent| {
            let end = Stream::from(parent.take());
            for _ in 0..200 {
                drop(end.try_clone().expect("clone"));
            }
            assert_eq!(end.recv(&mut [0; 32]).expect("receive"), 12);
            let copy = end.try_clone().expect("clone");
            Frames::new(end).send(b"yes").expect("send");
            copy.shutdown(std::net::Shutdown::Both).expect("shut down");
            copy.shutdown(std::net::Shutdown::Both).expect("twice");
        },
    );
}

fn close_in_every_way() {
    let dir = scratch::dir();
    let address = path_in(&dir);
    for round in 0..300 {
        let mut listener: Listener = Options::new().pass_fds(1).listen(&address).expect("listen");
        let canceller = listener.canceller().expect("canceller");
        let client: Stream = Options::new().pass_fds(1).connect(&address).expect("connect");
        let server = listener.accept().expect("accept");
        client.send_fds(b"x", &[&client]).expect("send");
        if round % 2 == 0 {
            drop(server.recv_fds(&mut [0; 1]).expect("receive"));
            drop(OwnedFd::from(server));
        } else {
            // The descriptor is still on its way.
            drop(server);
        }
        drop((listener, canceller, client));
    }
}

/// A lock of an open file goes with its descriptor through a socket, is held while that is on its way,
/// and ends with the last copy, wherever that is.
#[test]
fn sn_lockofd_follows_the_descriptor() {
    two_process(
        "suites_stress::sn_lockofd_follows_the_descriptor",
        |mut child| {
            let dir = scratch::dir();
            let path = dir.path().join("locked");
            let open = || std::fs::File::create(&path).expect("open");
            let again = open();
            let held = || {
                let tried = rustix::fs::flock(&again, FlockOperation::NonBlockingLockExclusive);
                if tried.is_ok() {
                    rustix::fs::flock(&again, FlockOperation::Unlock).expect("unlock");
                }
                tried.is_err()
            };
            let (ours, theirs): (Stream, Stream) = Options::new().pass_fds(1).pair().expect("pair");
            child.give(&theirs);
            for round in 0..100 {
                let file = open();
                rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).expect("lock");
                ours.send_fds(b"x", &[&file]).expect("send");
                drop(file);
                assert!(held(), "round {round}: on its way");
                child.tell("take");
                assert_eq!(child.hear(), "taken");
                assert!(held(), "round {round}: in the other process");
                child.tell("drop");
                assert_eq!(child.hear(), "dropped");
                assert!(!held(), "round {round}: after the last copy");
            }
            let file = open();
            rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).expect("lock");
            ours.send_fds(b"x", &[&file]).expect("send");
            drop(file);
            child.kill();
            drop((ours, theirs));
            assert!(!held(), "it was never received, and both ends are gone");
        },
        |mut parent| {
            let end: Stream = Options::new().pass_fds(1).adopt(parent.take()).expect("adopt");
            while parent.hear() == "take" {
                let received = end.recv_fds(&mut [0; 1]).expect("receive");
                assert_eq!(received.fds.len(), 1);
                parent.tell("taken");
                assert_eq!(parent.hear(), "drop");
                drop(received);
                parent.tell("dropped");
            }
        },
    );
}

/// A process that ended and was not waited for counts as dead: reads end, the watch fires, its identity
/// is known and not alive.
#[test]
fn sn_zombie_peers_count_as_dead() {
    alone("suites_stress::sn_zombie_peers_count_as_dead", || {
        let mut zombies = Vec::new();
        for _ in 0..20 {
            let (ours, theirs) = SeqPacket::pair().expect("pair");
            let (mut watching, held) = SeqPacket::pair().expect("pair");
            let mut command = std::process::Command::new("cat");
            command.stdin(OwnedFd::from(theirs)).stdout(std::process::Stdio::null());
            let mut process = command.spawn().expect("start");
            drop(command); // It keeps the end for another start.
            watching.watch_peer(process.id()).expect("it runs");
            ours.send(b"it copies this").expect("send");
            process.kill().expect("kill");
            let outcome = ours.recv(&mut [0; 8]);
            assert!(matches!(outcome, Err(Error::Closed { .. } | Error::PeerReset)), "{outcome:?}");
            // Its end is open here: only the watch can tell.
            let outcome = watching.recv(&mut [0; 8]);
            assert!(matches!(outcome, Err(Error::Closed { peer_died: true })), "{outcome:?}");
            let status = std::fs::read_to_string(format!("/proc/{}/stat", process.id()));
            assert!(status.expect("not waited for").contains(") Z "), "a zombie");
            watching.watch_peer(process.id()).expect("a zombie still has its number");
            let outcome = watching.try_recv(&mut [0; 8]);
            assert!(matches!(outcome, Err(Error::Closed { peer_died: true })), "{outcome:?}");
            zombies.push((process, held));
        }
        for (mut zombie, _held) in zombies {
            zombie.wait().expect("reap");
        }
    });
}

/// Signals of all sorts, stops among them, change no message and end no wait.
#[test]
fn sn_kill_storm_changes_no_message() {
    const MESSAGES: u32 = 3000;
    two_process(
        "suites_stress::sn_kill_storm_changes_no_message",
        |mut child| {
            let dir = scratch::dir();
            let listener = Listener::bind(&path_in(&dir)).expect("listen");
            child.tell(&path_in(&dir).to_string());
            let mut frames = Frames::new(listener.accept().expect("accept"));
            let target: Pid = child.pid();
            assert_eq!(child.hear(), "handler is there");
            let done = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        for signal in [Signal::USR1, Signal::STOP, Signal::USR1, Signal::CONT] {
                            rustix::process::kill_process(target, signal).expect("send signal");
                        }
                        std::thread::yield_now();
                    }
                });
                for number in 0..MESSAGES {
                    let length = (number as usize * 37) % 5000 + 4;
                    let mut message = vec![0x5a; length];
                    message[..4].copy_from_slice(&number.to_le_bytes());
                    frames.send(&message).expect("send");
                    assert!(frames.recv().expect("answer") == message, "message {number}");
                }
                done.store(true, Ordering::Relaxed);
            });
            rustix::process::kill_process(target, Signal::CONT).expect("send signal");
            drop(frames);
            let signals: u64 = child.hear().parse().expect("a number");
            assert!(signals > 0, "none came");
        },
        |mut parent| {
            let seen = Arc::new(AtomicU64::new(0));
            let count = Arc::clone(&seen);
            let action = move || {
                count.fetch_add(1, Ordering::Relaxed);
            };
            fault::signal_handler_calls(Signal::USR1.as_raw(), Box::new(action));
            let address = Address::path(parent.hear()).expect("address");
            let mut frames = Frames::new(Stream::connect(&address).expect("connect"));
            parent.tell("handler is there");
            loop {
                match frames.recv_timeout(std::time::Duration::from_secs(20)) {
                    Ok(message) => frames.send(&message).expect("answer"),
                    Err(Error::Closed { .. } | Error::PeerReset) => break,
                    Err(error) => panic!("{error}"),
                }
            }
            assert!(rustix::io::fcntl_getfd(frames.stream().as_fd()).is_ok());
            parent.tell(&seen.load(Ordering::Relaxed).to_string());
        },
    );
}
