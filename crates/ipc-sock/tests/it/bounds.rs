//! Other namespaces, other users, forked copies.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::path_in;
use ipc_devkit::{alone, fault, in_pid_namespace, scratch, skip};
use ipc_sock::unix::{Listener, Options, SeqPacket, Stream};
use ipc_sock::{Error, Frames};

/// X15: a peer that has no number in our PID namespace has none here, and is otherwise as known; one
/// that has a number there and here is told by the number here.
#[test]
fn a_peer_in_another_pid_namespace_has_no_number() {
    alone("bounds::a_peer_in_another_pid_namespace_has_no_number", || {
        let dir = scratch::dir();
        let address = path_in(&dir);
        let listener = Listener::bind(&address).expect("listen");
        let options = Options::new().pass_credentials();
        let (from, to): (SeqPacket, SeqPacket) = options.pair().expect("pair");
        from.send(b"from outside").expect("send");
        let uid = rustix::process::geteuid().as_raw();
        let allowed = in_pid_namespace(|| {
            assert_eq!(std::process::id(), 1);
            // Who listens is outside.
            let client = Stream::connect(&address).expect("connect");
            let who = client.peer_credentials().expect("ask");
            assert_eq!((who.pid, who.uid), (None, uid));
            let received = to.recv_credentials(&mut [0; 32]).expect("receive");
            let who = received.credentials.expect("identity");
            assert_eq!((who.pid, who.uid), (None, uid));
            from.send(b"from inside").expect("send");
            let received = to.recv_credentials(&mut [0; 32]).expect("receive");
            assert_eq!(received.credentials.expect("identity").pid, Some(1));
            from.send(b"from number 1").expect("send");
            client.send(b"x").expect("send");
        });
        if !allowed {
            return skip("needs CAP_SYS_ADMIN for a PID namespace");
        }
        // Number 1 in there is another number here, and not that of our own process 1.
        let server = listener.accept().expect("accept");
        let who = server.peer_credentials().expect("ask");
        assert_eq!(who.uid, uid);
        assert!(who.pid.is_some_and(|pid| pid != 1 && pid != std::process::id()), "{who:?}");
        assert_ne!(who.is_alive(), Some(true), "it is gone");
        let received = to.recv_credentials(&mut [0; 32]).expect("receive");
        let message = received.credentials.expect("identity");
        assert_eq!(message.pid, who.pid);
    });
}

/// X5: forked copies of a process whose threads allocate and use sockets all the time can use the ends
/// that they inherited, and never hang.
#[test]
fn a_fork_amid_busy_threads_uses_what_it_inherited() {
    alone("bounds::a_fork_amid_busy_threads_uses_what_it_inherited", || {
        let (ours, theirs) = Stream::pair().expect("pair");
        let dir = scratch::dir();
        let address = path_in(&dir);
        let listener = Listener::bind(&address).expect("listen");
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        let (one, other) = Stream::pair().expect("pair");
                        let (mut one, mut other) = (Frames::new(one), Frames::new(other));
                        one.send(&vec![1; 300]).expect("send");
                        assert_eq!(other.recv().expect("receive").len(), 300);
                    }
                });
            }
            for _ in 0..300 {
                ours.send(b"you").expect("send");
                // What needs no memory of its own: calls on what is there.
                let good = fault::in_fork(|| {
                    theirs.recv(&mut [0; 8]).is_ok_and(|got| got == 3)
                        && theirs.send(b"child").is_ok()
                        && matches!(theirs.try_recv(&mut [0; 8]), Err(Error::WouldBlock))
                        && matches!(listener.try_accept(), Err(Error::WouldBlock))
                });
                assert!(good);
                assert_eq!(ours.recv(&mut [0; 8]).expect("receive"), 5);
            }
            done.store(true, Ordering::Relaxed);
        });
        drop((ours, theirs));
        Stream::connect(&address).expect("no fork took the path away");
    });
}

