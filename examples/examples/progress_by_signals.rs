//! Asking a busy process how far it is, by real-time signals with values.
//!
//! The asker queues a question, the worker queues the answer back: its progress as the value. The
//! worker looks between two steps of its work and never waits. Each question is answered, in order.

use std::error::Error;
use std::hint::black_box;
use std::process::{Command, Stdio};
use std::time::Duration;

use ipc::signal::{Error as SignalError, Process, Signal, Signals, block_early};

const STEPS: i32 = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let worker = std::env::args().nth(1).as_deref() == Some("worker");
    let (question, answer) = (Signal::rt(0), Signal::rt(1));
    block_early(question | answer)?;
    if worker { work(question, answer) } else { ask(question, answer) }
}

fn ask(question: Signal, answer: Signal) -> Result<(), Box<dyn Error>> {
    let mut answers = Signals::new(answer)?;
    // The worker inherits the mask, so a question that comes early waits for it.
    let mut child =
        Command::new(std::env::current_exe()?).arg("worker").stdin(Stdio::null()).spawn()?;
    let worker = Process::from_child(&child)?;
    let mut last = 0;
    for number in 1..=5 {
        worker.queue(question, number)?;
        let info = answers.recv_timeout(Duration::from_secs(10))?;
        let progress = info.value.ok_or("an answer has a value")?;
        println!("asker: question {number}: process {:?} is at {progress} of {STEPS}", info.pid);
        if progress < last || info.pid != Some(worker.pid()) {
            return Err("not an answer to this question".into());
        }
        last = progress;
    }
    worker.queue(question, 0)?;
    println!("asker: the worker ended with {}", child.wait()?);
    Ok(())
}

fn work(question: Signal, answer: Signal) -> Result<(), Box<dyn Error>> {
    let mut questions = Signals::new(question)?;
    let asker = Process::open(std::os::unix::process::parent_id())?;
    let mut step = 0;
    loop {
        match questions.try_recv() {
            // A question of 0 says that there will be no more.
            Ok(info) if info.value == Some(0) => return Ok(()),
            Ok(_) => asker.queue(answer, step)?,
            Err(SignalError::WouldBlock) => {}
            Err(error) => return Err(error.into()),
        }
        if step < STEPS {
            black_box((0..100_000u64).fold(0, |sum, n| black_box(sum ^ n)));
            step += 1;
        } else if !asker.is_alive()? {
            return Err("nobody asks any more".into());
        }
    }
}
