//! Semaphores and locks beside the calls they are made of.
//!
//! `raw` makes the cheapest calls that keep our promises. For a set with a guard that is one `semop` of
//! four operations: three make sure that it is still the same set. `plain` is what a C programmer
//! writes.

mod crowd;
mod death;
mod opening;
mod raw;
mod shared;

use std::io;
use std::process::ExitCode;

use ipc_devkit::bench::{self, Bench, Case, Pair, Placement, Scenario, Turns};
use ipc_sem::{FileLock, LockError, NamedSemaphore, RobustMutex, SysvOptions};

fn main() -> ExitCode {
    if death::is_victim() {
        return death::victim();
    }
    bench::main("ipc-sem", |bench| {
        shared::cases(bench);
        death::cases(bench);
        let sets = raw::own_ipc_namespace();
        if !sets {
            eprintln!("System V sets are left out: they need the right to make an IPC namespace");
        }
        uncontended(bench, sets);
        opening::cases(bench, sets);
        for placement in [Placement::Block, Placement::OneCore] {
            hand_over(bench, placement, sets);
        }
    })
}

/// A call behind one function call, as in C.
type Call = Box<dyn FnMut() -> io::Result<()>>;

/// What takes and gives back, or locks and unlocks.
struct Calls {
    take: Call,
    give: Call,
}

/// P and V, or lock and unlock, with nobody else there.
fn uncontended(bench: &mut Bench, sets: bool) {
    let case = |name: &str| Case::alone(Scenario::UNCONTENDED, name);
    bench.case(
        case("named semaphore P + V")
            .raw("glibc sem_t", || Ok(alone(raw::semaphore(1)?)))
            .ours("NamedSemaphore", || Ok(alone(named(1)?))),
    );
    bench.case(
        case("named semaphore try P + V")
            .raw("glibc sem_t", || Ok(alone(raw::try_semaphore(1)?)))
            .ours("NamedSemaphore", || {
                let Named { acquire: semaphore, release: other } = open_named(1)?;
                Ok(alone(Calls {
                    take: Box::new(move || Ok(semaphore.try_acquire()?)),
                    give: Box::new(move || Ok(other.release()?)),
                }))
            }),
    );
    if sets {
        uncontended_sets(bench);
    }
    bench.case(
        case("file lock + unlock")
            .raw("F_OFD_SETLK", || Ok(both(raw::file_lock(raw::file()?))))
            .ours("FileLock", || {
                let mut lock = FileLock::from(raw::file()?);
                Ok(both(move || {
                    drop(lock.lock()?);
                    Ok(())
                }))
            }),
    );
    bench.case(
        case("robust mutex lock + unlock").raw("pthread robust", || Ok(both(raw::robust()?))).ours(
            "RobustMutex",
            || {
                let name = format!("ipc-t-{}-0-mutex", std::process::id());
                let mutex = RobustMutex::create(&name)?;
                RobustMutex::unlink(&name)?;
                Ok(both(move || match mutex.lock() {
                    Ok(_guard) => Ok(()),
                    Err(LockError::Failed(error)) => Err(error.into()),
                    Err(_) => Err(io::Error::other("nobody died")),
                }))
            },
        ),
    );
}

/// The same for System V sets.
fn uncontended_sets(bench: &mut Bench) {
    let case = |name: &str| Case::alone(Scenario::UNCONTENDED, name);
    bench.case(
        case("System V set P + V, with guard")
            .raw("semop with guard", || Ok(alone(raw::set(1, true)?)))
            .ours("SysvSet", || Ok(alone(set(1, false)?)))
            .peer("plain semop", || Ok(alone(raw::set(1, false)?))),
    );
    bench.case(
        case("System V set P + V, plain")
            .raw("plain semop", || Ok(alone(raw::set(1, false)?)))
            .ours("SysvSet plain", || Ok(alone(set(1, true)?))),
    );
}

/// A unit goes to the other process and another one comes back, by two semaphores.
fn hand_over(bench: &mut Bench, placement: Placement, sets: bool) {
    let case = |kind: &str| {
        let name = format!("{kind} hand-over {}", placement.name());
        Case::new(Scenario::ROUND_TRIP, name, placement)
    };
    bench.case(
        case("named semaphore")
            .raw("glibc sem_t", || Ok(ping_pong(raw::semaphore(0)?, raw::semaphore(0)?)))
            .ours("NamedSemaphore", || Ok(ping_pong(named(0)?, named(0)?))),
    );
    if !sets {
        return;
    }
    bench.case(
        case("System V set")
            .raw("semop with guard", || Ok(ping_pong(raw::set(0, true)?, raw::set(0, true)?)))
            .ours("SysvSet", || Ok(ping_pong(set(0, false)?, set(0, false)?)))
            .peer("plain semop", || Ok(ping_pong(raw::set(0, false)?, raw::set(0, false)?))),
    );
}

fn alone(mut calls: Calls) -> Pair {
    Pair::alone(move |turns: Turns| {
        for _ in turns.sequence() {
            (calls.take)()?;
            (calls.give)()?;
        }
        Ok(())
    })
}

/// A call that takes and gives back in one.
fn both(mut call: impl FnMut() -> io::Result<()> + 'static) -> Pair {
    Pair::alone(move |turns: Turns| {
        for _ in turns.sequence() {
            call()?;
        }
        Ok(())
    })
}

fn ping_pong(there: Calls, back: Calls) -> Pair {
    let (mut send, mut hear) = (there.give, there.take);
    let (mut answer, mut learn) = (back.give, back.take);
    Pair::two(
        move |turns: Turns| {
            for _ in turns.sequence() {
                send()?;
                learn()?;
            }
            Ok(())
        },
        move |turns: Turns| {
            for _ in turns.sequence() {
                hear()?;
                answer()?;
            }
            Ok(())
        },
    )
}

/// Two handles of one semaphore.
struct Named {
    acquire: NamedSemaphore,
    release: NamedSemaphore,
}

fn open_named(value: u32) -> io::Result<Named> {
    let name = format!("ipc-t-{}-0-sem", std::process::id());
    let acquire = NamedSemaphore::create(&name, value)?;
    let release = NamedSemaphore::open(&name);
    NamedSemaphore::unlink(&name)?;
    Ok(Named { acquire, release: release? })
}

fn named(value: u32) -> io::Result<Calls> {
    let Named { acquire, release } = open_named(value)?;
    Ok(Calls {
        take: Box::new(move || Ok(acquire.acquire()?)),
        give: Box::new(move || Ok(release.release()?)),
    })
}

fn set(value: u16, plain: bool) -> io::Result<Calls> {
    let options = if plain { SysvOptions::new().plain() } else { SysvOptions::new() };
    let made = options.private(&[value])?;
    let other = SysvOptions::new().from_id(made.id())?;
    Ok(Calls {
        take: Box::new(move || Ok(other.acquire(0)?)),
        give: Box::new(move || Ok(made.release(0)?)),
    })
}
