//! A peer in another process that scribbles over all of its memory while its victim works.

use std::time::{Duration, Instant};

use ipc_devkit::two_process;
use ipc_shm::Error;
use ipc_shm::ring::untrusted::Options;

use super::rogue::{CAPACITY, Rogue, ring};
use super::sockets;

/// S7, S8, X17: a second of it: every call ends with a message that fits or a typed error.
#[test]
fn a_scribbling_process() {
    two_process(
        "untrusted::scribble::a_scribbling_process",
        |mut child| {
            let until = Instant::now() + Duration::from_secs(1);
            let (mut messages, mut corrupt) = (0_u64, 0_u64);
            while Instant::now() < until {
                let (here, there) = sockets();
                child.tell("again");
                child.give(&there);
                drop(there);
                let options = Options::new().capacity(CAPACITY as usize);
                let (mut sender, mut receiver) = options.offer(here).expect("offer");
                for _ in 0..2000 {
                    let mut buf = [0xa5; CAPACITY as usize + 64];
                    match receiver.try_recv_into(&mut buf[..CAPACITY as usize]) {
                        Ok(len) => {
                            assert!(len <= CAPACITY as usize - 128);
                            assert!(buf[len..].iter().all(|byte| *byte == 0xa5));
                            messages += 1;
                        }
                        Err(Error::Corrupt { .. }) => {
                            corrupt += 1;
                            break;
                        }
                        Err(Error::WouldBlock | Error::Closed { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                    match sender.try_send(&[1; 333]) {
                        Ok(()) | Err(Error::WouldBlock | Error::Closed { .. }) => {}
                        Err(Error::Corrupt { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
                child.tell("stop");
            }
            child.tell("enough");
            assert!(corrupt > 0 && messages > 0, "{corrupt} noticed, {messages} messages");
        },
        |mut parent| {
            let mut random = 0x9e37_79b9_7f4a_7c15_u64;
            while parent.hear() == "again" {
                let rogue = Rogue::accept(parent.take());
                let stop = std::sync::atomic::AtomicBool::new(false);
                std::thread::scope(|scope| {
                    scope.spawn(|| {
                        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                            random = random
                                .wrapping_mul(6_364_136_223_846_793_005)
                                .wrapping_add(1_442_695_040_888_963_407);
                            let words = (ring() + CAPACITY as usize) / 8;
                            let at = (random >> 33) as usize % words * 8;
                            // Most of the time something that could be a header or a position.
                            let value = match random >> 20 & 3 {
                                0 => random,
                                1 => 1 << 63 | random >> 40 & 0xfff,
                                2 => random >> 40 & 0xff8,
                                _ => 0,
                            };
                            rogue.store(at, value);
                            rogue.store(ring(), 1 << 63 | random >> 50);
                        }
                    });
                    assert_eq!(parent.hear(), "stop");
                    stop.store(true, std::sync::atomic::Ordering::Relaxed);
                });
            }
        },
    );
}
