//! A path taken by a socket of ours: its birth with the right mode, reclaiming a stale one, removal.
//!
//! The order of a birth: claim (companion file), bind in the private directory, chmod there, listen,
//! rename into place. Killed before the rename, nothing is visible; after it, all is right.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipc_core::Deadline;
use ipc_core::owner::{Companion, Refused, Takeover};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::nursery::{CHILD, Nursery};
use crate::error::{Error, Result};
use crate::options::Options;
use crate::socket::Socket;

/// Dropping it removes the path, if this process made it and nobody else uses it.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    companion: Option<Companion>,
    /// Device and inode of the socket's file.
    id: (u64, u64),
    /// Who made it: a forked child leaves the path alone.
    pid: u32,
}

/// The right to bind a path.
enum Claim {
    /// Nothing is there.
    Fresh(Companion),
    /// What is there belonged to somebody who is gone.
    Stale(Takeover),
}

impl Place {
    /// Puts a socket at `path`; `ready` makes it answer before anybody can see it.
    pub(crate) fn take(
        options: &Options,
        path: &Path,
        socket: &Socket,
        ready: impl FnOnce() -> Result<()>,
    ) -> Result<Self> {
        let claim = Claim::new(options, path)?;
        let failed = |errno| failed(path, errno);
        let nursery = Nursery::beside(path).map_err(failed)?;
        let address = SocketAddrUnix::new(nursery.child()).map_err(failed)?;
        // A socket that is born inherits this mode, less the umask.
        rustix::fs::fchmod(&socket.fd, options.bits()).map_err(failed)?;
        rustix::net::bind(&socket.fd, &address).map_err(failed)?;
        rustix::fs::chmodat(&nursery, CHILD, options.bits(), AtFlags::empty()).map_err(failed)?;
        ready()?;
        let stat =
            rustix::fs::statat(&nursery, CHILD, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        let companion = match claim {
            Claim::Fresh(companion) => {
                put(&nursery, path).map_err(failed)?;
                companion
            }
            Claim::Stale(takeover) => {
                rustix::fs::renameat(&nursery, CHILD, CWD, path).map_err(failed)?;
                takeover.finish().map_err(failed)?
            }
        };
        Ok(Self::new(path, companion, (stat.st_dev, stat.st_ino)))
    }

    /// As [`take`](Self::take), for a socket whose name its peers see (a datagram's sender): it is
    /// bound where it stays. Its mode is right from the first instant: the socket has it before the
    /// bind, and a thread of its own has no umask.
    pub(crate) fn take_in_place(options: &Options, path: &Path, socket: &Socket) -> Result<Self> {
        let claim = Claim::new(options, path)?;
        let failed = |errno| failed(path, errno);
        let address = SocketAddrUnix::new(path).map_err(failed)?;
        if let Claim::Stale(_) = claim {
            rustix::fs::unlink(path).map_err(failed)?;
        }
        rustix::fs::fchmod(&socket.fd, options.bits()).map_err(failed)?;
        std::thread::scope(|scope| {
            let bind = || {
                // Refused in some sandboxes: then the umask may have narrowed the mode.
                let _ = crate::sys::private_umask_of_zero();
                rustix::net::bind(&socket.fd, &address)
            };
            scope.spawn(bind).join().unwrap_or(Err(Errno::IO))
        })
        .map_err(failed)?;
        let id = widen(path, options.bits()).map_err(failed)?;
        let companion = match claim {
            Claim::Fresh(companion) => companion,
            Claim::Stale(takeover) => takeover.finish().map_err(failed)?,
        };
        Ok(Self::new(path, companion, id))
    }

    fn new(path: &Path, companion: Companion, id: (u64, u64)) -> Self {
        let pid = std::process::id();
        Self { path: path.to_owned(), companion: Some(companion), id, pid }
    }

    /// Leaves the path where it is.
    pub(crate) fn keep(mut self) {
        self.companion = None;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // The lock belongs to the description, which a forked child shares: the child must not touch it.
        let Some(companion) = self.companion.take().filter(|_| self.pid == std::process::id())
        else {
            return;
        };
        let remove = || {
            let there = rustix::fs::lstat(&self.path).map(|stat| (stat.st_dev, stat.st_ino));
            if there == Ok(self.id) {
                let _ = rustix::fs::unlink(&self.path);
            }
        };
        let _ = companion.leave(remove);
    }
}

impl Claim {
    fn new(options: &Options, path: &Path) -> Result<Self> {
        let deadline = Deadline::after(Duration::from_secs(2));
        let companion = companion_of(path);
        loop {
            match rustix::fs::lstat(path) {
                Err(Errno::NOENT) => {
                    let joined = Companion::join(&companion, Mode::RUSR | Mode::WUSR, deadline);
                    return joined.map(Self::Fresh).map_err(|why| refused(path, why));
                }
                Ok(_) if options.reclaim_stale => {}
                Ok(_) => return Err(taken(path)),
                Err(errno) => return Err(failed(path, errno)),
            }
            let takeover = Companion::take_over(&companion).map_err(|why| refused(path, why))?;
            // Looked at again under the lock.
            let stat = match rustix::fs::lstat(path) {
                Err(Errno::NOENT) => continue,
                stat => stat.map_err(|errno| failed(path, errno))?,
            };
            if FileType::from_raw_mode(stat.st_mode) != FileType::Socket || !nobody_answers(path) {
                return Err(taken(path));
            }
            options.check_owner(stat.st_uid)?;
            crate::log::warn(format_args!("reclaim stale socket {}", path.display()));
            return Ok(Self::Stale(takeover));
        }
    }
}

/// Whether the kernel says that no socket stands behind the path.
fn nobody_answers(path: &Path) -> bool {
    let Ok(address) = SocketAddrUnix::new(path) else { return false };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let probe = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
    probe.is_ok_and(|probe| rustix::net::connect(&probe, &address) == Err(Errno::CONNREFUSED))
}

/// Moves the socket to a path that must not exist.
fn put(nursery: &Nursery, path: &Path) -> Result<(), Errno> {
    match rustix::fs::renameat_with(nursery, CHILD, CWD, path, RenameFlags::NOREPLACE) {
        // A file system, or a kernel, without that flag.
        Err(Errno::INVAL | Errno::NOSYS) => {
            rustix::fs::linkat(nursery, CHILD, CWD, path, AtFlags::empty())
        }
        done => done,
    }
}

/// Adds the bits that the umask took, on the very file that was bound; tells which one it is.
fn widen(path: &Path, mode: Mode) -> Result<(u64, u64), Errno> {
    use std::os::fd::AsRawFd;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&file)?;
    let is = Mode::from_raw_mode(stat.st_mode);
    let ours = stat.st_uid == rustix::process::geteuid().as_raw();
    if is != mode && ours && FileType::from_raw_mode(stat.st_mode) == FileType::Socket {
        rustix::fs::chmod(format!("/proc/self/fd/{}", file.as_raw_fd()), mode)?;
    }
    Ok((stat.st_dev, stat.st_ino))
}

fn companion_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(".lock");
    name.into()
}

fn taken(path: &Path) -> Error {
    Error::AlreadyExists { name: path.display().to_string() }
}

fn failed(path: &Path, errno: Errno) -> Error {
    Error::named("bind", &path.display(), errno)
}

fn refused(path: &Path, why: Refused) -> Error {
    match why {
        Refused::NoCompanion | Refused::InUse | Refused::NotAFile => taken(path),
        Refused::WrongOwner { uid } => Error::WrongOwner { uid },
        Refused::Os(errno) => failed(path, errno),
    }
}
