//! The locks that live in shared memory, beside raw ones, pthread, and the locks of threads.

use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use ipc_devkit::bench::{Bench, Case, Pair, Placement, Scenario, Turns, floor};
use ipc_sem::{LockError, Mutex, RwLock, Semaphore};

use crate::crowd;
use crate::raw;
use crate::{Calls, alone, both, ping_pong};

/// How many want the lock.
const CROWDS: [usize; 4] = [2, 4, 8, 16];

pub(super) fn cases(bench: &mut Bench) {
    uncontended(bench);
    for placement in [Placement::Busy, Placement::Block, Placement::OneCore] {
        hand_over(bench, placement);
    }
    for crowd in CROWDS {
        contended(bench, crowd);
    }
}

/// A name that the processes of a subject find each other by.
fn name(tag: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("ipc-t-{}-{}-{tag}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Opens an object in the process that uses it, on the first turn: a fork's child owns nothing.
fn lazily<X>(open: impl Fn() -> io::Result<X>) -> impl FnMut() -> io::Result<Rc<X>> {
    let mut opened: Option<Rc<X>> = None;
    move || {
        if let Some(x) = &opened {
            return Ok(Rc::clone(x));
        }
        Ok(Rc::clone(opened.insert(Rc::new(open()?))))
    }
}

/// An object whose name goes with it, in each process that opened it.
struct Named<X>(X, String);

impl<X> Drop for Named<X> {
    fn drop(&mut self) {
        // Another process may have been faster. The name says nothing about the kind.
        let _ = Semaphore::unlink(&self.1);
    }
}

fn uncontended(bench: &mut Bench) {
    let case = |name: &str| Case::alone(Scenario::UNCONTENDED, name);
    bench.case(
        case("mutex lock + unlock")
            .raw("3-state futex", || {
                let lock = raw::Futex::new()?;
                Ok(both(move || {
                    lock.lock()?;
                    lock.unlock()
                }))
            })
            .ours("Mutex", || {
                let mut open = lazily(|| Ok(Mutex::<u64>::anonymous()?.0));
                Ok(Pair::alone(move |turns: Turns| {
                    let mutex = open()?;
                    for _ in turns.sequence() {
                        drop(mutex.lock().map_err(|_| poisoned())?);
                    }
                    Ok(())
                }))
            })
            .peer("pthread robust", || Ok(both(raw::robust()?)))
            .peer("std Mutex (threads)", || {
                let mutex = std::hint::black_box(Box::new(std::sync::Mutex::new(0u64)));
                Ok(Pair::alone(move |turns: Turns| {
                    for _ in turns.sequence() {
                        drop(std::hint::black_box(&mutex).lock().map_err(|_| poisoned())?);
                    }
                    Ok(())
                }))
            })
            .peer("parking_lot (threads)", || {
                let mutex = std::hint::black_box(Box::new(parking_lot::Mutex::new(0u64)));
                Ok(Pair::alone(move |turns: Turns| {
                    for _ in turns.sequence() {
                        drop(std::hint::black_box(&mutex).lock());
                    }
                    Ok(())
                }))
            }),
    );
    bench.case(case("semaphore P + V").raw("glibc sem_t", || Ok(alone(raw::semaphore(1)?))).ours(
        "Semaphore",
        || {
            let mut open = lazily(|| Ok(Semaphore::anonymous(1)?.0));
            Ok(Pair::alone(move |turns: Turns| {
                let semaphore = open()?;
                for _ in turns.sequence() {
                    semaphore.acquire()?;
                    semaphore.release()?;
                }
                Ok(())
            }))
        },
    ));
    bench.case(
        case("read lock + unlock")
            .ours("RwLock", || {
                let mut open = lazily(|| Ok(RwLock::<u64>::anonymous()?.0));
                Ok(Pair::alone(move |turns: Turns| {
                    let lock = open()?;
                    for _ in turns.sequence() {
                        drop(lock.read().map_err(|_| poisoned())?);
                    }
                    Ok(())
                }))
            })
            .peer("std RwLock (threads)", || {
                let lock = std::hint::black_box(Box::new(std::sync::RwLock::new(0u64)));
                Ok(Pair::alone(move |turns: Turns| {
                    for _ in turns.sequence() {
                        drop(std::hint::black_box(&lock).read().map_err(|_| poisoned())?);
                    }
                    Ok(())
                }))
            }),
    );
}

fn held(mutex: &Mutex<u64>) -> io::Result<ipc_sem::MutexGuard<'_, u64>> {
    match mutex.lock() {
        Ok(guard) => Ok(guard),
        Err(LockError::Failed(error)) => Err(error.into()),
        Err(_) => Err(io::Error::other("nobody died")),
    }
}

fn poisoned() -> io::Error {
    io::Error::other("nobody panics")
}

/// A permit goes to the other process and another one comes back.
fn hand_over(bench: &mut Bench, placement: Placement) {
    let name = format!("semaphore hand-over {}", placement.name());
    let case = Case::new(Scenario::ROUND_TRIP, name, placement).size(0).floor_exchange();
    let case = case
        .raw("glibc sem_t", || Ok(ping_pong(raw::semaphore(0)?, raw::semaphore(0)?)))
        .ours("Semaphore", || Ok(ping_pong(named()?, named()?)));
    bench.case(if placement == Placement::Busy {
        case
    } else {
        case.peer("futex_waitv, two words", || floor::futex_ping_pong(floor::Sleep::TwoWords))
    });
}

/// One semaphore, opened by each process that uses it.
fn named() -> io::Result<Calls> {
    let shared = name("hand");
    let open = |shared: &String| {
        let shared = shared.clone();
        let mut open =
            lazily(move || Ok(Named(Semaphore::open_or_create(&shared, 0)?, shared.clone())));
        let mut opened = None;
        move |call: fn(&Semaphore) -> ipc_sem::Result<()>| -> io::Result<()> {
            if opened.is_none() {
                opened = Some(open()?);
            }
            match &opened {
                Some(named) => Ok(call(&named.0)?),
                None => Ok(()),
            }
        }
    };
    let (mut taker, mut giver) = (open(&shared), open(&shared));
    Ok(Calls {
        take: Box::new(move || taker(Semaphore::acquire)),
        give: Box::new(move || giver(Semaphore::release)),
    })
}

/// A lock that many want, all the time: a turn is [`crowd::PAIRS`] of lock and unlock, by all together.
fn contended(bench: &mut Bench, crowd: usize) {
    let case = Case::alone(Scenario::CONTENDED, format!("mutex contended by {crowd}"));
    bench.case(
        case.raw("3-state futex", move || {
            let lock = raw::Futex::new()?;
            crowd::processes("3-state futex", crowd, move |inside| {
                lock.lock()?;
                inside();
                lock.unlock()
            })
        })
        .ours("Mutex", move || {
            let shared = name("crowd");
            let mut open =
                lazily(move || Ok(Named(Mutex::<u64>::open_or_create(&shared)?, shared.clone())));
            let mut opened: Option<Rc<Named<Mutex<u64>>>> = None;
            crowd::processes("Mutex", crowd, move |inside| {
                if opened.is_none() {
                    opened = Some(open()?);
                }
                if let Some(mutex) = &opened {
                    let _guard = held(&mutex.0)?;
                    inside();
                }
                Ok(())
            })
        })
        .peer("pthread robust", move || {
            let (mut lock, mut unlock) = raw::robust_calls()?;
            crowd::processes("pthread robust", crowd, move |inside| {
                lock()?;
                inside();
                unlock()
            })
        })
        .peer("std Mutex (threads)", move || {
            let mutex = std::sync::Mutex::new(());
            crowd::threads("std Mutex", crowd, move |inside| {
                let _guard = mutex.lock().map_err(|_| poisoned())?;
                inside();
                Ok(())
            })
        })
        .peer("parking_lot (threads)", move || {
            let mutex = parking_lot::Mutex::new(());
            crowd::threads("parking_lot", crowd, move |inside| {
                let _guard = mutex.lock();
                inside();
                Ok(())
            })
        }),
    );
}
