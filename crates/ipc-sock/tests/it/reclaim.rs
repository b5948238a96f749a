//! K11: a stale path is taken over by exactly one, a live one by nobody.

use crate::path_in;
use ipc_devkit::{processes, scratch, two_process};
use ipc_sock::Error;
use ipc_sock::unix::{Address, Datagram, Listener, Options, SeqPacketListener, Stream};

fn taken<T: std::fmt::Debug>(outcome: Result<T, Error>) {
    assert!(matches!(outcome, Err(Error::AlreadyExists { .. })), "{outcome:?}");
}

/// K11: a live listener is not displaced, by whatever form.
#[test]
fn a_live_listener_is_never_displaced() {
    let dir = scratch::dir();
    let address = path_in(&dir);
    let listener = Listener::bind(&address).expect("listen");
    taken(Listener::bind(&address));
    let options = Options::new().reclaim_stale(true);
    taken(options.listen::<Listener>(&address));
    taken(options.listen::<SeqPacketListener>(&address));
    taken(options.bind(&address));
    let _client = Stream::connect(&address).expect("still there");
    listener.try_accept().expect("nobody else's probe is before it");
}

/// K11: after the owner was killed, the next one takes the path, if it asks to.
#[test]
fn a_dead_owners_path_is_reclaimed() {
    two_process(
        "reclaim::a_dead_owners_path_is_reclaimed",
        |mut child| {
            let dir = scratch::dir();
            let address = path_in(&dir);
            child.tell(&address.to_string());
            assert_eq!(child.hear(), "bound");
            let options = Options::new().reclaim_stale(true);
            taken(options.listen::<Listener>(&address));
            child.kill();
            let outcome = Stream::connect(&address);
            assert!(matches!(outcome, Err(Error::Refused { .. })), "{outcome:?}");
            taken(Listener::bind(&address));
            let listener: Listener = options.listen(&address).expect("reclaim");
            let _client = Stream::connect(&address).expect("connect");
            listener.accept().expect("accept");
            drop(listener);
            assert_eq!(std::fs::read_dir(dir.path()).expect("list").count(), 0);
        },
        |mut parent| {
            let address = Address::path(parent.hear()).expect("address");
            let _listener = Listener::bind(&address).expect("listen");
            parent.tell("bound");
            let _ = parent.hear();
        },
    );
}

/// K11: a path without a companion is another program's: it is left alone, dead or alive.
#[test]
fn a_foreign_path_is_left_alone() {
    let dir = scratch::dir();
    let address = path_in(&dir);
    let path = address.as_path().expect("path");
    let foreign = std::os::unix::net::UnixListener::bind(path).expect("bind");
    let options = Options::new().reclaim_stale(true);
    taken(options.listen::<Listener>(&address));
    drop(foreign);
    taken(options.listen::<Listener>(&address));
    std::fs::remove_file(path).expect("remove");
    std::fs::write(path, "no socket").expect("write");
    taken(options.listen::<Listener>(&address));
    taken(options.bind(&address));
    assert_eq!(std::fs::read_to_string(path).expect("read"), "no socket");
}

/// K11: the companion of a dead owner does not make a live foreign socket stale.
#[test]
fn a_foreign_listener_beside_a_left_companion_is_not_displaced() {
    let dir = scratch::dir();
    let address = path_in(&dir);
    let path = address.as_path().expect("path");
    std::fs::write(dir.path().join("sock.lock"), "").expect("write");
    let foreign = std::os::unix::net::UnixListener::bind(path).expect("bind");
    taken(Options::new().reclaim_stale(true).listen::<Listener>(&address));
    let _client = Stream::connect(&address).expect("it still answers");
    foreign.accept().expect("probe");
}

/// K11: of several that take over at once, exactly one wins, and it answers.
#[test]
fn of_racing_takers_exactly_one_wins() {
    const RACERS: usize = 4;
    processes(
        "reclaim::of_racing_takers_exactly_one_wins",
        RACERS,
        |mut children| {
            let dir = scratch::dir();
            let address = path_in(&dir);
            for round in 0..40 {
                // A stale path as a killed owner leaves it: the socket gone, path and companion there.
                let mut dead = Listener::bind(&address).expect("listen");
                dead.keep_path();
                drop(dead);
                for child in &mut children {
                    child.tell(&address.to_string());
                }
                let won = children.iter_mut().filter_map(|child| {
                    let said = child.hear();
                    assert!(said == "won" || said == "lost", "{said}");
                    (said == "won").then_some(())
                });
                assert_eq!(won.count(), 1, "round {round}");
                let _client = Stream::connect(&address).expect("the winner answers");
                for child in &mut children {
                    child.tell("close");
                }
                for child in &mut children {
                    assert_eq!(child.hear(), "closed");
                }
                let left: Vec<_> = std::fs::read_dir(dir.path()).expect("list").collect();
                assert!(left.is_empty(), "{left:?}");
            }
            for child in &mut children {
                child.tell("end");
            }
        },
        |mut parent, index| {
            loop {
                let said = parent.hear();
                if said == "end" {
                    return;
                }
                let address = Address::path(said).expect("address");
                let options = Options::new().reclaim_stale(true);
                let made = options.listen::<Listener>(&address);
                parent.tell(match &made {
                    Ok(_) => "won",
                    Err(Error::AlreadyExists { .. }) => "lost",
                    Err(error) => panic!("racer {index}: {error}"),
                });
                assert_eq!(parent.hear(), "close");
                drop(made);
                parent.tell("closed");
            }
        },
    );
}

/// K11: datagram sockets are reclaimed the same way.
#[test]
fn a_datagram_path_is_reclaimed() {
    let dir = scratch::dir();
    let address = path_in(&dir);
    let mut dead = Datagram::bind(&address).expect("bind");
    taken(Options::new().reclaim_stale(true).bind(&address));
    dead.keep_path();
    drop(dead);
    taken(Datagram::bind(&address));
    let server = Options::new().reclaim_stale(true).bind(&address).expect("reclaim");
    let client = Datagram::unbound().expect("create");
    client.send_to(b"x", &address).expect("send");
    assert_eq!(server.recv(&mut [0; 4]).expect("receive"), 1);
}

/// K11: killed at each step of making a path, an owner leaves nothing that stops the next one.
#[test]
fn an_owner_killed_while_binding_stops_nobody() {
    two_process(
        "reclaim::an_owner_killed_while_binding_stops_nobody",
        |mut child| {
            let dir = scratch::dir();
            let address = path_in(&dir);
            // What a maker leaves that dies between its bind and its rename.
            let nursery = dir.path().join(".sock.ipc");
            std::fs::create_dir(&nursery).expect("make");
            let _left = std::os::unix::net::UnixListener::bind(nursery.join("s")).expect("bind");
            std::fs::write(dir.path().join("sock.lock"), "").expect("write");
            let listener = Listener::bind(&address).expect("bind all the same");
            drop(listener);
            assert_eq!(std::fs::read_dir(dir.path()).expect("list").count(), 0);
            // And for real: killed somewhere in a loop of making and dropping.
            child.tell(&address.to_string());
            assert_eq!(child.hear(), "looping");
            child.kill();
            let options = Options::new().reclaim_stale(true);
            let listener: Listener = options.listen(&address).expect("reclaim");
            drop(listener);
        },
        |mut parent| {
            let address = Address::path(parent.hear()).expect("address");
            for round in 0_u64.. {
                drop(Listener::bind(&address).expect("listen"));
                if round == 20 {
                    parent.tell("looping");
                }
            }
        },
    );
}
