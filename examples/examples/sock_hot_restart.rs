//! Replacing a running TCP server without refusing one connection: the old process passes its
//! listener to the new one over a Unix socket, and both accept from the same queue until the old one
//! stops.
//!
//! Run it: `cargo run --example sock_hot_restart`. It starts the two servers itself, and a client that
//! connects all the time.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use ipc::sock::net::{NetOptions, TcpListener, TcpStream};
use ipc::sock::unix::{Address, Options, SeqPacket, SeqPacketListener};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "server", generation, handover] => server(generation, handover),
        _ => demonstrate(),
    }
}

/// One generation of the server: it gets the listener from its predecessor, if there is one, and gives
/// it to its successor.
fn server(generation: &str, handover: &str) -> Outcome {
    let address = Address::path(handover)?;
    let listener = match Options::new().pass_fds(1).connect::<SeqPacket>(&address) {
        Ok(predecessor) => {
            let mut received = predecessor.recv_fds(&mut [0; 16])?;
            let listener = TcpListener::from(received.fds.remove(0));
            // From now on we accept; the predecessor may stop.
            predecessor.send(b"taken")?;
            listener
        }
        Err(_) => NetOptions::new().listen("127.0.0.1:0".parse()?)?,
    };
    println!("{}", listener.local_addr()?);

    // The successor comes to this path. The predecessor has given it up by now, or does so soon.
    let successors = loop {
        match Options::new().reclaim_stale(true).listen::<SeqPacketListener>(&address) {
            Ok(listener) => break listener,
            Err(ipc::sock::Error::AlreadyExists { .. }) => std::thread::yield_now(),
            Err(error) => return Err(error.into()),
        }
    };
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| -> Outcome {
        let handing = scope.spawn(|| -> Result<(), ipc::sock::Error> {
            let successor = successors.accept()?;
            successor.send_fds(b"listener", &[&listener])?;
            successor.recv(&mut [0; 16])?;
            stop.store(true, Ordering::Release);
            // Free for the successor's successor.
            drop(successors);
            Ok(())
        });
        while !stop.load(Ordering::Acquire) {
            match listener.accept_timeout(Duration::from_millis(20)) {
                Ok(client) => drop(client.send(generation.as_bytes())),
                Err(ipc::sock::Error::TimedOut) => {}
                Err(error) => return Err(error.into()),
            }
        }
        handing.join().expect("no panic")?;
        Ok(())
    })
}

fn demonstrate() -> Outcome {
    let dir = std::env::temp_dir().join(format!("ipc-example-restart-{}", std::process::id()));
    std::fs::create_dir(&dir)?;
    let handover = dir.join("handover");
    let start = |generation: &str| {
        let program = std::env::current_exe()?;
        let arguments = ["server", generation, handover.to_str().expect("text")];
        Command::new(program).args(arguments).stdout(Stdio::piped()).spawn()
    };
    let mut first = start("1")?;
    let mut line = String::new();
    let mut output = std::io::BufReader::new(first.stdout.take().expect("piped"));
    std::io::BufRead::read_line(&mut output, &mut line)?;
    let address: SocketAddr = line.trim().parse()?;
    println!("generation 1 listens at {address}");

    let served = [const { AtomicU32::new(0) }; 4];
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| -> Outcome {
        let client = scope.spawn(|| -> Result<u32, ipc::sock::Error> {
            let mut connections = 0;
            while !done.load(Ordering::Relaxed) {
                let stream = TcpStream::connect(address)?;
                let mut byte = [0; 1];
                if stream.recv_timeout(&mut byte, Duration::from_secs(5))? == 1 {
                    served[usize::from(byte[0] - b'0')].fetch_add(1, Ordering::Relaxed);
                    connections += 1;
                }
            }
            Ok(connections)
        });
        let mut running = first;
        for generation in 2..=3 {
            while served[generation - 1].load(Ordering::Relaxed) < 200 && !client.is_finished() {
                std::thread::yield_now();
            }
            let next = start(&generation.to_string())?;
            running.wait()?;
            println!("generation {generation} has taken over from generation {}", generation - 1);
            running = next;
        }
        while served[3].load(Ordering::Relaxed) < 200 && !client.is_finished() {
            std::thread::yield_now();
        }
        done.store(true, Ordering::Relaxed);
        let connections = client.join().expect("no panic");
        running.kill()?;
        running.wait()?;
        println!("{} connections, none refused", connections?);
        Ok(())
    })?;
    for (generation, count) in served.iter().enumerate().skip(1) {
        println!("  by generation {generation}: {}", count.load(Ordering::Relaxed));
    }
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}
