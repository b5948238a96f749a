//! Making and closing: a pair, a path that listens, a connection.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use interprocess::local_socket as ip;
use interprocess::local_socket::traits::{Listener as _, Stream as _};
use ipc_devkit::bench::{Bench, Case, Pair, Scenario, Turns};
use ipc_sock::unix::{Address, Listener, Stream};
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::{link, raw};

pub(crate) fn cases(bench: &mut Bench) {
    bench.case(
        Case::alone(Scenario::OPEN_CLOSE, "stream pair open-close")
            .raw("raw socketpair", || each(raw_pair))
            .ours("ipc-sock", || each(|| Ok(Stream::pair()?)))
            .peer("std", || each(|| UnixStream::pair().map(drop))),
    );
    bench.case(
        Case::alone(Scenario::OPEN_CLOSE, "path listener open-close")
            .raw("raw sequence", || bound(raw_bind))
            .ours("ipc-sock", || bound(|path| Ok(Listener::bind(&Address::path(path)?)?)))
            .peer("std", || {
                bound(|path| {
                    drop(UnixListener::bind(path)?);
                    std::fs::remove_file(path)
                })
            }),
    );
    bench.case(
        Case::alone(Scenario::OPEN_CLOSE, "connect + accept")
            .raw("raw calls", || {
                let (listener, address) = raw_listener()?;
                each(move || {
                    let one = raw::socket(SocketFlags::empty())?;
                    rustix::net::connect(&one, &address)?;
                    rustix::net::sockopt::socket_peercred(&one)?;
                    let other = rustix::net::accept_with(&listener, SocketFlags::CLOEXEC)?;
                    raw::prepare(&other)?;
                    Ok((one, other))
                })
            })
            .ours("ipc-sock", || {
                let address = Address::abstract_name(abstract_name("ours"))?;
                let listener = Listener::bind(&address)?;
                each(move || Ok((Stream::connect(&address)?, listener.accept()?)))
            })
            .peer("interprocess", || {
                let (listener, name) = link::interprocess_listener()?;
                each(move || {
                    let one = ip::Stream::connect(name.clone())?;
                    Ok((one, listener.accept()?))
                })
            }),
    );
}

/// Turns of making something, which is dropped.
fn each<T>(mut turn: impl FnMut() -> io::Result<T> + 'static) -> io::Result<Pair> {
    Ok(Pair::alone(move |turns: Turns| turns.sequence().try_for_each(|_| turn().map(drop))))
}

/// Turns with a path in a directory of their own.
fn bound<T>(mut turn: impl FnMut(&Path) -> io::Result<T> + 'static) -> io::Result<Pair> {
    // Made by the process that uses it, at its first turn.
    let mut dir = None;
    each(move || {
        let dir = dir.get_or_insert_with(ipc_devkit::scratch::dir);
        turn(&dir.path().join("sock"))
    })
}

fn abstract_name(whose: &str) -> String {
    format!("ipc-bench-{whose}-{}", std::process::id())
}

fn raw_pair() -> io::Result<()> {
    let flags = SocketFlags::CLOEXEC;
    let (one, other) =
        rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    raw::prepare(&one)?;
    raw::prepare(&other)
}

fn raw_listener() -> io::Result<(OwnedFd, SocketAddrUnix)> {
    let address = SocketAddrUnix::new_abstract_name(abstract_name("raw").as_bytes())?;
    let listener = raw::socket(SocketFlags::NONBLOCK)?;
    rustix::net::bind(&listener, &address)?;
    rustix::net::listen(&listener, 128)?;
    Ok((listener, address))
}

/// The same promises: the mode is right before the path is visible, the path answers from the first
/// instant, and a lock tells the living from the dead.
fn raw_bind(path: &Path) -> io::Result<OwnedFd> {
    let lock_path = with(path, ".lock");
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let lock = rustix::fs::open(&lock_path, flags, Mode::RUSR | Mode::WUSR)?;
    rustix::fs::flock(&lock, FlockOperation::NonBlockingLockShared)?;
    let dir = with(path, ".dir");
    rustix::fs::mkdir(&dir, Mode::RWXU)?;
    let born = dir.join("s");
    let socket = raw::socket(SocketFlags::NONBLOCK)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(&born)?)?;
    rustix::fs::chmod(&born, Mode::RUSR | Mode::WUSR)?;
    rustix::net::listen(&socket, 128)?;
    let no_replace = rustix::fs::RenameFlags::NOREPLACE;
    rustix::fs::renameat_with(CWD, &born, CWD, path, no_replace)?;
    rustix::fs::unlinkat(CWD, &dir, AtFlags::REMOVEDIR)?;
    drop(socket);
    rustix::fs::unlink(path)?;
    rustix::fs::unlink(&lock_path)?;
    Ok(lock)
}

fn with(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
