//! What else a ring costs: in place, in batches, opening, death.

use std::io::{self, Read};
use std::process::{Command, ExitCode, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use ipc_devkit::bench::{Bench, Case, Pair, Placement, Scenario, Turns, floor};
use ipc_shm::ring::{Options, Receiver, Sender};
use ipc_shm::{Error, Wait};

use crate::ring::{Named, bytes, ends};

/// In a victim: the name of the ring whose sending end it is to hold.
const ROLE: &str = "IPC_SHM_BENCH_DEATH";

/// Whether this process is here to be killed.
pub(super) fn is_victim() -> bool {
    std::env::var_os(ROLE).is_some()
}

/// The life of such a process.
pub(super) fn victim() -> ExitCode {
    match Sender::open(&std::env::var(ROLE).unwrap_or_default()) {
        Ok(_sender) => {
            println!("held");
            // Until it is killed, or whoever started it is gone.
            let _ = io::stdin().read_to_end(&mut Vec::new());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("death of a sender: {error}");
            ExitCode::FAILURE
        }
    }
}

/// All these cases.
pub(super) fn cases(bench: &mut Bench) {
    for size in [64, 1024, 65536, 1 << 20, 4 << 20] {
        let name = format!("shm ring in place {} busy", bytes(size));
        bench.case(
            Case::new(Scenario::ONE_WAY, name, Placement::Busy)
                .size(size)
                .raw("C ring in place", move || floor::one_way_in_place(size))
                .ours("ring", move || Ok(in_place(size))),
        );
    }
    bench.case(
        Case::one_way("shm ring batches of 16 x 64 B busy", 64, Placement::Busy)
            .floor_one_way()
            .ours("send_many + drain", || Ok(batches())),
    );
    bench.case(
        Case::alone(Scenario::OPEN_CLOSE, "shm ring create + open + close")
            .ours("ring", || Ok(opening())),
    );
    bench.case(
        Case::alone(Scenario::DEATH, "shm ring death of the sender").ours("ring", || Ok(deaths())),
    );
}

/// Written and checked where it stands.
fn in_place(size: usize) -> Pair {
    let ring = Named::with(size, 8, Wait::Spin);
    let ring_too = Rc::clone(&ring);
    let (mut near, mut far) = (None, None);
    Pair::two(
        move |turns: Turns| {
            let receiver: &mut Receiver = ends(&mut near, || ring.end())?;
            for number in turns.sequence() {
                let message = receiver.peek()?;
                turns.check(&message, number)?;
                message.release();
            }
            Ok(())
        },
        move |turns: Turns| {
            let sender: &mut Sender = ends(&mut far, || ring_too.end())?;
            for number in turns.sequence() {
                let mut slot = sender.reserve(size)?;
                turns.fill(&mut slot, number);
                slot.commit();
            }
            Ok(())
        },
    )
}

fn batches() -> Pair {
    const BATCH: usize = 16;
    let ring = Named::new(64, Wait::Block);
    let ring_too = Rc::clone(&ring);
    let (mut near, mut far) = (None, None);
    let mut messages = vec![[0_u8; 64]; BATCH];
    Pair::two(
        move |turns: Turns| {
            let receiver: &mut Receiver = ends(&mut near, || ring.end())?;
            let mut numbers = turns.sequence();
            while !numbers.is_empty() {
                let left = usize::try_from(numbers.end - numbers.start).unwrap_or(usize::MAX);
                let mut checked = Ok(());
                let count = receiver.drain(left.min(BATCH), |message| {
                    let number = numbers.next().unwrap_or_default();
                    if checked.is_ok() {
                        checked = turns.check(message, number);
                    }
                })?;
                checked?;
                if count == 0 {
                    // Waits until there is one, and leaves it there.
                    drop(receiver.peek()?);
                }
            }
            Ok(())
        },
        move |turns: Turns| {
            let sender: &mut Sender = ends(&mut far, || ring_too.end())?;
            let mut numbers = turns.sequence();
            while !numbers.is_empty() {
                let mut count = 0;
                for (message, number) in messages.iter_mut().zip(&mut numbers) {
                    turns.fill(message, number);
                    count += 1;
                }
                sender.send_many(&messages[..count]).map_err(|rejected| rejected.error)?;
            }
            Ok(())
        },
    )
}

fn opening() -> Pair {
    Pair::alone(move |turns: Turns| {
        let name = format!("ipc-t-{}-0-opening", std::process::id());
        for _ in turns.sequence() {
            let sender = Sender::create(&name)?;
            let receiver = Receiver::open(&name);
            Sender::unlink(&name)?;
            drop((sender, receiver?));
        }
        Ok(())
    })
}

/// From the death of the sender until the receiver, which sleeps, knows.
fn deaths() -> Pair {
    Pair::alone(move |turns: Turns| {
        let name = format!("ipc-t-{}-0-death", std::process::id());
        let mut receiver: Receiver = Options::new().create(&name)?;
        for _ in turns.sequence() {
            turns.report(death(&name, &mut receiver)?);
        }
        Ok(Sender::unlink(&name)?)
    })
}

fn death(name: &str, receiver: &mut Receiver) -> io::Result<Duration> {
    let mut victim = Command::new(std::env::current_exe()?)
        .env(ROLE, name)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut held = [0; 5];
    victim.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?.read_exact(&mut held)?;
    let killer = std::thread::spawn(move || {
        // The receiver sleeps after 50 us.
        #[expect(clippy::disallowed_methods, reason = "nothing tells that another thread sleeps")]
        std::thread::sleep(Duration::from_millis(3));
        let killed = Instant::now();
        victim.kill()?;
        victim.wait()?;
        io::Result::Ok(killed)
    });
    let ended = receiver.recv();
    let seen = Instant::now();
    let killed = killer.join().map_err(|_| io::Error::other("the killer panicked"))??;
    match ended {
        Err(Error::Closed { peer_died: true }) => Ok(seen.saturating_duration_since(killed)),
        other => Err(io::Error::other(format!("no death but {other:?}"))),
    }
}
