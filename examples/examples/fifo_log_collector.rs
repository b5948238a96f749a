//! A log collector: programs that know only a path write lines to it, come and go, and one of them is
//! killed. The collector never sees an end between them, and every line is whole.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command};
use std::time::Duration;

use ipc::fifo::{Fifo, FifoOptions, Reader};

const LINES: usize = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().collect();
    match &words[1..] {
        [path, name, count] => write_lines(path, name, count.parse()?),
        _ => collect(),
    }
}

/// A writer: opens the FIFO by name, writes lines in one piece each, and leaves.
fn write_lines(path: &str, name: &str, count: usize) -> Result<(), Box<dyn Error>> {
    let fifo = Fifo::open(path)?;
    // A collector that is not there is an error in time, not a hang.
    let mut writer = fifo.open_writer_timeout(Duration::from_secs(5))?;
    for number in 0..count {
        writer.write_atomic(format!("{name} {number} ends here\n").as_bytes())?;
    }
    Ok(())
}

fn collect() -> Result<(), Box<dyn Error>> {
    let path = std::env::temp_dir().join(format!("ipc-example-log-{}", std::process::id()));
    // Should an earlier collector have been killed, its FIFO is taken over; a live one's never is.
    let options = FifoOptions::new().mode(0o620).reclaim_stale(true).unlink_on_drop(true);
    let fifo = options.create(&path)?;
    let mut reader = Reader::persistent(&fifo)?;
    // For the example only: no wait here is longer than this.
    let canceller = reader.canceller()?;
    std::thread::spawn(move || {
        std::thread::park_timeout(Duration::from_secs(15));
        canceller.cancel();
    });
    let mut lines = BufReader::new(reader).lines();

    // The first generation: two that finish, and one that would go on for ever.
    let mut first = [start(&path, "red", LINES)?, start(&path, "green", LINES)?];
    let mut endless = start(&path, "endless", usize::MAX)?;
    let (mut whole, mut from_endless) = (0, 0);
    while whole < 2 * LINES || from_endless == 0 {
        match check(&lines.next().ok_or("the stream ended")??)?.as_str() {
            "endless" => from_endless += 1,
            _ => whole += 1,
        }
    }
    for writer in &mut first {
        assert!(writer.wait()?.success());
    }
    println!("two writers came and went: {whole} lines; a third wrote {from_endless} meanwhile");

    endless.kill()?;
    endless.wait()?;
    println!("the third was killed while it wrote");

    // The second generation: the collector did nothing to be there for it.
    let mut late = start(&path, "late", LINES)?;
    let mut whole = 0;
    while whole < LINES {
        match check(&lines.next().ok_or("the stream ended")??)?.as_str() {
            "late" => whole += 1,
            _ => from_endless += 1,
        }
    }
    assert!(late.wait()?.success());
    println!("the next writer came: {whole} lines; of the killed one {from_endless}, all whole");
    Ok(())
}

fn start(path: &std::path::Path, name: &str, count: usize) -> std::io::Result<Child> {
    Command::new(std::env::current_exe()?).arg(path).args([name, &count.to_string()]).spawn()
}

/// Who wrote the line; an error if any of it is missing.
fn check(line: &str) -> Result<String, Box<dyn Error>> {
    match line.split(' ').collect::<Vec<_>>()[..] {
        [name, number, "ends", "here"] if number.parse::<usize>().is_ok() => Ok(name.to_owned()),
        _ => Err(format!("a torn line: {line:?}").into()),
    }
}
