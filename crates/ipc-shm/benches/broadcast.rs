//! One sender, many receivers: the rate of the sender, which waits for the slowest (lossless), or does not.

use std::io;

use ipc_devkit::bench::{Bench, Buffer, Case, Pair, Placement, Scenario, Turns};
use ipc_shm::Error;
use ipc_shm::broadcast::{Delivery, Options, Receiver, Sender};

use super::helper::{self, Helpers};

const SIZE: usize = 64;

/// All cases of broadcasts.
pub(super) fn cases(bench: &mut Bench) {
    for receivers in [1, 2, 4, 8, 16] {
        let name = format!("shm broadcast 64 B to {receivers}");
        bench.case(
            Case::new(Scenario::FAN_OUT, name, Placement::Block)
                .size(SIZE)
                .ours("lossless", move || Ok(send(receivers, Delivery::Lossless)))
                .peer("lossy", move || Ok(send(receivers, Delivery::Lossy))),
        );
    }
}

fn send(receivers: usize, delivery: Delivery) -> Pair {
    let mut there: Option<(Sender, Helpers)> = None;
    let mut message = Buffer::new(SIZE);
    Pair::alone(move |turns: Turns| {
        if there.is_none() {
            let name = helper::name("broadcast");
            let options = Options::new().capacity(128 << 10).delivery(delivery);
            let sender = options.create(&name)?;
            let helpers = Helpers::start("receive", &name, receivers);
            Sender::unlink(&name)?;
            there = Some((sender, helpers?));
        }
        let Some((sender, _)) = &mut there else { return Ok(()) };
        for _ in turns.sequence() {
            let number = sender.sent();
            message[..8].copy_from_slice(&number.to_le_bytes());
            message[SIZE - 8..].copy_from_slice(&number.to_le_bytes());
            sender.send(&message)?;
        }
        Ok(())
    })
}

/// A receiver in a process of its own, which looks at every message.
pub(super) fn receive(name: &str) -> io::Result<()> {
    let mut receiver = Receiver::open(name)?;
    helper::ready();
    let (mut message, mut next) = (Buffer::new(SIZE), None);
    loop {
        match receiver.recv_into(&mut message) {
            Ok(got) => {
                let number = first(&message[..8]);
                let expected = next.unwrap_or(number - got.missed) + got.missed;
                if number != expected || number != first(&message[SIZE - 8..]) {
                    return Err(io::Error::other(format!("{number} instead of {expected}")));
                }
                next = Some(number + 1);
            }
            Err(Error::Contended { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The number at the start of some bytes.
pub(super) fn first(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
