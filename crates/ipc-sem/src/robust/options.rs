//! Choices that are made when a robust mutex is created, and the file it lives in by name.
#![expect(unsafe_code, reason = "the header is written where the mapping is")]

use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::ptr::NonNull;

use rustix::io::Errno;

use super::RobustMutex;
use crate::error::{Error, Result};
use crate::object::{self, Place};
use crate::sys::Map;
use crate::sys::pthread::Raw;

/// Bytes of the file.
const LEN: usize = 64;
/// Where the mutex is in it.
const MUTEX: usize = 24;
const MAGIC: [u8; 8] = *b"ipcRMtx\0";
const VERSION: u32 = 1;
const INHERIT: u32 = 1;

const _: () = assert!(MUTEX + crate::sys::pthread::SIZE <= LEN);

/// The place of a mutex of this name.
pub(super) fn place(name: &str) -> Result<Place> {
    Place::new("mutex", name, "")
}

/// Choices for a [`RobustMutex`].
///
/// ```
/// # fn main() -> Result<(), ipc_sem::Error> {
/// # let name = format!("/ipc-t-{}-doc-robust-options", std::process::id());
/// let mutex = ipc_sem::RobustMutexOptions::new().inherit_priority().mode(0o660).create(&name)?;
/// # ipc_sem::RobustMutex::unlink(&name)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RobustMutexOptions {
    mode: u32,
    allowed: Vec<u32>,
    inherit_priority: bool,
}

impl Default for RobustMutexOptions {
    fn default() -> Self {
        Self { mode: 0o600, allowed: Vec::new(), inherit_priority: false }
    }
}

impl RobustMutexOptions {
    /// Mode 0600, no priority inheritance; only objects of this user and of root are opened.
    pub fn new() -> Self {
        Self::default()
    }

    /// Who may open it, as `chmod(2)` writes it. It is exactly that from the first instant, whatever
    /// the umask. Opening needs both to read and to write.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Also opens mutexes that belong to this user.
    pub fn allow_owner(mut self, uid: u32) -> Self {
        self.allowed.push(uid);
        self
    }

    /// While a thread of higher priority waits, the owner runs with that priority. Each contended
    /// lock and unlock is a system call then.
    ///
    /// # Linux
    /// `PTHREAD_PRIO_INHERIT`; waits with a deadline need `FUTEX_LOCK_PI2` (Linux 5.14).
    #[doc(alias = "PTHREAD_PRIO_INHERIT")]
    pub fn inherit_priority(mut self) -> Self {
        self.inherit_priority = true;
        self
    }

    /// As [`RobustMutex::create`].
    ///
    /// # Errors
    /// As there.
    pub fn create(&self, name: &str) -> Result<RobustMutex> {
        self.create_at(&place(name)?)
    }

    /// As [`RobustMutex::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(&self, name: &str) -> Result<RobustMutex> {
        self.open_at(&place(name)?)
    }

    /// As [`RobustMutex::open_or_create`].
    ///
    /// # Errors
    /// As there.
    pub fn open_or_create(&self, name: &str) -> Result<RobustMutex> {
        let place = place(name)?;
        object::open_or_create(&place.shown, || self.open_at(&place), || self.create_at(&place))
    }

    /// Initialises a mutex at `place`. The mode does not matter.
    ///
    /// # Safety
    /// - the duties of [`RobustMutex::at`], but that the bytes may hold anything;
    /// - nobody uses them before this returns.
    ///
    /// # Errors
    /// `Unsupported`: this system has no such mutex.
    pub unsafe fn init_at(&self, place: NonNull<u8>) -> Result<RobustMutex> {
        // SAFETY: the same duties.
        let mutex = unsafe { RobustMutex::at(place) };
        self.init(mutex.raw)?;
        Ok(mutex)
    }

    fn init(&self, raw: Raw) -> Result<()> {
        raw.init(self.inherit_priority)
            .map_err(|_| Error::Unsupported { what: "create robust mutex" })
    }

    fn create_at(&self, place: &Place) -> Result<RobustMutex> {
        let fd = place.nameless(LEN as u64, self.mode)?;
        let map = map(place, &fd)?;
        let flags = if self.inherit_priority { INHERIT } else { 0 };
        let mut head = [0; MUTEX];
        head[..8].copy_from_slice(&MAGIC);
        head[8..12].copy_from_slice(&VERSION.to_ne_bytes());
        head[12..16].copy_from_slice(&flags.to_ne_bytes());
        head[16..].copy_from_slice(&namespace()?.to_ne_bytes());
        rustix::io::pwrite(&fd, &head, 0).map_err(|e| Error::os("create", &place.shown, e))?;
        let raw = raw(&map);
        self.init(raw)?;
        place.publish(&fd)?;
        Ok(RobustMutex::new(raw, Some(map), place.shown.clone()))
    }

    fn open_at(&self, place: &Place) -> Result<RobustMutex> {
        let fd = place.open(&self.allowed, LEN as u64)?;
        // Read, not looked at in the mapping: this part is written once, before there is a name.
        let mut head = [0; MUTEX];
        let got = rustix::io::pread(&fd, &mut head, 0);
        if got.map_err(|e| Error::os("open", &place.shown, e))? != MUTEX || head[..8] != MAGIC {
            return Err(place.corrupt("it is no robust mutex of this crate"));
        }
        if head[8..12] != VERSION.to_ne_bytes() {
            return Err(place.corrupt("its layout has another version"));
        }
        if head[16..] != namespace()?.to_ne_bytes() {
            let what = "share a robust mutex with another PID namespace";
            return Err(Error::Unsupported { what });
        }
        let map = map(place, &fd)?;
        Ok(RobustMutex::new(raw(&map), Some(map), place.shown.clone()))
    }
}

fn map(place: &Place, fd: &OwnedFd) -> Result<Map> {
    Map::new(fd, LEN).map_err(|errno| Error::os("map", &place.shown, errno))
}

fn raw(map: &Map) -> Raw {
    // SAFETY: the mapping has `LEN` bytes from a page's start, so the mutex at 24 lies in it,
    // aligned (checked by the constant above and 24 % 8 = 0).
    let place = unsafe { map.start().add(MUTEX) };
    // SAFETY: `create_at` initialises it before the name exists, `open_at` takes only such files;
    // the handle keeps the mapping, and leaks it if a guard was leaked.
    unsafe { Raw::at(place) }
}

/// Which PID namespace this process is in.
fn namespace() -> Result<u64> {
    let file = "/proc/self/ns/pid";
    match std::fs::metadata(file) {
        Ok(namespace) => Ok(namespace.ino()),
        Err(error) => {
            Err(Error::os("look at", file, Errno::from_io_error(&error).unwrap_or(Errno::IO)))
        }
    }
}
