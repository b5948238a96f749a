//! A ring whose memory somebody else writes: each call ends, with a value or an error, without a panic.

use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::time::{Duration, Instant};

use ipc_shm::Error;
use ipc_shm::ring::{Options, Receiver, Sender, Wait};
use proptest::prelude::*;

use super::{Gone, SHORT, pattern};

/// Where the body of a ring with 60 places begins, and in it the words that change and the data.
const BODY: u64 = 1280;
const SENDER: u64 = BODY + 128;
const RECEIVER: u64 = BODY + 132;
const ARRIVED: u64 = BODY + 136;
const FREED: u64 = BODY + 140;
const TAKEN: u64 = BODY + 256;
const TAIL: u64 = BODY + 384;
const DATA: u64 = BODY + 512;

/// Numbers at the edges of what a word means.
const VALUES: [u64; 14] = [
    0,
    1,
    7,
    64,
    1 << 31,
    (1 << 62) - 64,
    1 << 62,
    1 << 63,
    3 << 62,
    1 << 63 | 100_000,
    1 << 63 | ((1 << 48) - 1),
    3 << 62 | 8,
    u64::MAX - 63,
    u64::MAX,
];

fn file(name: &str) -> std::fs::File {
    let path = format!("/dev/shm/{name}");
    std::fs::File::options().read(true).write(true).open(path).expect("the ring's file")
}

fn size(file: &std::fs::File) -> u64 {
    file.metadata().expect("stat").len()
}

fn small() -> Options {
    Options::new().capacity(256)
}

fn fresh(name: &str, wait: Wait) -> (Sender, Receiver) {
    let mut sender: Sender = small().wait(wait).create(name).expect("create");
    let receiver = Options::new().wait(wait).open(name).expect("open");
    for number in 0..2 {
        sender.send(&pattern(number, 20)).expect("send");
    }
    (sender, receiver)
}

/// Calls everything. Each call ends; what it gives is not longer than the ring's longest message.
fn use_all(sender: &mut Sender, receiver: &mut Receiver) -> usize {
    let mut corrupt = 0;
    let mut note = |done: Result<usize, Error>| match done {
        Ok(len) => assert!(len <= 512, "{len}"),
        Err(Error::Corrupt { .. }) => corrupt += 1,
        Err(_) => {}
    };
    let tick = Duration::from_micros(300);
    let mut buf = [0; 512];
    for len in [5, 100, 256] {
        note(sender.try_send(&pattern(9, len)).map(|()| 0));
        note(sender.try_reserve(len).map(|mut slot| {
            slot.fill(3);
            slot.commit();
            0
        }));
        note(sender.send_timeout(&pattern(9, len), tick).map(|()| 0));
        note(sender.try_send_many(&[&pattern(9, len)[..], b"x", &[1; 70]]));
        note(Ok(sender.len().min(1)));
        note(receiver.try_peek().map(|message| message.len()));
        note(receiver.try_recv_into(&mut buf));
        note(receiver.recv_timeout(tick).map(|message| message.len()));
        note(receiver.drain(2, |message| assert!(message.len() <= 512)));
        note(Ok(receiver.len().min(1)));
        note(receiver.try_peek().map(|message| {
            let len = message.len();
            message.release();
            len
        }));
    }
    let _ = (sender.is_empty(), sender.is_closed(), receiver.is_empty(), receiver.is_closed());
    corrupt
}

/// Opens both ends anew, and uses what opens.
fn reopen(name: &str) {
    let since = Instant::now();
    let ends = (Options::new().open::<Sender>(name), Options::new().open::<Receiver>(name));
    if let (Ok(mut sender), Ok(mut receiver)) = ends {
        use_all(&mut sender, &mut receiver);
    }
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
}

/// X13, X17, S7: every word that changes, with values at the edges, while both ends are open and before
/// they are opened.
#[test]
fn no_word_is_trusted() {
    let mut corrupt = 0;
    let words = [SENDER, RECEIVER, ARRIVED, FREED, TAKEN, TAIL, DATA, DATA + 64, DATA + 128];
    for (at, value) in words.iter().flat_map(|at| VALUES.map(|value| (*at, value))) {
        let gone = Gone::new("word");
        let (mut sender, mut receiver) = fresh(&gone.0, Wait::Block);
        let bytes = &value.to_le_bytes()[..if at < TAKEN { 4 } else { 8 }];
        file(&gone.0).write_all_at(bytes, at).expect("write");
        let since = Instant::now();
        corrupt += use_all(&mut sender, &mut receiver);
        assert!(since.elapsed() < Duration::from_secs(2), "{at} {value:#x}");
        file(&gone.0).write_all_at(bytes, at).expect("write");
        drop((sender, receiver));
        file(&gone.0).write_all_at(bytes, at).expect("write");
        reopen(&gone.0);
    }
    assert!(corrupt > 100, "{corrupt} calls noticed");
}

