//! Three workers share a queue of jobs; one of them is killed in the middle of a job.
//!
//! A worker acknowledges a job when its result is sent. What the killed worker had taken comes again, to
//! another, marked as redelivered. Each result stands under its job's number, so one that is sent twice (by a
//! worker that dies between sending and acknowledging) would still count once.

use std::collections::BTreeMap;
use std::error::Error;
use std::process::{Child, Command};
use std::time::Duration;

use ipc::mq::Error as MqError;
use ipc::mq::shared::{Envelope, Filter, Queue, QueueOptions};

const JOBS: i64 = 12;
const PATIENCE: Duration = Duration::from_secs(10);
/// Types of reports beyond the jobs' numbers.
const READY: i64 = 1000;
const STUCK: i64 = 1001;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match &words[..] {
        [name, fate] => worker(name, fate),
        _ => boss(),
    }
}

fn boss() -> Result<(), Box<dyn Error>> {
    let name = format!("ipc-example-{}", std::process::id());
    let options = QueueOptions::new().capacity(64).message_size(64);
    let jobs = options.create(&name)?;
    let reports = options.create(&format!("{name}-reports"))?;
    let done = run(&name, &jobs, &reports);
    Queue::unlink(&name)?;
    Queue::unlink(&format!("{name}-reports"))?;
    done
}

fn run(name: &str, jobs: &Queue, reports: &Queue) -> Result<(), Box<dyn Error>> {
    let me = std::env::current_exe()?;
    let start = |fate: &str| Command::new(&me).args([name, fate]).spawn();
    // The one that will die comes first, alone, so that it surely gets a job.
    let mut victim = start("dies")?;
    reports.only(Filter::Type(READY)).recv_now_timeout(PATIENCE)?;
    for job in 1..=JOBS {
        let urgent = u32::from(job % 4 == 0);
        jobs.send(Envelope::new().priority(urgent).kind(job), format!("square {job}").as_bytes())?;
    }
    let stuck = reports.only(Filter::Type(STUCK)).recv_now_timeout(PATIENCE)?;
    let mut workers: Vec<Child> = vec![start("lives")?, start("lives")?];
    for _ in &workers {
        reports.only(Filter::Type(READY)).recv_now_timeout(PATIENCE)?;
    }
    for peer in jobs.stat()?.peers {
        println!("boss: process {} holds {} jobs", peer.pid, peer.holds);
    }
    println!("boss: killing worker {} in {}", victim.id(), String::from_utf8_lossy(&stuck.bytes));
    victim.kill()?;
    victim.wait()?;

    let mut results = BTreeMap::new();
    let mut again = Vec::new();
    while results.len() < usize::try_from(JOBS)? {
        let report = reports.recv_timeout(PATIENCE)?.take()?;
        let text = String::from_utf8(report.bytes)?;
        if text.contains("redelivered") {
            again.push(report.kind);
        }
        if results.insert(report.kind, text).is_some() {
            println!("boss: job {} was done twice; its result counts once", report.kind);
        }
    }
    for _ in &workers {
        jobs.send(0, b"stop")?;
    }
    for worker in &mut workers {
        let status = worker.wait()?;
        if !status.success() {
            return Err(format!("a worker failed: {status}").into());
        }
    }
    for (job, result) in &results {
        println!("boss: job {job:>2}: {result}");
    }
    let stat = jobs.stat()?;
    println!("boss: {} sent, {} left, {} held", stat.sent, stat.queued, stat.held);
    println!("boss: redelivered: {again:?}");
    if (stat.queued, stat.held, again.len()) != (0, 0, 1) {
        return Err("a job was lost, or came back without a reason".into());
    }
    Ok(())
}

fn worker(name: &str, fate: &str) -> Result<(), Box<dyn Error>> {
    let jobs = Queue::open(name)?;
    let reports = Queue::open(&format!("{name}-reports"))?;
    reports.send(Envelope::new().kind(READY), b"")?;
    loop {
        let job = match jobs.recv_timeout(PATIENCE) {
            Err(MqError::TimedOut) => return Err("no work came".into()),
            job => job?,
        };
        if job.bytes == b"stop" {
            return Ok(job.ack()?);
        }
        if fate == "dies" {
            let text = format!("job {}", job.kind);
            reports.send(Envelope::new().kind(STUCK), text.as_bytes())?;
            loop {
                std::thread::park();
            }
        }
        let square = job.kind * job.kind;
        let mark = if job.redelivered { ", redelivered" } else { "" };
        let result = format!("{square} (by {}{mark})", std::process::id());
        reports.send(Envelope::new().kind(job.kind), result.as_bytes())?;
        job.ack()?;
    }
}
