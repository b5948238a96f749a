//! How long it takes from the death of an owner until the next locker has the lock.
//!
//! A turn needs a new process each time, which takes longer than what is measured. So this is timed by
//! itself, in a process of its own, and told on standard error.

use std::io::{self, Read};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use ipc_sem::{LockError, Mutex};

/// The mutex, for a victim; or `measure`.
const ROLE: &str = "IPC_SEM_BENCH_DEATH";
const TURNS: usize = 41;

/// Whether this process is here to be killed, or to measure that.
pub(super) fn is_victim() -> bool {
    std::env::var_os(ROLE).is_some()
}

/// Measures, unless the command line asks for other cases.
pub(super) fn measure() {
    let words: Vec<_> = std::env::args().collect();
    let filter = words.iter().position(|word| word == "--filter").and_then(|at| words.get(at + 1));
    let wanted = filter.is_none_or(|filter| "mutex owner death".contains(filter.as_str()));
    if !wanted || words.iter().any(|word| word == "--list") {
        return;
    }
    // Of its own: a process that uses segments cannot fork others that do.
    let done = std::env::current_exe()
        .and_then(|exe| Command::new(exe).env(ROLE, "measure").stdout(Stdio::null()).status());
    if !done.as_ref().is_ok_and(std::process::ExitStatus::success) {
        eprintln!("mutex owner death: {done:?}");
    }
}

/// The life of such a process.
pub(super) fn victim() -> ExitCode {
    let role = std::env::var(ROLE).unwrap_or_default();
    let ended = if role == "measure" { turns() } else { hold(&role) };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mutex owner death: {error}");
            ExitCode::FAILURE
        }
    }
}

fn hold(name: &str) -> io::Result<()> {
    let mutex = Mutex::<u64>::open(name)?;
    let _guard = mutex.lock();
    println!("held");
    // Until it is killed, or whoever started it is gone.
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

fn turns() -> io::Result<()> {
    let name = format!("ipc-bench-{}-death", std::process::id());
    let mutex = Mutex::<u64>::create(&name)?;
    let mut times: Vec<_> = (0..TURNS).map(|_| turn(&mutex, &name)).collect::<Result<_, _>>()?;
    Mutex::<u64>::unlink(&name)?;
    times.sort_unstable();
    eprintln!(
        "mutex owner death to the next locker: median {:?}, longest {:?}, of {TURNS}",
        times[TURNS / 2],
        times[TURNS - 1]
    );
    Ok(())
}

fn turn(mutex: &Mutex<u64>, name: &str) -> io::Result<Duration> {
    let mut victim = Command::new(std::env::current_exe()?)
        .env(ROLE, name)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut held = [0; 5];
    victim.stdout.as_mut().map_or(Ok(()), |out| out.read_exact(&mut held))?;
    let time = std::thread::scope(|scope| {
        let locker = scope.spawn(|| {
            let Err(LockError::OwnerDied(mut guard)) = mutex.lock() else {
                return Err(io::Error::other("nobody died"));
            };
            let now = Instant::now();
            guard.mark_consistent();
            Ok(now)
        });
        // It sleeps by then, or spins a while: both happen.
        std::thread::park_timeout(Duration::from_millis(3));
        let since = Instant::now();
        victim.kill()?;
        let now = locker.join().map_err(|_| io::Error::other("the locker panicked"))??;
        Ok::<_, io::Error>(now.saturating_duration_since(since))
    })?;
    victim.wait()?;
    Ok(time)
}
