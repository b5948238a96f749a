//! Whole messages over any stream.

use std::time::{Duration, Instant};

use ipc_devkit::two_process;
use ipc_sock::net::{TcpListener, TcpStream};
use ipc_sock::unix::Stream;
use ipc_sock::{Error, Frames};

#[test]
fn messages_keep_their_boundaries_over_every_stream() {
    fn check<S: ipc_sock::ByteStream>(ours: S, theirs: S) {
        let (mut ours, mut theirs) = (Frames::new(ours), Frames::new(theirs));
        let long = vec![3; 100_000];
        for message in [b"one".as_slice(), b"", &long] {
            ours.send(message).expect("send");
            assert_eq!(theirs.recv().expect("receive"), message);
        }
        theirs.send(b"back").expect("send");
        assert_eq!(ours.recv_ref().expect("receive"), b"back");
        drop(ours);
        assert!(matches!(theirs.recv(), Err(Error::Closed { peer_died: false })));
    }
    let (ours, theirs) = Stream::pair().expect("pair");
    check(ours, theirs);
    let listener = TcpListener::bind("[::1]:0".parse().expect("address")).expect("listen");
    let client = TcpStream::connect(listener.local_addr().expect("address")).expect("connect");
    check(client, listener.accept().expect("accept"));
}

/// K9: half a message and silence costs the deadline of the whole message, not more.
#[test]
fn a_stalled_sender_costs_only_the_deadline() {
    let (ours, theirs) = Stream::pair().expect("pair");
    let mut frames = Frames::new(theirs);
    let start = Instant::now();
    let wait = Duration::from_millis(60);
    let drip = std::thread::spawn(move || {
        ours.send(b"\x64\0\0\0").expect("a length");
        // One byte at a time, each in time for itself.
        while start.elapsed() < wait * 3 && ours.send(b"x").is_ok() {
            let _ = ours.recv_timeout(&mut [0; 1], Duration::from_millis(10));
        }
        ours
    });
    let outcome = frames.recv_timeout(wait);
    assert!(matches!(outcome, Err(Error::TimedOut)), "{outcome:?}");
    assert!(start.elapsed() < wait * 2, "{:?}", start.elapsed());
    drop(drip.join().expect("no panic"));
    assert!(matches!(frames.recv(), Err(Error::Truncated { want: 104, .. })));
}

/// X17: a length beyond the limit is refused before any memory is taken for it.
#[test]
fn a_length_beyond_the_limit_is_refused() {
    let (ours, theirs) = Stream::pair().expect("pair");
    let mut frames = Frames::with_limit(theirs, 1000);
    ours.send(&u32::MAX.to_le_bytes()).expect("send");
    let outcome = frames.recv();
    assert!(matches!(outcome, Err(Error::MessageTooLong { limit: 1000, .. })), "{outcome:?}");
    let outcome = frames.send(&[0; 1001]);
    assert!(matches!(outcome, Err(Error::MessageTooLong { real: 1001, limit: 1000 })));
}

/// A deadline in the middle of a message loses nothing, on either side.
#[test]
fn a_cut_message_goes_on() {
    let (ours, theirs) = Stream::pair().expect("pair");
    let (mut ours, mut theirs) =
        (Frames::with_limit(ours, 64 << 20), Frames::with_limit(theirs, 64 << 20));
    let message = vec![9; 32 << 20];
    let outcome = ours.try_send(&message);
    assert!(matches!(outcome, Err(Error::WouldBlock)), "{outcome:?}");
    assert!(ours.unsent() > 0);
    let sender = std::thread::spawn(move || ours.flush());
    assert!(theirs.recv().expect("whole") == message);
    sender.join().expect("no panic").expect("flush");
}

/// P6, K9: killed inside a message: `Truncated`, not a hang, not a short message.
#[test]
fn a_message_cut_by_death_is_truncated() {
    two_process(
        "frames::a_message_cut_by_death_is_truncated",
        |mut child| {
            let (ours, theirs) = Stream::pair().expect("pair");
            child.give(&theirs);
            drop(theirs);
            let mut frames = Frames::new(ours);
            assert_eq!(frames.recv().expect("a whole one"), b"whole");
            child.kill();
            assert!(matches!(frames.recv(), Err(Error::Truncated { got: 7, want: 104 })));
        },
        |mut parent| {
            let stream = Stream::from(parent.take());
            stream.send(b"\x05\0\0\0whole\x64\0\0\0cut").expect("send");
            let _ = parent.hear();
        },
    );
}

proptest::proptest! {
    /// X17: no bytes make it panic or give more than the limit.
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600)) {
        let (ours, theirs) = Stream::pair().expect("pair");
        if !bytes.is_empty() {
            ours.send(&bytes).expect("send");
        }
        drop(ours);
        let mut frames = Frames::with_limit(theirs, 100);
        while let Ok(message) = frames.recv() {
            proptest::prop_assert!(message.len() <= 100);
        }
    }
}
