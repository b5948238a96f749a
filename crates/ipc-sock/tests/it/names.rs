//! Addresses and the files behind them.

use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::path_in;
use ipc_devkit::{alone, fault, scratch};
use ipc_sock::Error;
use ipc_sock::unix::{Address, Datagram, Listener, Options, SeqPacketListener, Stream};
use rustix::fs::Mode;

/// X9: addresses are checked before any system call.
#[test]
fn addresses_are_checked() {
    let long = |n: usize| format!("/{}", "x".repeat(n - 1));
    Address::path(long(107)).expect("107 bytes fit");
    for bad in [String::new(), long(108), "a\0b".to_owned(), long(5000)] {
        let outcome = Address::path(&bad);
        assert!(matches!(outcome, Err(Error::InvalidName { .. })), "{bad:?}");
    }
    Address::abstract_name([0xff; 107]).expect("any bytes, 107 of them");
    assert!(Address::abstract_name([0; 108]).is_err());
    assert!(Address::abstract_name(b"").is_err());
    let unnamed = Address::unnamed();
    assert!(matches!(Stream::connect(&unnamed), Err(Error::InvalidName { .. })));
    assert!(matches!(Listener::bind(&unnamed), Err(Error::InvalidName { .. })));
    assert_eq!(Address::abstract_name(b"a\n").expect("name").to_string(), "@a\\n");
}

/// X10: the mode is exactly as asked, whatever the umask, and never wider before.
#[test]
fn the_mode_is_right_from_the_first_instant() {
    alone("names::the_mode_is_right_from_the_first_instant", || {
        let dir = scratch::dir();
        let path = dir.path().join("sock");
        let address = path_in(&dir);
        for (umask, mode) in
            [(0, 0o600), (0, 0o660), (0o777, 0o666), (0o022, 0o622), (0o777, 0o600)]
        {
            rustix::process::umask(Mode::from_raw_mode(umask));
            let done = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let seen = scope.spawn(|| {
                    let mut seen = 0;
                    while !done.load(Ordering::Relaxed) {
                        if let Ok(stat) = std::fs::symlink_metadata(&path) {
                            seen |= stat.mode() & 0o777;
                        }
                    }
                    seen
                });
                for round in 0..60 {
                    let options = Options::new().mode(mode);
                    let stat = if round % 3 == 0 {
                        let made = options.bind(&address).expect("bind");
                        let stat = std::fs::metadata(&path).expect("stat");
                        drop(made);
                        stat
                    } else {
                        let made: Listener = options.listen(&address).expect("listen");
                        let stat = std::fs::metadata(&path).expect("stat");
                        drop(made);
                        stat
                    };
                    assert!(stat.file_type().is_socket());
                    assert_eq!(stat.permissions().mode() & 0o777, mode);
                }
                done.store(true, Ordering::Relaxed);
                let seen = seen.join().expect("no panic");
                assert_eq!(seen & !mode, 0, "seen {seen:o}, asked {mode:o}");
            });
        }
        rustix::process::umask(Mode::from_raw_mode(0o022));
        assert_eq!(std::fs::read_dir(dir.path()).expect("list").count(), 0, "nothing is left");
    });
}

/// A path is not visible before somebody answers there.
#[test]
fn a_visible_path_answers() {
    let dir = scratch::dir();
    let address = path_in(&dir);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            let mut connected = 0;
            while !done.load(Ordering::Relaxed) {
                match Stream::connect(&address) {
                    Ok(_) => connected += 1,
                    // Between two servers, or taken down with its server before the accept.
                    Err(Error::NotFound { .. } | Error::PeerReset) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            connected
        });
        // A listener that is kept open while its path goes: closing it would refuse a late client.
        let mut kept = Vec::new();
        for _ in 0..200 {
            let mut listener = Listener::bind(&address).expect("listen");
            listener.accept().expect("somebody comes");
            std::fs::remove_file(address.as_path().expect("path")).expect("remove");
            listener.keep_path();
            kept.push(listener);
        }
        done.store(true, Ordering::Relaxed);
        assert!(client.join().expect("no panic") >= 200);
    });
}