/// X19: after the user changed, what was created before still works, and dropping it returns.
#[test]
fn another_user_goes_on_with_what_root_created() {
    alone("bounds::another_user_goes_on_with_what_root_created", || {
        if !rustix::process::geteuid().is_root() {
            return skip("needs root, to become another user");
        }
        let nobody = rustix::process::Uid::from_raw(65_534);
        let dir = scratch::dir();
        let address = path_in(&dir);
        let listener: Listener = Options::new().mode(0o666).listen(&address).expect("listen");
        let client = Stream::connect(&address).expect("connect");
        // One thread's own credentials; the rest of the test stays root, to look and to clean up.
        std::thread::scope(|scope| {
            let change = || {
                rustix::thread::set_thread_res_uid(nobody, nobody, nobody).expect("become nobody");
                let server = listener.accept_timeout(Duration::from_secs(5)).expect("accept");
                assert_eq!(server.peer_credentials().expect("ask").uid, 0, "who it was at connect");
                let mut server = Frames::new(server);
                assert_eq!(server.recv().expect("receive"), b"question");
                server.send(b"answer").expect("send");
                // Its path stands in a directory of root's: it may stay, but nothing hangs or panics.
                drop(listener);
            };
            let thread = scope.spawn(change);
            let mut client = Frames::new(client);
            client.send(b"question").expect("send");
            assert_eq!(client.recv().expect("receive"), b"answer");
            thread.join().expect("no panic");
        });
        let outcome = Stream::connect(&address);
        let gone = matches!(outcome, Err(Error::Refused { .. } | Error::NotFound { .. }));
        assert!(gone, "{outcome:?}");
        let options = Options::new().reclaim_stale(true);
        let next: Listener = options.listen(&address).expect("root takes what is left");
        Stream::connect(&address).expect("connect");
        drop(next);
        assert_eq!(std::fs::read_dir(dir.path()).expect("list").count(), 0);
    });
}

/// K8: clients that connect and never say who they are, or that send descriptors nobody takes, cost a
/// deadline each; what they hold is given back, and another client is served meanwhile.
#[test]
fn silent_clients_cost_a_deadline_and_leave_nothing() {
    const SILENT: usize = 30;
    ipc_devkit::two_process(
        "bounds::silent_clients_cost_a_deadline_and_leave_nothing",
        |mut child| {
            let dir = scratch::dir();
            let address = path_in(&dir);
            let listener: Listener = Options::new().pass_fds(1).listen(&address).expect("listen");
            let before = crate::open_fds();
            child.tell(&address.to_string());
            let patience = Duration::from_millis(200);
            let outcomes = std::thread::scope(|scope| {
                let serve = |stream: Stream| {
                    let mut frames = Frames::with_limit(stream, 64);
                    let hello = frames.recv_timeout(patience)?;
                    frames.send(&hello)
                };
                let serving: Vec<_> = (0..=SILENT)
                    .map(|_| listener.accept().expect("accept"))
                    .map(|stream| scope.spawn(move || serve(stream)))
                    .collect();
                serving
                    .into_iter()
                    .map(|thread| thread.join().expect("no panic"))
                    .collect::<Vec<_>>()
            });
            assert_eq!(child.hear(), "served, and all silent ones were closed");
            let late = |outcome: &&_| matches!(outcome, Err(Error::TimedOut));
            assert!(outcomes.iter().filter(late).count() >= SILENT / 2, "{outcomes:?}");
            assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
            assert_eq!(crate::open_fds(), before);
        },
        |mut parent| {
            let address = ipc_sock::unix::Address::path(parent.hear()).expect("address");
            let options = Options::new().pass_fds(1);
            let (end_of_pipe, passed) = rustix::pipe::pipe().expect("pipe");
            let silent: Vec<Stream> = (0..SILENT)
                .map(|number| {
                    let stream: Stream = options.connect(&address).expect("connect");
                    if number % 2 == 1 {
                        stream.send_fds(b"\x09", &[&passed]).expect("send");
                    }
                    stream
                })
                .collect();
            drop(passed);
            let mut honest = Frames::new(options.connect::<Stream>(&address).expect("connect"));
            honest.send(b"it is me").expect("send");
            assert_eq!(honest.recv().expect("answer"), b"it is me");
            for stream in &silent {
                let outcome = stream.recv(&mut [0; 8]);
                assert!(matches!(outcome, Ok(0) | Err(Error::PeerReset)), "{outcome:?}");
            }
            drop(silent);
            // The descriptors that nobody took are closed: the pipe ends.
            assert_eq!(rustix::io::read(&end_of_pipe, &mut [0; 8]).expect("read"), 0);
            parent.tell("served, and all silent ones were closed");
        },
    );
}
