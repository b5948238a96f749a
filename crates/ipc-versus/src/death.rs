//! How long it takes from the death of a sender until the receiver, which sleeps, knows.
//!
//! Each turn starts a process, which takes longer than what is measured: the subjects time the deaths
//! themselves. The process connects to an address, says so, and is killed.

use std::io::{self, Read as _};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use interprocess::local_socket::traits::{Listener as _, Stream as _};
use interprocess::local_socket::{self as local, GenericNamespaced, ToNsName as _};
use ipc_channel::ipc::{self, IpcBytesReceiver, IpcOneShotServer, IpcSender};
use ipc_devkit::bench::{Pair, Turns};
use ipc_shm::ring;
use ipc_sock::unix::{Address, Listener, Stream};

use crate::ends::failed;
use crate::sweep;

/// What tells a process that it is here to be killed; kind and address follow.
const OPTION: &str = "--victim";

/// The receiver sleeps after this time.
const ASLEEP: Duration = Duration::from_millis(3);

/// What the sender is connected by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Our ring.
    Ring,
    /// Our stream socket.
    Socket,
    /// A local socket of interprocess.
    Interprocess,
    /// A channel of ipc-channel.
    IpcChannel,
}

/// A receiver that sleeps; it tells when it knew that its sender had died.
type Sleeper = Box<dyn FnOnce() -> io::Result<Instant> + Send>;

impl Kind {
    const ALL: [(Self, &str); 4] = [
        (Self::Ring, "ring"),
        (Self::Socket, "socket"),
        (Self::Interprocess, "interprocess"),
        (Self::IpcChannel, "ipc-channel"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.into_iter().find_map(|(kind, name)| (kind == self).then_some(name)).unwrap_or("")
    }

    /// Where the sender connects to, and the receiver.
    fn receiver(self) -> io::Result<(String, Sleeper)> {
        let name = sweep::name("death");
        Ok(match self {
            Self::Ring => {
                let mut receiver = ring::Receiver::create(&name)?;
                let known = name.clone();
                let sleep = move || {
                    let ended = receiver.recv_into(&mut [0; 64]);
                    let now = Instant::now();
                    ring::Receiver::unlink(&known)?;
                    match ended {
                        Err(ipc_shm::Error::Closed { peer_died: true }) => Ok(now),
                        other => Err(failed(other)),
                    }
                };
                (name, Box::new(sleep))
            }
            Self::Socket => {
                let listener = Listener::bind(&Address::abstract_name(&name)?)?;
                let sleep = move || match listener.accept()?.recv(&mut [0; 64]) {
                    Ok(0) | Err(ipc_sock::Error::Closed { .. }) => Ok(Instant::now()),
                    other => Err(failed(other)),
                };
                (name, Box::new(sleep))
            }
            Self::Interprocess => {
                let address = name.as_str().to_ns_name::<GenericNamespaced>()?;
                let listener = local::ListenerOptions::new().name(address).create_sync()?;
                let sleep = move || match listener.accept()?.read(&mut [0; 64])? {
                    0 => Ok(Instant::now()),
                    more => Err(failed(more)),
                };
                (name, Box::new(sleep))
            }
            Self::IpcChannel => {
                let (server, name) = IpcOneShotServer::<IpcBytesReceiver>::new()?;
                let sleep = move || match server.accept().map_err(failed)?.1.recv() {
                    Err(ipc_channel::IpcError::Disconnected) => Ok(Instant::now()),
                    other => Err(failed(other)),
                };
                (name, Box::new(sleep))
            }
        })
    }

    /// The life of the sender: connects, says so, and waits for its death.
    fn send(self, address: &str) -> io::Result<()> {
        match self {
            Self::Ring => hold(ring::Sender::open(address)?),
            Self::Socket => hold(Stream::connect(&Address::abstract_name(address)?)?),
            Self::Interprocess => {
                hold(local::Stream::connect(address.to_ns_name::<GenericNamespaced>()?)?)
            }
            Self::IpcChannel => {
                let (sender, receiver) = ipc::bytes_channel()?;
                let server = IpcSender::<IpcBytesReceiver>::connect(address.to_owned())?;
                server.send(receiver).map_err(failed)?;
                hold((sender, server))
            }
        }
        Ok(())
    }
}

fn hold<E>(_end: E) {
    println!("held");
    // Until it is killed, or whoever started it is gone.
    let _ = io::stdin().read_to_end(&mut Vec::new());
}

/// Does the sender's work if this process is one; nothing otherwise.
pub fn serve() -> Option<ExitCode> {
    let mut words = std::env::args().skip(1);
    if words.next()? != OPTION {
        return None;
    }
    let (name, address) = (words.next()?, words.next()?);
    let (kind, _) = Kind::ALL.into_iter().find(|(_, known)| *known == name)?;
    Some(match kind.send(&address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("a sender of {name}: {error}");
            ExitCode::FAILURE
        }
    })
}

/// Senders that are killed, one a turn.
///
/// # Errors
/// None: the signature is that of every set-up.
pub fn deaths(kind: Kind) -> io::Result<Pair> {
    Ok(Pair::alone(move |turns: Turns| {
        for _ in turns.sequence() {
            turns.report(death(kind)?);
        }
        Ok(())
    }))
}

fn death(kind: Kind) -> io::Result<Duration> {
    let (address, sleeper) = kind.receiver()?;
    let mut victim = Command::new(std::env::current_exe()?)
        .args([OPTION, kind.name(), &address])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut held = [0; 5];
    victim.stdout.as_mut().map_or(Ok(()), |out| out.read_exact(&mut held))?;
    let receiver = std::thread::spawn(sleeper);
    // It sleeps by then. (A thread that ended before may have left a reason not to park.)
    let begun = Instant::now();
    while begun.elapsed() < ASLEEP {
        std::thread::park_timeout(ASLEEP);
    }
    let since = Instant::now();
    victim.kill()?;
    let knew = receiver.join().map_err(|_| io::Error::other("the receiver panicked"))??;
    victim.wait()?;
    Ok(knew.saturating_duration_since(since))
}
