//! One bad client does not stop another.

use std::time::{Duration, Instant};

use crate::{open_fds, path_in};
use ipc_devkit::{processes, scratch};
use ipc_sock::unix::{Address, Listener, Options, Stream};
use ipc_sock::{Error, Frames};

/// K9, K1: floods of descriptors and half messages from two clients; a third is served in time.
#[test]
fn floods_from_one_client_do_not_stop_another() {
    processes(
        "flood::floods_from_one_client_do_not_stop_another",
        3,
        |mut children| {
            let dir = scratch::dir();
            let address = path_in(&dir);
            let listener: Listener = Options::new().pass_fds(2).listen(&address).expect("listen");
            let before = open_fds();
            for child in &mut children {
                child.tell(&address.to_string());
            }
            // A thread a client, as a simple server has; each client costs at most its own deadline.
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    let stream = listener.accept().expect("accept");
                    scope.spawn(move || serve(stream));
                }
                assert_eq!(children[2].hear(), "served");
                for child in &mut children {
                    child.tell("stop");
                }
            });
            assert_eq!(open_fds(), before, "the flood left descriptors open");
        },
        |mut parent, index| {
            let address = Address::path(parent.hear()).expect("address");
            let stream: Stream = Options::new().pass_fds(2).connect(&address).expect("connect");
            match index {
                0 => flood(&stream),
                1 => drop(stream.send(b"\x64\0\0\0half")),
                _ => {
                    let mut frames = Frames::new(stream);
                    let mut worst = Duration::ZERO;
                    for _ in 0..500 {
                        let start = Instant::now();
                        frames.send(b"honest question").expect("send");
                        frames.recv_timeout(Duration::from_secs(5)).expect("answer");
                        worst = worst.max(start.elapsed());
                    }
                    eprintln!("the honest client's longest wait: {worst:?}");
                    parent.tell("served");
                }
            }
            assert_eq!(parent.hear(), "stop");
        },
    );
}

fn flood(stream: &Stream) {
    let fd = std::fs::File::open("/dev/null").expect("open");
    let many = [&fd; 100];
    for _ in 0..2000 {
        match stream.send_fds_timeout(b"\xff\xff\xff\xff", &many, Duration::from_millis(200)) {
            Ok(_) | Err(Error::TooManyInFlight) => {}
            // The server has had enough.
            Err(_) => return,
        }
    }
}

/// Answers whole messages until the client breaks a rule, goes, or stalls inside one.
fn serve(stream: Stream) {
    let mut frames = Frames::with_limit(stream, 1024);
    loop {
        match frames.recv_timeout(Duration::from_secs(2)) {
            Ok(message) => frames.send(&message).expect("answer"),
            Err(_) => return,
        }
    }
}
