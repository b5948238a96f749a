//! The file itself: looked at before it is used, and born with its final mode before it has its name.

use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RenameFlags, chmod, fstat, linkat, mkfifoat, open, openat,
    renameat, renameat_with, unlinkat,
};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::place::{Id, Place};

const OPEN: &str = "open FIFO";
const CREATE: &str = "create FIFO";

/// A FIFO by an `O_PATH` descriptor: it holds the file, and opens neither end.
#[derive(Debug)]
pub(crate) struct Node {
    fd: OwnedFd,
    pub(crate) id: Id,
}

impl Node {
    /// Takes what stands at `place`, after a look at its type and owner.
    pub(crate) fn find(place: &Place, allowed: Option<u32>) -> Result<Self> {
        let os = |errno| Error::os(OPEN, &place.path, errno);
        // O_PATH: not even a device notices, and a link is held itself instead of followed.
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(&place.dir, &place.name, flags, Mode::empty()).map_err(os)?;
        let stat = fstat(&fd).map_err(os)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Fifo {
            return Err(Error::NotAFifo { path: place.path.clone() });
        }
        let uid = stat.st_uid;
        let ours = [0, rustix::process::geteuid().as_raw()];
        if !ours.contains(&uid) && allowed != Some(uid) {
            return Err(Error::WrongOwner { path: place.path.clone(), uid });
        }
        Ok(Self { fd, id: Id::of(&stat) })
    }

    /// Makes a FIFO with exactly `mode` at `place`, or over a stale one.
    pub(crate) fn publish(place: &Place, mode: Mode, over_stale: bool) -> Result<Self> {
        let os = |errno| match errno {
            Errno::EXIST => Error::AlreadyExists { path: place.path.clone() },
            errno => Error::os(CREATE, &place.path, errno),
        };
        let (temporary, node) = Self::nameless(place, mode).map_err(os)?;
        let done = if over_stale {
            renameat(&place.dir, &temporary, &place.dir, &place.name)
        } else {
            give_name(place, &temporary)
        };
        if done.is_err() {
            let _ = unlinkat(&place.dir, &temporary, AtFlags::empty());
        }
        done.map_err(os)?;
        // Whoever may write to the directory may have put another file at the temporary name.
        if place.names(node.id).map_err(os)? {
            Ok(node)
        } else {
            Err(Error::Removed { path: place.path.clone() })
        }
    }

    /// A finished FIFO under a name that nobody looks for.
    fn nameless(place: &Place, mode: Mode) -> Result<(OsString, Self), Errno> {
        let temporary = loop {
            let mut name = prefix(place);
            name.extend(format!("{:016x}", RandomState::new().hash_one(0)).as_bytes());
            let name = OsString::from_vec(name);
            // Without any right: what the umask takes away from nothing is nothing.
            match mkfifoat(&place.dir, &name, Mode::empty()) {
                Err(Errno::EXIST) => {}
                done => break done.map(|()| name)?,
            }
        };
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let finish = || {
            let fd = openat(&place.dir, &temporary, flags, Mode::empty())?;
            let stat = fstat(&fd)?;
            let fifo = FileType::from_raw_mode(stat.st_mode) == FileType::Fifo;
            if !fifo || stat.st_uid != rustix::process::geteuid().as_raw() {
                return Err(Errno::STALE);
            }
            let node = Self { fd, id: Id::of(&stat) };
            chmod(node.path(), mode)?;
            Ok(node)
        };
        match finish() {
            Ok(node) => Ok((temporary, node)),
            Err(errno) => {
                let _ = unlinkat(&place.dir, &temporary, AtFlags::empty());
                Err(errno)
            }
        }
    }

    /// Opens an end, without waiting, as a description that nobody shares: `ENXIO` if it is the
    /// writing one and nobody reads.
    pub(crate) fn open(&self, access: OFlags) -> Result<OwnedFd, Errno> {
        open(self.path(), access | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())
    }

    /// The file itself, whatever its name is by now.
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.fd.as_raw_fd()))
    }
}

/// Gives the temporary file its name, unless something has that name.
fn give_name(place: &Place, temporary: &OsString) -> Result<(), Errno> {
    let (dir, name) = (&place.dir, &place.name);
    match renameat_with(dir, temporary, dir, name, RenameFlags::NOREPLACE) {
        // Not on this filesystem, or not in this kernel: two names for an instant.
        Err(Errno::INVAL | Errno::NOSYS) => {
            linkat(dir, temporary, dir, name, AtFlags::empty())?;
            unlinkat(dir, temporary, AtFlags::empty())
        }
        done => done,
    }
}

/// How the temporary names of this FIFO begin. They are short, so that the longest name has some.
fn prefix(place: &Place) -> Vec<u8> {
    let companion = place.companion();
    let name = companion.as_bytes();
    let mut prefix = name[..name.len().min(200)].to_vec();
    prefix.extend(b"-new-");
    prefix
}

/// Removes what creators of this FIFO left that died half-way. Only for who has the take-over: a
/// creator that lives is a user.
pub(crate) fn sweep(place: &Place) {
    let prefix = prefix(place);
    // A directory that cannot be listed keeps a name that harms nobody.
    let entries = std::fs::read_dir(place.beside(".".as_ref())).into_iter().flatten().flatten();
    for entry in entries {
        let fifo =
            entry.file_type().is_ok_and(|kind| std::os::unix::fs::FileTypeExt::is_fifo(&kind));
        if fifo && entry.file_name().as_bytes().starts_with(&prefix) {
            let _ = unlinkat(&place.dir, entry.file_name(), AtFlags::empty());
        }
    }
}
