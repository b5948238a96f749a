//! A daemon with workers: reloads on SIGHUP, notices workers that die, stops when asked, at once when
//! asked twice.
//!
//! The first process plays the operator. The daemon starts two workers; one is killed and replaced.

use std::error::Error;
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use ipc::signal::graceful::{Event, Graceful};
use ipc::signal::{Process, Signal, unblock_in_child};

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().nth(1).as_deref() == Some("daemon") { daemon() } else { operator() }
}

fn operator() -> Result<(), Box<dyn Error>> {
    let mut daemon =
        Command::new(std::env::current_exe()?).arg("daemon").stdout(Stdio::piped()).spawn()?;
    let mut said = BufReader::new(daemon.stdout.take().ok_or("piped")?).lines();
    // A descriptor of the process: no signal below can reach anybody else.
    let process = Process::from_child(&daemon)?;

    let worker = until(&mut said, "worker ")?;
    until(&mut said, "ready")?;
    println!("operator: sending SIGHUP");
    process.send(Signal::HUP)?;
    until(&mut said, "reloaded")?;

    let worker: u32 = worker.trim_start_matches("worker ").parse()?;
    println!("operator: killing worker {worker}");
    Process::open(worker)?.send(Signal::KILL)?;
    until(&mut said, "replaced")?;

    println!("operator: sending SIGTERM, then SIGINT");
    process.send(Signal::TERM)?;
    until(&mut said, "stopping")?;
    process.send(Signal::INT)?;
    until(&mut said, "forced")?;
    let status = daemon.wait()?;
    println!("operator: the daemon ended with {status}");
    if status.success() { Ok(()) } else { Err("the daemon failed".into()) }
}

/// Prints what the daemon says until a line starts with `word`; returns that line.
fn until(said: &mut Lines<BufReader<ChildStdout>>, word: &str) -> Result<String, Box<dyn Error>> {
    for line in said {
        let line = line?;
        println!("daemon: {line}");
        if line.starts_with(word) {
            return Ok(line);
        }
    }
    Err(format!("the daemon ended before it said {word:?}").into())
}

fn daemon() -> Result<(), Box<dyn Error>> {
    // First of all: threads inherit the mask.
    let mut events = Graceful::new()?;
    for _ in 0..2 {
        let worker = worker()?;
        println!("worker {}", worker.id());
        events.adopt(worker);
    }
    println!("ready");
    loop {
        match events.recv()? {
            Event::Reload => println!("reloaded the configuration"),
            Event::ChildEnded { pid, exit } if !events.is_stopping() => {
                println!("worker {pid} ended by {:?}", exit.signal());
                let worker = worker()?;
                println!("replaced by worker {}", worker.id());
                events.adopt(worker);
            }
            Event::Stop => println!("stopping: waiting for {} workers", events.children().len()),
            Event::Force => {
                println!("forced: ending the workers");
                for worker in events.children() {
                    Process::from_child(worker)?.send(Signal::TERM)?;
                }
            }
            event => println!("{event:?}"),
        }
        if events.is_stopping() && events.children().is_empty() {
            println!("all workers have ended");
            return Ok(());
        }
    }
}

/// A program that knows nothing of masks, so it starts without ours.
fn worker() -> std::io::Result<Child> {
    unblock_in_child(Command::new("sleep").arg("1000")).spawn()
}
