//! Others who scribble.

use std::os::unix::fs::FileExt as _;

use ipc_devkit::{alone, scratch};
use ipc_shm::Error;
use ipc_shm::fan_in::{Options, Receiver, Sender};

/// Where the body of a segment with 60 places begins.
const BODY: u64 = 1280;

fn scribble(name: &str, at: u64, bits: u64) {
    let path = format!("/dev/shm/{name}");
    let file = std::fs::File::options().write(true).open(path).expect("the file");
    file.write_all_at(&bits.to_le_bytes(), at).expect("scribble");
}

/// S7: whatever stands in any word, each call ends with a message or an error, at once and without a panic.
#[test]
fn any_bits_in_any_word() {
    alone("fan_in::hostile::any_bits_in_any_word", || {
        ipc_devkit::watchdog::limit(std::time::Duration::from_secs(40));
        let name = scratch::name("fan");
        let lane = BODY + 256;
        let words = [BODY + 128, BODY + 136, lane, lane + 8, lane + 128, lane + 136, lane + 256];
        let data = (0..24).map(|index| lane + 384 + index * 8);
        for at in words.into_iter().chain(data) {
            for bits in [0, 1, 8, 64, 1 << 31, 1 << 62, 1 << 63, 3 << 62, u64::MAX, 0x1234_5678] {
                let mut receiver: Receiver =
                    Options::new().capacity(100).senders(2).create(&name).expect("make");
                let mut sender = Sender::open(&name).expect("join");
                sender.send(&[1; 30]).expect("send");
                scribble(&name, at, bits);
                for _ in 0..4 {
                    let _ = receiver.try_recv().map(|got| assert!(got.bytes.len() <= 300));
                    let _ = sender.try_send(&[2; 30]);
                    let _ = (receiver.len(), receiver.is_empty(), receiver.senders());
                }
                let _ = (Sender::open(&name), Receiver::open(&name));
                Sender::unlink(&name).expect("unlink");
            }
        }
    });
}

/// S7, X13: sizes that cannot be are refused when it is opened, and never read again.
#[test]
fn sizes_that_cannot_be() {
    alone("fan_in::hostile::sizes_that_cannot_be", || {
        let name = scratch::name("fan");
        let lane = BODY + 256;
        for (at, bits) in [
            (BODY, 0),
            (BODY, 3),
            (BODY, u64::MAX),
            (BODY + 8, 0),
            (BODY + 8, 1 << 30),
            (lane, 64),
            (lane, u64::MAX),
            (lane + 8, 99),
        ] {
            let mut receiver: Receiver =
                Options::new().capacity(100).senders(2).create(&name).expect("make");
            let mut sender = Sender::open(&name).expect("join");
            scribble(&name, at, bits);
            let opened = Sender::open(&name);
            assert!(matches!(opened, Err(Error::Corrupt { .. })), "{at} {bits}: {opened:?}");
            sender.send(&[7; 100]).expect("send");
            assert_eq!(receiver.recv().expect("receive").bytes, [7; 100]);
            Sender::unlink(&name).expect("unlink");
        }
    });
}
