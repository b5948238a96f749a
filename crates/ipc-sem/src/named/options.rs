//! Choices that are made when a named semaphore is created or opened.

use crate::canceller::Cancel;
use crate::error::{Error, Result};
use crate::named::NamedSemaphore;
use crate::object::{self, Place};
use crate::sys::Map;
use crate::sys::posix::{SIZE, Sem, VALUE_MAX};

const LEN: u64 = SIZE as u64;

/// The place of a semaphore of this name.
pub(super) fn place(name: &str) -> Result<Place> {
    Place::new("semaphore", name, "sem.")
}

/// Choices for a [`NamedSemaphore`].
///
/// ```
/// # fn main() -> Result<(), ipc_sem::Error> {
/// # let name = format!("/ipc-t-{}-doc-options", std::process::id());
/// let options = ipc_sem::NamedSemaphoreOptions::new().mode(0o660).allow_owner(1000);
/// let semaphore = options.open_or_create(&name, 1)?;
/// # ipc_sem::NamedSemaphore::unlink(&name)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct NamedSemaphoreOptions {
    mode: u32,
    allowed: Vec<u32>,
}

impl Default for NamedSemaphoreOptions {
    fn default() -> Self {
        Self { mode: 0o600, allowed: Vec::new() }
    }
}

impl NamedSemaphoreOptions {
    /// Mode 0600; only objects of this user and of root are opened.
    pub fn new() -> Self {
        Self::default()
    }

    /// Who may open it, as `chmod(2)` writes it. It is exactly that from the first instant, whatever
    /// the umask. Opening needs both to read and to write.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Also opens semaphores that belong to this user.
    pub fn allow_owner(mut self, uid: u32) -> Self {
        self.allowed.push(uid);
        self
    }

    /// As [`NamedSemaphore::create`].
    ///
    /// # Errors
    /// As there.
    pub fn create(&self, name: &str, value: u32) -> Result<NamedSemaphore> {
        self.create_at(place(name)?, value)
    }

    /// As [`NamedSemaphore::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(&self, name: &str) -> Result<NamedSemaphore> {
        self.open_at(place(name)?)
    }

    /// As [`NamedSemaphore::open_or_create`].
    ///
    /// # Errors
    /// As there.
    pub fn open_or_create(&self, name: &str, value: u32) -> Result<NamedSemaphore> {
        let place = place(name)?;
        let (open, create) =
            (|| self.open_at(place.clone()), || self.create_at(place.clone(), value));
        object::open_or_create(&place.shown, open, create)
    }

    fn create_at(&self, place: Place, value: u32) -> Result<NamedSemaphore> {
        if value > VALUE_MAX {
            let what = "create semaphore: its value is above 2147483647";
            return Err(Error::InvalidArgument { what });
        }
        let fd = place.nameless(LEN, self.mode)?;
        let map = Map::new(&fd, SIZE).map_err(|errno| Error::os("map", &place.shown, errno))?;
        let sem =
            Sem::init(map, value).map_err(|errno| Error::os("create", &place.shown, errno))?;
        place.publish(&fd)?;
        Ok(NamedSemaphore { sem, cancel: Cancel::default(), place })
    }

    fn open_at(&self, place: Place) -> Result<NamedSemaphore> {
        let fd = place.open(&self.allowed, LEN)?;
        let map = Map::new(&fd, SIZE).map_err(|errno| Error::os("map", &place.shown, errno))?;
        let sem = Sem::existing(map);
        if crate::features().known_semaphore && !sem.is_plausible() {
            return Err(place.corrupt("it holds no semaphore that processes share"));
        }
        Ok(NamedSemaphore { sem, cancel: Cancel::default(), place })
    }
}
