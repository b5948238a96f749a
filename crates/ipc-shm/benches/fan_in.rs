//! Many senders, one receiver: the rate of the receiver.

use std::collections::HashMap;
use std::io;

use ipc_devkit::bench::{Bench, Buffer, Case, Pair, Placement, Scenario, Turns};
use ipc_shm::fan_in::{Options, Receiver, Sender};

use super::broadcast::first;
use super::helper::{self, Helpers};

const SIZE: usize = 48;

/// All cases of fan-ins.
pub(super) fn cases(bench: &mut Bench) {
    for senders in [1, 2, 4, 8, 16] {
        let name = format!("shm fan-in 48 B from {senders}");
        bench.case(
            Case::new(Scenario::FAN_IN, name, Placement::Block)
                .size(SIZE)
                .ours("fan-in", move || Ok(receive(senders))),
        );
    }
}

fn receive(senders: usize) -> Pair {
    let mut there: Option<(Receiver, Helpers)> = None;
    let mut message = Buffer::new(SIZE);
    let mut next = HashMap::new();
    let mut last = None;
    Pair::alone(move |turns: Turns| {
        if there.is_none() {
            let name = helper::name("fan-in");
            let receiver = Options::new().create(&name)?;
            let helpers = Helpers::start("send", &name, senders);
            Receiver::unlink(&name)?;
            there = Some((receiver, helpers?));
        }
        let Some((receiver, _)) = &mut there else { return Ok(()) };
        for _ in turns.sequence() {
            let got = receiver.recv_into(&mut message)?;
            // Looked up only when another sender has its turn.
            let expected = match &mut last {
                Some((from, number)) if *from == got.from => number,
                other => {
                    if let Some((from, number)) = *other {
                        next.insert(from, number);
                    }
                    let number = next.get(&got.from).copied().unwrap_or(0);
                    &mut other.insert((got.from, number)).1
                }
            };
            let number = first(&message[..8]);
            if number != *expected || number != first(&message[SIZE - 8..]) {
                return Err(io::Error::other(format!("{number} instead of {expected}")));
            }
            *expected += 1;
        }
        Ok(())
    })
}

/// A sender in a process of its own.
pub(super) fn send(name: &str) -> io::Result<()> {
    let mut sender = Sender::open(name)?;
    helper::ready();
    let mut message = Buffer::new(SIZE);
    for number in 0_u64.. {
        message[..8].copy_from_slice(&number.to_le_bytes());
        message[SIZE - 8..].copy_from_slice(&number.to_le_bytes());
        sender.send(&message)?;
    }
    Ok(())
}
