//! Others who scribble.

use std::os::unix::fs::FileExt as _;

use ipc_devkit::{alone, scratch};
use ipc_shm::Error;
use ipc_shm::broadcast::{Delivery, Options, Receiver, Sender};

/// Where the body of a segment with 60 places begins.
const BODY: u64 = 1280;

fn file(name: &str) -> std::fs::File {
    let path = format!("/dev/shm/{name}");
    std::fs::File::options().read(true).write(true).open(path).expect("the file")
}

/// S7: whatever stands in any word, each call ends with a message or an error, at once and without a panic.
#[test]
fn any_bits_in_any_word() {
    alone("broadcast::hostile::any_bits_in_any_word", || {
        ipc_devkit::watchdog::limit(std::time::Duration::from_secs(40));
        let name = scratch::name("cast");
        let cursors = BODY + 512;
        let data = cursors + 2 * 128;
        let words = [128, 256, 384, 392].map(|at| BODY + at);
        let words = words
            .into_iter()
            .chain([cursors, cursors + 8])
            .chain((0..12).map(|index| data + index * 8));
        for at in words {
            for bits in [0, 1, 8, 16, 1 << 20, 1 << 31, 1 << 61, 1 << 62, u64::MAX, 0x1234_5678] {
                for delivery in [Delivery::Lossless, Delivery::Lossy] {
                    let options = Options::new().capacity(100).receivers(2).delivery(delivery);
                    let mut sender: Sender = options.create(&name).expect("make");
                    let mut receiver = Receiver::open(&name).expect("join");
                    sender.send(&[1; 30]).expect("send");
                    sender.send(&[2; 30]).expect("send");
                    file(&name).write_all_at(&bits.to_le_bytes(), at).expect("scribble");
                    for _ in 0..4 {
                        let _ = receiver.try_recv().map(|got| assert!(got.bytes.len() <= 100));
                        let _ = sender.try_send(&[3; 30]);
                        let _ = (receiver.lag(), sender.receivers());
                    }
                    let _ = (Receiver::open(&name), Sender::open(&name));
                    Sender::unlink(&name).expect("unlink");
                }
            }
        }
    });
}

/// S7, X13: sizes that cannot be are refused when it is opened, and never read again.
#[test]
fn sizes_that_cannot_be() {
    alone("broadcast::hostile::sizes_that_cannot_be", || {
        let name = scratch::name("cast");
        for (at, bits) in
            [(0, 64), (0, u64::MAX), (8, 2), (16, 3), (16, u64::MAX), (24, 0), (24, 1 << 40)]
        {
            let mut sender: Sender =
                Options::new().capacity(100).receivers(2).create(&name).expect("make");
            let mut receiver = Receiver::open(&name).expect("join");
            file(&name).write_all_at(&bits.to_le_bytes(), BODY + at).expect("scribble");
            let opened = Receiver::open(&name);
            assert!(matches!(opened, Err(Error::Corrupt { .. })), "{at} {bits}: {opened:?}");
            sender.send(&[7; 100]).expect("send");
            assert_eq!(receiver.recv().expect("receive").bytes, [7; 100]);
            Sender::unlink(&name).expect("unlink");
        }
    });
}
