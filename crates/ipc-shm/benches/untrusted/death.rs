//! How long it takes from the death of a peer until its receiver, which sleeps, knows.
//!
//! Each turn needs a new process, which takes longer than what is measured: the subject times the deaths
//! itself.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use ipc_devkit::bench::{Bench, Case, Pair, Scenario, Turns};
use ipc_shm::Error;
use ipc_shm::ring::untrusted;

/// Set in a victim, whose standard input is the socket.
const ROLE: &str = "IPC_SHM_BENCH_UNTRUSTED_DEATH";

/// The receiver sleeps after this time.
const ASLEEP: Duration = Duration::from_millis(3);

/// Whether this process is here to be killed.
pub(crate) fn is_victim() -> bool {
    std::env::var_os(ROLE).is_some()
}

/// The life of such a process.
pub(crate) fn victim() -> ExitCode {
    let live = || -> io::Result<()> {
        let socket = io::stdin().as_fd().try_clone_to_owned()?;
        let (_sender, mut receiver) = untrusted::accept(socket)?;
        println!("ready");
        // Until it is killed, or whoever started it is gone.
        let _ = receiver.recv();
        Ok(())
    };
    match live() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("death of a peer: {error}");
            ExitCode::FAILURE
        }
    }
}

/// From the death of the peer to the receiver.
pub(super) fn cases(bench: &mut Bench) {
    bench.case(Case::alone(Scenario::DEATH, "untrusted ring peer death to its receiver").ours(
        "untrusted ring",
        || {
            Ok(Pair::alone(|turns: Turns| {
                for _ in turns.sequence() {
                    turns.report(death()?);
                }
                Ok(())
            }))
        },
    ));
}

fn death() -> io::Result<Duration> {
    let (here, there) = UnixStream::pair()?;
    let mut victim = Command::new(std::env::current_exe()?)
        .env(ROLE, "1")
        .stdin(OwnedFd::from(there))
        .stdout(Stdio::piped())
        .spawn()?;
    let (_sender, mut receiver) = untrusted::offer(OwnedFd::from(here))?;
    let mut ready = [0; 6];
    victim.stdout.as_mut().map_or(Ok(()), |out| out.read_exact(&mut ready))?;
    let time = std::thread::scope(|scope| {
        let heir = scope.spawn(|| (receiver.recv(), Instant::now()));
        // It sleeps by then. (A thread that ended before may have left a reason not to park.)
        let begun = Instant::now();
        while begun.elapsed() < ASLEEP {
            std::thread::park_timeout(ASLEEP);
        }
        let since = Instant::now();
        victim.kill()?;
        let (end, knew) = heir.join().map_err(|_| io::Error::other("the receiver panicked"))?;
        match end {
            Err(Error::Closed { peer_died: true }) => Ok(knew.saturating_duration_since(since)),
            other => Err(io::Error::other(format!("not a death: {other:?}"))),
        }
    })?;
    victim.wait()?;
    Ok(time)
}
