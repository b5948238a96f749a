//! A dead one's place is taken: nothing comes twice, nothing is lost.

use std::io::Write as _;

use ipc_devkit::{processes, scratch, watchdog};
use ipc_shm::Error;
use ipc_shm::ring::{Receiver, Sender};

use super::{Gone, LONG, open, pattern, rest, small};

const LIVES: usize = 12;

fn message(number: u64) -> Vec<u8> {
    let len = usize::try_from(number * 37 % 400).expect("small");
    [&number.to_le_bytes()[..], &pattern(number, len)].concat()
}

fn number_of(message: &[u8]) -> u64 {
    let number = u64::from_le_bytes(message[..8].try_into().expect("8 bytes"));
    assert_eq!(message, self::message(number), "torn");
    number
}

/// Q7, S6: senders are killed while they stream; each successor goes on behind what was committed, and the
/// receiver sees each one's messages from the first on, without a gap.
#[test]
fn senders_take_over() {
    processes(
        "ring::handover::senders_take_over",
        LIVES,
        |children| {
            watchdog::limit(LONG * 4);
            let gone = Gone::new("ring");
            let mut receiver: Receiver = small().create(&gone.0).expect("create");
            let mut next = 0;
            for (life, mut child) in children.into_iter().enumerate() {
                child.tell(&gone.0);
                child.tell(&next.to_string());
                // Until then, the dead one is who is known.
                assert_eq!(child.hear(), "there");
                for _ in 0..=life * 23 {
                    assert_eq!(number_of(&receiver.recv_timeout(LONG).expect("one")), next);
                    next += 1;
                }
                child.kill();
                loop {
                    match receiver.recv_timeout(LONG) {
                        Ok(message) => assert_eq!(number_of(&message), next),
                        Err(Error::Closed { peer_died: true }) => break,
                        Err(error) => panic!("{error}"),
                    }
                    next += 1;
                }
            }
            assert!(next > 1000, "{next}");
        },
        |mut parent, _| {
            let mut sender: Sender = open(&parent.hear());
            let from: u64 = parent.hear().parse().expect("a number");
            parent.tell("there");
            for number in from.. {
                if sender.send(&message(number)).is_err() {
                    return;
                }
            }
        },
    );
}

/// Q7, S6: receivers are killed while they receive; each successor goes on behind what was taken. Only the
/// one that was being handed over may be missing: at most once.
#[test]
fn receivers_take_over() {
    processes(
        "ring::handover::receivers_take_over",
        LIVES,
        |children| {
            watchdog::limit(LONG * 4);
            let (gone, dir) = (Gone::new("ring"), scratch::dir());
            let notes = dir.path().join("notes").display().to_string();
            let mut sender: Sender = small().create(&gone.0).expect("create");
            let mut next = 0;
            for (life, mut child) in children.into_iter().enumerate() {
                child.tell(&gone.0);
                child.tell(&notes);
                assert_eq!(child.hear(), "there");
                let until = next + 40 + life as u64 * 23;
                while next < until {
                    sender.send_timeout(&message(next), LONG).expect("send");
                    next += 1;
                }
                child.kill();
            }
            let mut receiver: Receiver = open(&gone.0);
            drop(sender);
            let (got, end) = rest(&mut receiver);
            assert!(matches!(end, Error::Closed { peer_died: false }), "{end}");
            let noted = std::fs::read(&notes).expect("the notes");
            let mut all: Vec<_> = noted
                .chunks(8)
                .map(|number| u64::from_le_bytes(number.try_into().expect("8 bytes")))
                .collect();
            all.extend(got.iter().map(|message| number_of(message)));
            assert!(all.is_sorted_by(|one, other| one < other), "twice, or out of order: {all:?}");
            let missing = next - all.len() as u64;
            assert!(missing <= LIVES as u64, "{missing} of {next} are missing");
        },
        |mut parent, _| {
            let mut receiver: Receiver = open(&parent.hear());
            let notes = std::fs::File::options().create(true).append(true).open(parent.hear());
            let mut notes = notes.expect("the notes");
            parent.tell("there");
            while let Ok(message) = receiver.recv() {
                notes.write_all(&number_of(&message).to_le_bytes()).expect("note");
            }
        },
    );
}
