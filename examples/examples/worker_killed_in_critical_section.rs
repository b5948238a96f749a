//! A worker is killed inside a critical section; the next one is told so, and repairs the record.
//!
//! The record is an account with two totals that must agree. The first worker books on one side and is
//! killed before it books on the other.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ipc::sem::{LockError, Mutex};

ipc::sem::shm_safe! {
    /// What all workers share. Nothing in it can be invalid, only wrong.
    struct Account {
        debit: u64,
        credit: u64,
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1) {
        Some(name) => worker(&name),
        None => boss(),
    }
}

fn boss() -> Result<(), Box<dyn Error>> {
    let name = format!("/ipc-example-{}-account", std::process::id());
    let account = Mutex::<Account>::create(&name)?;
    let ended = two_workers(&name);
    Mutex::<Account>::unlink(&name)?;
    ended?;
    let guard = account.lock_timeout(Duration::from_secs(5)).map_err(|error| error.to_string())?;
    println!("boss: debit {}, credit {}: they agree", guard.debit, guard.credit);
    assert_eq!((guard.debit, guard.credit), (20, 20));
    Ok(())
}

fn two_workers(name: &str) -> Result<(), Box<dyn Error>> {
    let mut first = start(name)?;
    // It says when it stands in the middle, with the lock held.
    let mut said = String::new();
    BufReader::new(first.stdout.take().ok_or("no output")?).read_line(&mut said)?;
    print!("{said}");
    first.kill()?;
    println!("boss: killed worker {}", first.id());
    first.wait()?;

    let second = start(name)?.wait_with_output()?;
    print!("{}", String::from_utf8_lossy(&second.stdout));
    if second.status.success() { Ok(()) } else { Err("the second worker failed".into()) }
}

fn start(name: &str) -> std::io::Result<Child> {
    let exe = std::env::current_exe()?;
    // An open standard input is how the first one knows that somebody will kill it.
    Command::new(exe).arg(name).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
}

fn worker(name: &str) -> Result<(), Box<dyn Error>> {
    let me = std::process::id();
    let account = Mutex::<Account>::open(name)?;
    let (mut guard, repaired) = match account.lock_timeout(Duration::from_secs(10)) {
        Ok(guard) => (guard, false),
        Err(LockError::OwnerDied(mut guard)) => {
            println!("worker {me}: the last owner died; {} against {}", guard.debit, guard.credit);
            guard.credit = guard.debit;
            guard.mark_consistent();
            (guard, true)
        }
        Err(error) => return Err(error.to_string().into()),
    };
    guard.debit += 10;
    if !repaired {
        println!("worker {me}: booked one side only");
        // Until it is killed; if nobody does, the input ends with the boss.
        std::io::stdin().read_line(&mut String::new())?;
        return Err("nobody killed this worker".into());
    }
    guard.credit += 10;
    println!("worker {me}: repaired, and booked both sides");
    Ok(())
}
