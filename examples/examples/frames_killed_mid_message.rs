//! Messages between two processes over a pipe; the sender is killed in the middle of one.
//!
//! The receiver gets every message that was sent whole, and learns that the last one was cut. It
//! never takes half a message for a whole one, and never waits for the rest of it.

use std::error::Error;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ipc::pipe::{Error as PipeError, Frames, Reader, Writer};

/// Far more than a pipe holds: sending it takes until the receiver has read most of it.
const LARGE: usize = 8 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().nth(1).as_deref() == Some("sender") { sender() } else { receiver() }
}

fn receiver() -> Result<(), Box<dyn Error>> {
    let (reader, writer) = ipc::pipe::pipe()?;
    let mut sender = Command::new(std::env::current_exe()?)
        .arg("sender")
        .stdin(Stdio::null())
        .stdout(writer)
        .spawn()?;
    println!("receiver {}: started sender {}", std::process::id(), sender.id());

    let mut messages = Frames::new(reader);
    for _ in 0..3 {
        let text = String::from_utf8(messages.recv_timeout(Duration::from_secs(10))?)?;
        println!("receiver: got {text:?}");
    }

    wait_until_full(messages.end_mut())?;
    println!("receiver: the pipe is full, so the sender is inside a message; killing it");
    sender.kill()?;
    let killed = Instant::now();

    match messages.recv_timeout(Duration::from_secs(10)) {
        Err(PipeError::Truncated { got, want }) => println!(
            "receiver: the message was cut: {got} of {want} bytes came ({:?} after the kill)",
            killed.elapsed()
        ),
        other => return Err(format!("expected a cut message, got {other:?}").into()),
    }
    println!("receiver: the sender ended with {}", sender.wait()?);
    Ok(())
}

fn wait_until_full(reader: &Reader) -> Result<(), PipeError> {
    while reader.available()? < reader.capacity()? {
        std::thread::yield_now();
    }
    Ok(())
}

/// The second process: its standard output is the writing end.
fn sender() -> Result<(), Box<dyn Error>> {
    let end = std::io::stdout().as_fd().try_clone_to_owned()?;
    let mut messages = Frames::new(Writer::from(end));
    messages.send(b"one")?;
    messages.send(b"two")?;
    messages.send(b"three")?;
    messages.send(&vec![42; LARGE])?;
    Ok(())
}