/// A path that nearly fills the address leaves no room for the name it is born with; it works.
#[test]
fn the_longest_path_can_be_bound() {
    let dir = scratch::dir();
    let base = dir.path().as_os_str().len() + 1;
    let path = dir.path().join("x".repeat(107 - base));
    let address = Address::path(&path).expect("just fits");
    let listener = SeqPacketListener::bind(&address).expect("listen");
    assert_eq!(listener.local_addr(), &address);
    let client = ipc_sock::unix::SeqPacket::connect(&address).expect("connect");
    listener.accept().expect("accept").send(b"x").expect("send");
    assert_eq!(client.recv(&mut [0; 4]).expect("receive"), 1);
    let datagram = dir.path().join("y".repeat(107 - base));
    Datagram::bind(&Address::path(datagram).expect("just fits")).expect("bind");
}

/// X14: a listener whose path was removed goes on with those who are connected.
#[test]
fn an_unlinked_path_is_not_found_and_the_connected_go_on() {
    let dir = scratch::dir();
    let address = path_in(&dir);
    let listener = Listener::bind(&address).expect("listen");
    let client = Stream::connect(&address).expect("connect");
    std::fs::remove_file(address.as_path().expect("path")).expect("remove");
    let server = listener.accept().expect("accept");
    server.send(b"still here").expect("send");
    assert_eq!(client.recv(&mut [0; 16]).expect("receive"), 10);
    let outcome = Stream::connect(&address);
    assert!(matches!(outcome, Err(Error::NotFound { .. })), "{outcome:?}");
    let successor = Listener::bind(&address).expect("the name is free");
    drop(listener);
    Stream::connect(&address).expect("the successor's path was left alone");
    drop(successor);
    assert!(!address.as_path().expect("path").exists());
}

/// X4: a forked child that dies with the listener leaves the parent's path and lock alone.
#[test]
fn a_forked_child_leaves_the_path_alone() {
    alone("names::a_forked_child_leaves_the_path_alone", || {
        let dir = scratch::dir();
        let listener = Listener::bind(&path_in(&dir)).expect("listen");
        drop(fault::fork_orphan());
        let client = Stream::connect(&path_in(&dir)).expect("connect");
        listener.accept().expect("accept").send(b"x").expect("send");
        assert_eq!(client.recv(&mut [0; 4]).expect("receive"), 1);
    });
}

#[test]
fn buffers_are_as_large_as_asked_or_the_limit_is_named() {
    let options = Options::new().send_buffer(100_000).recv_buffer(100_000);
    let (ours, _theirs): (Stream, Stream) = options.pair().expect("pair");
    assert_eq!(ours.send_buffer().expect("ask"), 200_000);
    let dir = scratch::dir();
    let listener: Listener = options.listen(&path_in(&dir)).expect("listen");
    let _client = Stream::connect(&path_in(&dir)).expect("connect");
    let server = listener.accept().expect("accept");
    assert_eq!(server.send_buffer().expect("ask"), 200_000);
}

/// A buffer beyond the system's limit, without the right to exceed it, names the limit.
#[test]
fn a_buffer_beyond_the_limit_names_it() {
    alone("names::a_buffer_beyond_the_limit_names_it", || {
        if rustix::process::geteuid().is_root() {
            let nobody = rustix::process::Uid::from_raw(65_534);
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody).expect("become nobody");
        }
        let outcome = Options::new().send_buffer(1 << 30).pair::<Stream>();
        match outcome {
            Err(Error::Limit { which, raise }) => {
                assert!(which.contains("wmem_max") && raise.contains("sysctl"));
            }
            other => panic!("{other:?}"),
        }
    });
}
