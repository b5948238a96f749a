//! A service of root answers a client of another user through shared memory that neither can hurt the
//! other by: each writes only its own, and the kernel says who is who. Then the client is killed in the
//! middle of its work, and the service notices.
//!
//! Run it as root: `cargo run --example shm_untrusted_two_users`. It starts its client itself.

use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use ipc::shm::Error;
use ipc::shm::ring::untrusted::{self, Options};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const NOBODY: u32 = 65_534;
const QUESTIONS: u32 = 100_000;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "client", path] => client(path),
        _ => serve(),
    }
}

fn serve() -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    if user()? != 0 {
        println!("skipped: only root can start a process of another user");
        return Ok(());
    }
    // A directory that everybody can enter, with the socket and a copy of this program.
    let dir = std::env::temp_dir().join(format!("ipc-example-users-{}", std::process::id()));
    std::fs::create_dir(&dir)?;
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o711))?;
    let path = dir.join("service");
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666))?;
    let program = dir.join("client");
    std::fs::copy(std::env::current_exe()?, &program)?;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
    let mut child =
        Command::new(&program).arg("client").arg(&path).uid(NOBODY).gid(NOBODY).spawn()?;

    let (socket, _) = listener.accept()?;
    // A client that has a bad day costs a second, and at most 1 MiB.
    let options = Options::new().timeout(Duration::from_secs(1)).max_capacity_of_peer(1 << 20);
    let (mut sender, mut receiver) = options.accept(socket.into())?;
    let peer = receiver.peer();
    println!("service: a client of user {}, process {:?}", peer.uid, peer.pid);
    assert_eq!(peer.uid, NOBODY);

    let start = Instant::now();
    let mut question = [0; 64];
    for _ in 0..QUESTIONS {
        let len = receiver.recv_into_timeout(&mut question, Duration::from_secs(5))?;
        // What arrived is a copy: the client cannot change it any more.
        question[..len].make_ascii_uppercase();
        sender.send_timeout(&question[..len], Duration::from_secs(5))?;
    }
    let each = start.elapsed() / QUESTIONS;
    println!("service: {QUESTIONS} questions answered, {each:?} each");

    child.kill()?;
    child.wait()?;
    match receiver.recv_timeout(Duration::from_secs(5)) {
        Err(Error::Closed { peer_died }) => println!("service: gone; died: {peer_died}"),
        other => return Err(format!("not what a killed client looks like: {other:?}").into()),
    }
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

fn client(path: &str) -> Outcome {
    let socket = UnixStream::connect(path)?;
    let (mut sender, mut receiver) = untrusted::offer(socket.into())?;
    println!("client of user {}: the service is user {}", user()?, sender.peer().uid);
    let mut answer = [0; 64];
    for _ in 0..QUESTIONS {
        sender.send(b"a question of some length, well within one message")?;
        let len = receiver.recv_into(&mut answer)?;
        assert_eq!(&answer[..len], b"A QUESTION OF SOME LENGTH, WELL WITHIN ONE MESSAGE");
    }
    // Until the service kills us.
    let end = receiver.recv();
    Err(format!("the service let us live: {end:?}").into())
}

/// std has no call for it.
fn user() -> Result<u32, Box<dyn std::error::Error>> {
    let output = Command::new("id").arg("-u").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