/// X13, S7: a header that cannot be is refused; who has the ring open goes on with what it read.
#[test]
fn a_damaged_header_is_refused() {
    let header = (0..64).step_by(4).chain([BODY, BODY + 4, BODY + 8, BODY + 12]);
    for at in header {
        let mut refused = 0;
        for value in VALUES {
            let gone = Gone::new("head");
            let (mut sender, mut receiver) = fresh(&gone.0, Wait::Block);
            let file = file(&gone.0);
            let mut was = [0; 4];
            file.read_exact_at(&mut was, at).expect("read");
            let word = u32::try_from(value & 0xffff_ffff).expect("32 bits") ^ 0x55;
            file.write_all_at(&word.to_le_bytes(), at).expect("write");
            assert_eq!(receiver.recv().expect("private sizes"), pattern(0, 20));
            sender.send(b"goes on").expect("private sizes");
            drop((sender, receiver));
            match Options::new().open::<Sender>(&gone.0) {
                Err(Error::Corrupt { .. } | Error::Truncated { .. }) => refused += 1,
                Err(error) => panic!("{at}: {error:?}"),
                Ok(_) => {}
            }
        }
        // The header has words that are not used yet.
        let must = (at < 48 && at != 20) || at >= BODY;
        assert!(!must || refused >= 12, "{at}: {refused} of 14");
    }
}

/// X13: a file that is no ring, an empty one, and one that was cut short are refused.
#[test]
fn foreign_files_are_refused() {
    for len in [0, 10, 64, 5000] {
        let gone = Gone::new("foreign");
        let path = format!("/dev/shm/{}", gone.0);
        let mut options = std::fs::File::options();
        options.write(true).create_new(true).mode(0o600).open(&path).expect("make a file");
        std::fs::write(&path, vec![7; len]).expect("write");
        let opened = Receiver::open(&gone.0);
        let refused = matches!(opened, Err(Error::Corrupt { .. } | Error::Truncated { .. }));
        assert!(refused, "{len}: {opened:?}");
    }
    let gone = Gone::new("short");
    drop(fresh(&gone.0, Wait::Block));
    let whole = size(&file(&gone.0));
    for len in [whole - 1, DATA, BODY + 1, BODY, 64] {
        file(&gone.0).set_len(len).expect("cut");
        let opened = Receiver::open(&gone.0);
        let refused = matches!(opened, Err(Error::Corrupt { .. } | Error::Truncated { .. }));
        assert!(refused, "{len}: {opened:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// X17, S7: whatever is scribbled over the words and the data, again and again.
    #[test]
    fn scribbled_memory_ends_no_process(
        spin in any::<bool>(),
        rounds in prop::collection::vec(
            prop::collection::vec((prop::sample::select(vec![true, false]), 0..200_u64, scribble()), 1..12),
            1..4,
        ),
    ) {
        let gone = Gone::new("scribble");
        let (mut sender, mut receiver) = fresh(&gone.0, if spin { Wait::Spin } else { Wait::Block });
        let file = file(&gone.0);
        let (end, since) = (size(&file), Instant::now());
        for writes in &rounds {
            for (data, word, value) in writes {
                let words = [SENDER, ARRIVED, TAKEN, TAIL];
                let at = if *data {
                    DATA + word * 8 % (end - DATA - 7)
                } else {
                    words[usize::try_from(*word).expect("small") % 4]
                };
                file.write_all_at(&value.to_le_bytes(), at & !7).expect("write");
            }
            use_all(&mut sender, &mut receiver);
        }
        drop((sender, receiver));
        reopen(&gone.0);
        prop_assert!(since.elapsed() < Duration::from_secs(4) + SHORT);
    }
}

fn scribble() -> impl Strategy<Value = u64> {
    prop_oneof![
        2 => any::<u64>(),
        2 => (0..600_u64).prop_map(|len| 1 << 63 | len),
        2 => prop::sample::select(VALUES.to_vec()),
        1 => (0..40_u64).prop_map(|line| line * 64),
    ]
}
