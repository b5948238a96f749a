//! Making an object and removing it again.

use std::io;

use ipc_devkit::bench::{Bench, Case, Pair, Scenario, Turns};
use ipc_sem::{Mutex, NamedSemaphore, Semaphore, SysvSet};

pub(super) fn cases(bench: &mut Bench, sets: bool) {
    let name = || format!("ipc-t-{}-0-opening", std::process::id());
    let case = |what: &str| Case::alone(Scenario::OPEN_CLOSE, format!("{what} open-close"));
    bench.case(case("named semaphore").ours("NamedSemaphore", move || {
        each(move || {
            let name = name();
            drop(NamedSemaphore::create(&name, 0)?);
            NamedSemaphore::unlink(&name)
        })
    }));
    bench.case(case("semaphore").ours("Semaphore", move || {
        each(move || {
            let name = name();
            drop(Semaphore::create(&name, 0)?);
            Semaphore::unlink(&name)
        })
    }));
    bench.case(case("mutex").ours("Mutex", move || {
        each(move || {
            let name = name();
            drop(Mutex::<u64>::create(&name)?);
            Mutex::<u64>::unlink(&name)
        })
    }));
    if sets {
        bench.case(
            case("System V set").ours("SysvSet", || each(|| SysvSet::private(&[0])?.remove())),
        );
    }
}

fn each(mut call: impl FnMut() -> ipc_sem::Result<()> + 'static) -> io::Result<Pair> {
    Ok(Pair::alone(move |turns: Turns| {
        turns.sequence().try_for_each(|_| call().map_err(io::Error::from))
    }))
}
