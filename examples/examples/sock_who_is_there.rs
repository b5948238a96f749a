//! A local service that answers by who asks: the kernel says which user and which process is at the
//! other end, so there is no password and nothing to forge. A client that connects and stays silent
//! costs one deadline.
//!
//! Run it: `cargo run --example sock_who_is_there`. It starts its clients itself; as root, one of them
//! runs as another user and is refused.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use ipc::sock::unix::{Address, Listener, Options, Stream};
use ipc::sock::{Error, Frames};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const NOBODY: u32 = 65_534;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "ask", path] => ask(path),
        [_, "stay-silent", path] => stay_silent(path),
        _ => serve(),
    }
}

fn serve() -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    let dir = std::env::temp_dir().join(format!("ipc-example-who-{}", std::process::id()));
    std::fs::create_dir(&dir)?;
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o711))?;
    let path = dir.join("service");
    // Everybody may connect: what they get depends on who they are.
    let options = Options::new().mode(0o666).reclaim_stale(true);
    let listener: Listener = options.listen(&Address::path(&path)?)?;
    // A copy of this program where every user can run it.
    let program = dir.join("client");
    std::fs::copy(std::env::current_exe()?, &program)?;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;

    let us = ids("-u")?;
    let client = |what: &str| {
        let mut command = Command::new(&program);
        command.args([what, path.to_str().expect("text")]);
        command
    };
    let mut clients = vec![client("ask").spawn()?, client("stay-silent").spawn()?];
    if us == 0 {
        clients.push(client("ask").uid(NOBODY).gid(NOBODY).spawn()?);
    }
    for _ in 0..clients.len() {
        let stream = listener.accept_timeout(Duration::from_secs(5))?;
        if let Err(error) = answer(stream, us) {
            println!("server: {error}");
        }
    }
    for mut client in clients {
        assert!(client.wait()?.success());
    }
    drop(listener);
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

/// Answers one client, who has half a second to say what it wants.
fn answer(stream: Stream, us: u32) -> Result<(), Error> {
    let who = stream.peer_credentials()?;
    let pid = who.pid.map_or("of another PID namespace".to_owned(), |pid| pid.to_string());
    let mut frames = Frames::with_limit(stream, 1024);
    let question = frames.recv_timeout(Duration::from_millis(500))?;
    let question = String::from_utf8_lossy(&question).into_owned();
    let answer = if who.uid == us || who.uid == 0 {
        format!("you are uid {}, process {pid}; the secret is 42", who.uid)
    } else {
        format!("you are uid {}, process {pid}; this is not for you", who.uid)
    };
    println!("server: uid {} asks {question:?}", who.uid);
    frames.send(answer.as_bytes())
}

fn ask(path: &str) -> Outcome {
    // The server may run as root; others only if we say so.
    let stream: Stream = Options::new().connect(&Address::path(path)?)?;
    let mut frames = Frames::new(stream);
    frames.send(b"what is the secret?")?;
    let answer = frames.recv_timeout(Duration::from_secs(5))?;
    println!("client of uid {}: {}", ids("-u")?, String::from_utf8_lossy(&answer));
    Ok(())
}

fn stay_silent(path: &str) -> Outcome {
    let stream: Stream = Options::new().connect(&Address::path(path)?)?;
    // Until the server has had enough.
    let end = stream.recv_timeout(&mut [0; 8], Duration::from_secs(10))?;
    println!("silent client: the server closed ({end} bytes)");
    Ok(())
}

/// std has no call for it.
fn ids(which: &str) -> Result<u32, Box<dyn std::error::Error>> {
    let output = Command::new("id").arg(which).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
