//! Processes beside the two halves of a model: the many of fan-in and fan-out, and who writes while we read.
//! They run on the processors that the half that started them is not bound to.

use std::io::{self, Read as _};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// In a helper: what it is to do, and the name of the object.
const ROLE: &str = "IPC_SHM_BENCH_HELPER";

/// Whether this process is a helper.
pub(super) fn is_one() -> bool {
    std::env::var_os(ROLE).is_some()
}

/// The life of a helper, until the one that started it is gone.
pub(super) fn run() -> ExitCode {
    let role = std::env::var(ROLE).unwrap_or_default();
    let ended = set_up().and_then(|()| match role.split_once(' ') {
        Some(("latest-64", name)) => super::latest::write::<8>(name),
        Some(("latest-4096", name)) => super::latest::write::<512>(name),
        Some(("receive", name)) => super::broadcast::receive(name),
        Some(("send", name)) => super::fan_in::send(name),
        _ => Err(io::Error::other("no such role")),
    });
    if let Err(error) = ended {
        eprintln!("{role}: {error}");
    }
    ExitCode::FAILURE
}

fn set_up() -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let bound = sched_getaffinity(None)?;
    let mut others = CpuSet::new();
    (0..CpuSet::MAX_CPU).filter(|cpu| !bound.is_set(*cpu)).for_each(|cpu| others.set(cpu));
    // With one processor there are no others.
    let _ = sched_setaffinity(None, &others);
    Ok(())
}

/// Tells that it is ready.
pub(super) fn ready() {
    println!("ready");
}

/// Some helpers; killed when this is dropped.
pub(super) struct Helpers(Vec<Child>);

impl Helpers {
    /// Starts so many, and waits until each is ready.
    pub(super) fn start(role: &str, name: &str, count: usize) -> io::Result<Self> {
        let mut helpers = Self(Vec::new());
        for _ in 0..count {
            let child = Command::new(std::env::current_exe()?)
                .env(ROLE, format!("{role} {name}"))
                .stdout(Stdio::piped())
                .spawn()?;
            helpers.0.push(child);
            let out = helpers.0.last_mut().and_then(|child| child.stdout.as_mut());
            out.map_or(Ok(()), |out| out.read_exact(&mut [0; 6]))?;
        }
        Ok(helpers)
    }
}

impl Drop for Helpers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A name for an object of this bench.
pub(super) fn name(tag: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("ipc-t-{}-{number}-{tag}", std::process::id())
}
