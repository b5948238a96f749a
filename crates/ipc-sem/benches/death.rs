//! How long it takes from the death of an owner until the next locker, which sleeps, has the lock.
//!
//! Each turn needs a new process, which takes longer than what is measured: the subjects time the deaths
//! themselves.

use std::io::{self, Read};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use ipc_devkit::bench::{Bench, Case, Pair, Scenario, Turns};
use ipc_sem::{LockError, Mutex, RobustMutex};

/// In a victim: which lock it is to hold, and its name.
const ROLE: &str = "IPC_SEM_BENCH_DEATH";

/// The next locker sleeps after this time.
const ASLEEP: Duration = Duration::from_millis(3);

/// Whether this process is here to be killed.
pub(super) fn is_victim() -> bool {
    std::env::var_os(ROLE).is_some()
}

/// The life of such a process.
pub(super) fn victim() -> ExitCode {
    let role = std::env::var(ROLE).unwrap_or_default();
    let ended = match role.split_once(' ') {
        Some(("mutex", name)) => Mutex::<u64>::open(name).map(|lock| hold(lock.lock())),
        Some(("robust", name)) => RobustMutex::open(name).map(|lock| hold(lock.lock())),
        _ => Ok(()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("owner death: {error}");
            ExitCode::FAILURE
        }
    }
}

fn hold<G>(_held: G) {
    println!("held");
    // Until it is killed, or whoever started it is gone.
    let _ = io::stdin().read_to_end(&mut Vec::new());
}

/// From the death of the owner to the next locker.
pub(super) fn cases(bench: &mut Bench) {
    bench.case(
        Case::alone(Scenario::DEATH, "mutex owner death to the next locker")
            .raw("pthread robust", || Ok(deaths::<RobustMutex>()))
            .ours("Mutex", || Ok(deaths::<Mutex<u64>>())),
    );
}

/// A lock whose owners are killed.
trait Robust: Sized + Sync + 'static {
    const KIND: &'static str;
    fn create(name: &str) -> ipc_sem::Result<Self>;
    fn unlink(name: &str) -> ipc_sem::Result<()>;
    /// Waits for the death of the owner, and tells when it had the lock.
    fn inherit(&self) -> Option<Instant>;
}

impl Robust for Mutex<u64> {
    const KIND: &'static str = "mutex";

    fn create(name: &str) -> ipc_sem::Result<Self> {
        Self::create(name)
    }

    fn unlink(name: &str) -> ipc_sem::Result<()> {
        Self::unlink(name)
    }

    fn inherit(&self) -> Option<Instant> {
        let Err(LockError::OwnerDied(mut guard)) = self.lock() else { return None };
        let now = Instant::now();
        guard.mark_consistent();
        Some(now)
    }
}

impl Robust for RobustMutex {
    const KIND: &'static str = "robust";

    fn create(name: &str) -> ipc_sem::Result<Self> {
        Self::create(name)
    }

    fn unlink(name: &str) -> ipc_sem::Result<()> {
        Self::unlink(name)
    }

    fn inherit(&self) -> Option<Instant> {
        let Err(LockError::OwnerDied(mut guard)) = self.lock() else { return None };
        let now = Instant::now();
        guard.mark_consistent();
        Some(now)
    }
}

/// A lock that goes with this.
struct Made<L: Robust> {
    lock: L,
    name: String,
}

impl<L: Robust> Drop for Made<L> {
    fn drop(&mut self) {
        let _ = L::unlink(&self.name);
    }
}

fn deaths<L: Robust>() -> Pair {
    let mut made: Option<Made<L>> = None;
    Pair::alone(move |turns: Turns| {
        // On the first turn: it belongs to the process that uses it.
        if made.is_none() {
            let name = format!("ipc-t-{}-0-{}", std::process::id(), L::KIND);
            made = Some(Made { lock: L::create(&name)?, name });
        }
        let Some(made) = &made else { return Ok(()) };
        for _ in turns.sequence() {
            turns.report(death(made)?);
        }
        Ok(())
    })
}

fn death<L: Robust>(made: &Made<L>) -> io::Result<Duration> {
    let mut victim = Command::new(std::env::current_exe()?)
        .env(ROLE, format!("{} {}", L::KIND, made.name))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut held = [0; 5];
    victim.stdout.as_mut().map_or(Ok(()), |out| out.read_exact(&mut held))?;
    let time = std::thread::scope(|scope| {
        let heir = scope.spawn(|| made.lock.inherit());
        // It sleeps by then. (A thread that ended before may have left a reason not to park.)
        let begun = Instant::now();
        while begun.elapsed() < ASLEEP {
            std::thread::park_timeout(ASLEEP);
        }
        let since = Instant::now();
        victim.kill()?;
        let had = heir.join().map_err(|_| io::Error::other("the locker panicked"))?;
        let had = had.ok_or_else(|| io::Error::other("nobody died"))?;
        Ok::<_, io::Error>(had.saturating_duration_since(since))
    })?;
    victim.wait()?;
    Ok(time)
}
