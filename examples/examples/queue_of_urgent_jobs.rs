//! Three workers take jobs from one queue, the urgent ones first, and answer by type through another.
//!
//! The jobs go through a POSIX queue, ordered by priority. The results come back through a System V queue:
//! each under its job's number as its type, so the boss asks for exactly the one it wants. One worker is killed
//! while it waits for work: no job is lost with it, since it had taken none.

use std::error::Error;
use std::process::{Child, Command};
use std::time::Duration;

use ipc::mq::sysv::Filter;
use ipc::mq::{Error as MqError, posix, sysv};

const JOBS: i64 = 12;
const PATIENCE: Duration = Duration::from_secs(10);
/// Types beyond the jobs' numbers: a worker that is ready says so.
const READY: i64 = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match &words[..] {
        [jobs, results] => worker(jobs, results.parse()?),
        _ => boss(),
    }
}

fn boss() -> Result<(), Box<dyn Error>> {
    let name = format!("/ipc-example-{}", std::process::id());
    let jobs = posix::QueueOptions::new().capacity(8).message_size(64).create(&name)?;
    let results = sysv::Queue::private()?;
    let done = run(&name, &jobs, &results);
    posix::Queue::unlink(&name)?;
    results.remove()?;
    done
}

fn run(name: &str, jobs: &posix::Queue, results: &sysv::Queue) -> Result<(), Box<dyn Error>> {
    let me = std::env::current_exe()?;
    let start = || Command::new(&me).arg(name).arg(results.id().to_string()).spawn();
    let mut workers: Vec<Child> = (0..3).map(|_| start()).collect::<Result<_, _>>()?;
    for _ in &workers {
        results.recv_timeout(Filter::Type(READY), PATIENCE)?;
    }
    println!("boss: three workers wait; killing worker {}", workers[0].id());
    workers[0].kill()?;
    workers[0].wait()?;

    for job in 1..=JOBS {
        let urgent = u32::from(job % 3 == 0);
        jobs.send_timeout(urgent, job.to_string().as_bytes(), PATIENCE)?;
    }
    for job in (1..=JOBS).rev() {
        let result = results.recv_timeout(Filter::Type(job), PATIENCE)?;
        println!("boss: job {job:>2} gave {}", String::from_utf8(result.bytes)?);
    }
    for _ in 1..workers.len() {
        jobs.send_timeout(0, b"stop", PATIENCE)?;
    }
    for worker in &mut workers[1..] {
        let status = worker.wait()?;
        println!("boss: worker {} ended with {status}", worker.id());
    }
    match results.try_recv(Filter::Except(READY)) {
        Err(MqError::WouldBlock) => println!("boss: every job has one result"),
        other => return Err(format!("a result too many: {other:?}").into()),
    }
    Ok(())
}

/// The second program: squares numbers until it is told to stop.
fn worker(jobs: &str, results: i32) -> Result<(), Box<dyn Error>> {
    let jobs = posix::Queue::open(jobs)?;
    let results = sysv::Queue::from_id(results)?;
    results.send_timeout(READY, b"", PATIENCE)?;
    loop {
        let job = String::from_utf8(jobs.recv_timeout(PATIENCE)?.bytes)?;
        let Ok(number) = job.parse::<i64>() else { return Ok(()) };
        let answer = format!("{} (by worker {})", number * number, std::process::id());
        results.send_timeout(number, answer.as_bytes(), PATIENCE)?;
    }
}
